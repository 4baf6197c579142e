/** What reports show: who leads, who stands, notes about each. Each coordinator makes it of what it reads. */
import type { Participant, Standings } from './standings.ts';

/** One candidate as it names itself; an empty text is not there, or could not be read. */
export interface CandidateReport extends Participant {
  /** The name of its place in the queue where the record could not be read. */
  readonly candidateId: string;
  readonly hostname: string;
  readonly pid: string;
  readonly proposalTime: string;
  /** Path of its place in the queue. */
  readonly proposalNode: string;
  readonly sessionTimeout: string;
  readonly notes: readonly string[];
  /** Since it came, ms. */
  readonly standsFor?: number;
  /** What a candidate of `run cron` serves when it leads, and its zone. */
  readonly schedule?: string;
  readonly timezone?: string;
}

/** The leader as the lease names it. */
export interface LeaderReport extends CandidateReport {
  readonly lastSeenTime: string;
}

/** The lease itself. Durations in ms. */
export interface LeaseReport {
  readonly state: 'held' | 'vacant' | 'unreadable';
  readonly holder?: string;
  /** When the term was claimed, as its holder wrote it. */
  readonly leaderSince?: string;
  /** Since then, ms, as far as its holder's clock is right. */
  readonly leadsFor?: number;
  /** How many terms there have been, as far as the ledger of runs counts them. */
  readonly terms?: number;
  /** How long others wait after the last heartbeat. */
  readonly duration?: number;
  /** Since the last heartbeat. */
  readonly age?: number;
  /** Not positive once the lease has run out, or its holder is gone. */
  readonly expiresIn?: number;
  readonly fencingToken?: number;
  readonly runId?: string;
  /** Why it is unreadable. */
  readonly why?: string;
  /** How unreadable data begins. */
  readonly excerpt?: string;
  readonly notes: readonly string[];
}

/** The election's standings, and what else is seen of it. */
export interface ElectionReport extends Standings {
  readonly leader: LeaderReport | undefined;
  readonly candidates: readonly CandidateReport[];
  readonly lease: LeaseReport | undefined;
  /** Notes on the election as a whole. */
  readonly notes?: readonly string[];
}

/** Notes that a coordinator has for candidates of every election. */
export const CLAIMED_WITH = 'this proposal node claimed leadership';
export const CLAIMED_BY = 'this candidate id claimed leadership';
export const CREATED = 'proposal node created';
export const HOLDS_LOCK = 'holds the lock';

/** Whether a candidate's note says what is so in every election: who leads, and how old a proposal is. */
export function isOrdinary(note: string): boolean {
  return note === CLAIMED_WITH || note === CLAIMED_BY || note.startsWith(CREATED) || note === HOLDS_LOCK;
}
