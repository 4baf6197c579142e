/** A cgroup (version 2) of one run, as supervisor and keeper see it: who is in it, its end, its removal. */
import { closeSync, constants, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { orUndefined } from '../errors.ts';
import { readdir, rmdir } from './files.ts';
import { errorCode } from './proc.ts';

/** ENODEV: it was removed while one of its files was read. */
const GONE = ['ENOENT', 'ENODEV'];

/** Process ids of all in it and below it, as far as they can be read: `isPopulated` knows of the rest. */
export function membersOf(cgroup: string): number[] {
  return orUndefined(() => [...directMembersOf(cgroup), ...foldersIn(cgroup).flatMap(membersOf)]) ?? [];
}

/** Process ids in this very cgroup; one of another pid namespace is 0. Throws when it cannot be read. */
export function directMembersOf(cgroup: string): number[] {
  const text = readFileSync(join(cgroup, 'cgroup.procs'), 'latin1');
  return text
    .split('\n')
    .map(Number)
    .filter((pid) => pid > 0);
}

function foldersIn(cgroup: string): string[] {
  const entries = readdirSync(cgroup, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(cgroup, name));
}

/**
 * Whether a process lives in it or below it. A cgroup that cannot be read may be populated: better to wait than to
 * start the command elsewhere too early.
 */
export function isPopulated(cgroup: string): boolean {
  try {
    return /^populated 1$/m.test(readFileSync(join(cgroup, 'cgroup.events'), 'latin1'));
  } catch (error) {
    return !GONE.includes(errorCode(error) ?? '');
  }
}

/**
 * SIGKILL for all that is in it and below it, at one instant: nobody can fork out of the way. Does nothing where the
 * kernel has no `cgroup.kill` (before 5.14): then the caller signals the members one by one.
 */
export function killAll(cgroup: string): void {
  try {
    const file = openSync(join(cgroup, 'cgroup.kill'), constants.O_WRONLY);
    try {
      writeSync(file, '1');
    } finally {
      closeSync(file);
    }
  } catch {
    // The caller signals each member as well.
  }
}

/** Removes it with all that is below it. Throws while somebody lives in it. */
export async function removeCgroup(cgroup: string): Promise<void> {
  try {
    const entries = await readdir(cgroup, { withFileTypes: true });
    for (const entry of entries) if (entry.isDirectory()) await removeCgroup(join(cgroup, entry.name));
    await rmdir(cgroup);
  } catch (error) {
    if (!GONE.includes(errorCode(error) ?? '')) throw error;
  }
}
