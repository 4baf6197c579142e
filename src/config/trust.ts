import type { Stats } from 'node:fs';
import { lstat, realpath } from 'node:fs/promises';
import { dirname } from 'node:path';

/** The user and the group that ballot runs as. Root is trusted beside them. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
}

/** Who ballot runs as. `undefined` where the system knows no numbers of users. */
export function ownIdentity(): Identity | undefined {
  const [uid, gid] = [process.geteuid?.(), process.getegid?.()];
  return uid === undefined || gid === undefined ? undefined : { uid, gid };
}

/**
 * Why other users can change the file, or put another in its place; `undefined` if they cannot. Looks at the file and
 * its folder, and at both ends of a symbolic link. Throws what the file system says.
 */
export async function whyOthersMayWrite(path: string, identity: Identity): Promise<string | undefined> {
  const target = await realpath(path);
  for (const place of new Set([dirname(path), path, dirname(target), target])) {
    const why = openToOthers(await lstat(place), identity);
    if (why !== undefined) return `${place} ${why}`;
  }
  return undefined;
}

function openToOthers(stats: Stats, { uid, gid }: Identity): string | undefined {
  if (stats.uid !== 0 && stats.uid !== uid) return `belongs to another user (${stats.uid})`;
  // The mode of a link says nothing. In a sticky folder others may make files of their own, which belong to them.
  const isSticky = stats.isDirectory() && (stats.mode & 0o1000) !== 0;
  if (stats.isSymbolicLink() || isSticky) return undefined;
  if ((stats.mode & 0o002) !== 0) return 'can be written by everybody';
  // Where each user has a group of the same number, nobody else is in it.
  const isOwnGroup = stats.gid === 0 || (stats.gid === gid && gid === uid);
  return (stats.mode & 0o020) !== 0 && !isOwnGroup ? `can be written by a group (${stats.gid})` : undefined;
}
