import { sleep, type Clock } from '../clock.ts';
import { BallotError, describe, ExitCode } from '../errors.ts';
import type { RunningCommand } from '../command/launch.ts';
import type { Election, Term, TermEvent } from '../election/election.ts';
import type { Logger } from '../log/logger.ts';
import type { CatchUpRules } from '../ledger/catch-up.ts';
import type { RunLedger } from '../ledger/ledger.ts';
import type { Schedule } from '../cron/schedule.ts';
import { Executions, type ExecutionParts, type RunIdentity } from './executions.ts';
import { start, transition } from './machine.ts';
import type { Plan } from './policy.ts';
import type { Effect, ElectionFailure, Event, State, Step } from './state.ts';
import { Scheduler } from './scheduler.ts';

export type { RunIdentity } from './executions.ts';

export interface SupervisorParts {
  readonly election: Election;
  readonly launch: (identity: RunIdentity) => RunningCommand;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long a campaign goes without contact to the coordinator before it counts as failed, ms. */
  readonly patience: number;
  /** What serving a schedule needs; given if, and only if, the plan has `cron`. */
  readonly cron?: CronParts;
  /** Where runs without a schedule are written down. */
  readonly diary?: ExecutionParts['diary'];
}

export interface CronParts {
  readonly schedule: Schedule;
  readonly ledger: RunLedger;
  /** The name under which this candidate's runs are entered. */
  readonly candidateId: string;
  readonly rules: CatchUpRules;
}

/**
 * How long it may take at the end to give up lease and place, ms. Whoever stops ballot waits for it, also while
 * ZooKeeper is away; the lease runs out by itself then. In parts: the ledger's hand-over, the lease, and what is always
 * left for the session.
 */
const LEAVE_WITHIN = { handOver: 700, lease: 1_500, session: 500 } as const;

/** A leader under `keep` that hands over serves its schedule on when the ledger has not answered for so long, ms. */
const STAY_AFTER_MS = 1_000;

/** How long the end waits until the last run is written down, after the lease was given up, ms. */
const DIARY_WITHIN_MS = 300;

/**
 * Performs the effects of the state machine. One event is handled at a time, in the order of arrival; the present
 * state's deadline is armed on entry and cleared on exit.
 */
export class Supervisor {
  readonly #parts: SupervisorParts;
  readonly #plan: Plan;
  readonly #queue: Event[] = [];
  readonly #finished: Promise<number>;
  readonly #executions: Executions;
  readonly #scheduler: Scheduler | undefined;
  #finish: (exitCode: number) => void = () => {};
  #state: State | undefined;
  #handling = false;
  #disarm: (() => void) | undefined;
  #campaigning = new AbortController();
  #term: Term | undefined;
  /** Aborted when the schedule is not served any more in the present role. */
  #serving = new AbortController();
  /** Log lines about effects that were just performed: they follow the notes that say why. */
  readonly #said: (() => void)[] = [];

