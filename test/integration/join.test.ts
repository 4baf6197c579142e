/** `ballot join`: candidates without a command. */
import { describe, expect, it } from 'vitest';
import { runBallot, type Ended } from '../support/ballot.ts';
import type { Candidate } from '../support/candidate.ts';
import { poll } from '../support/poll.ts';
import { freePorts } from '../support/ports.ts';
import { abandoned, useZooKeeper, type Stage } from '../support/stage.ts';

const zookeeper = useZooKeeper();

const join = (stage: Stage, id: string, flags: Readonly<Record<string, string>> = {}): Promise<Candidate> =>
  stage.stand({ mode: 'join', id, flags: { 'zookeeper-session-timeout': '10s', ...flags } });

describe('ballot join', () => {
  it('stands and leads without a command, says each change of role, and resigns at SIGTERM', async () => {
    await using stage = zookeeper.stage();
    const [a, b] = [await join(stage, 'a'), await join(stage, 'b')];
    await a.says('elected leader');
    expect((await stage.info()).leader.candidateId).toBe('a');
    a.signal('SIGTERM');
    expect(await a.end()).toBe(0);
    expect(a.log.filter(({ level }) => level === 'info').map(({ msg }) => msg)).toEqual(
      expect.arrayContaining(['standing for election', 'elected leader', 'stopping', 'resigned', 'ballot ends']),
    );
    expect(await b.says('elected leader')).toMatchObject({ from: 'a', why: 'resigned' });
    b.signal('SIGTERM');
    expect(await b.end()).toBe(0);
    expect(await stage.election()).toMatchObject(abandoned);
  });

  it('that is killed leaves its lease to the next at once', async () => {
    await using stage = zookeeper.stage();
    const [a, b] = [await join(stage, 'a', { 'lease-duration': '1h' }), await join(stage, 'b')];
    await a.says('elected leader');
    a.signal('SIGKILL');
    await b.says('elected leader');
    await poll(() => a.keepers().length === 0, { what: 'the end of its keeper' });
  });

  it('that stood still longer than its lease knows that it leads no more, and stands again', async () => {
    await using stage = zookeeper.stage();
    const lease = { 'lease-duration': '1s' };
    const [a, b] = [await join(stage, 'a', lease), await join(stage, 'b', lease)];
    await a.says('elected leader');
    a.signal('SIGSTOP');
    await b.says('elected leader');
    a.signal('SIGCONT');
    await a.says('the lease is lost');
    await poll(async () => (await stage.info()).candidates.map(({ candidateId }) => candidateId).join('') === 'ba');
    b.signal('SIGTERM');
    await a.says('elected leader', { count: 2 });
  });

  it('steps down when it is asked to, and stands again at the end of the queue', async () => {
    await using stage = zookeeper.stage();
    const [a, b] = [await join(stage, 'a'), await join(stage, 'b')];
    await a.says('elected leader');
    const at = [`--zookeeper-servers=${zookeeper.connectString}`, `--zookeeper-base-path=${stage.basePath}`];
    const leads = (id: string): Promise<Ended> =>
      runBallot(['is-leader', `--candidate-id=${id}`, '--timeout=60s', ...at]);
    expect(await leads('a')).toMatchObject({ code: 0 });
    expect(await leads('b')).toMatchObject({ code: 1 });
    expect(await runBallot(['step-down', '--wait', '--timeout=60s', ...at])).toMatchObject({ code: 0, stderr: '' });
    await a.says('asked to step down');
    await b.says('elected leader');
    expect(await leads('b')).toMatchObject({ code: 0 });
    await poll(async () => (await stage.info()).candidates.map(({ candidateId }) => candidateId).join('') === 'ba');
  });

  it('ignores SIGHUP where it is told so', async () => {
    await using stage = zookeeper.stage();
    const [a, b] = [await join(stage, 'a', { 'on-hangup': 'ignore' }), await join(stage, 'b')];
    a.signal('SIGHUP');
    b.signal('SIGHUP');
    expect(await b.end()).toBe(0);
    expect(a.isRunning).toBe(true);
  });

  it('says that another candidate has its id, and so does the other one', async () => {
    await using stage = zookeeper.stage();
    const [leader, second] = [await join(stage, 'same'), await join(stage, 'same')];
    for (const candidate of [leader, second])
      expect(await candidate.says('another candidate of this election has the same candidate id')).toMatchObject({
        level: 'warn',
        candidate: 'same',
      });
  });
});

describe('ballot join --wait-leader', () => {
  it('ends with 0 once it leads, and leads no more when it has ended', async () => {
    await using stage = zookeeper.stage();
    const first = await join(stage, 'first');
    await first.says('elected leader');
    const waiting = stage.start({ mode: 'join', id: 'waiting', flags: { 'wait-leader': 'true' } });
    await waiting.says('standing by');
    first.signal('SIGTERM');
    expect(await waiting.end()).toBe(0);
    expect(waiting.said('elected leader')).toHaveLength(1);
    expect(await stage.election()).toMatchObject(abandoned);
  });

  it('ends with 75 when it is not elected in time', async () => {
    await using stage = zookeeper.stage();
    await join(stage, 'first');
    const waiting = stage.start({
      mode: 'join',
      id: 'waiting',
      flags: { 'wait-leader': 'true', 'election-timeout': '300ms' },
    });
    expect(await waiting.end()).toBe(75);
    expect(waiting.said('not elected within election-timeout')).toHaveLength(1);
  });
});

describe('ballot join in trouble', () => {
  it('ends with 69 without ZooKeeper where it is told so', async () => {
    const [port] = await freePorts(1);
    const flags = [`--zookeeper-servers=127.0.0.1:${port}`, '--zookeeper-session-timeout=1s', '--candidate-id=a'];
    const ended = await runBallot(['join', ...flags, '--on-election-failure=exit']);
    expect(ended).toMatchObject({ code: 69, stderr: '' });
    expect(ended.stdout).toContain('the election failed');
  });

  it('refuses what only a command could obey', async () => {
    const ended = await runBallot(['join', '--candidate-id=a', '--on-election-failure=run-anyway']);
    expect(ended.code).toBe(78);
    expect(ended.stderr).toContain('there is no command to run without leadership: choose retry or exit');
    expect(await runBallot(['join', '--kill-after=5s'])).toMatchObject({ code: 64 });
  });
});
