/** What a leader serves: a schedule in a zone. `through` of a ledger is about one of these alone. */
import { ScheduleError } from '../cron/errors.ts';
import type { ScheduleRecord } from '../cron/schedule.ts';
import { readSchedule } from '../cron/grammar.ts';
import { isSameZone } from '../cron/zone-names.ts';

/** What a leader serves, and who it is, as the ledger says it. */
export interface Service extends ScheduleRecord {
  readonly candidateId: string;
  readonly hostname: string;
}

/** What the term that wrote this ledger last served. `undefined`: it does not say so. */
export function serviceOf({
  schedule,
  timezone,
  candidateId = '',
  hostname = '',
}: Partial<Service>): Service | undefined {
  if (schedule === undefined || timezone === undefined) return undefined;
  return { schedule, timezone, candidateId, hostname };
}

/** `30 2 * * * in Europe/Paris (a1 on host-1)` */
export function describeService({ schedule, timezone, candidateId, hostname }: Service): string {
  return `${schedule} in ${timezone} (${candidateId} on ${hostname})`;
}

/**
 * Whether both have the same ticks, as far as their texts tell: `@daily` and `0 0 * * *` do, UTC and Etc/UTC are one
 * zone, and an interval has none.
 */
export function hasSameTicks(a: ScheduleRecord, b: ScheduleRecord): boolean {
  if (a.schedule === b.schedule && a.timezone === b.timezone) return true;
  const rule = meaningOf(a.schedule);
  if (rule !== meaningOf(b.schedule)) return false;
  return rule.startsWith('{"every"') || isSameZone(a.timezone, b.timezone);
}

/** The rule as text. A rule that cannot be read (a newer ballot's) stays as it is. */
function meaningOf(text: string): string {
  try {
    const { rule } = readSchedule(text, '');
    return JSON.stringify(rule, (key, value: unknown) =>
      key === 'warnings' || key === 'extensions' ? undefined : value,
    );
  } catch (error) {
    if (error instanceof ScheduleError) return text;
    throw error;
  }
}
