/** What a keeper does to commands in its supervisor's place, on real processes; without an ensemble. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { Will, WillCommand } from '../../src/keeper/will.ts';
import { Executor } from '../../src/keeper/executor.ts';
import { thisHost } from '../../src/keeper/host.ts';
import { isAlive } from '../support/candidate.ts';
import { poll } from '../support/poll.ts';

/** Far more than any of this takes, and far less than what the commands would be granted otherwise, ms. */
const SOON_MS = 60_000;
const LONG_MS = 600_000;

const LEASE = { path: '/lease', version: 3 };

const commands: ChildProcess[] = [];
afterEach(() => {
  for (const { pid } of commands.splice(0)) if (pid !== undefined && isAlive(pid)) process.kill(-pid, 'SIGKILL');
});

/** Starts a command of its own group that says when it is ready. */
async function command(script: string, env: Readonly<Record<string, string>> = {}): Promise<number> {
  const child = spawn('bash', ['-c', script], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { PATH: process.env['PATH'], ...env },
  });
  commands.push(child);
  await once(child.stdout, 'data');
  return child.pid as number;
}

const DEAF = "trap '' TERM; echo; sleep 1000 & wait; sleep 1000";
const PLAIN = 'echo; exec sleep 1000';
const POLITE = "trap 'exit 3' TERM; echo; sleep 1000 & wait";

const of = (pgid: number, changes: Partial<WillCommand> = {}): WillCommand => ({
  runId: '1.1',
  group: { pgid, startTime: undefined },
  mark: [],
  stopSignal: 'SIGTERM',
  killAfter: LONG_MS,
  signalled: false,
  ...changes,
});

/** An executor, and what it has come to. */
function executor() {
  const steps: string[] = [];
  const executes = new Executor(
    {
      begin: () => void steps.push('begun'),
      beginOne: (election) => void steps.push(`begun ${election}`),
      doneOne: (election) => void steps.push(`done ${election}`),
      release: ({ election, lease }, alone) => {
        steps.push(alone ? `released ${election}` : 'released');
        return Promise.resolve(lease && 'released');
      },
      end: () => void steps.push('ended'),
      endWithoutSession: () => void steps.push('ended without its session'),
    },
    thisHost(),
  );
  const ended = (): Promise<unknown> => poll(() => steps.includes('ended'), { timeout: SOON_MS, what: 'its end' });
  return { executes, steps, ended };
}

const at = (termIn: number, killIn: number): NonNullable<Will['instants']> => {
  const now = systemClock.now();
  return { termAt: now + termIn, killAt: now + killIn };
};

describe('a keeper whose supervisor is gone', () => {
  it('stops the command, and releases when nothing of it is left', async () => {
    const pid = await command(PLAIN);
    const { executes, steps, ended } = executor();
    executes.accept({ election: 'one', commands: [of(pid)] });
    void executes.execute('gone');
    await ended();
    expect(isAlive(pid)).toBe(false);
    expect(steps).toEqual(['begun', 'released', 'ended']);
  });

  it('sends SIGKILL kill-after later', async () => {
    const pid = await command(DEAF);
    const { executes, ended } = executor();
    const begin = performance.now();
    executes.accept({ election: 'one', commands: [of(pid, { killAfter: 300 })] });
    void executes.execute('gone');
    await ended();
    expect(performance.now() - begin).toBeGreaterThanOrEqual(300);
    expect(isAlive(pid)).toBe(false);
  });

  it('sends SIGKILL earlier than kill-after where the lease demands it', async () => {
    const pid = await command(DEAF);
    const { executes, ended } = executor();
    executes.accept({ election: 'one', commands: [of(pid)], instants: at(LONG_MS, 300) });
    void executes.execute('gone');
    await ended();
    expect(isAlive(pid)).toBe(false);
  });

  it('looks by its mark for a command that was just being started', async () => {
    const mark = `BALLOT_RUN_ID=${randomUUID()}`;
    const [name = '', value = ''] = mark.split('=');
    const pid = await command(PLAIN, { [name]: value });
    const { group: _none, ...starting } = of(pid, { mark: [mark] });
    const { executes, ended } = executor();
    executes.accept({ election: 'one', commands: [starting] });
    void executes.execute('gone');
    await ended();
    expect(isAlive(pid)).toBe(false);
  });

  it('continues a stopped command, which takes its signal only then', async () => {
    const pid = await command(POLITE);
    process.kill(pid, 'SIGSTOP');
    const { executes, ended } = executor();
    executes.accept({ election: 'one', commands: [of(pid)] });
    void executes.execute('gone');
    await ended();
    expect(isAlive(pid)).toBe(false);
  });

  it('leaves a command its grace whose stop had begun already', async () => {
    const pid = await command(POLITE);
    const { executes, ended } = executor();
    executes.accept({ election: 'one', commands: [of(pid, { signalled: true, killAfter: 300 })] });
    const begin = performance.now();
    void executes.execute('gone');
    await ended();
    expect(performance.now() - begin).toBeGreaterThanOrEqual(300);
  });
});

