/** An election on this host as it is seen by one who does not stand in it: what `info` and `history` read. */
import { type Stats, statSync } from 'node:fs';
import { environmentValue, namesOf } from '../command/proc.ts';
import type { Participant, Standings } from '../election/standings.ts';
import { codeOf, diskError } from './disk.ts';
import { type ElectionFolder, inspectFolder } from './folder.ts';
import { type Lease, type LeaseRecord, type LocalCandidate, readLease } from './lease.ts';
import { holdersOf, isStopped, lives, type ProcessIdentity } from './processes.ts';
import { type QueueEntry, readQueue } from './queue.ts';
import { WAITS_FOR } from './lock.ts';
import { registerData } from './register.ts';

/** One candidate. A text that a candidate on this host does not have is empty. */
export interface LocalParticipant extends Participant {
  readonly hostname: string;
  readonly pid: string;
  /** When it came, ISO 8601. */
  readonly proposalTime: string;
  /** Path of its file in the queue. */
  readonly proposalNode: string;
  readonly sessionTimeout: '';
  readonly notes: readonly string[];
  readonly schedule?: string;
  readonly timezone?: string;
}

export interface LocalStandings extends Standings {
  readonly leader: (LocalParticipant & { readonly lastSeenTime: '' }) | undefined;
  readonly candidates: readonly LocalParticipant[];
  readonly lease:
    | {
        readonly state: 'held' | 'vacant' | 'unreadable';
        readonly holder?: string;
        readonly leaderSince?: string;
        readonly fencingToken?: number;
        /** 0 when its holder is gone. */
        readonly expiresIn?: 0;
        readonly why?: string;
        readonly notes: readonly string[];
      }
    | undefined;
}

/** Nobody leads, nobody stands. */
const NOBODY: LocalStandings = { leader: undefined, candidates: [], lease: undefined };

/**
 * Who leads and who stands. Throws ConfigurationError when the folder must not be trusted, and what `diskError` makes
 * when it cannot be read.
 */
export function localStandings(folder: ElectionFolder): LocalStandings {
  if (!inspectFolder(folder)) return NOBODY;
  const lease = readLease(folder.lease);
  const entries = readQueue(folder.queue).living;
  const record = lease.kind === 'written' && lease.record.state === 'held' ? lease.record : undefined;
  const leads = (entry: QueueEntry): boolean => record !== undefined && isSame(entry.process, record.process);
  const candidates = entries.map((entry) => participant(entry, entry.path, entry.since, leads(entry) ? [LEADS] : []));
  const kept = record !== undefined && lives(record.process) ? [] : keptBy(folder, entries);
  const leader = record && leaderOf(record, entries.find(leads));
  return { leader, candidates, lease: leaseOf(lease, kept, candidates.length > 0) };
}

const LEADS = 'holds the lock';

/** The data of a register; empty where there is none. Throws as `localStandings` does. */
export function localRegister(folder: ElectionFolder, name: string): Buffer {
  if (!inspectFolder(folder)) return Buffer.alloc(0);
  try {
    return registerData(folder, name);
  } catch (error) {
    throw diskError('cannot read', folder.registers, error);
  }
}

const isSame = (a: ProcessIdentity, b: ProcessIdentity): boolean =>
  a.pid === b.pid && a.startTime === b.startTime && a.space === b.space;

function participant(
  { candidateId, hostname, process, schedule, timezone }: LocalCandidate,
  path: string,
  since: string,
  more: readonly string[],
): LocalParticipant {
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

function leaderOf(record: LeaseRecord, entry: QueueEntry | undefined): LocalStandings['leader'] {
  const gone = lives(record.process) ? [] : ['its process is gone, and has not resigned'];
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
  const isCandidate = ({ pid }: { readonly pid: number }): boolean =>
    standing.includes(pid) || places.has(environmentValue(pid, WAITS_FOR) ?? '');
  const holders = holdersOf(file).filter((holder) => !isCandidate(holder));
  return holders.length === 0
    ? []
    : [`the lock is held by processes that inherited it, nobody starts before they end: ${namesOf(holders)}`];
}

function leaseOf(lease: Lease, notes: readonly string[], anybodyStands: boolean): LocalStandings['lease'] {
  if (lease.kind === 'unreadable') return { state: 'unreadable', why: lease.why, notes };
  if (lease.kind === 'never' || lease.record.state !== 'held')
    return anybodyStands || notes.length > 0 ? { state: 'vacant', notes } : undefined;
  const { candidateId: holder, leaderSince, fencingToken, process } = lease.record;
  return { state: 'held', holder, leaderSince, fencingToken, ...(!lives(process) && { expiresIn: 0 }), notes };
}
