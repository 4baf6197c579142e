/** Who leads, as a file says it. Written by the holder of the lock alone. */
import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
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
 * Replaces it. To be called with the lock alone. Throws what `diskError` makes. Nobody waits for the disk: what counts
 * over a power failure are the tokens, which are reserved (`tokens.ts`).
 */
export function writeLease(path: string, record: LeaseRecord): void {
  const { state, ...facts } = record;
  try {
    replaceFile(path, `${beginning(state)}${JSON.stringify(facts).slice(1)}\n`, 'over a crash of ballot');
  } catch (error) {
    throw diskError('cannot write', path, error);
  }
}

/**
 * Writes how its term has ended, over the state alone: the next candidate waits for this. To be called with the lock
 * alone, with what was written as `held`. Throws what `diskError` makes.
 */
export function endLease(path: string, record: LeaseRecord, state: 'resigned' | 'expired'): void {
  let isEnded: boolean;
  try {
    isEnded = overwrite(path, beginning('held'), beginning(state));
  } catch (error) {
    throw diskError('cannot write', path, error);
  }
  if (!isEnded) writeLease(path, { ...record, state });
}

/** All states take the same room. */
const beginning = (state: LeaseRecord['state']): string => `{"state":${JSON.stringify(state)},`.padEnd(20);

/** Returns false when the file is not there, or begins with something else: somebody has deleted or rewritten it. */
function overwrite(path: string, before: string, after: string): boolean {
  let file: number;
  try {
    file = openSync(path, 'r+');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
  try {
    const found = Buffer.alloc(before.length);
    readSync(file, found, 0, found.length, 0);
    if (found.toString('latin1') !== before) return false;
    writeSync(file, after, 0, 'latin1');
    return true;
  } finally {
    closeSync(file);
  }
}
