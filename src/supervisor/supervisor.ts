import { exitCode } from '../child/exit.ts';
import type { RunningCommand } from '../child/launch.ts';
import { sleep, type Clock } from '../clock.ts';
import { BallotError, describe, ExitCode } from '../errors.ts';
import type { Election, Term, TermEvent } from '../election/election.ts';
import type { Logger } from '../observe/logger.ts';
import { start, transition } from './machine.ts';
import type { Plan } from './policy.ts';
import type { Effect, ElectionFailure, Event, State, Step } from './state.ts';

/** What a run is told about itself. */
export interface RunIdentity {
  readonly runId: string;
  /** `undefined`: the command runs without leadership (`run-anyway`). */
  readonly fencingToken: number | undefined;
}

export interface SupervisorParts {
  readonly election: Election;
  readonly launch: (identity: RunIdentity) => RunningCommand;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long a campaign goes without contact to the coordinator before it counts as failed, ms. */
  readonly patience: number;
}

/** How long leaving the queue may take at the end, ms. */
const WITHDRAW_WITHIN_MS = 3_000;

/** How long the end waits for output that a slow reader has not taken yet, ms. The log's own flush comes on top. */
const DRAIN_WITHIN_MS = 10_000;

interface Execution {
  readonly run: number;
  readonly identity: RunIdentity;
  readonly command: RunningCommand;
}

/**
 * Performs the effects of the state machine. One event is handled at a time, in the order of arrival; the present state's deadline is armed on entry and cleared on exit.
 */
export class Supervisor {
  readonly #parts: SupervisorParts;
  readonly #plan: Plan;
  readonly #queue: Event[] = [];
  readonly #finished: Promise<number>;
  #finish: (exitCode: number) => void = () => {};
  #state: State | undefined;
  #handling = false;
  #disarm: (() => void) | undefined;
  #campaigning = new AbortController();
  #term: Term | undefined;
  #execution: Execution | undefined;
  readonly #draining = new Set<Promise<void>>();
  /** Log lines about effects that were just performed: they follow the notes that say why. */
  readonly #said: (() => void)[] = [];

  constructor(parts: SupervisorParts, plan: Plan) {
    this.#parts = parts;
    this.#plan = plan;
    this.#finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  /** Supervises until a policy or a stop ends it. Resolves with ballot's exit code. Called once. */
  run(): Promise<number> {
    this.#enter(start(this.#plan, this.#parts.clock.now()));
    this.#handleAll();
    return this.#finished;
  }

  /** Stops the command, resigns, ends. A second call skips the grace. */
  requestStop(signal: NodeJS.Signals): void {
    this.#dispatch({ kind: 'stopRequested', signal });
  }

  /** Passes a signal on to the command, if one runs. */
  passOn(signal: NodeJS.Signals): void {
    this.#execution?.command.signal(signal);
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
        return this.#spawn(effect);
      case 'renew':
        if (this.#term?.fencingToken === effect.term) this.#term.renew();
        return;
      case 'signal':
        return this.#signal(effect.run, effect.signal);
      case 'resign':
        void this.#resign(effect.leave).then((error) => {
          this.#dispatch({ kind: 'resigned', resignation: effect.resignation, error });
        });
        return;
      case 'note':
        return this.#parts.logger[effect.level](effect.message, effect.fields);
      case 'finish':
        void this.#drained().then(() => this.#finish(effect.exitCode));
    }
  }

  #campaign(campaign: number, delay: number): void {
    const { clock, election, patience } = this.#parts;
    this.#campaigning = new AbortController();
    const { signal } = this.#campaigning;
    const elected = async (): Promise<Term> => {
      if (delay > 0) await sleep(clock, delay, signal);
      // Who tries again anyway keeps its place and goes on the moment contact is back.
      const standing = this.#plan.onElectionFailure === 'retry' ? Infinity : patience;
      return election.campaign({ signal, patience: { opening: patience, standing } });
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
      // Nothing to resign any more.
      if (event.kind === 'lost' && this.#term === term) this.#term = undefined;
      this.#dispatch(termEvent(term, event));
    });
    const { fencingToken, deadline, leaseDuration } = term;
    this.#dispatch({ kind: 'elected', campaign, leadership: { term: fencingToken, deadline, leaseDuration } });
  }

  #spawn({ run, term, by }: Extract<Effect, { kind: 'spawn' }>): void {
    const { clock, election, launch, logger } = this.#parts;
    const runId = `${term ?? `anyway-${Math.trunc(clock.wall())}`}.${run}`;
    const identity: RunIdentity = { runId, fencingToken: term };
    // First, so that the command is found and stopped even if this process dies while starting it.
    election.setRuns([{ runId, signalled: false }]);
    // This process may have stood still since the state was entered, and its keeper have given the lease up.
    if (clock.now() >= Math.min(by, this.#term?.safeUntil ?? Infinity)) return this.#tooLate(run, term);
    const command = launch(identity);
    this.#execution = { run, identity, command };
    this.#report(this.#execution, false);
    const { pid } = command;
    if (pid !== undefined) this.#said.push(() => logger.info('the command runs', { run, runId, pid, term }));
    const drained = command.drained.then(() => void this.#draining.delete(drained));
    this.#draining.add(drained);
    void this.#follow(run, command);
  }

  #tooLate(run: number, term: number | undefined): void {
    const message = 'its lease ran out before it could be started';
    this.#parts.election.setRuns([]);
    if (term !== undefined) {
      const cause = { kind: 'released', by: 'this candidate, which stood still for too long' } as const;
      this.#dispatch({ kind: 'leaseLost', term, cause });
    }
    this.#dispatch({
      kind: 'runEnded',
      run,
      outcome: { kind: 'notStarted', code: ExitCode.notExecutable, message },
      exitCode: ExitCode.notExecutable,
    });
  }

  #report({ identity, command }: Execution, signalled: boolean): void {
    const { group } = command;
    this.#parts.election.setRuns([{ runId: identity.runId, signalled, ...(group === undefined ? {} : { group }) }]);
  }

  #signal(run: number, signal: NodeJS.Signals): void {
    const execution = this.#execution;
    if (execution?.run !== run) return;
    execution.command.signal(signal);
    this.#report(execution, true);
  }

  async #follow(run: number, command: RunningCommand): Promise<void> {
    const outcome = await command.exited;
    // A command that leaves nobody behind is gone in the same instant; the timer only fires for one that does.
    const { clock } = this.#parts;
    const cancel = clock.at(clock.now() + 1, () => this.#dispatch({ kind: 'commandEnded', run, outcome }));
    await command.gone;
    cancel();
    if (this.#execution?.run === run) this.#execution = undefined;
    this.#dispatch({ kind: 'runEnded', run, outcome, exitCode: exitCode(outcome) });
    // After what others wait for. The keeper finds for itself that nothing of the run is left.
    if (this.#execution === undefined) this.#parts.election.setRuns([]);
  }

  /** Gives up the lease, and with `leave` everything else too. Returns what went wrong. */
  async #resign(leave: boolean): Promise<string | undefined> {
    const { election, logger } = this.#parts;
    const term = this.#term;
    this.#term = undefined;
    let error: string | undefined;
    try {
      if (leave) this.#campaigning.abort();
      await term?.resign();
      if (term !== undefined) logger.info('resigned', { term: term.fencingToken });
    } catch (thrown) {
      error = describe(thrown);
    }
    try {
      if (leave) await election.withdraw(WITHDRAW_WITHIN_MS);
    } catch (thrown) {
      error ??= describe(thrown);
    }
    return error;
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
