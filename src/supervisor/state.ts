/** The machine's states, events and effects. Each state has its own data, and at most one deadline (monotonic ms). */
import type { Outcome } from '../command/launch.ts';
import type { LossCause, Succession } from '../election/election.ts';
import type { RunOutcome } from '../ledger/record.ts';
import type { ChildPolicy, Concurrency, ElectionFailurePolicy, LeaseLossPolicy } from '../config/config.ts';

/** The term under which the command runs. */
export interface Leadership {
  /** Fencing token of the term. */
  readonly term: number;
  /** Until when the lease is known to be ours. */
  readonly deadline: number;
  readonly leaseDuration: number;
  /** Whether the last renewal was acknowledged in time. */
  readonly confirmed: boolean;
}

/** Standing for election: the campaign under way, or to be tried again, and its limit (`election-timeout`). */
export interface Candidacy {
  readonly campaign: number;
  /** Since when this candidate has been standing. */
  readonly since: number;
  /** `undefined`: for ever. */
  readonly giveUpAt: number | undefined;
  /** Campaigns that failed in a row. */
  readonly failures: number;
  /** It has a place in the queue: it is not for want of contact that it does not lead. */
  readonly placed: boolean;
}

/** The role in which the command runs: as leader, or without leadership while this candidate stands (`run-anyway`). */
export type Role = LeaderRole | StandbyRole;

export interface LeaderRole {
  readonly kind: 'leader';
  readonly leadership: Leadership;
}

export interface StandbyRole {
  readonly kind: 'standby';
  readonly candidacy: Candidacy;
}

/** How far a run has come. */
export interface RunState {
  readonly run: number;
  /** `undefined` while its tick is being entered in the ledger. */
  readonly startedAt: number | undefined;
  /** The tick that it is for, ms since the Unix epoch; `undefined` in `once`. */
  readonly tick: number | undefined;
  /** Ticks that were passed over since the command was still running. */
  readonly skipped: number;
  /** `undefined` while nobody stops it. */
  readonly stop: Stop | undefined;
}

/** At least one run. */
export type Runs = readonly [RunState, ...RunState[]];

/** How far the stop of a run has come: signalled, and in its grace, or being killed until it is gone. */
export type Stop =
  | { readonly phase: 'terminating'; readonly reason: StopReason; readonly graceEnd: number }
  | { readonly phase: 'killing'; readonly reason: StopReason; readonly again: number };

/** Why a run is being stopped: for itself, or with all the others. */
export type StopReason =
  | { readonly kind: 'runTimeout' }
  /** The command has ended and left processes behind. */
  | { readonly kind: 'leftovers' }
  /** The next tick has come (`concurrency=replace`). */
  | { readonly kind: 'replaced' }
  | Ending;

/** Why everything that runs is being stopped; it decides what follows when nothing is left. */
export type Ending =
  /** `at`: the instant of the first request. */
  | { readonly kind: 'requested'; readonly signal: NodeJS.Signals; readonly at: number }
  /** Somebody else holds the lease. */
  | { readonly kind: 'leaseLost' }
  /** The lease could not be renewed in time (`on-lease-loss=stop`). */
  | { readonly kind: 'leaseExpiring' }
  /** Somebody has asked this leader to step down. */
  | { readonly kind: 'stepDown' }
  /** A bug in ballot, or the policy `exit` after another run. */
  | { readonly kind: 'leaving'; readonly exitCode: number };

/**
 * What outlives every state: numbers for campaigns, runs and resignations, so that an event of an earlier one can be
 * told; runs that failed in a row.
 */
export interface Counts {
  readonly campaigns: number;
  readonly runs: number;
  readonly resignations: number;
  readonly failedRuns: number;
}

