import { Calendar } from './calendar.ts';
import type { Fields } from './fields.ts';
import type { Zone } from './zone.ts';

/** A schedule and its zone, as ledgers and proposals carry them. */
export interface ScheduleRecord {
  /** Without a zone in front, one space between two words. */
  readonly schedule: string;
  /** IANA name. */
  readonly timezone: string;
}

/** The ticks of a schedule. Instants are ms since the Unix epoch; nothing here reads a clock. */
export interface Schedule {
  /** IANA name of the zone in which the schedule is read. */
  readonly timezone: string;
  /** The first tick after this instant. `undefined`: none within a hundred years. */
  next(after: number): number | undefined;
  /** The latest tick after `after` and not after `until`, however many lie between. */
  latest(after: number, until: number): number | undefined;
}

/** After this time no tick comes: the longest known wait is 40 years (the fifth Monday of February, over 2100). */
const HORIZON_MS = 100 * 366 * 86_400_000;

/** Ticks at every multiple of `every` ms since the Unix epoch, so that all candidates have the same ones. */
export function everySchedule(every: number, timezone: string): Schedule {
  return {
    timezone,
    next(after) {
      const tick = (Math.floor(after / every) + 1) * every;
      return tick - after > HORIZON_MS ? undefined : tick;
    },
    latest(after, until) {
      const tick = Math.floor(until / every) * every;
      return tick > after ? tick : undefined;
    },
  };
}

/** No change of the clocks repeats or skips more: a whole day, when a zone moves over the date line. */
const LONGEST_CHANGE_MS = 2 * 86_400_000;

const DAY_HOURS = 24;
const HOUR_MS = 3_600_000;

/**
 * A calendar in a zone.
 *
 * Where the clocks go forward, local times that do not exist become one tick, at the instant of the change; unless the
 * schedule names every hour, and the clocks move by whole hours: then the next hour's tick is the one that is due.
 * Where the clocks go back, local times come again, and only the first counts; unless the schedule is an interval of
 * minutes or names every hour: those tick whenever the local time is one of theirs.
 */
export class CronSchedule implements Schedule {
  readonly timezone: string;
  readonly #zone: Zone;
  readonly #calendar: Calendar;
  readonly #hourly: boolean;
  /** Local times that come again are ticks again. */
  readonly #repeats: boolean;

  constructor(fields: Fields, zone: Zone) {
    this.timezone = zone.name;
    this.#zone = zone;
    this.#calendar = new Calendar(fields);
    this.#hourly = fields.hour.values.length === DAY_HOURS;
    this.#repeats = this.#hourly || fields.minute.interval;
  }

  next(after: number): number | undefined {
    let offset = this.#zone.offsetAt(after);
    let change = this.#zone.lastChange(after - LONGEST_CHANGE_MS, after);
    let from = Math.max(after + offset, change === undefined ? -Infinity : this.#firstNew(change) - 1);
    let since = after;
    for (;;) {
      const local = this.#calendar.next(from);
      if (local === undefined || local - offset > after + HORIZON_MS) return undefined;
      change = this.#zone.nextChange(since, local - offset);
      if (change === undefined) return local - offset;
      if (this.#ticksAt(change)) return change;
      offset = this.#zone.offsetAt(change);
      from = this.#firstNew(change) - 1;
      since = change;
    }
  }

  latest(after: number, until: number): number | undefined {
    let to = until;
    while (to > after) {
      const offset = this.#zone.offsetAt(to);
      const local = this.#calendar.latest(to + offset);
      const earliest = Math.max(after, (local ?? -Infinity) - offset);
      const change = this.#zone.lastChange(earliest - LONGEST_CHANGE_MS, to);
      if (local !== undefined && (change === undefined || local >= this.#firstNew(change)))
        return local - offset > after ? local - offset : undefined;
      if (change === undefined || change <= after) return undefined;
      if (this.#ticksAt(change)) return change;
      to = change - 1;
    }
    return undefined;
  }

  /** The first local time after a change that counts. */
  #firstNew(change: number): number {
    const after = this.#zone.offsetAt(change);
    const before = this.#zone.offsetAt(change - 1);
    return change + (this.#repeats ? after : Math.max(before, after));
  }

  /** Whether this change skips local times of the calendar, which then come at the instant of the change. */
  #ticksAt(change: number): boolean {
    const before = this.#zone.offsetAt(change - 1);
    const forward = this.#zone.offsetAt(change) - before;
    if (this.#hourly && forward % HOUR_MS === 0) return false;
    const skipped = this.#calendar.next(change + before - 1);
    return skipped !== undefined && skipped < change + before + forward;
  }
}
