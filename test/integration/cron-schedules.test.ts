/** Candidates of one election that do not serve the same schedule, or not in the same zone. */
import { describe, expect, it } from 'vitest';
import { hostname } from 'node:os';
import { dailyAt, ledgerAt, secondAfter, serves, standCron, startCron, ticksOf, until } from '../support/cron.ts';
import { useZooKeeper, type Stage } from '../support/stage.ts';
import { useWallClocks } from '../support/wall-clock.ts';

const clocks = useWallClocks();
const zookeeper = useZooKeeper();
const ANOTHER = 'another schedule is served from now on';
const ONCE = { 'catch-up': 'once' };
const script = 'exit 0';

/** Without its zone. */
const fields = (tick: number): string => dailyAt(tick).replace('CRON_TZ=UTC ', '');

/** The environment of a host whose clock shows that instant, and half a second more. */
const after = (tick: number): Readonly<Record<string, string>> => clocks.clock(tick + 500 - Date.now()).env;

/** The only leader begins, and goes: in order, or without a word. */
async function servedBefore(
  stage: Stage,
  leaves: 'SIGTERM' | 'SIGKILL',
  { schedule, flags = {} }: { schedule: string; flags?: Record<string, string> },
): Promise<void> {
  const leader = startCron(stage, { id: 'before', schedule, flags, script });
  await serves(stage, leader);
  leader.signal(leaves);
  await leader.ended;
}

describe.concurrent('a schedule that was changed', () => {
  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'starts nothing of its own past: the ledger of before (which ended by %s) says nothing of it',
    async (leaves) => {
      await using stage = zookeeper.stage();
      // Both have ticks that lie between the two leaders.
      const tick = secondAfter(60_000);
      await servedBefore(stage, leaves, { schedule: dailyAt(tick + 3_600_000) });
      const schedule = dailyAt(tick);
      const next = startCron(stage, { id: 'next', schedule, flags: ONCE, script, env: after(tick) });
      const said = await next.says(ANOTHER);
      expect(said).toMatchObject({
        before: `${fields(tick + 3_600_000)} in UTC (before on ${hostname()})`,
        now: `${fields(tick)} in UTC (next on ${hostname()})`,
      });
      await serves(stage, next);
      const ledger = await ledgerAt(stage);
      expect(ledger).toMatchObject({ schedule: fields(tick), timezone: 'UTC', candidateId: 'next' });
      expect(ledger?.through).toBeGreaterThanOrEqual(tick);
      next.signal('SIGTERM');
      expect(await next.end()).toBe(0);
      expect(ticksOf(stage.journal)).toEqual([]);
    },
  );

  it('is also one of which only the zone is another', async () => {
    await using stage = zookeeper.stage();
    const tick = secondAfter(60_000);
    const schedule = fields(tick);
    await servedBefore(stage, 'SIGKILL', { schedule, flags: { timezone: 'Asia/Tokyo' } });
    const next = startCron(stage, {
      id: 'next',
      schedule,
      flags: { ...ONCE, timezone: 'UTC' },
      script,
      env: after(tick),
    });
    await next.says(ANOTHER);
    await serves(stage, next);
    next.signal('SIGTERM');
    expect(await next.end()).toBe(0);
    expect(ticksOf(stage.journal)).toEqual([]);
  });

  it('is not one that says the same in other words: what was missed is made up', async () => {
    await using stage = zookeeper.stage();
    const tick = secondAfter(60_000);
    await servedBefore(stage, 'SIGKILL', { schedule: fields(tick), flags: { timezone: 'UTC' } });
    const schedule = `CRON_TZ=Etc/UTC  ${fields(tick).replaceAll(' ', '  ')}`;
    const next = startCron(stage, { id: 'next', schedule, flags: ONCE, script, env: after(tick) });
    await stage.journal.started();
    expect(ticksOf(stage.journal)).toEqual([tick]);
    expect(next.said(ANOTHER)).toEqual([]);
  });
});

