/** Runs of a schedule as reports show them. */
import { formatDuration } from '../../duration.ts';
import { dotted } from '../../visible.ts';
import type { ElectionReport } from '../../election/report.ts';
import { formatInstant, type RunRecord } from '../../ledger/record.ts';
import type { OutputFormat } from '../command-context.ts';
import { align, jsonText } from './print.ts';

/** The fencing token of the term that holds the lease; `undefined` when nobody does, or it has run out. */
export function leadingTerm({ lease }: ElectionReport): number | undefined {
  if (lease?.state !== 'held' || (lease.expiresIn ?? 1) <= 0) return undefined;
  return lease.fencingToken;
}

/**
 * One run, in words. What is not known is `undefined`, and left out of a report. Instants are ISO 8601 in UTC. An open
 * run is `running` when the term that entered it holds the lease (`leading`); otherwise `unknown`: nobody has closed it
 * yet.
 */
export function runDocument(run: RunRecord, leading: number | undefined) {
  const { runId, candidateId, tick, start, end, fencingToken, exitCode, skipped } = run;
  const isRunning = leading !== undefined && fencingToken === leading;
  return {
    tick: tick === undefined ? undefined : formatInstant(tick),
    runId,
    candidateId,
    fencingToken,
    start: formatInstant(start),
    end: end === undefined ? undefined : formatInstant(end),
    took: end === undefined ? undefined : formatDuration(end - start),
    outcome: run.outcome ?? (isRunning ? 'running' : 'unknown'),
    exitCode,
    skipped,
  };
}

/** A run as reports show it. */
export type RunDocument = ReturnType<typeof runDocument>;

/** A list of runs as text, with its last newline. `leading`: which term holds the lease. */
export async function renderRuns(
  runs: readonly RunRecord[],
  leading: number | undefined,
  format: OutputFormat,
): Promise<string> {
  if (format === 'table') return table(runs, leading);
  const documents = runs.map((run) => runDocument(run, leading));
  return format === 'json' ? jsonText(documents) : (await import('./yaml.ts')).yamlText(documents);
}

const COLUMNS = ['TICK', 'RUN', 'CANDIDATE', 'START', 'TOOK', 'OUTCOME', 'EXIT', 'SKIPPED'];

function table(runs: readonly RunRecord[], leading: number | undefined): string {
  if (runs.length === 0) return 'no runs\n';
  const rows = runs.map((run) => {
    const {
      tick = '',
      runId,
      candidateId,
      start,
      took = '',
      outcome,
      exitCode = '',
      skipped = '',
    } = runDocument(run, leading);
    return [tick, runId, candidateId, start, took, outcome, String(exitCode), String(skipped)].map(dotted);
  });
  return [...align([COLUMNS, ...rows]), ''].join('\n');
}

/** The runs on one line, for a report about something else. */
export function runsLine(runs: readonly RunRecord[], leading: number | undefined): string {
  const words = runs.map((run) => {
    const { tick, start, candidateId, outcome, exitCode } = runDocument(run, leading);
    const code = exitCode === undefined || exitCode === 0 ? '' : ` (${exitCode})`;
    return `${tick ?? start} ${outcome}${code} on ${candidateId}`;
  });
  return dotted(`last runs: ${words.join(', ')}`);
}
