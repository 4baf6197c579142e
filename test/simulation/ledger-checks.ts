import { isDeepStrictEqual } from 'node:util';
import type { Ledger, RunRecord } from '../../src/ledger/record.ts';
import type { Launch } from './command.ts';
import type { Tenure } from './tenure.ts';
import type { LedgerChange, LedgerChronicle } from './ledger-chronicle.ts';

const MOST_RUNS = 50;
const MOST_BYTES = 512 * 1024;

/** What must hold for every write of the ledger, whoever made it. */
export function checkLedger(
  chronicle: LedgerChronicle,
  tenures: readonly Tenure[],
  launches: readonly Launch[],
  wipes: readonly number[],
): string[] {
  return [
    ...chronicle.unreadable,
    ...chronicle.changes.flatMap((change) => checkChange(change, tenures, launches, wipes)),
  ];
}

function checkChange(
  change: LedgerChange,
  tenures: readonly Tenure[],
  launches: readonly Launch[],
  wipes: readonly number[],
): string[] {
  const { at, ledger, before, bytes } = change;
  const problems: string[] = [];
  // Written back as it was: a leader asks whether what it has read is the present state.
  if (before !== undefined && isDeepStrictEqual(before.ledger, ledger)) return problems;
  if (ledger.runs.length > MOST_RUNS || bytes > MOST_BYTES)
    problems.push(`holds ${ledger.runs.length} runs in ${bytes} bytes`);
  // An ensemble that has lost its data gives tokens out again.
  const owners = tenures.filter(({ token }) => token === ledger.fencingToken).map(({ host }) => host);
  if (!owners.includes(change.by)) problems.push(`carries the token of ${owners.join() || 'nobody'}`);
  const orphan = ledger.runs.find((run) => (run.fencingToken ?? 0) < ledger.fencingToken && run.outcome === undefined);
  if (orphan !== undefined) problems.push(`leaves run ${orphan.runId} of an earlier term open`);
  const isLaunched = ({ runId, tick, candidateId }: RunRecord): boolean =>
    launches.some((it) => it.runId === runId && it.tick === tick && it.host === candidateId && it.at <= at);
  if (before !== undefined) {
    // A leader of before may have written down again what it knew: tokens are smaller now, and a znode made anew has
    // the versions again that it knows.
    const tokens = [before.ledger.fencingToken, ledger.fencingToken];
    const elected = tenures.filter(({ token, electedAt }) => tokens.includes(token) && electedAt <= at);
    const since = Math.min(...elected.map(({ electedAt }) => electedAt));
    const isFenced = !wipes.some((wipe) => wipe > since && wipe < at);
    if (isFenced) problems.push(...checkStep(before.ledger, ledger, isLaunched));
    if (ledger.fencingToken < before.ledger.fencingToken && isFenced)
      problems.push(`is of term ${ledger.fencingToken}, after one of term ${before.ledger.fencingToken}`);
  }
  return problems.map((problem) => `the ledger that ${change.by} wrote at ${change.at.toFixed(1)} ${problem}`);
}

function checkStep(before: Ledger, after: Ledger, isLaunched: (run: RunRecord) => boolean): string[] {
  const problems: string[] = [];
  const withdrawn = before.runs.filter((run) => isMissing(run, before, after));
  for (const run of withdrawn) {
    const { runId, outcome } = run;
    if (isLaunched(run)) problems.push(`has lost run ${runId}, which was started`);
    else if (outcome !== undefined) problems.push(`has lost run ${runId}, which had ended as ${outcome}`);
  }
  const floor = thoroughly(before, withdrawn);
  if ((after.through ?? -Infinity) < floor)
    problems.push(`goes back from ${time(before.through)} to ${time(after.through)}, not by a withdrawal`);
  for (const run of before.runs) {
    const later = after.runs.find((other) => isSame(run, other));
    if (later !== undefined && run.outcome !== undefined && !isDeepStrictEqual(later, run))
      problems.push(`rewrites run ${run.runId}: ${JSON.stringify(run)}, now ${JSON.stringify(later)}`);
  }
  return problems;
}

/** Gone, and not pushed out by newer ones, of which one may have been taken back in the same write. */
function isMissing(run: RunRecord, before: Ledger, { runs }: Ledger): boolean {
  const isThere = (one: RunRecord): boolean => runs.some((other) => isSame(one, other));
  if (isThere(run)) return false;
  const isFull = runs.length >= MOST_RUNS || before.runs.length >= MOST_RUNS;
  // Older ones are pushed out first.
  return !isFull || (run.outcome === undefined && before.runs.slice(0, before.runs.indexOf(run)).some(isThere));
}

/** An ensemble that has lost its data gives tokens out again, and run ids with them. */
function isSame(one: RunRecord, other: RunRecord): boolean {
  return one.runId === other.runId && one.tick === other.tick && one.fencingToken === other.fencingToken;
}

/** How far `through` must reach at least after the withdrawal of these runs. */
function thoroughly({ through, runs }: Ledger, withdrawn: readonly RunRecord[]): number {
  if (through === undefined) return -Infinity;
  if (!withdrawn.some(({ tick }) => tick === through)) return through;
  return Math.max(-Infinity, ...runs.filter((run) => !withdrawn.includes(run)).flatMap(({ tick }) => tick ?? []));
}

export function time(instant: number | undefined): string {
  return instant === undefined ? 'nothing' : new Date(instant).toISOString();
}

/**
 * When all is over, and the ensemble was there to be told: every run has an end, or is known to be lost. What is
 * written of a run is true.
 */
export function checkRecords(chronicle: LedgerChronicle, launches: readonly Launch[], complete: boolean): string[] {
  const present = new Set(chronicle.changes.at(-1)?.ledger.runs.map(({ runId }) => runId));
  return [...chronicle.records().values()].flatMap((record) => {
    const { runId, outcome } = record;
    if (outcome === undefined)
      return complete && present.has(runId) ? [`run ${runId} has neither an end nor is it lost`] : [];
    // An ensemble that has lost its data gives tokens out again, and run ids with them.
    const launch = launches.find((other) => other.runId === runId && other.tick === record.tick);
    if (outcome === 'lost') return [];
    if (launch === undefined) return [`run ${runId} was never started, and is recorded as ${outcome}`];
    const problem = contradiction(record, launch);
    return problem === undefined ? [] : [`run ${runId} is recorded as ${JSON.stringify(record)}, but ${problem}`];
  });
}

function contradiction(record: RunRecord, launch: Launch): string | undefined {
  const { run } = launch;
  if (run === undefined) return record.outcome === 'not started' ? undefined : 'could not be started';
  if (run.endedAt === undefined) return 'is still running';
  if (record.outcome === 'not started') return 'was started';
  const { outcome } = run;
  const code = outcome?.kind === 'exited' ? outcome.code : undefined;
  if (record.outcome === 'succeeded') return code === 0 ? undefined : `ended by ${JSON.stringify(outcome)}`;
  if (record.outcome === 'failed') return code === 0 ? 'succeeded' : undefined;
  return undefined;
}
