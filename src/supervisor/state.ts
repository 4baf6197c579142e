/**
 * The vocabulary of the state machine: states, events and effects. Each state carries its own data and at most one deadline.
 * Instants are monotonic milliseconds.
 */
import type { Outcome } from '../child/launch.ts';
import type { LossCause } from '../election/election.ts';
import type { Plan } from './policy.ts';

/** The term under which the command runs. */
export interface Leadership {
  /** Fencing token of the term. */
  readonly term: number;
  /** Until when the lease is known to be ours. */
  readonly deadline: number;
  readonly leaseDuration: number;
}

/** Standing for election: a campaign that is under way (or about to be tried again), and until when it may take (`election-timeout`). */
export interface Candidacy {
  readonly campaign: number;
  /** Since when this candidate has been standing. */
  readonly since: number;
  /** `undefined`: for ever. */
  readonly giveUpAt: number | undefined;
  /** Campaigns that failed in a row. */
  readonly failures: number;
}

/** One execution of the command. With `leadership`: as leader; with `candidacy`: without leadership, standing meanwhile (`run-anyway`). */
export interface Run {
  readonly run: number;
  readonly startedAt: number;
  readonly role: Role;
}

export type Role =
  | { readonly kind: 'leader'; readonly leadership: Leadership }
  | { readonly kind: 'standby'; readonly candidacy: Candidacy }
  /** The term is lost while the command is still being stopped. */
  | { readonly kind: 'deposed' };

/** Why a run is being stopped; it decides what follows. */
export type StopReason =
  | { readonly kind: 'requested'; readonly signal: NodeJS.Signals }
  /** Somebody else holds the lease. */
  | { readonly kind: 'leaseLost' }
  /** The lease could not be renewed in time (`on-lease-loss=stop`). */
  | { readonly kind: 'leaseExpiring' }
  | { readonly kind: 'runTimeout' }
  /** The command has ended and left members of its process group behind. */
  | { readonly kind: 'leftovers' }
  /** ZooKeeper refused, or a bug in ballot. */
  | { readonly kind: 'failed'; readonly exitCode: number };

/** What outlives every state: numbers for campaigns, runs and resignations, so that an event of an earlier one can be told; runs that failed in a row. */
export interface Counts {
  readonly campaigns: number;
  readonly runs: number;
  readonly resignations: number;
  readonly failedRuns: number;
}

export type State = Counts &
  (
    | { readonly name: 'campaigning'; readonly candidacy: Candidacy; readonly deadline: number | undefined }
    /** Waiting to campaign again, or to run the command again. `deadline` is `undefined` while only a renewal of the lease is waited for. */
    | {
        readonly name: 'backingOff';
        readonly next:
          | { readonly kind: 'campaign'; readonly candidacy: Candidacy }
          | { readonly kind: 'spawn'; readonly role: Role };
        readonly due: number;
        /** A run of the same term needs a renewal of the lease that was sent after the run before it had ended. */
        readonly confirmedSince: number;
        readonly deadline: number | undefined;
      }
    | { readonly name: 'running'; readonly run: Run; readonly deadline: number | undefined }
    | {
        readonly name: 'terminating';
        readonly run: Run;
        readonly reason: StopReason;
        readonly graceEnd: number;
        readonly deadline: number;
      }
    | { readonly name: 'killing'; readonly run: Run; readonly reason: StopReason; readonly deadline: number }
    /** `leaving`: the place in the queue is being given up too. */
    | { readonly name: 'resigning'; readonly next: Sequel; readonly leaving: boolean; readonly deadline: number }
    | { readonly name: 'done'; readonly exitCode: number; readonly deadline: undefined }
  );

/** What follows a resignation: the end of ballot, or another candidacy after a delay. */
export type Sequel =
  { readonly kind: 'exit'; readonly exitCode: number } | { readonly kind: 'stand'; readonly delay: number };

export type Event =
  | { readonly kind: 'elected'; readonly campaign: number; readonly leadership: Leadership }
  | {
      readonly kind: 'electionFailed';
      readonly campaign: number;
      readonly failure: ElectionFailure;
      readonly jitter: number;
    }
  | { readonly kind: 'leaseRenewed'; readonly term: number; readonly deadline: number }
  | { readonly kind: 'leaseUnconfirmed'; readonly term: number; readonly why: string }
  | { readonly kind: 'leaseLost'; readonly term: number; readonly cause: LossCause }
  /** The command itself has ended, members of its process group live on. */
  | { readonly kind: 'commandEnded'; readonly run: number; readonly outcome: Outcome }
  /** Nothing of the run is left. */
  | { readonly kind: 'runEnded'; readonly run: number; readonly outcome: Outcome; readonly exitCode: number }
  | { readonly kind: 'deadline' }
  | { readonly kind: 'stopRequested'; readonly signal: NodeJS.Signals }
  | { readonly kind: 'resigned'; readonly resignation: number; readonly error: string | undefined };

/** Why a campaign failed. `unavailable` may pass by itself; the others do not. */
export interface ElectionFailure {
  readonly kind: 'unavailable' | 'refused' | 'bug';
  readonly message: string;
  /** What ballot ends with when it ends for this. */
  readonly exitCode: number;
}

export type Level = 'debug' | 'info' | 'warn' | 'error';

export type Effect =
  /** Stand for election, after `delay` ms. */
  | { readonly kind: 'campaign'; readonly campaign: number; readonly delay: number }
  /** `by`: the last instant at which it may be started. */
  | { readonly kind: 'spawn'; readonly run: number; readonly term: number | undefined; readonly by: number }
  /** Renew the lease now. Answered by `leaseRenewed`, `leaseUnconfirmed` or `leaseLost`. */
  | { readonly kind: 'renew'; readonly term: number }
  | { readonly kind: 'signal'; readonly run: number; readonly signal: NodeJS.Signals }
  /** Give up the lease if `term` is given, and with `leave` the place in the queue as well. Answered by `resigned`. */
  | {
      readonly kind: 'resign';
      readonly resignation: number;
      readonly term: number | undefined;
      readonly leave: boolean;
    }
  | {
      readonly kind: 'note';
      readonly level: Level;
      readonly message: string;
      readonly fields: Readonly<Record<string, string | number>>;
    }
  | { readonly kind: 'finish'; readonly exitCode: number };

export interface Step {
  readonly state: State;
  readonly effects: readonly Effect[];
}

export type In<N extends State['name']> = Extract<State, { readonly name: N }>;
export type On<K extends Event['kind']> = Extract<Event, { readonly kind: K }>;

/** What one state does on every event. */
export type Row<N extends State['name']> = {
  readonly [K in Event['kind']]: (state: In<N>, event: On<K>, plan: Plan, now: number) => Step;
};
