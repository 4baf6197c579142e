import { sleep } from '../clock.ts';
import { describe } from '../errors.ts';
import type { Election, Term, TermEvent } from '../election/election.ts';
import type { CatchUpRules } from '../ledger/catch-up.ts';
import type { RunDiary } from '../ledger/diary.ts';
import type { RunLedger } from '../ledger/ledger.ts';
import type { Schedule } from '../cron/schedule.ts';
import { start, transition } from './machine.ts';
import { failureOf } from './policy.ts';
import type { Plan, Effect, Event, State, Step } from './state.ts';
import { RunProcess, type RunParts, type UnrecordedTicks } from './run-process.ts';
import { Scheduler } from './scheduler.ts';
import { deferred } from '../waiting.ts';

export interface SupervisorParts extends Pick<RunParts, 'launch' | 'clock' | 'logger' | 'candidateId'> {
  readonly election: Election;
  /** How long a campaign goes without contact to the coordinator before it counts as failed, ms. */
  readonly patience: number;
  /** What serving a schedule needs; given if, and only if, the plan has `cron`. */
  readonly cron?: CronParts;
  /** Where runs without a schedule are written down. */
  readonly diary?: RunDiary;
}

export interface CronParts {
  readonly schedule: Schedule;
  readonly ledger: RunLedger;
  readonly rules: CatchUpRules;
  /** Under `on-lease-loss=keep`; under `stop` they are skipped. `start` unless told otherwise. */
  readonly unrecordedTicks?: UnrecordedTicks;
}

/**
 * How long it may take at the end to give up lease and place, ms. A stop of ballot waits for it, also while ZooKeeper
 * is away; the lease then runs out by itself. In parts: the ledger's hand-over, the lease, and what is always left for
 * the session.
 */
const LEAVE_WITHIN = { handOver: 700, lease: 1_500, session: 500 } as const;

/** A leader under `keep` that hands over serves its schedule on when the ledger has not answered for so long, ms. */
const STAY_AFTER_MS = 1_000;

/** How long the end waits for output that a slow reader has not taken yet, ms. The log's own flush comes on top. */
const DRAIN_WITHIN_MS = 10_000;

/** How long the end waits until the last run is written down, after the lease was given up, ms. */
const DIARY_WITHIN_MS = 300;

/** An event, and the state that it has led to. */
export interface Change {
  readonly event: Event;
  readonly state: State;
}

/** Performs the machine's effects: one event at a time, in order. A state's deadline is armed while it lasts. */
export class Supervisor {
  readonly #parts: SupervisorParts;
  readonly #plan: Plan;
  readonly #queue: Event[] = [];
  readonly #finished = deferred<number>();
  readonly #runParts: RunParts;
  /** Those that are not over, in the order of their starts. */
  readonly #runs = new Map<number, RunProcess>();
  /** Output of runs that are over. */
  readonly #draining = new Set<Promise<void>>();
  readonly #scheduler: Scheduler | undefined;
  readonly #observers = new Set<(change: Change) => void>();
  #state: State | undefined;
  #handling = false;
  #disarm: (() => void) | undefined;
  #campaigning = new AbortController();
  #term: Term | undefined;
  /** Aborted when the schedule is not served any more in the present role. */
  #serving = new AbortController();