export type State = Counts &
  (
    | { readonly name: 'campaigning'; readonly candidacy: Candidacy; readonly deadline: number | undefined }
    /** Out of the queue until `due`, after a failed election or failed runs. */
    | {
        readonly name: 'waitingToStand';
        readonly candidacy: Candidacy;
        readonly due: number;
        readonly deadline: number;
      }
    /** Nothing runs until `due`, or until the lease allows it: without a `deadline` only a renewal is waited for. */
    | {
        readonly name: 'waitingToRun';
        readonly role: Role;
        readonly tick: number | undefined;
        readonly due: number;
        /** A run of the same term needs a renewal of the lease that was sent after the run before it had ended. */
        readonly confirmedSince: number;
        readonly deadline: number | undefined;
      }
    /** Nothing runs until the next tick. `handover`: the lease is given up as soon as it is renewed again (`keep`). */
    | {
        readonly name: 'scheduled';
        readonly role: Role;
        readonly handover: boolean;
        readonly deadline: number | undefined;
      }
    | {
        readonly name: 'running';
        readonly role: Role;
        readonly alive: Runs;
        /** The tick that is started when nothing runs any more, or when the lease allows it. */
        readonly waiting: number | undefined;
        readonly deadline: number | undefined;
      }
    /** Every run is being stopped, and nothing is started any more. */
    | {
        readonly name: 'stopping';
        /** `undefined`: the term is lost. */
        readonly role: Role | undefined;
        readonly alive: Runs;
        readonly ending: Ending;
        /** Before this candidate stands again, ms: a run that failed and was being stopped for itself asks for it. */
        readonly delay: number;
        readonly deadline: number;
      }
    /** `leaving`: the queue is left too. `stays`: what goes on without a handover (`keep`), with the latest tick. */
    | {
        readonly name: 'resigning';
        readonly next: Sequel;
        readonly leaving: boolean;
        /** Of the lease that is being given up, ms; `undefined` when none is. */
        readonly leaseDuration: number | undefined;
        readonly stays: { readonly role: LeaderRole; readonly tick: number | undefined } | undefined;
        readonly deadline: number;
      }
    | { readonly name: 'done'; readonly exitCode: number; readonly deadline: undefined }
  );

/** What follows a resignation: the end of ballot, or another candidacy after a delay. */
export type Sequel =
  | { readonly kind: 'exit'; readonly exitCode: number }
  | { readonly kind: 'stand'; readonly delay: number };

export type Event =
  | {
      readonly kind: 'elected';
      readonly campaign: number;
      readonly leadership: Leadership;
      readonly succession?: Succession;
    }
  /** The campaign has found its place in the queue. */
  | { readonly kind: 'placed'; readonly campaign: number }
  | {
      readonly kind: 'electionFailed';
      readonly campaign: number;
      readonly failure: Failure;
      readonly jitter: number;
    }
  | { readonly kind: 'leaseRenewed'; readonly term: number; readonly deadline: number }
  | { readonly kind: 'leaseUnconfirmed'; readonly term: number; readonly why: string }
  | { readonly kind: 'leaseLost'; readonly term: number; readonly cause: LossCause }
  /** Somebody asks the leader of this term to step down. Comes again with each renewal. `by`: who, in words. */
  | { readonly kind: 'stepDownAsked'; readonly term: number; readonly by: string }
  /** The command itself has ended, other processes of its run live on: `left` names them. */
  | { readonly kind: 'commandEnded'; readonly run: number; readonly left: string }
  /** Nothing of the run is left. */
  | { readonly kind: 'runEnded'; readonly run: number; readonly outcome: Outcome; readonly exitCode: number }
  /** The command was started; the tick of its run, if it has one, was entered before. `pid`: unless that failed. */
  | {
      readonly kind: 'runStarted';
      readonly run: number;
      readonly term: number | undefined;
      readonly pid: number | undefined;
    }
  /** A run was not started, since its tick could not be entered in the ledger, or was not to be any more. */
  | { readonly kind: 'notEntered'; readonly run: number; readonly why: NotEntered }
  /** A run was not started: its term is lost, or this process stood still and its keeper may be giving the lease up. */
  | { readonly kind: 'tooLate'; readonly run: number }
  /** A tick of the schedule. `term`: whose ticks these are; `undefined` without leadership. */
  | { readonly kind: 'tick'; readonly term: number | undefined; readonly tick: number }
  /** The ledger of runs cannot be used, and that will not pass by itself: an ACL, or a bug. */
  | { readonly kind: 'ledgerFailed'; readonly term: number; readonly failure: Failure }
  | { readonly kind: 'deadline' }
  | { readonly kind: 'stopRequested'; readonly signal: NodeJS.Signals }
  | { readonly kind: 'resigned'; readonly resignation: number; readonly error: string | undefined }
  /** The resignation came to nothing, since the ledger could not be handed over: the term goes on. */
  | { readonly kind: 'stayed'; readonly resignation: number };

/** Somebody has started the tick; a later term writes the ledger; no answer; the run was stopped before its start. */
export type NotEntered = 'taken' | 'fenced' | 'unanswered' | 'withdrawn';

