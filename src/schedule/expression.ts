import { readSchedule } from './grammar.ts';
import { CronSchedule, everySchedule, type Schedule } from './schedule.ts';
import { hostZone, openZone, type Zone } from './zone.ts';

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
  /** What is used of that which robfig/cron, and so Go's ballot, does not know: `L`. Each once. */
  readonly extensions: readonly string[];
}

/** The ticks of a schedule, as `readSchedule` reads it. Throws ScheduleError, also when the zone beside it, or the host's, is unknown. */
export function parseSchedule(text: string, { timezone, seed }: ScheduleOptions): ParsedSchedule {
  const { zone: named, rule, warnings, extensions } = readSchedule(text, seed);
  const zone = zoneOf(named, timezone);
  return {
    schedule: 'every' in rule ? everySchedule(rule.every, zone.name) : new CronSchedule(rule.fields, zone),
    warnings: warnings.map((warning) => `schedule: ${warning}`),
    extensions,
  };
}

function zoneOf(named: string | undefined, timezone: string | undefined): Zone {
  if (named !== undefined && named !== 'Local') return openZone(named, 'schedule');
  if (named === undefined && timezone !== undefined) return openZone(timezone, 'timezone');
  return openZone(hostZone(), "the host's zone (TZ)");
}
