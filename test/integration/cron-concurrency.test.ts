/** A tick while the command still runs. */
import { describe, expect, it } from 'vitest';
import { isAlive, type Entry } from '../support/candidate.ts';
import { expectEachTickOnce, expectEveryTick, standCron, startCron, tickOf, ticksOf, until } from '../support/cron.ts';
import { poll } from '../support/poll.ts';
import { RERUN, UNTIL_OPEN, useZooKeeper, type Stage } from '../support/stage.ts';
import { expectWithin } from '../support/yardstick.ts';

const zookeeper = useZooKeeper({ observer: false });

const first = (entries: readonly Entry[]): Entry => entries[0] as Entry;
const SKIPPED = 'tick skipped';

/** Waits until the wall clock is `ms` past the tick of the first run. */
async function pastFirst(stage: Stage, ms: number): Promise<number> {
  const tick = tickOf(await stage.journal.started());
  await until(tick + ms);
  return tick;
}

describe.concurrent('concurrency=skip, the default', () => {
  it('passes over the ticks, says each once with its count, and serves the next one', async () => {
    await using stage = zookeeper.stage();
    const candidate = startCron(stage, { schedule: '@every 2s', flags: RERUN, script: UNTIL_OPEN });
    const tick = await pastFirst(stage, 4700);
    stage.openGate();
    const second = await stage.journal.started(2);
    expect(tickOf(second)).toBe(tick + 6000);
    const said = candidate.said(SKIPPED);
    expect(said.map(({ level }) => level)).toEqual(['info', 'info']);
    expect(said.map((line) => Date.parse(String(line['tick'])))).toEqual([tick + 2000, tick + 4000]);
    expect(said.map(({ why, skipped }) => [why, skipped])).toEqual([
      ['the command still runs', 1],
      ['the command still runs', 2],
    ]);
  });

  it('goes for a tick while the command is being stopped, too', async () => {
    await using stage = zookeeper.stage();
    const flags = { ...RERUN, 'run-timeout': '1500ms', 'kill-after': '1s' };
    const candidate = startCron(stage, { schedule: '@every 2s', flags, traps: "trap '' TERM" });
    await stage.journal.started(3);
    // Stopped from 1.5 s to 2.5 s: the tick in between is not served.
    const ticks = ticksOf(stage.journal);
    expect(ticks.slice(1).map((tick, index) => tick - (ticks[index] as number))).toEqual([4000, 4000]);
    expect(candidate.said(SKIPPED).length).toBeGreaterThanOrEqual(2);
  });
});

describe.concurrent('concurrency=queue', () => {
  const QUEUE = { ...RERUN, concurrency: 'queue' };

  it('lets the latest tick wait, and serves it as soon as the command has ended', async () => {
    await using stage = zookeeper.stage();
    startCron(stage, { schedule: '@every 2s', flags: QUEUE, script: UNTIL_OPEN });
    const tick = await pastFirst(stage, 4700);
    expect(stage.journal.starts()).toHaveLength(1);
    stage.openGate();
    await stage.journal.started(3);
    expect(ticksOf(stage.journal)).toEqual([tick, tick + 4000, tick + 6000]);
    const [, second] = stage.journal.starts();
    // Before the next tick.
    expect((second as Entry).time * 1000).toBeLessThan(tick + 6000);
    expectEachTickOnce(stage.journal);
  });

  it('under reelect: the leader serves the waiting tick, and only then resigns', async () => {
    await using stage = zookeeper.stage();
    const flags = { concurrency: 'queue' };
    const leader = await standCron(stage, { id: 'leader', schedule: '@every 2s', flags, script: UNTIL_OPEN });
    await standCron(stage, { id: 'next', schedule: '@every 2s', flags, script: UNTIL_OPEN });
    const tick = await pastFirst(stage, 2700);
    stage.openGate();
    await stage.journal.started(3);
    expect(ticksOf(stage.journal)).toEqual([tick, tick + 2000, tick + 4000]);
    expect(stage.journal.starts().map(({ candidate }) => candidate)).toEqual(['leader', 'leader', 'next']);
    expect(leader.said('resigned')).toHaveLength(1);
  });

  it('holds a waiting tick back for restart-delay after a run that failed, and no other', async () => {
    await using stage = zookeeper.stage();
    const flags = { ...QUEUE, 'restart-delay': '1s', 'restart-max-delay': '1s' };
    startCron(stage, { schedule: '@every 3s', flags, script: `${UNTIL_OPEN}; exit 3` });
    const tick = await pastFirst(stage, 3500);
    stage.openGate();
    await stage.journal.started(3);
    const ends = stage.journal.ends();
    const [, second, third] = stage.journal.starts();
    expect(((second as Entry).time - first(ends).time) * 1000).toBeGreaterThan(990);
    expect(ticksOf(stage.journal)).toEqual([tick, tick + 3000, tick + 6000]);
    // The second one has failed as well; its successor waits for nothing but its instant.
    expectWithin((third as Entry).time * 1000 - (tick + 6000), 900);
  });
});

