import { parseSchedule, type Schedule } from '../../src/cron/expression.ts';
import type { Random } from '../support/random.ts';
import type { CommandHabits } from './command.ts';

/**
 * How far the wall clocks of the hosts are off, and step, at most, ms. `near`: as NTP keeps them; `off`: nobody keeps
 * them; `far`: set by hand, wrongly.
 */
export type Clocks = 'near' | 'off' | 'far';

export const CLOCKS_MS: Readonly<Record<Clocks, number>> = { near: 30, off: 4_000, far: 6 * 3_600_000 };

/** What a history of `run cron` has besides. Durations in ms. */
export interface CronSetting {
  readonly text: string;
  readonly schedule: Schedule;
  /** The longest time between two ticks. */
  readonly gap: number;
  readonly concurrency: 'skip' | 'queue' | 'allow' | 'replace';
  readonly catchUp: 'none' | 'once';
  readonly startDeadline: number | undefined;
  readonly clocks: Clocks;
}

/** Each with its longest gap, s. */
const SCHEDULES = [
  ['@every 1s', 1],
  ['@every 2s', 2],
  ['@every 2s', 2],
  ['@every 5s', 5],
  ['*/3 * * * * *', 3],
  ['*/7 * * * * *', 7],
  ['0,1,2,10,11,20,21,22,23,40,41,50 * * * * *', 17],
] as const;

/** A schedule has no state: all histories share those that were read once. */
const schedules = new Map<string, Schedule>();

export function scheduleOf(text: string): Schedule {
  const schedule = schedules.get(text) ?? parseSchedule(text, { timezone: 'UTC', seed: '' }).schedule;
  schedules.set(text, schedule);
  return schedule;
}

export function drawCron(random: Random, steady: boolean, mixedFleet: boolean): CronSetting {
  const [text, gap] = random.pick(SCHEDULES);
  return {
    text,
    schedule: scheduleOf(text),
    gap: gap * 1000,
    concurrency: random.pick(['skip', 'skip', 'queue', 'replace', 'allow'] as const),
    // Refused by the configuration: nobody knows what Go's candidates ran.
    catchUp: mixedFleet ? 'none' : random.pick(['none', 'once'] as const),
    startDeadline: random.chance(0.3) ? undefined : random.pick([1_000, 5_000, 30_000]),
    clocks: steady
      ? 'near'
      : random.pick(['near', 'near', 'near', 'near', 'near', 'off', 'off', 'off', 'far'] as const),
  };
}

/** Runs that end before the next tick, mostly: what a schedule is for. */
export function drawJobs(random: Random): CommandHabits {
  return {
    lasts: random.pick([
      [1, 300],
      [1, 300],
      [100, 1500],
      [100, 4000],
      [1000, 20_000],
    ] as const),
    fails: random.pick([0, 0.3, 1]),
    stubborn: random.pick([0, 0.3, 1]),
    stopsWithin: random.pick([1, 100, 3000]),
    leavesBehind: random.pick([0, 0, 0.3]),
    missing: random.pick([0, 0, 0.1]),
  };
}