describe.concurrent('an orderly handover', () => {
  it('settles everything up to itself', async () => {
    await using stage = zookeeper.stage();
    const leader = startCron(stage, { id: 'before', schedule: dailyAt(secondAfter(-60_000)), script });
    await serves(stage, leader);
    await until(Date.now() + 2000);
    leader.signal('SIGTERM');
    expect(await leader.end()).toBe(0);
    const { through = NaN, handedOver = NaN } = (await ledgerAt(stage)) ?? {};
    expect(Math.abs(through - handedOver)).toBeLessThan(1000);
  });

  it('leaves a tick that waits to the next leader', async () => {
    await using stage = zookeeper.stage();
    const flags = { concurrency: 'queue', 'on-child-success': 'rerun', 'on-child-error': 'rerun' };
    // Two seconds of one minute.
    const ahead = secondAfter(15_000);
    const tick = new Date(ahead).getUTCSeconds() === 59 ? ahead + 1000 : ahead;
    const second = tick + 1000;
    const schedule = dailyAt(tick).replace(/=UTC (\d+)/, `=UTC $1,${new Date(second).getUTCSeconds()}`);
    const leader = startCron(stage, { id: 'before', schedule, flags, script: 'stay' });
    await stage.journal.started();
    await until(second + 300);
    leader.signal('SIGTERM');
    await leader.ended;
    expect(ticksOf(stage.journal)).toEqual([tick]);
    expect((await ledgerAt(stage))?.through).toBe(second - 1);
    startCron(stage, { id: 'next', schedule, flags, script: 'stay' });
    await stage.journal.started(2);
    expect(ticksOf(stage.journal)).toEqual([tick, second]);
  });
});

describe.concurrent('what is served', () => {
  it('is said at start, with its zone, where that comes from, and the next tick', async () => {
    await using stage = zookeeper.stage();
    const candidate = startCron(stage, { schedule: '0 3 * * *', env: { TZ: 'Asia/Tokyo' } });
    const said = await candidate.says('the schedule to serve');
    expect(said).toMatchObject({ schedule: '0 3 * * *', timezone: 'Asia/Tokyo', from: 'host: TZ' });
    expect(String(said['next'])).toMatch(/T18:00:00Z$/);
  });

  it('is shown by info for each candidate, with the next tick, and a note where it is not the leader’s', async () => {
    await using stage = zookeeper.stage();
    const leader = await standCron(stage, { id: 'a', schedule: 'CRON_TZ=UTC 0 3 * * *' });
    await serves(stage, leader);
    await standCron(stage, { id: 'b', schedule: '0 3 * * *', flags: { timezone: 'Asia/Tokyo' } });
    await standCron(stage, { id: 'c', schedule: '0 3 * * *', flags: { timezone: 'Etc/UTC' } });
    const report = (await stage.info()) as unknown as {
      leader: Record<string, unknown>;
      candidates: (Record<string, unknown> & { notes: string[] })[];
      schedule: { schedule: string; timezone: string; nextTick: string };
    };
    expect(report.leader).toMatchObject({ schedule: '0 3 * * *', timezone: 'UTC' });
    expect(report.candidates.map(({ candidateId, timezone }) => [candidateId, timezone])).toEqual([
      ['a', 'UTC'],
      ['b', 'Asia/Tokyo'],
      ['c', 'Etc/UTC'],
    ]);
    const note = `schedule differs from that of the leader a on ${hostname()}: 0 3 * * * in UTC`;
    expect(report.candidates.map(({ notes }) => notes.includes(note))).toEqual([false, true, false]);
    expect(report.candidates[1]?.notes.at(-1)).toBe(note);
    expect(report.schedule).toMatchObject({ schedule: '0 3 * * *', timezone: 'UTC' });
    expect(report.schedule.nextTick).toMatch(/T03:00:00Z$/);
    expect(Date.parse(report.schedule.nextTick)).toBeGreaterThan(Date.now() - 1000);
  });
});
