/** Several elections in one process: one session, one keeper, and a will for each. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Session } from '../../src/zookeeper/session/port.ts';
import { childrenOf, electionAt, isAlive } from '../support/candidate.ts';
import { poll } from '../support/poll.ts';
import { keeperPath, serversOf, sessionsAt } from '../support/sessions.ts';
import { startZooKeeper, type Ensemble } from '../support/zookeeper.ts';

interface Told {
  readonly number: string;
  readonly event: 'leads' | 'lost' | 'renewed' | 'left';
  readonly command?: number;
  readonly cause?: string;
}

const within = { timeout: 60_000 };
const NUMBERS = ['1', '2', '3', '4', '5'];
/** Of the first; the others last as long as a session, 40 s. */
const SHORT_MS = 3000;

let zookeeper: Ensemble;
let observer: Session;
const folder = mkdtempSync(join(tmpdir(), 'ballot-several-'));
const program = join(folder, 'several-elections.mjs');

beforeAll(async () => {
  const entryPoints = [join(import.meta.dirname, '../support/several-elections.ts')];
  await build({ entryPoints, outfile: program, bundle: true, platform: 'node', format: 'esm', logLevel: 'warning' });
  zookeeper = await startZooKeeper({ tickTime: 2000 });
  observer = await sessionsAt(serversOf(zookeeper)).opener.open(within);
});
afterAll(async () => {
  await observer?.close(1000);
  await zookeeper?.close();
  rmSync(folder, { recursive: true });
});

/** The process, and what it has told. */
class Several implements AsyncDisposable {
  readonly told: Told[] = [];
  readonly child: ChildProcess;
  stderr = '';

  constructor() {
    const leases = [String(SHORT_MS), '-', '-', '-', '-'];
    this.child = spawn(process.execPath, [program, String(zookeeper.server.port), keeperPath, ...leases], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    createInterface(this.child.stdout as NonNullable<ChildProcess['stdout']>).on('line', (line) =>
      this.told.push(JSON.parse(line) as Told),
    );
    this.child.stderr?.on('data', (data: Buffer) => (this.stderr += String(data)));
  }

  get keepers(): number[] {
    return childrenOf(this.child.pid as number).filter((pid) => !this.commands.includes(pid) && isAlive(pid));
  }

  /** Process ids of the latest command of each election, in their order. */
  get commands(): number[] {
    return NUMBERS.map((number) => this.of(number, 'leads').at(-1)?.command ?? 0);
  }

  of(number: string, event: Told['event']): Told[] {
    return this.told.filter((line) => line.number === number && line.event === event);
  }

  async tells(number: string, event: Told['event'], count = 1): Promise<void> {
    await poll(() => this.of(number, event).length >= count, { what: `“${event}” of ${number}: ${this.stderr}` });
  }

  async leadsAll(): Promise<void> {
    for (const number of NUMBERS) await this.tells(number, 'leads');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const commands = this.commands.filter((pid) => pid > 0 && isAlive(pid));
    this.child.kill('SIGKILL');
    for (const pid of commands) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    await poll(async () => (await Promise.all(NUMBERS.map(stateOf))).every((state) => state.proposals === 0));
  }
}

async function stateOf(number: string) {
  const state = await electionAt(observer, `/several/${number}`);
  const owners = (state?.proposals ?? []).map(async (name) => {
    const stat = await observer.exists(`/several/${number}/${name}`, within);
    return stat?.ephemeralOwner;
  });
  return {
    lease: state?.lease.kind ?? 'none',
    proposals: state?.proposals.length ?? 0,
    owners: await Promise.all(owners),
  };
}

describe('five elections in one process', () => {
  it('share one session and one keeper; when the process is killed, every command ends and all are released', async () => {
    await using several = new Several();
    await several.leadsAll();
    expect(several.keepers).toHaveLength(1);
    const states = await Promise.all(NUMBERS.map(stateOf));
    expect(new Set(states.flatMap(({ owners }) => owners)).size).toBe(1);
    expect(states.map(({ lease, proposals }) => [lease, proposals])).toEqual(NUMBERS.map(() => ['held', 1]));
    const { commands, keepers } = several;
    several.child.kill('SIGKILL');
    await poll(() => commands.every((pid) => !isAlive(pid)), { what: 'the end of every command' });
    const isReleased = ({ lease, proposals }: Awaited<ReturnType<typeof stateOf>>): boolean =>
      lease === 'vacant' && proposals === 0;
    await poll(async () => (await Promise.all(NUMBERS.map(stateOf))).every(isReleased), { what: 'every release' });
    await poll(() => !keepers.some(isAlive), { what: 'the end of the keeper' });
    for (const number of NUMBERS) expect(several.stderr).toContain(`the lease of /several/${number} is released`);
  });

  it('the will of one is executed while the process stands still, and the others are not touched', async () => {
    await using several = new Several();
    await several.leadsAll();
    const { commands, keepers } = several;
    const [short = 0, ...others] = commands;
    const owner = (await stateOf('2')).owners;
    several.child.kill('SIGSTOP');
    await poll(() => !isAlive(short), { what: 'the end of the command whose lease runs out' });
    await poll(async () => (await stateOf('1')).lease === 'vacant', { what: 'its release' });
    expect((await stateOf('1')).proposals).toBe(0);
    several.child.kill('SIGCONT');
    await several.tells('1', 'lost');
    expect(several.of('1', 'lost')[0]?.cause).toBe('stoodStill');
    await several.tells('1', 'leads', 2);
    expect(several.keepers).toEqual(keepers);
    for (const number of NUMBERS.slice(1)) {
      expect(several.of(number, 'lost')).toEqual([]);
      expect(await stateOf(number)).toEqual({ lease: 'held', proposals: 1, owners: owner });
    }
    expect(others.every(isAlive)).toBe(true);
    // The lease that was lost and won again is renewed again.
    await several.tells('1', 'renewed', several.of('1', 'renewed').length + 1);
  });

  it('one that leaves takes its place along and no session; the last one ends that', async () => {
    await using several = new Several();
    await several.leadsAll();
    const { keepers } = several;
    for (const number of NUMBERS.slice(0, 4)) {
      several.child.stdin?.write(`${number}\n`);
      await several.tells(number, 'left');
      expect((await stateOf(number)).proposals).toBe(0);
    }
    expect((await stateOf('5')).proposals).toBe(1);
    expect(several.keepers).toEqual(keepers);
    several.child.stdin?.write('5\n');
    await several.tells('5', 'left');
    expect((await stateOf('5')).proposals).toBe(0);
    await poll(() => !keepers.some(isAlive), { what: 'the end of the keeper' });
  });
});
