import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../support/virtual-clock.ts';
import { overlaps } from './checks.ts';
import { scheduleOf, type CronSetting } from './cron.ts';
import { build, end, judge, type World } from './history.ts';
import { QUIET_SETTING, type Setting } from './setting.ts';
import { Trace } from './trace.ts';

/** Histories that went wrong once, told from beginning to end: nothing is left to chance but what takes how many milliseconds. */

const EVERY_SECOND: CronSetting = {
  text: '@every 1s',
  schedule: scheduleOf('@every 1s'),
  gap: 1000,
  concurrency: 'skip',
  catchUp: 'none',
  startDeadline: undefined,
  clocks: 'near',
};

interface Told extends World {
  readonly problems: string[];
}

function tell(setting: Partial<Setting>, seed = 1): Told {
  const clock = new VirtualClock(seed);
  const trace = new Trace(clock);
  const problems: string[] = [];
  return { ...build(clock, { ...QUIET_SETTING, ...setting }, trace, {}, problems), problems };
}

function cron(what: Partial<CronSetting>, plan: Partial<Setting['plan']> = {}): Pick<Setting, 'cron' | 'plan'> {
  const schedule = { ...EVERY_SECOND, ...what };
  return { cron: schedule, plan: { ...QUIET_SETTING.plan, ...plan, cron: { concurrency: schedule.concurrency } } };
}

describe('a supervisor that stands still while a tick is being entered, beside a run that is deaf to SIGTERM', () => {
  it.each([600, 650, 700, 750, 800, 900, 1000, 1200])(
    'wakes up after %i ms, and no run of its term outlives the lease',
    async (pause) => {
      for (let seed = 1; seed <= 5; seed += 1) {
        const world = tell(
          {
            theme: 'pauses',
            ...cron({ concurrency: 'allow' }),
            habits: { ...QUIET_SETTING.habits, lasts: [60_000, 60_000], stubborn: 1 },
          },
          seed,
        );
        const { clock, hosts, ledger, commands, problems } = world;
        for (const [index, host] of hosts.entries()) clock.schedule(400 * index, () => host.start());
        expect(await clock.run(20_000, () => commands.runs.length === 1)).toBe(true);
        const leader = hosts.find(({ name }) => name === commands.runs[0]?.host);
        ledger.onWrite = () => {
          ledger.onWrite = () => undefined;
          const goOn = leader?.pause(false);
          clock.after(pause, () => goOn?.());
        };
        await clock.run(clock.time + 10_000);
        await end(world, problems, false);
        const others = overlaps(commands.runs, clock.time).filter(({ older, newer }) => older.host !== newer.host);
        const paused = { host: leader?.name ?? '', kind: 'paused', from: 0, to: clock.time } as const;
        expect([...others, ...problems, ...judge(world, [paused])]).toEqual([]);
      }
    },
  );
});