/** The part of the configuration that decides. */
export interface Plan {
  readonly onChildSuccess: ChildPolicy;
  readonly onChildError: ChildPolicy;
  readonly onElectionFailure: ElectionFailurePolicy;
  readonly onLeaseLoss: LeaseLossPolicy;
  readonly killAfter: number;
  readonly stopSignal: NodeJS.Signals;
  readonly electionTimeout: number | undefined;
  readonly runTimeout: number | undefined;
  readonly restartDelay: number;
  readonly restartMaxDelay: number;
  /** `undefined`: the command is run without a schedule (`run once`). */
  readonly cron: { readonly concurrency: Concurrency } | undefined;
}

/** Why a campaign failed, or the ledger cannot be used. `unavailable` may pass by itself; the others do not. */
export interface Failure {
  readonly kind: 'unavailable' | 'refused' | 'unauthenticated' | 'bug';
  readonly message: string;
  /** What ballot ends with when it ends for this. */
  readonly exitCode: number;
}

export type Level = 'debug' | 'info' | 'warn' | 'error';

export type Effect =
  /** Stand for election, after `delay` ms. */
  | { readonly kind: 'campaign'; readonly campaign: number; readonly delay: number }
  /** `by`: the last instant at which it may be started. With a tick, it is entered in the ledger first. */
  | {
      readonly kind: 'spawn';
      readonly run: number;
      readonly term: number | undefined;
      readonly by: number;
      readonly tick: number | undefined;
    }
  /** Report the ticks of the schedule from now on, for as long as the term lasts. */
  | { readonly kind: 'serve'; readonly term: number | undefined }
  /** Report no more ticks. */
  | { readonly kind: 'unserve' }
  /** Ticks up to this one are settled without a run. */
  | { readonly kind: 'skip'; readonly tick: number }
  /** A run has started: its tick is not served again, and one of no tick is written down. */
  | { readonly kind: 'recordStart'; readonly run: number; readonly tick: number | undefined }
  /** Write down how a run ended. */
  | {
      readonly kind: 'recordEnd';
      readonly run: number;
      readonly outcome: RunOutcome;
      readonly exitCode: number;
      readonly skipped: number;
    }
  /** Renew the lease now. Answered by `leaseRenewed`, `leaseUnconfirmed` or `leaseLost`. */
  | { readonly kind: 'renew'; readonly term: number }
  | { readonly kind: 'signal'; readonly run: number; readonly signal: NodeJS.Signals }
  /**
   * Give up the lease if `term` is given, and with `leave` the place in the queue as well. With `orStay` the term goes
   * on unless the ledger holds all that was started. Answered by `resigned` or `stayed`.
   */
  | {
      readonly kind: 'resign';
      readonly resignation: number;
      readonly term: number | undefined;
      readonly leave: boolean;
      readonly orStay: boolean;
    }
  | {
      readonly kind: 'note';
      readonly level: Level;
      readonly message: string;
      readonly fields: Readonly<Record<string, string | number>>;
      /** The run that it is about. */
      readonly run?: number;
      /** It says in `why` what the election knows of who leads. */
      readonly outlook?: true;
    }
  | { readonly kind: 'finish'; readonly exitCode: number };

export interface Step {
  readonly state: State;
  readonly effects: readonly Effect[];
}

export type In<N extends State['name']> = Extract<State, { readonly name: N }>;
export type On<K extends Event['kind']> = Extract<Event, { readonly kind: K }>;

/** What one state does on events. One that is not named changes nothing. */
export type Row<N extends State['name']> = {
  readonly [K in Event['kind']]?: (state: In<N>, event: On<K>, plan: Plan, now: number) => Step;
};

/** What a state does on an event of the term in which this candidate leads: see `ofTerm`. */
export type TermCell<N extends State['name'], K extends Event['kind']> = (
  state: In<N>,
  role: LeaderRole,
  event: On<K>,
  plan: Plan,
  now: number,
) => Step;

/** Nothing is to be done. */
export const stay = (state: State): Step => ({ state, effects: [] });

/** Puts effects in front of those of a step. */
export function after(effects: readonly Effect[], step: Step): Step {
  return { state: step.state, effects: [...effects, ...step.effects] };
}

/** What every state takes over from the one before. */
export function counts({ campaigns, runs, resignations, failedRuns }: Counts): Counts {
  return { campaigns, runs, resignations, failedRuns };
}