describe.concurrent('concurrency=allow', () => {
  const ALLOW = { ...RERUN, concurrency: 'allow' };

  it('starts each tick beside the runs that live', async () => {
    await using stage = zookeeper.stage();
    stage.overlapsAllowed = true;
    const candidate = startCron(stage, { schedule: '@every 1s', flags: ALLOW, script: UNTIL_OPEN });
    await stage.journal.started(3);
    expectEveryTick(stage, 1000);
    expect(stage.journal.starts().map(({ pid }) => isAlive(pid))).toEqual([true, true, true]);
    expect(stage.journal.overlaps()).toHaveLength(2);
    stage.openGate();
    await candidate.says('the run is over', { count: 3 });
    expect(candidate.said(SKIPPED)).toEqual([]);
  });

  it('names the run on each line of its output, also for people', async () => {
    await using stage = zookeeper.stage();
    stage.overlapsAllowed = true;
    const flags = { ...ALLOW, 'log-format': 'human' };
    const candidate = startCron(stage, { schedule: '@every 1s', flags, script: 'echo one' });
    await poll(() => /INFO {2}cmd-run-stdout \d+\.2: one\n/.test(candidate.stdout), {
      what: 'the second run’s output',
    });
  });

  it('under reelect: resigns when the last of them has ended, and no other candidate starts before', async () => {
    await using stage = zookeeper.stage();
    stage.overlapsAllowed = true;
    const flags = { concurrency: 'allow' };
    const leader = await standCron(stage, { id: 'leader', schedule: '@every 1s', flags, script: UNTIL_OPEN });
    await standCron(stage, { id: 'next', schedule: '@every 1s', flags, script: 'stay 0.1' });
    await stage.journal.started(2);
    const [one] = stage.journal.starts();
    process.kill((one as Entry).pid, 'SIGKILL');
    await leader.says('the run is over');
    await stage.journal.started(3);
    expect(stage.journal.starts('next')).toEqual([]);
    expect(leader.said('resigned')).toEqual([]);
    stage.openGate();
    const start = await stage.journal.started(1, { candidate: 'next' });
    const entries = stage.journal.entries();
    const starts = entries.filter(({ event, candidate }) => event === 'start' && candidate === 'leader');
    const ends = entries.filter(({ event, candidate }) => event === 'end' && candidate === 'leader');
    // One was killed and has written no end.
    expect(ends).toHaveLength(starts.length - 1);
    expect(ends.every(({ time }) => time < start.time)).toBe(true);
    expectEachTickOnce(stage.journal);
  });

  it('under exit: the first that ends ends ballot, with its code; the others are stopped before', async () => {
    await using stage = zookeeper.stage();
    stage.overlapsAllowed = true;
    const flags = { concurrency: 'allow', 'on-child-error': 'exit', 'on-child-success': 'exit' };
    const candidate = startCron(stage, {
      schedule: '@every 1s',
      flags,
      traps: '[ "${BALLOT_RUN_ID##*.}" = 1 ] && trap \'exit 7\' TERM',
      script: 'stay',
    });
    await stage.journal.started(2);
    const [one] = stage.journal.starts();
    process.kill((one as Entry).pid, 'SIGTERM');
    expect(await candidate.end()).toBe(7);
    expect(candidate.descendants()).toEqual([]);
    expect(stage.journal.ends()).toHaveLength(stage.journal.starts().length);
  });
});

describe.concurrent('concurrency=replace', () => {
  const REPLACE = { ...RERUN, concurrency: 'replace' };

  it('stops the run and then starts the next one: every tick is served, and no two at once', async () => {
    await using stage = zookeeper.stage();
    const candidate = startCron(stage, { schedule: '@every 1s', flags: REPLACE });
    await stage.journal.started(4);
    expectEveryTick(stage, 1000);
    expect(stage.journal.overlaps()).toEqual([]);
    expect(
      stage.journal
        .entries()
        .slice(0, 7)
        .map(({ event }) => event),
    ).toEqual([...['start', 'end', 'start', 'end', 'start', 'end'], 'start']);
    expect(candidate.said('elected leader')).toHaveLength(1);
  });

  it('kills a run that does not listen after kill-after, with all of its group', async () => {
    await using stage = zookeeper.stage();
    const flags = { ...REPLACE, 'kill-after': '400ms' };
    const script = "(trap '' TERM; stay) & stay; stay; stay";
    startCron(stage, { schedule: '@every 2s', flags, traps: "trap '' TERM", script });
    await stage.journal.started(3);
    expectEveryTick(stage, 2000);
    expect(stage.journal.overlaps()).toEqual([]);
    const [one, two] = stage.journal.starts() as [Entry, Entry];
    expect(isAlive(one.pid)).toBe(false);
    expect(two.time * 1000 - tickOf(two)).toBeGreaterThan(390);
  });

  it('is no failure of the command: under exit, ballot goes on', async () => {
    await using stage = zookeeper.stage();
    const flags = { concurrency: 'replace', 'on-child-error': 'exit', 'on-child-success': 'exit' };
    const script = '[ -e "$journal.open" ] && exit 9; stay';
    const candidate = startCron(stage, { schedule: '@every 1s', flags, script });
    await stage.journal.started(3);
    stage.openGate();
    expect(await candidate.end()).toBe(9);
  });
});
