import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isPopulated, killAll, membersOf } from '../../src/command/cgroup.ts';
import { ballotPath, isAlive, startedIn } from '../support/candidate.ts';
import { findCgroupHome, TestCgroup } from '../support/cgroups.ts';
import { poll } from '../support/poll.ts';
import { useZooKeeper, type Stage } from '../support/stage.ts';

const zookeeper = useZooKeeper();

const home = findCgroupHome();
const debug = { 'log-level': 'debug' };

/** Waits until the command stands in its cgroup: what it starts from then on stands there too. */
const MOVED = String.raw`until [[ $(grep ^0:: /proc/$$/cgroup) == */run-* ]]; do stay 0.02; done`;

/** Nothing tells whose this process is: a session of its own, an environment without anything, an adoptive parent. */
const hidden = (job = 'exec sleep 600'): string =>
  `(setsid env -i PATH="$PATH" bash -c 'echo $$ >"$1.hidden"; ${job}' sh "$journal" &)`;

/** Waits for the process id that a hidden process has written. */
function hiddenOf(stage: Stage): Promise<number> {
  const path = `${stage.journal.path}.hidden`;
  return poll(() => existsSync(path) && Number(readFileSync(path, 'utf8')), { what: 'the hidden process' });
}

it.each(home === undefined ? [debug] : [])(
  'without a cgroup of its own to divide, ballot says so and does without',
  async (flags) => {
    await using stage = zookeeper.stage();
    const leader = stage.start({ flags });
    expect((await leader.says('runs get no cgroup of their own'))['why']).toMatch(/\w/);
    await stage.journal.started();
    leader.signal('SIGTERM');
    expect(await leader.end()).toBe(143);
  },
);

