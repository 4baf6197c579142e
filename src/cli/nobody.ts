/** What `ballot info` says of an election that nobody leads and nobody stands in. Pure. */
import { nearest } from '../config/nearest.ts';
import type { Neighbourhood } from '../election/inspect.ts';
import type { Snapshot } from '../election/reading.ts';
import type { ElectionReport } from '../election/status.ts';

/** So many names are listed at most. */
const LISTED = 5;

/** Whether nobody leads and nobody stands. */
export function isDeserted({ lease }: ElectionReport): boolean {
  return lease === undefined;
}

/** Whether nobody has ever led here: the first claim changes the version of the base znode. */
export function wasNeverHeld({ base }: Snapshot): boolean {
  return base === undefined || base.stat.version === 0;
}

/** The report with notes on why nobody may be there. `around`: what exists near an election that was never held. */
export function withNotesOnNobody(
  report: ElectionReport,
  snapshot: Snapshot,
  around: Neighbourhood | undefined,
): ElectionReport {
  if (!isDeserted(report)) return report;
  if (around === undefined || !wasNeverHeld(snapshot))
    return {
      ...report,
      notes: ['a candidate that pauses after a failed run is not shown, and stands again by itself'],
    };
  const { base, basePath } = snapshot;
  const missing = `there is no znode ${basePath}: no election was ever held there, or somebody has deleted it`;
  const unused = `no election was ever held at ${basePath}`;
  return { ...report, notes: [base === undefined ? missing : unused, nearestNote(basePath, around)] };
}

function nearestNote(basePath: string, { path, names }: Neighbourhood): string {
  const prefix = path === '/' ? '' : path;
  const [missing = ''] = basePath.slice(prefix.length + 1).split('/');
  const near = nearest(missing, names);
  if (missing !== '' && near !== undefined) return `the nearest path that exists is ${prefix}/${near}`;
  if (names.length === 0) return `${path} exists, and there is nothing below it`;
  const more = names.length > LISTED ? `, and ${names.length - LISTED} more` : '';
  return `below ${path} there are: ${names.slice(0, LISTED).join(', ')}${more}`;
}