  constructor(parts: SupervisorParts, plan: Plan) {
    const { clock, logger, cron, diary } = parts;
    this.#parts = parts;
    this.#plan = plan;
    this.#scheduler = cron && new Scheduler({ ...cron, clock, logger });
    this.#runParts = {
      ...parts,
      unrecordedTicks: plan.onLeaseLoss === 'stop' ? 'skip' : (cron?.unrecordedTicks ?? 'start'),
      ledger: cron?.ledger,
      diary,
      report: (event) => this.#dispatch(event),
      tellKeeper: () => this.#tellKeeper(),
      said: { foreground: false },
    };
  }

  /** Supervises until a policy or a stop ends it. Resolves with ballot's exit code. Called once. */
  run(): Promise<number> {
    this.#goTo(start(this.#plan, this.#parts.clock.now()));
    this.#handleAll();
    return this.#finished.promise;
  }

  /** Stops the command, resigns, ends. A call at least a second after the first skips the grace, but for SIGHUP. */
  requestStop(signal: NodeJS.Signals): void {
    this.#dispatch({ kind: 'stopRequested', signal });
  }

  /** Passes a signal on to everything that runs. */
  passOn(signal: NodeJS.Signals): void {
    for (const run of this.#runs.values()) run.passOn(signal);
  }

  /** Tells each listener what happens from now on, in order, never synchronously. Returns what ends that. */
  observe(listener: (change: Change) => void): () => void {
    this.#observers.add(listener);
    return () => void this.#observers.delete(listener);
  }

  #tellObservers(change: Change): void {
    for (const listener of this.#observers) queueMicrotask(() => this.#observers.has(listener) && listener(change));
  }

  #dispatch(event: Event): void {
    this.#queue.push(event);
    if (this.#state !== undefined) this.#handleAll();
  }

  #handleAll(): void {
    if (this.#handling) return;
    this.#handling = true;
    for (let event = this.#queue.shift(); event !== undefined; event = this.#queue.shift()) {
      if (this.#state === undefined) continue;
      const step = transition(this.#state, event, this.#plan, this.#parts.clock.now());
      this.#goTo(step);
      this.#tellObservers({ event, state: step.state });
      if (event.kind === 'runEnded' || event.kind === 'notEntered' || event.kind === 'tooLate')
        this.#forgetRun(event.run);
    }
    this.#handling = false;
  }

  #goTo({ state, effects }: Step): void {
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
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case 'campaign':
        return this.#campaign(effect.campaign, effect.delay);
      case 'spawn':
        return this.#spawn(effect);
      case 'serve':
        return this.#serve(effect.term);
      case 'unserve':
        return this.#serving.abort();
      case 'skip':
        this.#scheduler?.settle(effect.tick);
        return this.#parts.cron?.ledger.skip(effect.tick);
      case 'recordStart':
        if (effect.tick !== undefined) this.#scheduler?.settle(effect.tick);
        return this.#runs.get(effect.run)?.recordStart();
      case 'recordEnd':
        return this.#runs.get(effect.run)?.recordEnd(effect);
      case 'renew':
        return this.#termOf(effect)?.renew();
      case 'signal':
        return this.#runs.get(effect.run)?.signal(effect.signal);
      case 'resign':
        void this.#resign(effect).then((event) => this.#dispatch(event));
        return;
      case 'note':
        return this.#say(effect);
      case 'finish':
        void this.#drained().then(() => this.#finished.resolve(effect.exitCode));
    }
  }

  #say({ level, message, fields, run, outlook }: Extract<Effect, { kind: 'note' }>): void {
    const { logger, election } = this.#parts;
    const about = run === undefined ? undefined : this.#runs.get(run)?.fields;
    logger[level](message, { ...about, ...fields, ...(outlook && { why: election.outlook }) });
  }

  #spawn(spawn: Extract<Effect, { kind: 'spawn' }>): void {
    const run = new RunProcess(this.#runParts, spawn, this.#termOf(spawn));
    this.#runs.set(spawn.run, run);
    run.start();
  }

  /** It is over, and what was to be said of that is said. */
  #forgetRun(number: number): void {
    const run = this.#runs.get(number);
    if (run === undefined) return;
    this.#runs.delete(number);
    const drained = run.drained.then(() => void this.#draining.delete(drained));
    this.#draining.add(drained);
  }

  /** Tells the keeper what lives, and what is just about to be started. */
  #tellKeeper(): void {
    this.#parts.election.setRuns([...this.#runs.values()].flatMap(({ live }) => live ?? []));
  }

  /** Waits for the commands' last output, which a process outside their groups may hold up. */
  async #drained(): Promise<void> {
    const { clock, logger } = this.#parts;
    const inTime = new AbortController();
    const late = sleep(clock, DRAIN_WITHIN_MS, inTime.signal).then(
      () => logger.warn('the command’s last output was not taken in time', { waited: `${DRAIN_WITHIN_MS / 1000}s` }),
      () => undefined,
    );
    await Promise.race([Promise.all(this.#draining), late]);
    inTime.abort();
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
    this.#parts.cron?.ledger.termOver();
    this.#parts.diary?.termOver();
  }

  /** Reports ticks in this role until the role is over. */
  #serve(term: number | undefined): void {
    this.#serving.abort();
    this.#serving = new AbortController();
    const { signal } = this.#serving;
    // The keeper of an idle leader has to know by when it is to be heard of.
    if (term !== undefined) this.#tellKeeper();
    const onTick = (tick: number): void => this.#dispatch({ kind: 'tick', term, tick });
    this.#scheduler?.serve(term, onTick, signal).catch((error: unknown) => {
      if (signal.aborted || term === undefined) return;
      this.#dispatch({ kind: 'ledgerFailed', term, failure: failureOf(error) });
    });
  }

  /** Gives up the lease, and with `leave` everything else too. Never rejects. */
  async #resign(effect: Extract<Effect, { kind: 'resign' }>): Promise<Event> {
    const { clock, election, diary } = this.#parts;
    const { resignation, leave } = effect;
    const leaveUntil = clock.now() + LEAVE_WITHIN.handOver + LEAVE_WITHIN.lease + LEAVE_WITHIN.session;
    let error: string | undefined;
    const failed = (thrown: unknown): void => void (error ??= describe(thrown));
    if (leave) this.#campaigning.abort();
    if ((await this.#endTerm(effect).catch(failed)) === 'stayed') return { kind: 'stayed', resignation };
    if (leave) {
      await diary?.finish(DIARY_WITHIN_MS);
      await election.close(Math.max(LEAVE_WITHIN.session, leaveUntil - clock.now())).catch(failed);
    } else diary?.termOver();
    return { kind: 'resigned', resignation, error };
  }

  /** Gives up the lease, after the ledger: the next leader is to read what this one has left. The only place. */
  async #endTerm(effect: Extract<Effect, { kind: 'resign' }>): Promise<'resigned' | 'stayed'> {
    const { leave, orStay } = effect;
    const scheduler = this.#scheduler;
    const term = this.#termOf(effect);
    const over = (): void => {
      if (this.#term === term) this.#term = undefined;
      this.#serving.abort();
    };
    if (!orStay) over();
    if (term === undefined) return 'resigned';
    const handOverWithin = Math.min(
      term.leaseDuration / 3,
      leave ? LEAVE_WITHIN.handOver : Infinity,
      orStay ? STAY_AFTER_MS : Infinity,
    );
    const first = scheduler && (() => scheduler.handOver(handOverWithin, orStay));
    // Without a ledger its time is the lease's.
    const inAll = LEAVE_WITHIN.lease + (scheduler === undefined ? LEAVE_WITHIN.handOver : 0);
    let ended: 'resigned' | 'stayed' = 'resigned';
    try {
      ended = await term.resign({ first, orStay, within: leave ? inAll : undefined });
    } finally {
      if (ended === 'resigned') over();
    }
    if (ended === 'resigned') this.#parts.logger.info('resigned', { term: term.fencingToken });
    return ended;
  }

  /** The term of that number, if it is still held. */
  #termOf({ term }: { readonly term: number | undefined }): Term | undefined {
    return this.#term?.fencingToken === term ? this.#term : undefined;
  }
}

function termEvent(term: Term, event: TermEvent): Event {
  switch (event.kind) {
    case 'renewed':
      return { kind: 'leaseRenewed', term: term.fencingToken, deadline: event.deadline };
    case 'unconfirmed':
      return { kind: 'leaseUnconfirmed', term: term.fencingToken, why: event.why };
    case 'stepDownAsked':
      return { kind: 'stepDownAsked', term: term.fencingToken, by: event.by };
    case 'lost':
      return { kind: 'leaseLost', term: term.fencingToken, cause: event.cause };
  }
}
