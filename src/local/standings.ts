/** An election on this host as it is seen by one who does not stand in it. */
import { type Stats, statSync } from 'node:fs';
import { namesOf } from '../command/proc.ts';
import type { Standing } from '../election/observer.ts';
import { HOLDS_LOCK, type CandidateReport, type ElectionReport } from '../election/report.ts';
import { codeOf, diskError } from './disk.ts';
import { type ElectionFolder, inspectFolder } from './folder.ts';
import { type Leadership, leadershipIn } from './leader.ts';
import type { LeaseRecord, LocalCandidate } from './lease.ts';
import { holdersOf, isStopped, lives } from './processes.ts';
import { type QueueEntry, readQueue, waitsFor } from './queue.ts';
import { registerData } from './register.ts';

/** Nobody leads, nobody stands. */
const NOBODY: ElectionReport = { leader: undefined, candidates: [], lease: undefined };

/**
 * Who leads and who stands, without ages. Throws ConfigurationError when the folder must not be trusted, and what
 * `diskError` makes when it cannot be read.
 */
export function localStandings(folder: ElectionFolder): ElectionReport {
  if (!inspectFolder(folder)) return NOBODY;
  const leadership = leadershipIn(folder);
  const entries = readQueue(folder.queue).living;
  const record = 'record' in leadership ? leadership.record : undefined;
  const leads = (entry: QueueEntry): boolean => holdsLock(entry, leadership);
  const candidates = entries.map((entry) =>
    participant(entry, entry.path, entry.since, leads(entry) ? [HOLDS_LOCK] : []),
  );
  const kept = record !== undefined && lives(record.process) ? [] : keptBy(folder, entries);
  const gone = leadership.kind === 'gone' ? [leadership.why] : [];
  const leader = record && leaderOf(record, entries.find(leads), gone);
  return { leader, candidates, lease: leaseOf(leadership, kept, candidates.length > 0) };
}

/** The data of a register; empty where there is none. Throws as `localStandings` does. */
export function localRegister(folder: ElectionFolder, name: string): Buffer {
  if (!inspectFolder(folder)) return Buffer.alloc(0);
  try {
    return registerData(folder, name);
  } catch (error) {
    throw diskError('cannot read', folder.registers, error);
  }
}

const holdsLock = (entry: QueueEntry, leadership: Leadership): boolean =>
  leadership.kind === 'held' && isSame(entry, leadership.record);

/** A process may be several candidates of one election, each with an id of its own. */
const isSame = (a: LocalCandidate, b: LocalCandidate): boolean =>
  a.candidateId === b.candidateId &&
  a.process.pid === b.process.pid &&
  a.process.startTime === b.process.startTime &&
  a.process.space === b.process.space;

/** The same report with ages as of `wall`, ms since the Unix epoch. */
export function agedTo(wall: number, { leader, candidates, lease, ...rest }: ElectionReport): ElectionReport {
  const aged = <T extends CandidateReport>(who: T): T => ({ ...who, standsFor: wall - Date.parse(who.proposalTime) });
  const since = lease?.leaderSince;
  return {
    ...rest,
    leader,
    candidates: candidates.map(aged),
    lease: lease && { ...lease, ...(since !== undefined && { leadsFor: wall - Date.parse(since) }) },
  };
}

function participant(
  { candidateId, hostname, process, schedule, timezone }: LocalCandidate,
  path: string,
  since: string,
  more: readonly string[],
): CandidateReport {
  const stopped = isStopped(process)
    ? ['is stopped by a signal: it keeps its place, or the lock, until it goes on']
    : [];
  return {
    candidateId,
    hostname,
    pid: String(process.pid),
    proposalTime: since,
    proposalNode: path,
    sessionTimeout: '',
    notes: [...more, ...stopped],
    ...(schedule !== undefined && { schedule }),
    ...(timezone !== undefined && { timezone }),
  };
}

function leaderOf(
  record: LeaseRecord,
  entry: QueueEntry | undefined,
  gone: readonly string[],
): ElectionReport['leader'] {
  const person = participant(record, entry?.path ?? '', entry?.since ?? '', ['is leader', ...gone]);
  return { ...person, lastSeenTime: '' };
}

/** Who holds the lock while nobody who lives leads. */
function keptBy({ lock }: ElectionFolder, entries: readonly QueueEntry[]): string[] {
  let file: Stats;
  try {
    file = statSync(lock);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw diskError('cannot look at', lock, error);
  }
  const places = new Set(entries.map(({ path }) => path));
  const standing = entries.map(({ process }) => process.pid);
  const isCandidate = ({ pid }: { readonly pid: number }): boolean => standing.includes(pid) || waitsFor(pid, places);
  const holders = holdersOf(file).filter((holder) => !isCandidate(holder));
  return holders.length === 0
    ? []
    : [`the lock is held by processes that inherited it, nobody starts before they end: ${namesOf(holders)}`];
}

function leaseOf(leadership: Leadership, notes: readonly string[], anybodyStands: boolean): ElectionReport['lease'] {
  if (leadership.kind === 'unreadable') return { state: 'unreadable', why: leadership.why, notes };
  if (!('record' in leadership)) return anybodyStands || notes.length > 0 ? { state: 'vacant', notes } : undefined;
  const { candidateId: holder, leaderSince, fencingToken } = leadership.record;
  const held = { state: 'held', holder, leaderSince, fencingToken, notes } as const;
  return leadership.kind === 'held' ? held : { ...held, expiresIn: 0 };
}

/** All who stand, in the order of the queue. Throws as `localStandings` does. */
export function participants(folder: ElectionFolder): Standing[] {
  if (!inspectFolder(folder)) return [];
  const leadership = leadershipIn(folder);
  return readQueue(folder.queue).living.map((entry) => {
    const { candidateId, hostname, process } = entry;
    return { candidateId, hostname, pid: String(process.pid), leads: holdsLock(entry, leadership) };
  });
}
