/** Who leads, as a file says it. Written by the holder of the lock alone. */
import { readFileSync } from 'node:fs';
import { type Fields, isObject, parseObject } from '../json-fields.ts';
import { codeOf, diskError, replaceFile } from './disk.ts';
import type { ProcessIdentity } from './processes.ts';

/** One who stands or leads. */
export interface LocalCandidate {
  readonly candidateId: string;
  readonly hostname: string;
  readonly process: ProcessIdentity;
  readonly schedule?: string | undefined;
  readonly timezone?: string | undefined;
}

export interface LeaseRecord extends LocalCandidate {
  /** `expired`: the holder has left without resigning, and let it run out. */
  readonly state: 'held' | 'resigned' | 'expired';
  readonly fencingToken: number;
  /** ISO 8601, UTC. */
  readonly leaderSince: string;
  /** Of the file whose lock is held: another one at its path means that this lease is lost. */
  readonly lockInode?: number;
}

/** `never`: nobody has led here yet. */
export type Lease =
  | { readonly kind: 'written'; readonly record: LeaseRecord }
  | { readonly kind: 'unreadable'; readonly why: string }
  | { readonly kind: 'never' };

const STATES: readonly unknown[] = ['held', 'resigned', 'expired'];

/** What the file says. Throws what `diskError` makes when it is there and cannot be read. */
export function readLease(path: string): Lease {
  let data: Buffer;
  try {
    data = readFileSync(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return { kind: 'never' };
    throw diskError('cannot read', path, error);
  }
  const json = parseObject(data);
  if (typeof json === 'string') return { kind: 'unreadable', why: json };
  const { state, fencingToken, leaderSince } = json;
  const candidate = candidateIn(json);
  if (typeof candidate === 'string') return { kind: 'unreadable', why: candidate };
  if (!STATES.includes(state)) return { kind: 'unreadable', why: 'state is none that is known' };
  if (!Number.isSafeInteger(fencingToken)) return { kind: 'unreadable', why: 'fencingToken is not a whole number' };
  if (typeof leaderSince !== 'string') return { kind: 'unreadable', why: 'leaderSince is not a string' };
  return { kind: 'written', record: { ...(json as unknown as LeaseRecord), ...candidate } };
}

/** The candidate that an object names, or what is wrong. */
export function candidateIn(json: Fields): LocalCandidate | string {
  const { candidateId, hostname, process, schedule, timezone } = json;
  if (typeof candidateId !== 'string' || typeof hostname !== 'string') return 'it names no candidate';
  if (!isObject(process)) return 'it names no process';
  const { pid, startTime, space } = process;
  if (!Number.isSafeInteger(pid) || typeof startTime !== 'string' || typeof space !== 'string')
    return 'it names no process';
  return {
    candidateId,
    hostname,
    process: { pid: pid as number, startTime, space },
    ...(typeof schedule === 'string' && { schedule }),
    ...(typeof timezone === 'string' && { timezone }),
  };
}

/**
 * Replaces it. To be called with the lock alone. Throws what `diskError` makes. The end of a term does not wait for the
 * disk, since the next one waits for it: after a power failure that took it the term counts as one that has died.
 */
export function writeLease(path: string, record: LeaseRecord): void {
  const lasts = record.state === 'held' ? 'over a power failure' : 'over a crash of ballot';
  try {
    replaceFile(path, `${JSON.stringify(record)}\n`, lasts);
  } catch (error) {
    throw diskError('cannot write', path, error);
  }
}

/** Between the tokens of two terms there is room for what was written in the first one. */
const TOKEN_STEP = 2;

/**
 * The token of the next term: greater than every one before. It follows the wall clock, so that it grows also when the
 * files were lost; and the last token, when that clock was set back.
 */
export function nextToken(last: number, wall: number): number {
  return Math.max(last + TOKEN_STEP, Math.trunc(wall));
}

/** The last token that the files know of; 0 where there is none. */
export function lastToken(lease: Lease): number {
  return lease.kind === 'written' ? lease.record.fencingToken : 0;
}
