/** Files of the state folder: how they are written whole, and what a failure is called. */
import {
  closeSync,
  existsSync,
  fchmodSync,
  fsyncSync,
  linkSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { systemClock } from '../clock.ts';
import { fsync, open } from '../command/files.ts';
import { type BallotError, ConfigurationError, UnavailableError } from '../errors.ts';

/** The system call's error code, such as ENOSPC. */
export function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException | null)?.code ?? '';
}

/** What the codes mean, and what to do. */
const REASONS: Readonly<Record<string, readonly [why: string, hint: string]>> = {
  EACCES: ['permission denied', 'let this user write there, or choose another folder with --state-dir'],
  EPERM: ['not permitted', 'let this user write there, or choose another folder with --state-dir'],
  EROFS: ['the file system is read-only', 'choose a folder that can be written with --state-dir'],
  ENOTDIR: ['a part of its path is no folder', 'choose another folder with --state-dir'],
  ELOOP: ['it is a symbolic link', 'delete the link: ballot makes the file itself'],
  ENOSPC: ['no space is left on the disk', 'make room there'],
  EDQUOT: ['the quota of the disk is used up', 'make room there'],
  EMFILE: ['the limit of open files is reached (ulimit -n)', 'raise it'],
  ENFILE: ['the limit of open files of the whole system is reached', 'raise it'],
  EIO: ['the disk does not work', 'look at the kernel’s log'],
};

/** These do not mend themselves: to try again is of no use. */
const LASTING: readonly string[] = ['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'ELOOP'];

/**
 * One sentence about a file or folder that cannot be used: `deed`, such as `cannot write`, its path, and the reason.
 */
export function diskError(deed: string, path: string, cause: unknown): BallotError {
  const code = codeOf(cause);
  const [why, hint] = REASONS[code] ?? [cause instanceof Error ? cause.message : String(cause), undefined];
  const message = `coordinator local: ${deed} ${path}: ${why}${code === '' ? '' : ` (${code})`}`;
  const options = hint === undefined ? {} : { hint };
  return LASTING.includes(code) ? new ConfigurationError([message], options) : new UnavailableError(message, options);
}

/** What is written has to survive. Killed processes alone: the kernel has it, and no disk is waited for. */
type Lasting = 'over a power failure' | 'over a crash of ballot';

/** 12 hex digits that are drawn once. Node's crypto would cost a start some milliseconds. */
export const uniqueName = (): string =>
  Math.trunc(systemClock.random() * 2 ** 48)
    .toString(16)
    .padStart(12, '0');

/** A name for what is to take the place of `path`. In another namespace there may be a process with this number. */
export const draftOf = (path: string): string => `${path}.${process.pid}.${uniqueName()}.tmp`;

/**
 * A file with these bytes beside `path`, synced if asked for, under a name of its own: not seen by anybody yet. Throws
 * what the system throws, and leaves nothing then.
 */
function draft(path: string, data: string | Buffer, lasts: Lasting = 'over a power failure'): string {
  const name = draftOf(path);
  const file = openSync(name, 'wx', 0o600);
  try {
    // A file is for whom its folder is for.
    if (isShared(statSync(dirname(path)))) fchmodSync(file, 0o660);
    const bytes = Buffer.from(data);
    for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done);
    if (lasts === 'over a power failure') fsyncSync(file);
  } catch (error) {
    rmSync(name, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
  return name;
}

/** Whether a folder is open to a group. */
export const isShared = ({ mode }: Stats): boolean => (mode & 0o070) === 0o070;

/** Makes what was made, renamed or linked in a folder last over a crash of the host. Throws what the system throws. */
export function syncFolder(folder: string): void {
  const file = openSync(folder, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/**
 * Makes a file that was written for a crash of ballot alone last over a power failure as well, while this process does
 * something else. Rejects with what the system says.
 */
export async function persist(path: string): Promise<void> {
  await sync(path);
  await sync(dirname(path));
}

async function sync(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await fsync(file);
  } finally {
    closeSync(file);
  }
}

/** Replaces a file, whole or not at all, whatever crashes meanwhile. Throws what the system throws. */
export function replaceFile(path: string, data: string | Buffer, lasts: Lasting = 'over a power failure'): void {
  const name = draft(path, data, lasts);
  try {
    renameSync(name, path);
  } catch (error) {
    rmSync(name, { force: true });
    throw error;
  }
  if (lasts === 'over a power failure') syncFolder(dirname(path));
}

/** Makes a file that must not be there yet, whole or not at all. Returns false when it is there. */
export function createFile(path: string, data: string | Buffer, lasts: Lasting = 'over a power failure'): boolean {
  const name = draft(path, data, lasts);
  try {
    linkSync(name, path);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(name, { force: true });
  }
  if (lasts === 'over a power failure') syncFolder(dirname(path));
  return true;
}

/** As a draft is named: the number of the process that writes it, and 12 hex digits at random, or a UUID. */
const DRAFT = /\.(\d+)\.(?:[0-9a-f]{12}|[0-9a-f-]{36})\.tmp$/;

/**
 * Removes the drafts of processes that have crashed in the middle of a write. `of`: how their names begin, in a folder
 * that others use too.
 */
export function removeDrafts(folder: string, of = ''): void {
  for (const name of readdirSync(folder)) {
    const [, pid] = (name.startsWith(of) && DRAFT.exec(name)) || [];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) rmSync(join(folder, name), { recursive: true, force: true });
  }
}
