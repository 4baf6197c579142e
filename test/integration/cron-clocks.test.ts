/** Wall clocks that are set or differ, and processes that stand still over ticks. */
import { describe, expect, it } from 'vitest';
import { beforeTick, expectEachTickOnce, standCron, startCron, ticksOf } from '../support/cron.ts';
import { pass, poll } from '../support/poll.ts';
import { RERUN, useZooKeeper } from '../support/stage.ts';
import { useWallClocks } from '../support/wall-clock.ts';

const clocks = useWallClocks();
const zookeeper = useZooKeeper({ observer: false });
const EVERY = 2000;
const schedule = '@every 2s';
const script = 'exit 0';
const HOUR = 3_600_000;

const distinct = (ticks: readonly number[]): void => expect(ticks).toEqual([...new Set(ticks)]);

describe.concurrent('the wall clock of the leader', () => {
  it('set forward by an hour: the latest of those ticks is served, and then every one by the new time', async () => {
    await using stage = zookeeper.stage();
    const clock = clocks.clock();
    const leader = startCron(stage, { schedule, flags: RERUN, script, env: clock.env });
    await stage.journal.started(2);
    clock.step(HOUR);
    const before = stage.journal.starts().length;
    await stage.journal.started(before + 3);
    const ticks = ticksOf(stage.journal);
    const after = ticks.slice(before);
    expect(after[0]).toBeGreaterThan((ticks[before - 1] as number) + HOUR - 2 * EVERY);
    expect(after).toEqual(after.map((_, index) => (after[0] as number) + index * EVERY));
    distinct(ticks);
    expect(leader.said('elected leader')).toHaveLength(1);
  });

  it('set back over three ticks: those do not come again, the next ones do, in the same term', async () => {
    await using stage = zookeeper.stage();
    const clock = clocks.clock();
    const leader = startCron(stage, { schedule, flags: RERUN, script, env: clock.env });
    await stage.journal.started(2);
    clock.step(-3 * EVERY);
    const before = stage.journal.starts().length;
    await stage.journal.started(before + 2);
    const ticks = ticksOf(stage.journal);
    expect(ticks).toEqual(ticks.map((_, index) => (ticks[0] as number) + index * EVERY));
    expect(leader.said('elected leader')).toHaveLength(1);
  });
});

describe.concurrent('candidates whose wall clocks differ', () => {
  it('by seconds, under reelect: no tick is served twice', async () => {
    await using stage = zookeeper.stage();
    const schedule = '@every 1s';
    for (const offset of [0, 2500, -2500]) await standCron(stage, { schedule, script, env: clocks.clock(offset).env });
    const served = (): Set<string> => new Set(stage.journal.starts().map(({ candidate }) => candidate));
    await poll(() => served().size === 3, { what: 'a run on each candidate' });
    await stage.journal.started(6);
    const ticks = ticksOf(stage.journal);
    distinct(ticks);
    expect(ticks).toEqual(ticks.toSorted((a, b) => a - b));
  });

  it('when one that is behind takes over: what was served is not served again', async () => {
    await using stage = zookeeper.stage();
    const flags = { ...RERUN, 'catch-up': 'once' };
    const ahead = await standCron(stage, { schedule, flags, script, env: clocks.clock(3 * EVERY).env });
    const behind = await standCron(stage, { schedule, flags, script });
    await stage.journal.started(2);
    ahead.signal('SIGTERM');
    await ahead.end();
    await stage.journal.started(2, { candidate: behind.id });
    const ticks = ticksOf(stage.journal);
    expect(ticks).toEqual(ticks.map((_, index) => (ticks[0] as number) + index * EVERY));
  });
});

describe.concurrent('a leader that stands still', () => {
  it('over two ticks, for less than its lease: the latest is served late, in the same term, and none twice', async () => {
    await using stage = zookeeper.stage();
    const flags = { ...RERUN, 'zookeeper-session-timeout': '10s' };
    const leader = await standCron(stage, { schedule, flags, script });
    await standCron(stage, { schedule, flags, script });
    await stage.journal.started(1);
    const tick = await beforeTick(EVERY, 600);
    await leader.says('the run is over');
    leader.signal('SIGSTOP');
    await pass(600 + EVERY + 400);
    leader.signal('SIGCONT');
    const before = stage.journal.starts().length;
    await stage.journal.started(before + 2);
    expectEachTickOnce(stage.journal);
    const ticks = ticksOf(stage.journal);
    expect(ticks).not.toContain(tick);
    expect(ticks).toContain(tick + EVERY);
    expect(new Set(stage.journal.starts().map(({ candidate }) => candidate))).toEqual(new Set([leader.id]));
  });

  it('for longer than its lease: the next in line serves, and the one that wakes up starts nothing', async () => {
    await using stage = zookeeper.stage();
    const flags = { ...RERUN, 'zookeeper-session-timeout': '3s' };
    const leader = await standCron(stage, { schedule, flags, script });
    const next = await standCron(stage, { schedule, flags, script });
    await stage.journal.started(1);
    await leader.says('the run is over');
    leader.signal('SIGSTOP');
    await stage.journal.started(2, { candidate: next.id });
    const before = ticksOf(stage.journal, leader.id).length;
    leader.signal('SIGCONT');
    await leader.says('the lease is lost');
    await poll(() => leader.said('standing by').length > 0, { what: 'a place in the queue' });
    await pass(EVERY + 500);
    expect(ticksOf(stage.journal, leader.id)).toHaveLength(before);
    expectEachTickOnce(stage.journal);
  });
});
