/** Runs of a schedule as reports show them. */
import { formatDuration } from '../../duration.ts';
import { dotted } from '../../visible.ts';
import type { ElectionReport } from '../../zookeeper/report/report.ts';
import { formatInstant, type RunRecord } from '../../ledger/record.ts';
import type { OutputFormat } from '../command-context.ts';
import { align, jsonText } from './print.ts';

/** One run, in words. What is not known is `undefined`, and left out of a report. Instants are ISO 8601 in UTC. */
export interface RunDocument {
  /** Not there for a command without a schedule. */
  readonly tick: string | undefined;
  readonly runId: string;
  readonly candidateId: string;
  readonly fencingToken: number | undefined;
  readonly start: string;
  readonly end: string | undefined;
  readonly took: string | undefined;
  /** `running`: the term that entered it holds the lease. `unknown`: it does not, and nobody has closed the run yet. */
  readonly outcome: string;
  readonly exitCode: number | undefined;
  readonly skipped: number | undefined;
}

/** The fencing token of the term that holds the lease; `undefined` when nobody does, or it has run out. */
export function leadingTerm({ lease }: ElectionReport): number | undefined {
  if (lease?.state !== 'held' || (lease.expiresIn ?? 1) <= 0) return undefined;
  return lease.fencingToken;
}

/** The runs in words, in the same order. `leading`: which term holds the lease. */
export function runDocuments(runs: readonly RunRecord[], leading: number | undefined): RunDocument[] {
  return runs.map((run) => {
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
  });
}

/** A list of runs as text, with its last newline. */
export async function renderRuns(runs: readonly RunDocument[], format: OutputFormat): Promise<string> {
  switch (format) {
    case 'yaml':
      return (await import('./yaml.ts')).yamlText(runs);
    case 'json':
      return jsonText(runs);
    case 'table':
      return table(runs);
  }
}

const COLUMNS = ['TICK', 'RUN', 'CANDIDATE', 'START', 'TOOK', 'OUTCOME', 'EXIT', 'SKIPPED'];

function table(runs: readonly RunDocument[]): string {
  if (runs.length === 0) return 'no runs\n';
  const rows = runs.map((run) => {
    const { tick = '', runId, candidateId, start, took = '', outcome, exitCode = '', skipped = '' } = run;
    return [tick, runId, candidateId, start, took, outcome, String(exitCode), String(skipped)].map(dotted);
  });
  return [...align([COLUMNS, ...rows]), ''].join('\n');
}

/** The runs on one line, for a report about something else. */
export function runsLine(runs: readonly RunDocument[]): string {
  const words = runs.map(({ tick, start, candidateId, outcome, exitCode }) => {
    const code = exitCode === undefined || exitCode === 0 ? '' : ` (${exitCode})`;
    return `${tick ?? start} ${outcome}${code} on ${candidateId}`;
  });
  return dotted(`last runs: ${words.join(', ')}`);
}
