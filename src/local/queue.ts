/**
 * Who stands, one file a candidate, for people to see: the lock's own queue is in the kernel. A file is named by when
 * its candidate came, so that names are in the order of arrival.
 */
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { orUndefined } from '../errors.ts';
import { parseObject } from '../json-fields.ts';
import { environmentValue, listProcesses, send } from '../command/proc.ts';
import { codeOf, diskError, removeDrafts, replaceFile } from './disk.ts';
import { type LocalCandidate, candidateIn } from './lease.ts';
import { WAITS_FOR } from './lock.ts';
import { lives } from './processes.ts';

/** A candidate's place. */
export interface QueueEntry extends LocalCandidate {
  /** Path of its file. */
  readonly path: string;
  /** ISO 8601, UTC. */
  readonly since: string;
}

export interface Arrival {
  /** Monotonic ms. */
  readonly now: number;
  /** Ms since the Unix epoch. */
  readonly wall: number;
}

let arrivals = 0;

/** Writes that a candidate stands. Returns the path of its file. Throws what `diskError` makes. */
export function enterQueue(folder: string, candidate: LocalCandidate, { now, wall }: Arrival): string {
  const microseconds = String(Math.trunc(now * 1000)).padStart(17, '0');
  const path = join(folder, `${microseconds}-${candidate.process.pid}-${++arrivals}.json`);
  const since = new Date(wall).toISOString();
  try {
    replaceFile(path, `${JSON.stringify({ ...candidate, since })}\n`, 'over a crash of ballot');
  } catch (error) {
    throw diskError('cannot write', path, error);
  }
  return path;
}

/** It stands no more. A file that cannot be removed is removed by another when its process is dead. */
export function leaveQueue(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // A read-only disk: whoever reads the file sees whether its process lives.
  }
}

/** All that stand, in order, and the dead whose files are still there. Throws what `diskError` makes. */
export function readQueue(folder: string): { living: QueueEntry[]; dead: QueueEntry[] } {
  const entries = namesIn(folder).flatMap((name) => readEntry(join(folder, name)) ?? []);
  return {
    living: entries.filter((entry) => lives(entry.process)),
    dead: entries.filter((entry) => !lives(entry.process)),
  };
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .toSorted();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw diskError('cannot read', folder, error);
  }
}

/** `undefined`: it has left meanwhile, or somebody else's file. */
function readEntry(path: string): QueueEntry | undefined {
  const data = orUndefined(() => readFileSync(path));
  if (data === undefined) return undefined;
  const json = parseObject(data);
  if (typeof json === 'string') return undefined;
  const candidate = candidateIn(json);
  if (typeof candidate === 'string') return undefined;
  return { ...candidate, path, since: String(json['since']) };
}

/** Who has died so shortly after it came may have been starting its process, which then shows no name yet, ms. */
const YOUNG_MS = 5_000;

/**
 * Removes what the dead have left: their places, the processes that wait in their names, and unfinished writes, there
 * and in the other folders. Returns the places of those who came shortly before `wall` (ms since the Unix epoch), and
 * in whose name nobody is seen to wait yet: for `endWaiting`, a moment later.
 */
export function clearQueue(folder: string, others: readonly string[], wall: number): ReadonlySet<string> {
  const paths = new Set(readQueue(folder).dead.map(({ path }) => path));
  const unseen = [...endWaiting(paths)].filter((path) => isYoung(path, wall));
  for (const path of paths) leaveQueue(path);
  for (const each of [folder, ...others]) removeDrafts(each);
  return new Set(unseen);
}

/** Ends the processes that wait in the names of these places. Returns those in whose name none does. */
export function endWaiting(places: ReadonlySet<string>): ReadonlySet<string> {
  const unseen = new Set(places);
  for (const pid of waitingFor(places)) {
    unseen.delete(environmentValue(pid, WAITS_FOR) ?? '');
    send(pid, 'SIGKILL');
  }
  return unseen;
}

/** Also by a clock that was set back since. False when it is not there any more. */
function isYoung(path: string, wall: number): boolean {
  const modified = orUndefined(() => statSync(path).mtimeMs) ?? -Infinity;
  return wall - modified < YOUNG_MS;
}

/** Processes that wait for the lock in the name of one of these places. */
export function waitingFor(places: ReadonlySet<string>): number[] {
  if (places.size === 0) return [];
  return (listProcesses() ?? []).filter((pid) => waitsFor(pid, places));
}

/** Whether a process waits for the lock in the name of one of these places. */
export const waitsFor = (pid: number, places: ReadonlySet<string>): boolean =>
  places.has(environmentValue(pid, WAITS_FOR) ?? '');
