/** What `ballot info` says of the candidates' schedules. */
import type { CandidateReport, ElectionReport } from '../../election/report.ts';
import { formatInstant, type Ledger } from '../../ledger/record.ts';
import { hasSameTicks, serviceOf } from '../../ledger/service.ts';
import { type ScheduleRecord } from '../../cron/schedule.ts';

/** The schedule that is served. */
export interface ScheduleDocument extends ScheduleRecord {
  /** ISO 8601 in UTC, by the clock of this host. `undefined`: none comes, or this ballot cannot read the schedule. */
  readonly nextTick?: string;
}

/** What this candidate serves when it leads. `undefined`: it says nothing of a schedule. */
function scheduleOf({ schedule, timezone }: CandidateReport): ScheduleRecord | undefined {
  return schedule === undefined || timezone === undefined ? undefined : { schedule, timezone };
}

interface Reference {
  readonly record: ScheduleRecord;
  readonly whose: string;
}

/** The leader's schedule, else that of the first in the queue that has one. */
function referenceOf({ leader, candidates }: ElectionReport): Reference | undefined {
  for (const who of leader === undefined ? candidates : [leader, ...candidates]) {
    const record = scheduleOf(who);
    const whose = `${who === leader ? 'the leader ' : ''}${who.candidateId} on ${who.hostname}`;
    if (record !== undefined) return { record, whose };
  }
  return undefined;
}

/** The report with a note, after all others, at each candidate that has another schedule or zone than the leader. */
export function withScheduleNotes(report: ElectionReport): ElectionReport {
  const reference = referenceOf(report);
  if (reference === undefined) return report;
  const { record, whose } = reference;
  const note = `schedule differs from that of ${whose}: ${record.schedule} in ${record.timezone}`;
  const candidates = report.candidates.map((candidate) => {
    const own = scheduleOf(candidate);
    if (own === undefined || hasSameTicks(own, record)) return candidate;
    return { ...candidate, notes: [...candidate.notes, note] };
  });
  return { ...report, candidates };
}

/**
 * The leader's schedule, else the one that was served last, with its next tick after `now`, ms since the Unix epoch.
 * `seed` spreads `H`: the base path. `undefined`: nobody serves one.
 */
export async function servedSchedule(
  report: ElectionReport,
  ledger: Ledger | undefined,
  { now, seed }: { readonly now: number; readonly seed: string },
): Promise<ScheduleDocument | undefined> {
  const last = ledger && serviceOf(ledger);
  const record = (report.leader && scheduleOf(report.leader)) ?? last ?? referenceOf(report)?.record;
  if (record === undefined) return undefined;
  const { schedule, timezone } = record;
  // Ticks that are settled are not started, also those that a fast clock has settled before their time.
  const settled = last !== undefined && hasSameTicks(last, record) ? (ledger?.through ?? now) : now;
  const next = await nextTick(record, Math.max(now, settled), seed);
  return { schedule, timezone, ...(next === undefined ? {} : { nextTick: formatInstant(next) }) };
}

async function nextTick(record: ScheduleRecord, after: number, seed: string): Promise<number | undefined> {
  const { parseSchedule, ScheduleError } = await import('../../cron/expression.ts');
  try {
    return parseSchedule(record.schedule, { timezone: record.timezone, seed }).schedule.next(after);
  } catch (error) {
    // Somebody else has written it: a newer ballot may know more.
    if (error instanceof ScheduleError) return undefined;
    throw error;
  }
}
