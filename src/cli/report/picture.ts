/** What reports show of an election: its standings, its runs and its schedule, made of what was read. */
import { parseLedger, type Ledger, type RunRecord } from '../../ledger/record.ts';
import type { ElectionReport } from '../../election/report.ts';
import { leadingTerm, runDocument, type RunDocument } from './runs.ts';
import { servedSchedule, withScheduleNotes, type ScheduleDocument } from './schedules.ts';

/** How many of the last runs are shown; `ballot history` has them all. */
export const LAST_RUNS = 3;

export interface Picture {
  readonly election: ElectionReport;
  /** All that the ledger holds, oldest first. */
  readonly runs: readonly RunRecord[];
  /** The same, as they are shown. */
  readonly shown: readonly RunDocument[];
  readonly schedule: ScheduleDocument | undefined;
  /** Why the ledger could not be read, and how it begins. */
  readonly unreadable: { readonly why: string; readonly excerpt: string } | undefined;
}

/** The picture of a report and its ledger. `now`: ms since the Unix epoch. `seed` spreads `H`: the base path. */
export async function pictureOf(
  report: ElectionReport,
  data: Buffer,
  looked: { readonly now: number; readonly seed: string },
): Promise<Picture> {
  const parsed = parseLedger(data);
  const ledger = parsed.kind === 'ledger' ? parsed.ledger : undefined;
  const election = withTerms(withScheduleNotes(report), ledger);
  const runs = ledger?.runs ?? [];
  const leading = leadingTerm(election);
  return {
    election,
    runs,
    shown: runs.map((run) => runDocument(run, leading)),
    schedule: await servedSchedule(election, ledger, looked),
    unreadable: parsed.kind === 'unreadable' ? { why: parsed.why, excerpt: parsed.excerpt } : undefined,
  };
}

function withTerms(election: ElectionReport, ledger: Ledger | undefined): ElectionReport {
  if (election.lease === undefined || ledger?.terms === undefined) return election;
  return { ...election, lease: { ...election.lease, terms: ledger.terms } };
}
