import { describe, expect, it } from 'vitest';
import { isAlive } from '../support/candidate.ts';
import { dailyAt, pairBefore, secondAfter, standCron, startCron, startedFor } from '../support/cron.ts';
import { poll } from '../support/poll.ts';
import { abandoned, useZooKeeper } from '../support/stage.ts';
import { expectWithin } from '../support/yardstick.ts';

const zookeeper = useZooKeeper();

/** Not during this test. */
const LATER = dailyAt(secondAfter(6 * 3_600_000));
const ALLOW = { concurrency: 'allow', 'on-child-success': 'rerun', 'on-child-error': 'rerun' };

describe.concurrent('a stop', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'by %s of a leader that waits for a tick ends ballot with 0',
    async (signal) => {
      await using stage = zookeeper.stage();
      const leader = await standCron(stage, { schedule: LATER });
      await leader.says('elected leader');
      leader.signal(signal);
      expect(await leader.end(5000)).toBe(0);
      expect(await stage.election()).toEqual(abandoned);
      expect(stage.journal.entries()).toEqual([]);
      expect(leader.stderr).toBe('');
    },
  );

  it('of a leader that waits hands over to the next in line, which serves the tick', async () => {
    await using waiting = await pairBefore(zookeeper, { ahead: 2000 });
    waiting.leader.signal('SIGTERM');
    expect(await waiting.leader.end()).toBe(0);
    expect((await startedFor(waiting)).candidate).toBe('next');
  });

  it('of a standby ends it with 0', async () => {
    await using stage = zookeeper.stage();
    await standCron(stage, { schedule: LATER });
    const standby = await standCron(stage, { schedule: LATER });
    standby.signal('SIGTERM');
    expect(await standby.end()).toBe(0);
    expect((await stage.election())?.proposals).toHaveLength(1);
  });

  it.each([
    ['', 143],
    ["trap 'exit 7' TERM", 7],
    ["trap 'exit 0' TERM", 0],
  ])('during a run ends ballot with the command’s code (%s)', async (traps, code) => {
    await using stage = zookeeper.stage();
    const leader = startCron(stage, { schedule: '@every 1s', traps });
    await stage.journal.started();
    leader.signal('SIGTERM');
    expect(await leader.end()).toBe(code);
    expect(leader.descendants()).toEqual([]);
    expect(await stage.election()).toEqual(abandoned);
  });

  it('during several runs under allow stops every group, those that do not listen by SIGKILL; no tick is served any more', async () => {
    await using stage = zookeeper.stage();
    stage.overlapsAllowed = true;
    // Every other one is deaf, and so is its child.
    const traps = 'if [ $(( ${BALLOT_RUN_ID##*.} % 2 )) = 0 ]; then trap "" TERM; fi';
    const flags = { ...ALLOW, 'kill-after': '2500ms' };
    const leader = startCron(stage, { schedule: '@every 1s', flags, traps, script: '(stay) & stay' });
    await stage.journal.started(3);
    leader.signal('SIGTERM');
    await leader.says('stopping');
    const served = stage.journal.starts().length;
    await leader.end();
    expect(leader.descendants()).toEqual([]);
    expect(stage.journal.starts()).toHaveLength(served);
    expect(await stage.election()).toEqual(abandoned);
  });

  it('while a tick waits (queue) drops it', async () => {
    await using stage = zookeeper.stage();
    const flags = { concurrency: 'queue', 'kill-after': '1s' };
    const leader = startCron(stage, { schedule: '@every 1s', flags, traps: "trap '' TERM" });
    const { time } = await stage.journal.started();
    await poll(() => Date.now() / 1000 > time + 1.2);
    leader.signal('SIGTERM');
    expect(await leader.end()).toBe(137);
    expect(stage.journal.starts()).toHaveLength(1);
  });
});

describe.concurrent('signals for the command', () => {
  it('reach every run that lives', async () => {
    await using stage = zookeeper.stage();
    stage.overlapsAllowed = true;
    const script = "trap 'note got' USR1; note ready; while :; do stay; done";
    const leader = startCron(stage, { schedule: '@every 2s', flags: ALLOW, script });
    await stage.journal.noted('ready', 2);
    leader.signal('SIGUSR1');
    await stage.journal.noted('got', 2);
    const [one, two] = stage.journal.starts();
    const got = stage.journal.entries().flatMap(({ event, pid }) => (event === 'got' ? [pid] : []));
    expect(got).toEqual(expect.arrayContaining([one?.pid, two?.pid]));
  });

  it('find none on a leader that waits for a tick, and do not end it', async () => {
    await using stage = zookeeper.stage();
    const leader = await standCron(stage, { schedule: LATER });
    await leader.says('elected leader');
    for (const signal of ['SIGUSR2', 'SIGWINCH', 'SIGUSR1'] as const) leader.signal(signal);
    await expect(
      Promise.race([leader.ended, new Promise((resolve) => setTimeout(resolve, 500, 'alive'))]),
    ).resolves.toBe('alive');
    expect(leader.stderr).toBe('');
  });
});

describe.concurrent('SIGKILL of the supervisor', () => {
  it('with two runs under allow: the keeper stops both groups, and only then does anybody else start', async () => {
    await using stage = zookeeper.stage();
    stage.overlapsAllowed = true;
    const flags = { ...ALLOW, 'kill-after': '900ms' };
    // One takes its time, the other does not listen at all; each has a child.
    const traps = 'if [ "${BALLOT_RUN_ID##*.}" = 1 ]; then trap "stay 0.4; exit" TERM; else trap "" TERM; fi';
    const script = '(trap "" TERM; stay) & stay; stay; stay';
    const leader = await standCron(stage, { id: 'leader', schedule: '@every 1s', flags, traps, script });
    const next = await standCron(stage, { id: 'next', schedule: '@every 1s', flags, script: 'note alone; stay' });
    await stage.journal.started(2);
    const before = leader.descendants();
    leader.signal('SIGKILL');
    await leader.ended;
    const start = await stage.journal.started(1, { candidate: next.id });
    expect(before.length).toBeGreaterThanOrEqual(4);
    expect(leader.descendants()).toEqual([]);
    // The lock that each run holds was free: nothing of them lived when this one started.
    const entries = stage.journal.entries();
    const at = entries.findIndex(({ candidate, event }) => candidate === 'next' && event === 'start');
    expect(entries[at + 1]?.event).toBe('alone');
    expect(stage.journal.starts('leader').every(({ pid }) => !isAlive(pid))).toBe(true);
    expect(Number(start.token)).toBeGreaterThan(Number(stage.journal.starts('leader')[0]?.token));
  });

  it('while it waits for a tick: the lease is given up at once, and the next in line serves the tick', async () => {
    // The longest session that this server grants: whoever waited for the lease would come too late.
    const flags = { 'zookeeper-session-timeout': '10s' };
    await using waiting = await pairBefore(zookeeper, { ahead: 2500, flags });
    waiting.leader.signal('SIGKILL');
    const start = await startedFor(waiting);
    expect(start.candidate).toBe('next');
    expectWithin(start.time * 1000 - waiting.tick, 2000);
  });
});
