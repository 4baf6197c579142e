/** Ticks that pass while nobody leads, seen from the next leader. */
import { describe, expect, it } from 'vitest';
import type { Candidate } from '../support/candidate.ts';
import {
  cameTooLate,
  dailyAt,
  expectEachTickOnce,
  expectEveryTick,
  ledgerAt,
  secondAfter,
  serves,
  standCron,
  startCron,
  tickOf,
  ticksOf,
} from '../support/cron.ts';
import { pass } from '../support/poll.ts';
import { RERUN, useZooKeeper, type Stage } from '../support/stage.ts';
import { useWallClocks } from '../support/wall-clock.ts';

const clocks = useWallClocks();
const zookeeper = useZooKeeper();
const NONE = { ...RERUN, 'catch-up': 'none' };
const ONCE = { ...RERUN, 'catch-up': 'once' };
const script = 'exit 0';

/** How the only leader goes: without a word (its keeper gives the lease up), or in order. */
const LEAVES = {
  crash: async (leader: Candidate): Promise<void> => {
    leader.signal('SIGKILL');
    await leader.ended;
  },
  stop: async (leader: Candidate): Promise<void> => {
    leader.signal('SIGTERM');
    expect(await leader.end()).toBe(0);
  },
};

/**
 * A leader waits for its tick and leaves before. The next candidate comes when its clock shows that tick and `late` ms
 * more.
 */
async function tickWithoutLeader(
  stage: Stage,
  { leaves, late, flags }: { leaves: keyof typeof LEAVES; late: number; flags: Record<string, string> },
): Promise<{ readonly tick: number; readonly next: Candidate }> {
  const tick = secondAfter(60_000);
  const schedule = dailyAt(tick);
  const leader = await standCron(stage, { schedule, flags, script });
  await serves(stage, leader);
  await LEAVES[leaves](leader);
  const clock = clocks.clock(tick + late - Date.now());
  const next = startCron(stage, { schedule, flags, script, env: clock.env });
  return { tick, next };
}

describe.concurrent('a tick that passes while nobody leads', () => {
  /** What is served of it within a moment after the next leader has opened the ledger. */
  const cases = [
    { what: 'after a crash, catch-up=none', leaves: 'crash', late: 2000, flags: NONE, served: false },
    { what: 'after a crash, catch-up=once', leaves: 'crash', late: 2000, flags: ONCE, served: true },
    { what: 'after a crash, catch-up=once, an hour late', leaves: 'crash', late: 3_600_000, flags: ONCE, served: true },
    {
      what: 'after a crash, catch-up=once, older than start-deadline',
      leaves: 'crash',
      late: 40_000,
      flags: { ...ONCE, 'start-deadline': '30s' },
      served: false,
    },
    {
      what: 'after a crash, catch-up=once, within start-deadline',
      leaves: 'crash',
      late: 40_000,
      flags: { ...ONCE, 'start-deadline': '2m' },
      served: true,
    },
    { what: 'handed over less than 10 s ago, catch-up=none', leaves: 'stop', late: 100, flags: NONE, served: true },
    { what: 'handed over more than 10 s ago, catch-up=none', leaves: 'stop', late: 11_000, flags: NONE, served: false },
    { what: 'handed over more than 10 s ago, catch-up=once', leaves: 'stop', late: 11_000, flags: ONCE, served: true },
  ] as const;

  it.each(cases)('$what: served $served', async ({ leaves, late, flags, served }) => {
    await using stage = zookeeper.stage();
    const { tick, next } = await tickWithoutLeader(stage, { leaves, late, flags });
    await serves(stage, next);
    if (served) {
      const start = await stage.journal.started();
      expect(tickOf(start)).toBe(tick);
      expect(start.candidate).toBe(next.id);
    }
    await pass(700);
    expect(ticksOf(stage.journal)).toEqual(served ? [tick] : []);
    const ledger = await ledgerAt(stage);
    expect(ledger?.through).toBeGreaterThanOrEqual(tick);
    expect(ledger?.runs.map((run) => run.tick)).toEqual(served ? [tick] : []);
  });

  it('before there was a leader is nobody’s: nothing is made up under once', async () => {
    await using stage = zookeeper.stage();
    const tick = secondAfter(0);
    const clock = clocks.clock(30_000);
    const candidate = startCron(stage, { schedule: dailyAt(tick + 20_000), flags: ONCE, env: clock.env, script });
    await serves(stage, candidate);
    await pass(700);
    expect(stage.journal.entries()).toEqual([]);
  });
});

