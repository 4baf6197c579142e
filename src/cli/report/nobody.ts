/** What `ballot info` says of an election that nobody leads and nobody stands in. Pure. */
import { nearest } from '../../config/nearest.ts';
import type { Deserted, Neighbourhood } from '../../election/observer.ts';

/** So many names are listed at most. */
const LISTED = 5;

/** Notes on why nobody may be there; none where somebody is. */
export function notesOnNobody(deserted: Deserted | undefined): string[] {
  if (deserted === undefined) return [];
  const { carrier, path, exists, wasHeld, around } = deserted;
  if (around === undefined || wasHeld)
    return ['a candidate that pauses after a failed run is not shown, and stands again by itself'];
  const missing = `there is no ${carrier} ${path}: no election was ever held there, or somebody has deleted it`;
  const unused = `no election was ever held at ${path}`;
  return [exists ? unused : missing, nearestNote(path, around)];
}

function nearestNote(electionPath: string, { path, names }: Neighbourhood): string {
  const prefix = path === '/' ? '' : path;
  const [missing = ''] = electionPath.slice(prefix.length + 1).split('/');
  const near = nearest(missing, names);
  if (missing !== '' && near !== undefined) return `the nearest path that exists is ${prefix}/${near}`;
  if (names.length === 0) return `${path} exists, and there is nothing below it`;
  const more = names.length > LISTED ? `, and ${names.length - LISTED} more` : '';
  return `below ${path} there are: ${names.slice(0, LISTED).join(', ')}${more}`;
}