describe.each(home === undefined ? [] : [home])('below %s', (parent) => {
  describe('a process that neither session nor environment shows', () => {
    it('ends with a stop by SIGTERM, before ballot resigns; no cgroup is left', async () => {
      await using cgroup = new TestCgroup(parent);
      await using stage = zookeeper.stage();
      const leader = stage.start({ cgroup: cgroup.path, script: `${MOVED}; ${hidden()}; stay` });
      const job = await hiddenOf(stage);
      const next = await stage.stand();
      leader.signal('SIGTERM');
      await stage.journal.started(1, { candidate: next.id });
      expect(isAlive(job)).toBe(false);
      expect(await leader.end()).toBe(143);
      expect(cgroup.runs()).toEqual([]);
    });

    it('ends by the will of a supervisor that was killed, before anybody else starts', async () => {
      await using cgroup = new TestCgroup(parent);
      await using stage = zookeeper.stage();
      const leader = stage.start({ cgroup: cgroup.path, script: `${MOVED}; ${hidden()}; stay` });
      const job = await hiddenOf(stage);
      const next = await stage.stand();
      leader.signal('SIGKILL');
      await stage.journal.started(1, { candidate: next.id });
      expect(isAlive(job)).toBe(false);
    });

    it('is named when the command leaves it behind, and stopped', async () => {
      await using cgroup = new TestCgroup(parent);
      await using stage = zookeeper.stage();
      const script = `${MOVED}; ${hidden()}; until [ -e "$journal.hidden" ]; do stay 0.02; done; exit 5`;
      const leader = stage.start({ cgroup: cgroup.path, script, flags: { 'on-child-error': 'exit' } });
      const job = await hiddenOf(stage);
      expect(await leader.end()).toBe(5);
      expect(leader.said('left processes behind').map(({ processes }) => processes)).toEqual([
        expect.stringMatching(`^${job} (bash|sleep)$`),
      ]);
      expect(isAlive(job)).toBe(false);
    });

    it('is named by the keeper', async () => {
      await using cgroup = new TestCgroup(parent);
      await using stage = zookeeper.stage();
      const leader = stage.start({
        cgroup: cgroup.path,
        script: `${MOVED}; ${hidden(`trap "" TERM; exec sleep 600`)}; stay`,
        flags: { 'kill-after': '2s' },
      });
      const job = await hiddenOf(stage);
      const command = (await stage.journal.started()).pid;
      process.kill(leader.pid, 'SIGSTOP');
      process.kill(command, 'SIGKILL');
      await poll(() => !isAlive(command));
      leader.signal('SIGKILL');
      await poll(() => leader.stderr.includes(`left processes behind; stopping them (${job} `));
      await poll(() => !isAlive(job), { what: 'the end of the job' });
    });

    it('gets SIGKILL in a cgroup of its own below that of the run too, which is removed with it', async () => {
      await using cgroup = new TestCgroup(parent);
      await using stage = zookeeper.stage();
      const deaf = `trap "" TERM; while :; do sleep 0.1; done`;
      const below = `mkdir "$2/below" && echo $$ >"$2/below/cgroup.procs" && echo $$ >"$1.hidden"; ${deaf}`;
      const start = `setsid env -i PATH="$PATH" bash -c '${below}' sh "$journal" ${cgroup.path}/run-*/`;
      const script = `${MOVED}; (${start} &); stay`;
      const leader = stage.start({ cgroup: cgroup.path, script, flags: { 'kill-after': '500ms' } });
      const job = await hiddenOf(stage);
      leader.signal('SIGTERM');
      await leader.end();
      expect(isAlive(job)).toBe(false);
      expect(cgroup.runs()).toEqual([]);
    });

    it('belongs to the run too if a child of the command has started it that is older than the cgroup', async () => {
      await using cgroup = new TestCgroup(parent);
      await using stage = zookeeper.stage();
      const late = `until [ -e "$journal.go" ]; do sleep 0.02; done; ${hidden()}`;
      const command = ['bash', '-c', `journal=$1; (${late}) & exec sleep 600`, 'bash', stage.journal.path];
      const leader = stage.start({ cgroup: cgroup.path, command, flags: debug });
      await leader.says('each run gets a cgroup of its own');
      const { pid } = await leader.says('the command runs');
      const pids = (): number[] =>
        cgroup.runs().flatMap((run) =>
          readFileSync(join(cgroup.path, run, 'cgroup.procs'), 'utf8')
            .split('\n')
            .map(Number),
        );
      await poll(() => pids().includes(Number(pid)) && pids().filter((number) => number > 0).length >= 2);
      writeFileSync(`${stage.journal.path}.go`, '');
      const job = await hiddenOf(stage);
      leader.signal('SIGTERM');
      expect(await leader.end()).toBe(143);
      expect(isAlive(job)).toBe(false);
    });
  });

  describe('a ballot inside the command', () => {
    /** Starts it as the command itself (`exec`), or as a child of it. */
    const inner = (stage: Stage, exec: string, flag: string, command: string): string => {
      const ballot = `${JSON.stringify(process.execPath)} ${JSON.stringify(ballotPath)}`;
      return `${MOVED}; ${exec} ${ballot} run once --zookeeper-base-path=${stage.basePath}/inner ${flag} -- ${command}`;
    };
    /** Takes a moment to end, and counts its signals. */
    const onTerm = 'echo TERM >>$0.signals; (sleep 0.3; kill -9 $$) & while :; do sleep 1; done';
    const worker = `bash -c 'trap "${onTerm}" TERM; echo $$ >"$0.hidden"; while :; do sleep 0.1; done' "$journal"`;
    const keep = '--on-child-error=reelect';
    const signals = (stage: Stage): string => readFileSync(`${stage.journal.path}.signals`, 'utf8');

    it.each(['exec', ''])('stops its own command by itself, and resigns (%s)', async (how) => {
      await using cgroup = new TestCgroup(parent);
      await using stage = zookeeper.stage();
      const leader = stage.start({
        cgroup: cgroup.path,
        script: inner(stage, how, keep, worker),
        flags: { 'kill-after': '60s' },
      });
      const job = await hiddenOf(stage);
      leader.signal('SIGTERM');
      await leader.end();
      expect(signals(stage)).toBe('TERM\n');
      expect(leader.wrote().filter((line) => line.includes('resigned'))).toHaveLength(1);
      expect(isAlive(job)).toBe(false);
      expect(await stage.election(`${stage.basePath}/inner`)).toEqual({
        lease: { kind: 'vacant' },
        proposals: [],
      });
      expect(cgroup.runs()).toEqual([]);
    });

    it('that is killed holds the run up until its keeper has executed its will, and no longer', async () => {
      await using cgroup = new TestCgroup(parent);
      await using stage = zookeeper.stage();
      const leader = stage.start({
        cgroup: cgroup.path,
        script: inner(stage, 'exec', keep, worker),
        flags: { 'kill-after': '60s', 'on-child-error': 'exit' },
      });
      const job = await hiddenOf(stage);
      process.kill((await stage.journal.started()).pid, 'SIGKILL');
      await leader.says('the run is over');
      expect(isAlive(job)).toBe(false);
      expect(await leader.end()).toBe(137);
      expect(leader.said('SIGKILL')).toEqual([]);
      expect(await stage.election(`${stage.basePath}/inner`)).toEqual({
        lease: { kind: 'vacant' },
        proposals: [],
      });
    });

    it('that ends by itself leaves nothing behind', async () => {
      await using cgroup = new TestCgroup(parent);
      await using stage = zookeeper.stage();
      const script = inner(stage, 'exec', '--on-child-success=ignore', 'true');
      const flags = { 'on-child-success': 'ignore' };
      const leader = stage.start({ cgroup: cgroup.path, script, flags });
      expect(await leader.end()).toBe(0);
      expect(leader.said('left processes behind')).toEqual([]);
    });
  });

  describe('ballot does without a cgroup for its runs, and says why,', () => {
    it('where others are in its own', async () => {
      await using cgroup = new TestCgroup(parent);
      await using stage = zookeeper.stage();
      const [file, ...args] = startedIn(cgroup.path, ['sleep', '600']);
      const other = spawn(file, args, { stdio: 'ignore' });
      await poll(() => readFileSync(join(cgroup.path, 'cgroup.procs'), 'utf8').includes(`${other.pid}`));
      const leader = stage.start({ cgroup: cgroup.path, flags: debug });
      const { why } = await leader.says('runs get no cgroup of their own');
      expect(why).toMatch(new RegExp(`^others are in ${cgroup.path}: ${other.pid} sleep`));
      await stage.journal.started();
      expect(cgroup.runs()).toEqual([]);
    });

    it('where a process cannot be moved', async () => {
      await using cgroup = new TestCgroup(parent);
      await using stage = zookeeper.stage();
      // Beside a threaded cgroup the kernel takes no process.
      mkdirSync(join(cgroup.path, 'threads'));
      writeFileSync(join(cgroup.path, 'threads', 'cgroup.type'), 'threaded');
      const leader = stage.start({ cgroup: cgroup.path, flags: debug, script: 'setsid sleep 600 & wait' });
      expect((await leader.says('this run has no cgroup of its own'))['why']).toContain('ENOTSUP');
      leader.signal('SIGTERM');
      expect(await leader.end()).toBe(143);
      expect(leader.descendants()).toEqual([]);
      expect(cgroup.runs()).toEqual([]);
    });
  });

  it('all that is in a cgroup is killed at one instant', async () => {
    await using cgroup = new TestCgroup(parent);
    const jobs = Array.from({ length: 3 }, () => {
      const [file, ...args] = startedIn(cgroup.path, ['sleep', '600']);
      return spawn(file, args, { stdio: 'ignore' });
    });
    await poll(() => membersOf(cgroup.path).length === jobs.length);
    killAll(cgroup.path);
    await poll(() => jobs.every(({ signalCode }) => signalCode === 'SIGKILL'));
    expect(isPopulated(cgroup.path)).toBe(false);
  });

  it('a cgroup that a dead ballot has left is removed, one of a living process is not', async () => {
    await using cgroup = new TestCgroup(parent);
    await using stage = zookeeper.stage();
    const living = `run-${process.pid}-1`;
    // Process numbers end below this one.
    for (const name of ['run-4194305-1', living]) mkdirSync(join(cgroup.path, name));
    const leader = stage.start({ cgroup: cgroup.path, flags: debug });
    await leader.says('each run gets a cgroup of its own');
    expect(cgroup.runs()).not.toContain('run-4194305-1');
    expect(cgroup.runs()).toContain(living);
  });
});
