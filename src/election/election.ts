/**
 * The port of an election: what a supervisor, or a user of the library, sees. It says nothing of ZooKeeper. Each
 * coordinator implements Election, Term, Register and Standings, and passes the same contract tests.
 */

import type { GroupIdentity } from '../command/run-processes.ts';
import type { LeaseLossPolicy } from '../config/config.ts';
import type { Register } from './register.ts';

/** Why a term ended without being resigned. */
export type LossCause =
  | { readonly kind: 'claimed'; readonly by: string }
  | { readonly kind: 'wiped' }
  /** What carries the lease was deleted or replaced. */
  | { readonly kind: 'removed'; readonly what: string }
  | { readonly kind: 'released'; readonly by: string }
  /** This process, or its whole host, stood still for `ms`: its keeper may have given the lease up, others may lead. */
  | { readonly kind: 'stoodStill'; readonly ms: number };

/** What happens to a term while it lasts. Instants are monotonic ms. */
export type TermEvent =
  /** The lease was acknowledged: nobody else may claim it before `deadline`. */
  | { readonly kind: 'renewed'; readonly deadline: number }
  /** A renewal was not acknowledged in time: the term goes on until `deadline`, or while nobody else claims. */
  | { readonly kind: 'unconfirmed'; readonly deadline: number; readonly why: string }
  /**
   * Somebody asks this leader to end its work in order, to resign, and to stand again at the end of the queue. `by`:
   * who, in words. Told again with each renewal, for as long as the term goes on.
   */
  | { readonly kind: 'stepDownAsked'; readonly by: string }
  /** The lease is known to be no longer ours. The last event of a term. */
  | { readonly kind: 'lost'; readonly cause: LossCause };

/** How a term came about. `from`: the candidate id of the term before, where it was seen. */
export interface Succession {
  /**
   * `resigned`: that term, or its keeper, has given the lease up. `vacant`: who led before was not seen. `first`:
   * nobody has claimed this lease before. `died`: the process that led is gone, and did not resign.
   */
  readonly why: 'first' | 'resigned' | 'expired' | 'died' | 'vacant';
  readonly from?: string;
}

/** One uninterrupted holding of the lease. */
export interface Term {
  /** Grows from term to term of one election. */
  readonly fencingToken: number;
  readonly succession: Succession;
  /** How long others wait after the last renewal, ms. */
  readonly leaseDuration: number;
  /** From one renewal to the next, ms: a third of the lease's duration at most. */
  readonly heartbeat: number;
  /** Monotonic ms until which nobody else may claim the lease. Moves with each acknowledged renewal. */
  readonly deadline: number;
  /**
   * Monotonic ms until which this process may act as leader without asking. After that its keeper may have given the
   * lease up, because this process stood still. Once the keeper may have acted, the instant stays in the past. Under
   * `keep` it moves on while the coordinator is away.
   */
  readonly safeUntil: number;
  /**
   * Delivers events from now on, in order, to each of several listeners, never synchronously; a loss that has already
   * happened is delivered too. Returns what ends it for this listener.
   */
  subscribe(listener: (event: TermEvent) => void): () => void;
  /** Renews the lease now instead of at the next heartbeat. Answered by an event. */
  renew(): void;
  /**
   * Gives the lease up so that the next candidate may claim it at once. Call it only when nothing of the term's command
   * is left. Resolves when the coordinator has acknowledged it, or when the lease was lost or has run out meanwhile.
   * Resolves to `stayed` when the term goes on (see `orStay`). Throws UnavailableError when none of this is known after
   * `within` ms. Idempotent.
   */
  resign(options?: ResignOptions): Promise<'resigned' | 'stayed'>;
}

export interface ResignOptions {
  /**
   * Writes what the next leader has to find, and resolves to whether it is written. The resignation waits for it, so it
   * must end by itself.
   */
  readonly first?: (() => Promise<boolean>) | undefined;
  /** The lease is renewed until `first` is done. The term goes on when `first` fails. */
  readonly orStay?: boolean;
  /** How long the coordinator is asked, ms; the lease's duration unless told otherwise. */
  readonly within?: number | undefined;
}

/** One run of the command, as everybody is told of it: the command itself, the lease, the ledger and the log. */
export interface Run {
  readonly runId: string;
  /** The term that started it. `undefined`: without leadership (`run-anyway`). */
  readonly fencingToken?: number | undefined;
  /** The tick that it is for, ms since the Unix epoch. `undefined`: the command has no schedule. */
  readonly tick?: number | undefined;
}

/** A run that lives, as the keeper has to know it to stop it. */
export interface LiveRun extends Run {
  /** `undefined` while it is being started. */
  readonly group: GroupIdentity | undefined;
  /** The first signal of a stop has been sent. */
  readonly signalled: boolean;
}

/** How a command is stopped when its supervisor cannot do it. */
export interface StopRules {
  readonly onLeaseLoss: LeaseLossPolicy;
  readonly stopSignal: NodeJS.Signals;
  /** From the first signal to SIGKILL, ms. */
  readonly killAfter: number;
  /** Entries of the environment (`NAME=value`) that only the processes of this run carry all of. */
  readonly mark: (runId: string) => readonly string[];
}

export interface CampaignOptions {
  readonly signal: AbortSignal;
  /**
   * How long the campaign goes on without contact to the coordinator before it fails, ms: `opening` at the beginning
   * (finite), `standing` once it has a place in the queue (Infinity: it never fails for that).
   */
  readonly patience: { readonly opening: number; readonly standing: number };
  /** Called when the candidate has a place in the queue, and so contact; again for each new place. */
  readonly onPlace?: () => void;
}

/** What depends on a register. */
export type RegisterUse = 'decisions' | 'notes';

/** A candidate's part in one election. */
export interface Election {
  /**
   * Stands for election and resolves when elected. May be called again after a failure, and after the term has ended; a
   * place in the queue that is still held is kept. Throws UnavailableError, RefusedError or ConfigurationError; the
   * signal's reason when aborted.
   */
  campaign(options: CampaignOptions): Promise<Term>;
  /** In words: what the latest campaign waits for, who leads as far as it knows, or why it failed. */
  readonly outlook: string;
  /**
   * Names every run that lives, oldest first. If this process dies or stands still, its keeper stops these runs before
   * anybody else may start the command. The next renewal names the latest run in the lease. Call it before a run is
   * started (without its group), after its start, when its first signal was sent, and when nothing of it is left; a
   * leader that runs nothing yet calls it too.
   */
  setRuns(runs: readonly LiveRun[]): void;
  /**
   * Where a leader leaves data for the next one, by name. It is bound neither to a term nor to a candidate. `notes` are
   * for people: what is written is there for the next leader, but a power failure may take the last of it.
   */
  register(name: string, use?: RegisterUse): Register;
  /**
   * Leaves the queue, and ends everything that the election holds open; to be called after an aborted campaign, or a
   * term that is over. Resolves when the coordinator has acknowledged it or `timeout` ms have passed. Idempotent.
   */
  close(timeout: number): Promise<void>;
}
