/**
 * The lock of an election: flock(2) on one file. Node has no flock, so the program `flock` takes it, on a descriptor
 * that it inherits: the lock belongs to the open file that both share, and stays with ours when the helper has ended.
 * The kernel frees it when the last descriptor of that open file is closed, and hands it over in the order of arrival.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, constants, fstatSync, openSync, readFileSync, statSync } from 'node:fs';
import { ConfigurationError, orUndefined, UnavailableError } from '../errors.ts';
import { codeOf, diskError } from './disk.ts';
import type { FileIdentity } from './processes.ts';

/** A place in the kernel's queue for the lock, and later the lock itself. */
export interface LockRequest {
  /** Who inherits it holds the lock as well. */
  readonly descriptor: number;
  readonly file: FileIdentity;
  /** Resolves when the lock is held. Rejects when it cannot be taken; not after `close`. */
  readonly granted: Promise<void>;
  /** Whether the kernel's queue has it: who asks now is behind it. True as well when it is settled. */
  isInLine(): boolean;
  /** Whether the locked file is still the one at its path. Throws UnavailableError when that cannot be told. */
  isInPlace(): boolean;
  /** Gives up the place, or our share of the lock: it is free when nobody who has inherited it is left. Idempotent. */
  close(): void;
}

/**
 * Opens the file, makes it if need be, and joins the queue for its lock. `place`: the candidate's file in the queue.
 * Throws what `diskError` makes.
 */
export type Locks = (path: string, place: string) => LockRequest;

/** In the environment of a process that waits for the lock: for whom. It outlives a candidate that is killed. */
export const WAITS_FOR = 'BALLOT_PLACE';

/** By the program `flock` of util-linux or busybox. */
export const flock: Locks = (path, place) => {
  const descriptor = openLock(path);
  const stats = fstatSync(descriptor);
  const file = { dev: stats.dev, ino: stats.ino };
  const child = startHelper(descriptor, place);
  const granted = grantOf(child, path, descriptor);
  granted.catch(() => undefined);
  let closed = false;
  return {
    descriptor,
    file,
    granted,
    isInLine: () => child.pid === undefined || child.exitCode !== null || child.signalCode !== null || waits(child.pid),
    isInPlace: () => isAt(path, file),
    close() {
      if (closed) return;
      closed = true;
      child.removeAllListeners('exit');
      child.kill('SIGKILL');
      closeSync(descriptor);
    },
  };
};

/** In a session of its own: a terminal's signals are not for it. Node throws some failures, and reports others. */
function startHelper(descriptor: number, place: string): ChildProcess {
  try {
    return spawn('flock', ['-x', '3'], {
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', descriptor],
      env: { ...process.env, [WAITS_FOR]: place },
    });
  } catch (error) {
    closeSync(descriptor);
    throw notStarted(error);
  }
}

function openLock(path: string): number {
  try {
    return openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  } catch (error) {
    throw diskError('cannot open the lock', path, error);
  }
}

/** Whether a process waits for a lock (proc_locks(5), `->`). Where that is not shown, nobody can be asked to wait. */
function waits(pid: number): boolean {
  const locks = orUndefined(() => readFileSync('/proc/locks', 'latin1'));
  return locks === undefined || new RegExp(` -> FLOCK +\\S+ +\\S+ ${pid} `).test(locks);
}

function grantOf(child: ChildProcess, path: string, descriptor: number): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(notStarted(error)));
    child.once('exit', (code, signal) => {
      if (code === 0) return resolve();
      const why = signal === null ? `exit code ${code}${complaint(descriptor)}` : `ended by ${signal}`;
      reject(new UnavailableError(`coordinator local: flock could not lock ${path}: ${why}`));
    });
  });
}

/**
 * What the helper has to say. It is asked once more for that: to listen to each one, who mostly says nothing, costs a
 * start more than a millisecond.
 */
function complaint(descriptor: number): string {
  const stdio = ['ignore', 'ignore', 'pipe', descriptor] as const;
  const { stderr } = spawnSync('flock', ['-n', '-x', '3'], { stdio: [...stdio], encoding: 'utf8', timeout: 1_000 });
  const said = (stderr ?? '').trim();
  return said === '' ? '' : `: ${said}`;
}

function notStarted(error: unknown): Error {
  if (codeOf(error) !== 'ENOENT')
    return new UnavailableError('coordinator local: the program flock cannot be started', { cause: error });
  return new ConfigurationError(['coordinator local needs the program flock, which is not in PATH'], {
    hint: 'install util-linux (or busybox with flock), or set PATH',
  });
}

function isAt(path: string, { dev, ino }: FileIdentity): boolean {
  try {
    const stats = statSync(path);
    return stats.dev === dev && stats.ino === ino;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return false;
    throw diskError('cannot look at', path, error);
  }
}