describe.concurrent('all candidates are away over several ticks', () => {
  const schedule = '@every 1s';
  /** Three serve, all crash, and three others come back a few ticks later. */
  async function allAway(
    stage: Stage,
    flags: Record<string, string>,
  ): Promise<{ last: number; backAt: number; back: readonly Candidate[] }> {
    const first = [1, 2, 3].map(() => startCron(stage, { schedule, flags, script }));
    await stage.journal.started(2);
    // Standbys first, so that none of them takes over.
    const leader = stage.journal.starts()[0]?.candidate;
    for (const candidate of first.toSorted((a, b) => Number(a.id === leader) - Number(b.id === leader)))
      await LEAVES.crash(candidate);
    const last = ticksOf(stage.journal).at(-1) as number;
    await pass(3500);
    const backAt = Date.now();
    const back = [1, 2, 3].map(() => startCron(stage, { schedule, flags, script }));
    await stage.journal.started(ticksOf(stage.journal).length + 3);
    return { last, backAt, back };
  }

  it('none: those ticks are given up, said with their number, and the next one is served', async () => {
    await using stage = zookeeper.stage();
    const { last, backAt } = await allAway(stage, NONE);
    expectEachTickOnce(stage.journal);
    const after = ticksOf(stage.journal).filter((tick) => tick > last);
    expect(after[0]).toBeGreaterThan(backAt);
  });

  it('once: the latest of them is made up, and then every tick is served', async () => {
    await using stage = zookeeper.stage();
    const { last, backAt, back } = await allAway(stage, ONCE);
    const starts = stage.journal.starts();
    const ticks = starts.map(tickOf);
    expect(ticks).toEqual([...new Set(ticks)].toSorted((a, b) => a - b));
    const after = starts.filter((start) => tickOf(start) > last);
    const [madeUp] = after;
    // The latest before its leader opened the ledger, which was after it had come back.
    expect(tickOf(madeUp as (typeof after)[number])).toBeGreaterThan(backAt - 1000);
    expect((madeUp?.time as number) * 1000).toBeGreaterThan(backAt);
    // One that came while the command still ran was skipped, and said so.
    const skipped = back
      .flatMap((candidate) => candidate.said('tick skipped'))
      .map((line) => Date.parse(String(line['tick'])));
    const first = tickOf(madeUp as (typeof after)[number]);
    const count = (tickOf(after.at(-1) as (typeof after)[number]) - first) / 1000 + 1;
    const due = Array.from({ length: count }, (_, index) => first + index * 1000);
    expect(after.map(tickOf)).toEqual(due.filter((tick) => !skipped.includes(tick)));
  });
});

describe.concurrent('a tick that falls into a handover', () => {
  it('is served by the next leader: with runs that end as the next tick comes, none is lost and none comes twice', async () => {
    await using stage = zookeeper.stage();
    // From 30 ms before the next second to 20 ms after it.
    const untilTick =
      'now=${EPOCHREALTIME/./}; left=$(( 1000000 - now % 1000000 - 30000 + RANDOM % 50000 )); stay $(printf "%d.%06d" $(( left / 1000000 )) $(( left % 1000000 )))';
    const ids = ['a', 'b', 'c'];
    const candidates: Candidate[] = [];
    for (const id of ids) candidates.push(await standCron(stage, { id, schedule: '@every 1s', script: untilTick }));
    await stage.journal.started(8);
    for (const candidate of candidates) candidate.signal('SIGTERM');
    await Promise.all(candidates.map((candidate) => candidate.end()));
    expectEachTickOnce(stage.journal);
    // A tick that came just before the end of the run was skipped, as it should be; every other one was served.
    const skipped = candidates
      .flatMap((candidate) => candidate.said('tick skipped'))
      .map((line) => Date.parse(String(line['tick'])));
    const served = ticksOf(stage.journal);
    const [first, last] = [served[0] as number, served.at(-1) as number];
    const settled = [...served, ...skipped, ...cameTooLate(candidates, 1000)];
    for (let tick = first; tick < last; tick += 1000) expect(settled).toContain(tick);
    expect(new Set(stage.journal.starts().map(({ candidate }) => candidate)).size).toBe(3);
  });

  it('at every stop of a leader: every tick is served, also under catch-up=none', async () => {
    await using stage = zookeeper.stage();
    const schedule = '@every 2s';
    const candidates: Candidate[] = [];
    for (let number = 0; number < 4; number++)
      candidates.push(await standCron(stage, { schedule, flags: NONE, script }));
    for (const [index, leader] of candidates.slice(0, 3).entries()) {
      await stage.journal.started(index + 1);
      await leader.says('the run is over');
      leader.signal('SIGTERM');
      expect(await leader.end()).toBe(0);
    }
    await stage.journal.started(5);
    expectEveryTick(stage, 2000);
  });
});
