/** What `ballot info` says of an election that nobody leads and nobody stands in. Pure. */
import { nearest } from '../../config/nearest.ts';
import type { Neighbourhood } from '../../zookeeper/report/inspection.ts';
import type { Snapshot } from '../../zookeeper/report/snapshot.ts';

/** So many names are listed at most. */
const LISTED = 5;

/** Whether nobody leads and nobody stands. */
export function isDeserted({ base, proposals }: Snapshot): boolean {
  return proposals.length === 0 && (base === undefined || base.data.length === 0);
}

/** Whether nobody has ever led here: the first claim changes the version of the base znode. */
export function wasNeverHeld({ base }: Snapshot): boolean {
  return base === undefined || base.stat.version === 0;
}

/**
 * Notes on why nobody may be there; none where somebody is. `around`: what exists near an election that was never held.
 */
export function notesOnNobody(snapshot: Snapshot, around: Neighbourhood | undefined): string[] {
  if (!isDeserted(snapshot)) return [];
  if (around === undefined || !wasNeverHeld(snapshot))
    return ['a candidate that pauses after a failed run is not shown, and stands again by itself'];
  const { base, basePath } = snapshot;
  const missing = `there is no znode ${basePath}: no election was ever held there, or somebody has deleted it`;
  const unused = `no election was ever held at ${basePath}`;
  return [base === undefined ? missing : unused, nearestNote(basePath, around)];
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
