/**
 * Which fencing token comes next. A token that a command has seen must never be given again, also after a power
 * failure. To force each one to the disk would hold up every handover, so tokens are reserved in advance, many at a
 * time: an empty file `tokens.N` says that those up to N may have been given. Within one boot the lease is exact, since
 * the kernel has it. After another boot it may be an earlier one, and tokens go on behind the reservation.
 */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createFile, diskError, syncFolder } from './disk.ts';
import type { ElectionFolder } from './folder.ts';
import type { Lease } from './lease.ts';
import { isOfThisBoot } from './processes.ts';

/** Between the tokens of two terms there is room for what was written in the first one. */
const TOKEN_STEP = 2;

/** A reservation reaches so far ahead, ms of the clock: so far may tokens be ahead of it after another boot. */
export const RESERVED_MS = 10 * 60_000;

const NAME = /^tokens\.(\d+)$/;

/** The last token that may have been given; 0 where none was. Throws what `diskError` makes. */
export function lastToken(folder: ElectionFolder, lease: Lease): number {
  if (lease.kind !== 'written') return reservedThrough(folder);
  const { fencingToken, process } = lease.record;
  return isOfThisBoot(process) ? fencingToken : Math.max(fencingToken, reservedThrough(folder));
}

/**
 * The token of the next term: greater than every one before. It follows the wall clock, so that it grows also when the
 * files were lost; and the last token, when that clock was set back.
 */
export function nextToken(last: number, wall: number): number {
  return Math.max(last + TOKEN_STEP, Math.trunc(wall));
}

/** Tokens up to here may be given: it is on the disk. 0 where none is reserved. Throws what `diskError` makes. */
export function reservedThrough({ path }: ElectionFolder): number {
  try {
    return Math.max(0, ...reservationsIn(path));
  } catch (error) {
    throw diskError('cannot read', path, error);
  }
}

/**
 * Makes sure, before anybody gets this token, that it is reserved on the disk. To be called with the lock alone.
 * Returns through where tokens are reserved. Throws what `diskError` makes.
 */
export function reserve(folder: ElectionFolder, token: number): number {
  const reserved = reservedThrough(folder);
  return token <= reserved ? reserved : reserveThrough(folder, token + RESERVED_MS);
}

/**
 * Reserves more when less than half is left, so that no handover waits for the disk. `token`: of the present term. To
 * be called with the lock alone. Returns and throws as `reserve`.
 */
export function reserveAhead(folder: ElectionFolder, reserved: number, token: number, wall: number): number {
  const next = nextToken(token, wall);
  return next + RESERVED_MS / 2 <= reserved ? reserved : reserveThrough(folder, next + RESERVED_MS);
}

/** The greatest number counts: a leader that has lost its lock, and does not know it yet, takes nothing back. */
function reserveThrough({ path }: ElectionFolder, token: number): number {
  const file = join(path, `tokens.${token}`);
  try {
    createFile(file, '', 'over a crash of ballot');
    syncFolder(path);
    for (const earlier of reservationsIn(path))
      if (earlier < token) rmSync(join(path, `tokens.${earlier}`), { force: true });
  } catch (error) {
    throw diskError('cannot write', file, error);
  }
  return token;
}

function reservationsIn(path: string): number[] {
  return readdirSync(path).flatMap((name) => Number(NAME.exec(name)?.[1] ?? []));
}
