/** Time zones, as schedules need them: offsets, and when they change. From the data that Node carries (`Intl`). */

import { ScheduleError } from './errors.ts';
import { ianaName, unknownZone } from './zone-names.ts';

const DAY_MS = 86_400_000;

/** Changes of offset are looked for, and remembered, this much at a time. */
const CHUNK_DAYS = 64;

/** A time zone. Instants are ms since the Unix epoch; an offset is local time less UTC, ms. */
export class Zone {
  /** As IANA spells it. */
  readonly name: string;
  readonly #format: Intl.DateTimeFormat;
  readonly #chunks = new Map<number, readonly number[]>();

  /** Throws RangeError when IANA has no such name: abbreviations and bare offsets are none. */
  constructor(name: string) {
    const spelled = ianaName(name);
    if (spelled === undefined) throw new RangeError(`no name of a time zone: ${name}`);
    this.name = spelled;
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone: spelled,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  }

  offsetAt(instant: number): number {
    const second = Math.floor(instant / 1000) * 1000;
    const part = { year: 0, month: 0, day: 0, hour: 0, minute: 0, second: 0 };
    for (const { type, value } of this.#format.formatToParts(second))
      if (type in part) part[type as 'day'] = Number(value);
    return Date.UTC(part.year, part.month - 1, part.day, part.hour, part.minute, part.second) - second;
  }

  /** The first instant after `after`, and not after `until`, that has another offset than the one before it. */
  nextChange(after: number, until: number): number | undefined {
    for (let chunk = chunkOf(after); chunk <= chunkOf(until); chunk += 1) {
      const change = this.#changes(chunk).find((instant) => instant > after);
      if (change !== undefined) return change <= until ? change : undefined;
    }
    return undefined;
  }

  /** The last such instant not after `until`, but after `after`. */
  lastChange(after: number, until: number): number | undefined {
    for (let chunk = chunkOf(until); chunk >= chunkOf(after); chunk -= 1) {
      const change = this.#changes(chunk).findLast((instant) => instant <= until);
      if (change !== undefined) return change > after ? change : undefined;
    }
    return undefined;
  }

  /** Two changes within a day that end where they began go unnoticed: the IANA data has none since 1970. */
  #changes(chunk: number): readonly number[] {
    const known = this.#chunks.get(chunk);
    if (known !== undefined) return known;
    const found: number[] = [];
    let day = chunk * CHUNK_DAYS * DAY_MS - 1;
    let offset = this.offsetAt(day);
    for (let count = 0; count < CHUNK_DAYS; count += 1) {
      const next = this.offsetAt(day + DAY_MS);
      if (next !== offset) found.push(this.#changeWithin(day, day + DAY_MS, offset));
      [day, offset] = [day + DAY_MS, next];
    }
    this.#chunks.set(chunk, found);
    return found;
  }

  /** The instant, in (low, high], from which the offset is no longer `offset`. */
  #changeWithin(low: number, high: number, offset: number): number {
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (this.offsetAt(middle) === offset) low = middle;
      else high = middle;
    }
    return high;
  }
}

/** The zone of this name. Throws ScheduleError, which names `key` as what holds the name. */
export function openZone(name: string, key: string): Zone {
  try {
    return new Zone(name);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new ScheduleError(unknownZone(name), { key, hint: ZONE_FORM });
  }
}

/** What a time zone looks like, for messages and help. */
export const ZONE_FORM = 'an IANA name such as Europe/Paris, or UTC';

function chunkOf(instant: number): number {
  return Math.floor(instant / (CHUNK_DAYS * DAY_MS));
}
