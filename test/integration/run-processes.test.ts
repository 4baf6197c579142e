import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { describe, expect, it } from 'vitest';
import { ballotPath, isAlive, type Candidate } from '../support/candidate.ts';
import { poll } from '../support/poll.ts';
import { useZooKeeper } from '../support/stage.ts';

const zookeeper = useZooKeeper();

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}

/** Waits for the job of that name and returns its process id. It holds the journal's lock, as all of the command do. */
function jobOf(candidate: Candidate, name = 'sleep'): Promise<number> {
  return poll(() => candidate.descendants().find((pid) => nameOf(pid) === name), { what: `${name} of the command` });
}

describe.each([
  ['in a process group that timeout has made', 'timeout 600 sleep 600'],
  ['in a process group of job control', "bash -c 'set -m; sleep 600 & wait'"],
  ['in a session of its own', 'setsid sleep 600 & wait'],
])('a job of the command %s', (_, script) => {
  it('ends with a stop by SIGTERM, before ballot resigns', async () => {
    await using stage = zookeeper.stage();
    const leader = stage.start({ script });
    await jobOf(leader);
    const next = await stage.stand();
    leader.signal('SIGTERM');
    expect(await leader.end()).toBe(143);
    expect(leader.descendants()).toEqual([]);
    await stage.journal.started(1, { candidate: next.id });
  });

  it('ends by the will of a supervisor that was killed, before anybody else starts', async () => {
    await using stage = zookeeper.stage();
    const leader = stage.start({ script });
    await jobOf(leader);
    const next = await stage.stand();
    leader.signal('SIGKILL');
    await stage.journal.started(1, { candidate: next.id });
    expect(leader.descendants()).toEqual([]);
  });
});

it('a command that is stopped (SIGSTOP) is continued, so that it gets its grace', async () => {
  await using stage = zookeeper.stage();
  const leader = stage.start({ traps: "trap 'note graceful; exit 7' TERM" });
  process.kill((await stage.journal.started()).pid, 'SIGSTOP');
  leader.signal('SIGTERM');
  expect(await leader.end()).toBe(7);
  expect(stage.journal.entries().map(({ event }) => event)).toContain('graceful');
});

it('a stopped command is continued by the will too', async () => {
  await using stage = zookeeper.stage();
  const leader = stage.start({ traps: "trap 'note graceful; exit 7' TERM" });
  process.kill((await stage.journal.started()).pid, 'SIGSTOP');
  leader.signal('SIGKILL');
  await stage.journal.noted('graceful');
});

it('a ballot inside the command belongs to the run; its keeper does not, and its own command it stops itself', async () => {
  await using stage = zookeeper.stage();
  const inner = `${stage.basePath}/inner`;
  const ballot = `${JSON.stringify(process.execPath)} ${JSON.stringify(ballotPath)}`;
  const script = `exec ${ballot} run once --zookeeper-base-path=${inner} -- sleep 600`;
  const leader = stage.start({ script });
  await jobOf(leader);
  leader.signal('SIGTERM');
  expect(await leader.end()).toBe(143);
  expect(leader.wrote().filter((line) => line.includes('resigned'))).toHaveLength(1);
  expect(leader.descendants()).toEqual([]);
  expect(await stage.election(inner)).toEqual({ lease: { kind: 'vacant' }, proposals: [] });
});

describe('what the command leaves behind', () => {
  const leaves = 'setsid sleep 600 8>&- & until [ -e "$journal.open" ]; do stay 0.02; done; exit 5';

  it('is named, by pid and name, and what is likely meant is said once', async () => {
    await using stage = zookeeper.stage();
    const daemon = { script: 'setsid sleep 600 & exit 0', flags: { 'on-child-success': 'rerun' } };
    const leader = stage.start(daemon);
    const { processes } = await leader.says('left processes behind');
    expect(processes).toMatch(/^\d+ (sleep|setsid|bash)$/);
    await leader.says('the run is over', { count: 3 });
    expect(leader.said('run it in the foreground')).toHaveLength(1);
  });

  it('is named by the keeper', async () => {
    await using stage = zookeeper.stage();
    const leader = stage.start({ script: `trap '' TERM; ${leaves}`, flags: { 'kill-after': '60s' } });
    const job = await jobOf(leader);
    const command = (await stage.journal.started()).pid;
    process.kill(leader.pid, 'SIGSTOP');
    process.kill(command, 'SIGKILL');
    await poll(() => !isAlive(command));
    leader.signal('SIGKILL');
    const said = `left processes behind; stopping them (${job} sleep)`;
    await poll(() => leader.stderr.includes(said)).catch((error: unknown) => {
      throw new Error(`${String(error)}; stderr: ${leader.stderr}`, { cause: error });
    });
    await poll(() => !isAlive(job), { what: 'the end of the job' });
  });
});

it('a keeper comes before the command, where it may', async () => {
  await using stage = zookeeper.stage();
  const candidate = await stage.stand();
  const { pid } = await stage.journal.started();
  const script = 'try { os.setPriority(-10) } catch {} process.stdout.write(`${os.getPriority()}`)';
  const most = Number(execFileSync(process.execPath, ['-e', script]));
  expect(candidate.keepers().map((keeper) => getPriority(keeper))).toEqual([most]);
  expect(getPriority(pid)).toBe(getPriority());
});

describe('a supervisor that was killed', () => {
  it('has a line by its keeper, on its own stderr: what it has stopped, and that the lease is released', async () => {
    await using stage = zookeeper.stage();
    const leader = await stage.stand();
    const { runId } = await leader.says('the command runs');
    leader.signal('SIGKILL');
    const done = `run ${String(runId)} is stopped; the lease of ${stage.basePath} is released, the next candidate may lead`;
    const line = `ballot: the supervisor (pid ${leader.pid}) was killed or has crashed, its keeper acts for it: ${done}\n`;
    await poll(() => leader.stderr.includes(line), { what: `${line} on ${leader.stderr}` });
  });
});
