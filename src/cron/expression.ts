import { readSchedule } from './grammar.ts';
import { chosenZone } from './host-zone.ts';
import { CronSchedule, everySchedule, type Schedule, type ScheduleRecord } from './schedule.ts';
import { openZone } from './zone.ts';

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
  /** As ledgers and proposals carry it. */
  readonly record: ScheduleRecord;
  /** Where the zone comes from: `schedule`, `timezone`, `host: TZ`, `host: /etc/localtime`. */
  readonly zoneFrom: string;
  /** Warnings of what is allowed but probably a mistake, or means less than it says. */
  readonly warnings: readonly string[];
  /** Features in use that robfig/cron, and so Go's ballot, does not know: `L`. Each once. */
  readonly extensions: readonly string[];
}

/** The ticks of a schedule, as `readSchedule` reads it. Throws ScheduleError, also for a zone that is unknown. */
export function parseSchedule(text: string, { timezone, seed }: ScheduleOptions): ParsedSchedule {
  const { zone: named, text: words, rule, warnings, extensions } = readSchedule(text, seed);
  const { name, from } = chosenZone(named, timezone);
  const zone = openZone(name, from);
  return {
    schedule: 'every' in rule ? everySchedule(rule.every, zone.name) : new CronSchedule(rule.fields, zone),
    record: { schedule: words, timezone: zone.name },
    zoneFrom: from,
    warnings: warnings.map((warning) => `schedule: ${warning}`),
    extensions,
  };
}
