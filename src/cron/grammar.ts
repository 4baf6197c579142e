import { DurationError, formatDuration, parseDuration } from '../duration.ts';
import { ScheduleError } from './errors.ts';
import { BOUNDS, everFires, parseField, type Field, type Fields } from './fields.ts';
import { openZone } from './zone.ts';
import { ianaName } from './zone-names.ts';

/** A schedule as it is written: the same on every host. */
export interface Reading {
  /** The name of the zone in front. `Local` is the host's. `undefined`: the schedule names none. */
  readonly zone: string | undefined;
  /** The schedule without its zone, one space between two words. */
  readonly text: string;
  /** Local times, or an interval in ms. */
  readonly rule: { readonly fields: Fields } | { readonly every: number };
  /** Warnings of what is allowed but probably a mistake, or means less than it says. */
  readonly warnings: readonly string[];
  /** Features in use that robfig/cron, and so Go's ballot, does not know: `L`. Each once. */
  readonly extensions: readonly string[];
}

/** The descriptors of robfig/cron v3. */
const DESCRIPTORS: ReadonlyMap<string, string> = new Map([
  ['@yearly', '0 0 1 1 *'],
  ['@annually', '0 0 1 1 *'],
  ['@monthly', '0 0 1 * *'],
  ['@weekly', '0 0 * * 0'],
  ['@daily', '0 0 * * *'],
  ['@midnight', '0 0 * * *'],
  ['@hourly', '0 * * * *'],
]);

const FORMS =
  'a schedule is five fields (minute hour day-of-month month day-of-week), six with seconds in front, ' +
  '@every 1h30m, or one of ' +
  [...DESCRIPTORS.keys()].join(' ');

/**
 * Reads a schedule: all that the standard parser of robfig/cron v3 reads, with the same meaning, and a seconds field in
 * front, `7` for Sunday, `L`, `#` and `H`, which `seed` spreads. Throws ScheduleError for what is no schedule, names no
 * known zone, or never fires.
 */
export function readSchedule(text: string, seed: string): Reading {
  const { zone, rest, warnings } = splitZone(text.trim());
  const read = rest.startsWith('@') ? readDescriptor(rest, seed) : readFields(rest, seed);
  return {
    zone,
    text: rest.replace(/\s+/g, ' '),
    rule: read.rule,
    warnings: [...warnings, ...read.warnings],
    extensions: [...unlikeGo(zone), ...read.extensions],
  };
}

function splitZone(text: string): { zone: string | undefined; rest: string; warnings: string[] } {
  const prefix = /^(?:CRON_)?TZ=(\S*)\s*([^]*)$/.exec(text);
  if (prefix === null) return { zone: undefined, rest: text, warnings: [] };
  const [, zone = '', rest = ''] = prefix;
  if (rest === '') throw new ScheduleError('a time zone without a schedule after it', { whole: text, hint: FORMS });
  // Go's time.LoadLocation: no name is UTC, and Local the host's zone.
  if (zone === '') return { zone: 'UTC', rest, warnings: ['TZ= names no time zone: UTC is taken'] };
  if (zone !== 'Local') openZone(zone, 'schedule');
  return { zone, rest, warnings: [] };
}

/** Go looks for a zone's file, whose name has to be spelled as IANA does. */
function unlikeGo(zone: string | undefined): string[] {
  if (zone === undefined || zone === 'Local') return [];
  const spelled = ianaName(zone);
  return spelled === zone ? [] : [`the zone name ${zone} (IANA's is ${spelled})`];
}

type Rule = Omit<Reading, 'zone' | 'text'>;

function readDescriptor(text: string, seed: string): Rule {
  const fields = DESCRIPTORS.get(text);
  if (fields !== undefined) return readFields(fields, seed);
  const every = /^@every\s+(.*)$/.exec(text)?.[1];
  if (every !== undefined) return readEvery(every);
  throw new ScheduleError('unknown', { whole: text, hint: FORMS });
}

function readEvery(text: string): Rule {
  const asked = durationOf(text);
  // robfig/cron cuts fractions off.
  const every = Math.max(1000, Math.floor(asked / 1000) * 1000);
  const why = asked < 1000 ? 'less than a second' : 'no whole seconds';
  const warning = `@every ${text} is ${why}: every ${formatDuration(every)} is taken`;
  return { rule: { every }, warnings: every === asked ? [] : [warning], extensions: [] };
}

function durationOf(text: string): number {
  try {
    // Go's durations may have a sign. A negative interval, which robfig/cron takes for one second, is a mistake.
    return parseDuration(text.replace(/^\+(?=[\d.])/, ''));
  } catch (error) {
    if (error instanceof DurationError) throw new ScheduleError(`@every ${JSON.stringify(text)}: ${error.message}`);
    throw error;
  }
}

function readFields(text: string, seed: string): Rule {
  const words = text.split(/\s+/).filter((word) => word !== '');
  if (words.length !== 5 && words.length !== 6) {
    const count =
      words.length === 0
        ? 'empty, not 5 or 6 fields'
        : `${words.length} ${words.length === 1 ? 'field' : 'fields'}, not 5 or 6`;
    throw new ScheduleError(count, { whole: text, hint: FORMS });
  }
  const [second = '', minute = '', hour = '', dayOfMonth = '', month = '', dayOfWeek = ''] =
    words.length === 6 ? words : ['0', ...words];
  const fields: Fields = {
    second: parseField(second, BOUNDS.second, seed),
    minute: parseField(minute, BOUNDS.minute, seed),
    hour: parseField(hour, BOUNDS.hour, seed),
    dayOfMonth: parseField(dayOfMonth, BOUNDS.dayOfMonth, seed),
    month: parseField(month, BOUNDS.month, seed),
    dayOfWeek: parseField(dayOfWeek, BOUNDS.dayOfWeek, seed),
  };
  if (!everFires(fields)) {
    const [day, months] = [JSON.stringify(dayOfMonth), JSON.stringify(month)];
    throw new ScheduleError(`day-of-month field ${day}: no month of ${months} has such a day: it would never fire`);
  }
  const all = Object.values<Field>({ ...fields });
  const seconds = words.length === 6 ? ['a seconds field'] : [];
  return {
    rule: { fields },
    warnings: all.flatMap(({ warnings }) => warnings),
    extensions: [...new Set([...seconds, ...all.flatMap(({ extensions }) => extensions)])],
  };
}