describe('a keeper whose supervisor does not run in time', () => {
  it('acts at the instant of its will, by itself', async () => {
    const pid = await command(PLAIN);
    const { executes, steps, ended } = executor();
    executes.accept({ election: 'one', commands: [of(pid)], instants: at(200, LONG_MS) });
    expect(steps).toEqual([]);
    await ended();
    expect(isAlive(pid)).toBe(false);
  });

  it('does not act on a will that was replaced in time', async () => {
    const pid = await command(PLAIN);
    const { executes, steps } = executor();
    executes.accept({ election: 'one', commands: [of(pid)], instants: at(200, LONG_MS) });
    executes.accept({ election: 'one', commands: [of(pid)], instants: at(LONG_MS, LONG_MS) });
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(steps).toEqual([]);
    expect(isAlive(pid)).toBe(true);
    executes.accept({ election: 'one', commands: [] });
  });

  it('takes no later will once it has begun', async () => {
    const pid = await command(DEAF);
    const { executes, ended } = executor();
    executes.accept({ election: 'one', commands: [of(pid, { killAfter: 300 })] });
    void executes.execute('silent');
    executes.accept({ election: 'one', commands: [] });
    await ended();
    expect(isAlive(pid)).toBe(false);
  });

  it('gives the place in the queue up after four checks without a word, if nothing runs', async () => {
    const { executes, steps, ended } = executor();
    executes.accept({ election: 'one', commands: [] });
    for (let checks = 0; checks < 3; checks += 1) executes.checkSupervisor();
    executes.hear();
    for (let checks = 0; checks < 3; checks += 1) executes.checkSupervisor();
    expect(steps).toEqual([]);
    executes.checkSupervisor();
    await ended();
    expect(steps).toEqual(['begun', 'released', 'ended']);
  });
});

describe('a keeper that holds a lease while nothing runs', () => {
  it('keeps it until the instants of the will, however long the silence is', async () => {
    const { executes, steps } = executor();
    executes.accept({ election: 'one', commands: [], lease: LEASE, instants: at(LONG_MS, LONG_MS) });
    for (let checks = 0; checks < 9; checks += 1) executes.checkSupervisor();
    await Promise.resolve();
    expect(steps).toEqual([]);
    executes.accept({ election: 'one', commands: [] });
  });
});

describe('a keeper that has the wills of several elections', () => {
  it('executes the one whose instant has passed, and touches no other', async () => {
    const [mine, other] = [await command(PLAIN), await command(PLAIN)];
    const { executes, steps } = executor();
    executes.accept({ election: 'one', commands: [of(mine)], lease: LEASE, instants: at(200, LONG_MS) });
    executes.accept({ election: 'two', commands: [of(other)], instants: at(LONG_MS, LONG_MS) });
    await poll(() => steps.includes('done one'), { timeout: SOON_MS, what: 'its execution' });
    expect(steps).toEqual(['begun one', 'released one', 'done one']);
    expect([isAlive(mine), isAlive(other)]).toEqual([false, true]);
    executes.accept({ election: 'two', commands: [] });
  });

  it('takes what it is told of that election meanwhile as said for afterwards', async () => {
    const [first, second] = [await command(DEAF), await command(PLAIN)];
    const { executes, steps } = executor();
    executes.accept({ election: 'two', commands: [] });
    executes.accept({ election: 'one', commands: [of(first)], lease: LEASE, instants: at(0, 400) });
    await poll(() => steps.includes('begun one'), { timeout: SOON_MS, what: 'its execution' });
    expect([executes.isGivingUp(LEASE.path), executes.isGivingUp('/other')]).toEqual([true, false]);
    executes.accept({ election: 'one', commands: [of(second)], instants: at(0, LONG_MS) });
    await poll(() => steps.filter((step) => step === 'done one').length === 2, {
      timeout: SOON_MS,
      what: 'the second',
    });
    expect([isAlive(first), isAlive(second)]).toEqual([false, false]);
    expect(executes.isGivingUp(LEASE.path)).toBe(false);
  });

  it('executes all of them when its supervisor is gone, each release after the end of its own commands', async () => {
    const [quick, slow] = [await command(PLAIN), await command(DEAF)];
    const { executes, steps, ended } = executor();
    executes.accept({ election: 'quick', commands: [of(quick)], lease: LEASE });
    executes.accept({ election: 'slow', commands: [of(slow, { killAfter: 500 })], lease: LEASE });
    void executes.execute('gone');
    await poll(() => steps.includes('released'), { timeout: SOON_MS, what: 'the first release' });
    expect(isAlive(quick)).toBe(false);
    await ended();
    expect(isAlive(slow)).toBe(false);
    expect(steps).toEqual(['begun', 'released', 'released', 'ended']);
  });

  it('stops also what was started in an election while its will was being executed, when its supervisor is gone', async () => {
    const [first, second] = [await command(DEAF), await command(PLAIN)];
    const { executes, steps, ended } = executor();
    executes.accept({ election: 'two', commands: [] });
    executes.accept({ election: 'one', commands: [of(first)], instants: at(0, 400) });
    await poll(() => steps.includes('begun one'), { timeout: SOON_MS, what: 'its execution' });
    executes.accept({ election: 'one', commands: [of(second)] });
    void executes.execute('gone');
    await ended();
    expect([isAlive(first), isAlive(second)]).toEqual([false, false]);
  });

  it('goes on with what it has begun when it hands over, and with nothing else', async () => {
    const [mine, other] = [await command(DEAF), await command(PLAIN)];
    const { executes, steps } = executor();
    executes.accept({ election: 'two', commands: [of(other)], instants: at(600, LONG_MS) });
    executes.accept({ election: 'one', commands: [of(mine)], instants: at(0, 400) });
    await poll(() => steps.includes('begun one'), { timeout: SOON_MS, what: 'its execution' });
    const over = executes.handOver();
    // Every keeper is told of the wills, this one too.
    executes.accept({ election: 'two', commands: [of(other)], instants: at(0, 0) });
    await over;
    expect(isAlive(mine)).toBe(false);
    void executes.execute('gone');
    await new Promise((resolve) => setTimeout(resolve, 800));
    expect(isAlive(other)).toBe(true);
    expect(steps).not.toContain('begun');
    expect(steps.at(-1)).toBe('ended without its session');
  });
});