  constructor(parts: SupervisorParts, plan: Plan) {
    const { election, launch, clock, logger, cron } = parts;
    this.#parts = parts;
    this.#plan = plan;
    this.#finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
    this.#scheduler = cron && new Scheduler({ ...cron, clock, logger });
    this.#executions = new Executions({
      election,
      launch,
      clock,
      logger,
      onLeaseLoss: plan.onLeaseLoss,
      book: cron,
      diary: parts.diary,
      onTick: (tick) => this.#scheduler?.settle(tick),
      onLedgerFailure: (term, error) => this.#ledgerFailed(term, error),
      dispatch: (event) => this.#dispatch(event),
      later: (line) => (this.#handling ? void this.#said.push(line) : line()),
    });
  }

  /** Supervises until a policy or a stop ends it. Resolves with ballot's exit code. Called once. */
  run(): Promise<number> {
    this.#enter(start(this.#plan, this.#parts.clock.now()));
    this.#handleAll();
    return this.#finished;
  }

  /**
   * Stops the command, resigns, ends. A call that comes at least a second after the first skips the grace, but for
   * SIGHUP.
   */
  requestStop(signal: NodeJS.Signals): void {
    this.#dispatch({ kind: 'stopRequested', signal });
  }

  /** Passes a signal on to everything that runs. */
  passOn(signal: NodeJS.Signals): void {
    this.#executions.passOn(signal);
  }

  #dispatch(event: Event): void {
    this.#queue.push(event);
    if (this.#state !== undefined) this.#handleAll();
  }

  #handleAll(): void {
    if (this.#handling) return;
    this.#handling = true;
    for (let event = this.#queue.shift(); event !== undefined; event = this.#queue.shift()) {
      if (this.#state !== undefined) this.#enter(transition(this.#state, event, this.#plan, this.#parts.clock.now()));
    }
    this.#handling = false;
  }

  #enter({ state, effects }: Step): void {
    if (state !== this.#state) {
      this.#disarm?.();
      this.#disarm = undefined;
      this.#state = state;
      const { deadline } = state;
      if (deadline !== undefined)
        this.#disarm = this.#parts.clock.at(deadline, () => this.#dispatch({ kind: 'deadline' }));
    }
    // What others wait for comes first: a log line costs as much as a request.
    for (const effect of effects) if (effect.kind !== 'note') this.#perform(effect);
    for (const effect of effects) if (effect.kind === 'note') this.#perform(effect);
    for (const line of this.#said.splice(0)) line();
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case 'campaign':
        return this.#campaign(effect.campaign, effect.delay);
      case 'spawn':
        return this.#executions.start(effect, this.#term?.fencingToken === effect.term ? this.#term : undefined);
      case 'serve':
        return this.#serve(effect.term);
      case 'unserve':
        return this.#serving.abort();
      case 'skip':
        this.#scheduler?.settle(effect.tick);
        return this.#parts.cron?.ledger.skip(effect.tick);
      case 'record':
        return this.#executions.record(effect);
      case 'renew':
        if (this.#term?.fencingToken === effect.term) this.#term.renew();
        return;
      case 'signal':
        return this.#executions.signal(effect.run, effect.signal);
      case 'resign':
        void this.#resign(effect).then((event) => this.#dispatch(event));
        return;
      case 'note':
        return this.#say(effect);
      case 'finish':
        void this.#executions.drained().then(() => this.#finish(effect.exitCode));
    }
  }

  #say({ level, message, fields, run, outlook }: Extract<Effect, { kind: 'note' }>): void {
    const { logger, election } = this.#parts;
    const about = run === undefined ? {} : this.#executions.fieldsOf(run);
    logger[level](message, { ...about, ...fields, ...(outlook && { why: election.outlook }) });
  }

  #campaign(campaign: number, delay: number): void {
    const { clock, election, patience } = this.#parts;
    this.#campaigning = new AbortController();
    const { signal } = this.#campaigning;
    const elected = async (): Promise<Term> => {
      if (delay > 0) await sleep(clock, delay, signal);
      // Who tries again anyway keeps its place and goes on the moment contact is back.
      const standing = this.#plan.onElectionFailure === 'retry' ? Infinity : patience;
      const onPlace = (): void => this.#dispatch({ kind: 'placed', campaign });
      return election.campaign({ signal, patience: { opening: patience, standing }, onPlace });
    };
    elected().then(
      (term) => this.#elected(campaign, term),
      (error: unknown) => {
        if (signal.aborted) return;
        this.#dispatch({ kind: 'electionFailed', campaign, failure: failureOf(error), jitter: clock.random() });
      },
    );
  }

  #elected(campaign: number, term: Term): void {
    this.#term = term;
    term.subscribe((event) => {
      if (event.kind === 'lost') this.#forget(term);
      this.#dispatch(termEvent(term, event));
    });
    const { fencingToken, deadline, leaseDuration, succession } = term;
    const leadership = { term: fencingToken, deadline, leaseDuration, confirmed: true };
    this.#dispatch({ kind: 'elected', campaign, leadership, succession });
  }

  /** There is nothing to resign any more. */
  #forget(term: Term): void {
    if (this.#term !== term) return;
    this.#term = undefined;
    this.#serving.abort();
    this.#parts.cron?.ledger.leave();
    this.#parts.diary?.runs.leave();
  }

  #ledgerFailed(term: number, error: unknown): void {
    this.#dispatch({ kind: 'ledgerFailed', term, failure: failureOf(error) });
  }

  /** Reports ticks in this role until the role is over. */
  #serve(term: number | undefined): void {
    this.#serving.abort();
    this.#serving = new AbortController();
    const { signal } = this.#serving;
    // The keeper of an idle leader has to know by when it is to be heard of.
    if (term !== undefined) this.#executions.tellKeeper();
    const onTick = (tick: number): void => this.#dispatch({ kind: 'tick', term, tick });
    this.#scheduler?.serve(term, onTick, signal).catch((error: unknown) => {
      if (!signal.aborted && term !== undefined) this.#ledgerFailed(term, error);
    });
  }

  /** Gives up the lease, and with `leave` everything else too. Never rejects. */
  async #resign({ resignation, leave, orStay }: Extract<Effect, { kind: 'resign' }>): Promise<Event> {
    const { clock, election } = this.#parts;
    const leaveUntil = clock.now() + LEAVE_WITHIN.handOver + LEAVE_WITHIN.lease + LEAVE_WITHIN.session;
    let error: string | undefined;
    try {
      if (leave) this.#campaigning.abort();
      if (!(await this.#endTerm(leave, orStay))) return { kind: 'stayed', resignation };
    } catch (thrown) {
      error = describe(thrown);
    }
    if (leave) await this.#parts.diary?.runs.finish(DIARY_WITHIN_MS);
    else this.#parts.diary?.runs.leave();
    try {
      if (leave) await election.withdraw(Math.max(LEAVE_WITHIN.session, leaveUntil - clock.now()));
    } catch (thrown) {
      error ??= describe(thrown);
    }
    return { kind: 'resigned', resignation, error };
  }

  /**
   * Gives up the lease, after the ledger: the next leader is to read what this one has left. False: the term goes on.
   */
  async #endTerm(leave: boolean, orStay: boolean): Promise<boolean> {
    const { logger } = this.#parts;
    const scheduler = this.#scheduler;
    const term = this.#term;
    const over = (): void => {
      if (this.#term === term) this.#term = undefined;
      this.#serving.abort();
    };
    if (!orStay) over();
    if (term === undefined) return true;
    const handOverWithin = Math.min(
      term.leaseDuration / 3,
      leave ? LEAVE_WITHIN.handOver : Infinity,
      orStay ? STAY_AFTER_MS : Infinity,
    );
    const first = scheduler && (() => scheduler.handOver(handOverWithin, orStay));
    // Without a ledger its time is the lease's.
    const inAll = LEAVE_WITHIN.lease + (scheduler === undefined ? LEAVE_WITHIN.handOver : 0);
    const within = leave ? inAll : undefined;
    let stays = false;
    try {
      stays = (await term.resign({ first, orStay, within })) === 'stayed';
    } finally {
      if (!stays) over();
    }
    if (!stays) logger.info('resigned', { term: term.fencingToken });
    return !stays;
  }
}

function termEvent(term: Term, event: TermEvent): Event {
  switch (event.kind) {
    case 'renewed':
      return { kind: 'leaseRenewed', term: term.fencingToken, deadline: event.deadline };
    case 'unconfirmed':
      return { kind: 'leaseUnconfirmed', term: term.fencingToken, why: event.why };
    case 'lost':
      return { kind: 'leaseLost', term: term.fencingToken, cause: event.cause };
  }
}

/** Only what may pass by itself is `unavailable`: an ACL, or a client that is not installed, does not mend itself. */
function failureOf(error: unknown): ElectionFailure {
  if (!(error instanceof BallotError)) {
    const stack = error instanceof Error ? error.stack : undefined;
    return { kind: 'bug', message: stack ?? describe(error), exitCode: ExitCode.bug };
  }
  const { exitCode: code, hint } = error;
  const message = hint === undefined ? describe(error) : `${describe(error)} (${hint})`;
  return { kind: code === ExitCode.unavailable ? 'unavailable' : 'refused', message, exitCode: code };
}
