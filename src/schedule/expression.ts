import { DurationError, formatDuration, parseDuration } from '../duration.ts';
import { everFires, type Fields } from './calendar.ts';
import { ScheduleError } from './errors.ts';
import { BOUNDS, parseField, type Field } from './fields.ts';
import { CronSchedule, everySchedule, type Schedule } from './schedule.ts';
import { Zone, hostZone } from './zone.ts';

export type { Schedule } from './schedule.ts';
export { ScheduleError } from './errors.ts';

export interface ScheduleOptions {
  /** IANA name of the zone, unless the text begins with one of its own. Default: the host's. */
  readonly timezone?: string | undefined;
  /** What `H` is spread by: the base path of the election, which all its candidates share. */
  readonly seed: string;
}

export interface ParsedSchedule {
  readonly schedule: Schedule;
  /** What was accepted, but is hardly what was meant, or means less than it says. */
  readonly warnings: readonly string[];
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
  'a schedule is five fields (minute hour day-of-month month day-of-week), six with seconds in front, @every 1h30m, or one of ' +
  [...DESCRIPTORS.keys()].join(' ');

/**
 * Reads a schedule: all that the standard parser of robfig/cron v3 reads, with the same meaning, and a seconds field in front, `7` for
 * Sunday, `L`, `#` and `H`. Throws ScheduleError for what is no schedule, names no known zone, or never fires.
 */
export function parseSchedule(text: string, options: ScheduleOptions): ParsedSchedule {
  const { zone, rest, warnings } = splitZone(text.trim(), options.timezone);
  const parsed = rest.startsWith('@')
    ? parseDescriptor(rest, zone, options.seed)
    : parseFields(rest, zone, options.seed);
  return { schedule: parsed.schedule, warnings: [...warnings, ...parsed.warnings] };
}

function splitZone(text: string, timezone: string | undefined): { zone: Zone; rest: string; warnings: string[] } {
  const prefix = /^(?:CRON_)?TZ=(\S*)\s*([^]*)$/.exec(text);
  if (prefix === null) {
    const zone = timezone === undefined ? openZone(hostZone(), "the host's zone (TZ)") : openZone(timezone, 'timezone');
    return { zone, rest: text, warnings: [] };
  }
  const [, name = '', rest = ''] = prefix;
  if (rest === '')
    throw new ScheduleError(`schedule: ${JSON.stringify(text)} is a time zone without a schedule after it`, FORMS);
  // Go's time.LoadLocation: no name is UTC, and Local the host's zone.
  if (name === '') {
    return { zone: new Zone('UTC'), rest, warnings: ['schedule: TZ= names no time zone: UTC is taken'] };
  }
  return { zone: openZone(name === 'Local' ? hostZone() : name, 'schedule'), rest, warnings: [] };
}

function openZone(name: string, where: string): Zone {
  try {
    return new Zone(name);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new ScheduleError(
      `${where}: unknown time zone ${JSON.stringify(name)}`,
      'an IANA name such as Europe/Paris, or UTC',
    );
  }
}

function parseDescriptor(text: string, zone: Zone, seed: string): ParsedSchedule {
  const fields = DESCRIPTORS.get(text);
  if (fields !== undefined) return parseFields(fields, zone, seed);
  const every = /^@every\s+(.*)$/.exec(text)?.[1];
  if (every !== undefined) return parseEvery(every, zone);
  throw new ScheduleError(`schedule: ${JSON.stringify(text)} is unknown`, FORMS);
}

function parseEvery(text: string, zone: Zone): ParsedSchedule {
  const asked = durationOf(text);
  // robfig/cron cuts fractions off.
  const every = Math.max(1000, Math.floor(asked / 1000) * 1000);
  const schedule = everySchedule(every, zone.name);
  if (every === asked) return { schedule, warnings: [] };
  const why = asked < 1000 ? 'less than a second' : 'no whole seconds';
  return { schedule, warnings: [`schedule: @every ${text} is ${why}: every ${formatDuration(every)} is taken`] };
}

function durationOf(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    if (error instanceof DurationError)
      throw new ScheduleError(`schedule: @every ${JSON.stringify(text)}: ${error.message}`);
    throw error;
  }
}

function parseFields(text: string, zone: Zone, seed: string): ParsedSchedule {
  const words = text.split(/\s+/).filter((word) => word !== '');
  if (words.length !== 5 && words.length !== 6) {
    const count =
      words.length === 0
        ? 'empty, not 5 or 6 fields'
        : `${words.length} ${words.length === 1 ? 'field' : 'fields'}, not 5 or 6`;
    throw new ScheduleError(`schedule: ${JSON.stringify(text)} is ${count}`, FORMS);
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
    const days = `day-of-month field ${JSON.stringify(dayOfMonth)}: no month of ${JSON.stringify(month)} has such a day`;
    throw new ScheduleError(`schedule: ${days}: it would never fire`);
  }
  return {
    schedule: new CronSchedule(fields, zone),
    warnings: Object.values<Field>({ ...fields }).flatMap(({ warnings }) => warnings),
  };
}
