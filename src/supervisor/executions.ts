import { exitCode } from '../command/exit.ts';
import type { Outcome, RunningCommand } from '../command/launch.ts';
import { namesOf } from '../command/proc.ts';
import { sleep, type Clock } from '../clock.ts';
import type { LeaseLossPolicy } from '../config/config.ts';
import type { CommandRun, Election, Term } from '../election/election.ts';
import type { Fields, Logger } from '../log/logger.ts';
import { formatInstant } from '../ledger/record.ts';
import type { RunDiary } from '../ledger/diary.ts';
import type { RunLedger } from '../ledger/ledger.ts';
import type { Effect, Event, NotEntered } from './state.ts';

/** What a run is told about itself. */
export interface RunIdentity {
  readonly runId: string;
  /** `undefined`: the command runs without leadership (`run-anyway`). */
  readonly fencingToken: number | undefined;
  /** The tick that it is for, ms since the Unix epoch; `undefined` without a schedule. */
  readonly tick: number | undefined;
}

export interface ExecutionParts {
  readonly election: Election;
  readonly launch: (identity: RunIdentity) => RunningCommand;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onLeaseLoss: LeaseLossPolicy;
  /** Where ticks are entered, and under which name. */
  readonly book: { readonly ledger: RunLedger; readonly candidateId: string } | undefined;
  /** Where runs without a schedule are written down, and under which name. */
  readonly diary: { readonly runs: RunDiary; readonly candidateId: string } | undefined;
  /** A tick was started here. */
  readonly onTick: (tick: number) => void;
  /** The ledger cannot be used in this term. */
  readonly onLedgerFailure: (term: number, error: unknown) => void;
  readonly dispatch: (event: Event) => void;
  /** Says something after what others wait for. */
  readonly later: (line: () => void) => void;
}

/** One run, from before its start until nothing of it is left. */
interface Execution {
  readonly run: number;
  readonly identity: RunIdentity;
  /** `undefined` while its tick is being entered. */
  command: RunningCommand | undefined;
  signalled: boolean;
  /** Aborted when the run is not to be started any more. */
  readonly calledOff: AbortController;
}

/** How long the end waits for output that a slow reader has not taken yet, ms. The log's own flush comes on top. */
const DRAIN_WITHIN_MS = 10_000;

/**
 * A command that ends by itself within this time with success, and leaves processes, has made a daemon of itself, ms.
 */
const DAEMON_WITHIN_MS = 2_000;

/** What of a run lives for so long after its leader, and is not seen, is not about to end, ms. */
const HIDDEN_AFTER_MS = 200;

/**
 * Once the ledger has not answered for a heartbeat, each further tick waits no longer than this for its entry, ms
 * (`on-lease-loss=keep`).
 */
const SILENT_LEDGER_MS = 50;

type Spawn = Extract<Effect, { kind: 'spawn' }>;

/** Starts, signals and follows the runs of one supervisor, and keeps election, keeper and ledger informed of them. */
export class Executions {
  readonly #parts: ExecutionParts;
  /** In the order of their starts. */
  readonly #alive = new Map<number, Execution>();
  /** Of the runs that live, and of one that is just over until that is said. */
  readonly #identities = new Map<number, RunIdentity>();
  readonly #draining = new Set<Promise<void>>();
  /** Ids of the runs that are in the ledger, or are to be, and have no end there yet. */
  readonly #entered = new Map<number, string>();
  #saidForeground = false;
  /** Since when, in monotonic ms, no entry was answered, over all ticks. */
  #unansweredSince: number | undefined;

  constructor(parts: ExecutionParts) {
    this.#parts = parts;
  }

  /**
   * Starts a run. `term`: its term, if that is still held. A tick is entered in the ledger first. Answered by
   * `runEnded`, `notEntered` or `tooLate`.
   */
  start(spawn: Spawn, term: Term | undefined): void {
    const { run, tick } = spawn;
    const identity = { runId: this.#runId(spawn), fencingToken: spawn.term, tick };
    const execution: Execution = {
      run,
      identity,
      command: undefined,
      signalled: false,
      calledOff: new AbortController(),
    };
    this.#alive.set(run, execution);
    this.#identities.set(run, identity);
    // The term was lost since, and the news of that is on its way.
    if (spawn.term !== undefined && term === undefined) this.#tooLate(execution);
    else if (tick === undefined || term === undefined) this.#launch(execution, spawn, term);
    else
      this.#enter(execution, tick, spawn, term).catch((error: unknown) => {
        this.#parts.onLedgerFailure(term.fencingToken, error);
        this.#notEntered(execution, 'withdrawn');
      });
  }

  /** What names a run on each line about it. */
  fieldsOf(run: number): Fields {
    const identity = this.#identities.get(run);
    return identity === undefined ? { run } : identityFields(identity);
  }

  /** Nothing is left of it. What is to be said of that is said in this turn. */
  #remove(run: number): void {
    this.#alive.delete(run);
    queueMicrotask(() => this.#identities.delete(run));
  }

  #runId({ run, term }: Spawn): string {
    return `${term ?? `anyway-${Math.trunc(this.#parts.clock.wall())}`}.${run}`;
  }

  signal(run: number, signal: NodeJS.Signals): void {
    const execution = this.#alive.get(run);
    if (execution === undefined) return;
    if (execution.command === undefined) return execution.calledOff.abort();
    execution.command.signal(signal);
    // A stopped process takes its signal only when it is continued.
    if (signal !== 'SIGKILL') execution.command.signal('SIGCONT');
    execution.signalled = true;
    this.#bequeath();
  }

  /** Passes a signal on to every run. */
  passOn(signal: NodeJS.Signals): void {
    for (const { command } of this.#alive.values()) command?.signal(signal);
  }

  /**
   * Writes the end of a run into the ledger. To be called before a resignation that follows from it, so that nobody
   * takes the run for lost.
   */
  record({ run, outcome, exitCode: code, skipped }: Extract<Effect, { kind: 'record' }>): void {
    const { book, diary, clock } = this.#parts;
    const ending = { end: clock.wall(), outcome, exitCode: code };
    const noted = this.#identities.get(run)?.runId;
    if (noted !== undefined) diary?.runs.ended(noted, ending);
    const runId = this.#entered.get(run);
    if (book === undefined || runId === undefined) return;
    this.#entered.delete(run);
    book.ledger.close(runId, skipped === 0 ? ending : { ...ending, skipped });
  }

  /** Waits for the commands' last output, which a process outside their groups may hold up. */
  async drained(): Promise<void> {
    const { clock, logger } = this.#parts;
    const inTime = new AbortController();
    const late = sleep(clock, DRAIN_WITHIN_MS, inTime.signal).then(
      () => logger.warn('the command’s last output was not taken in time', { waited: `${DRAIN_WITHIN_MS / 1000}s` }),
      () => undefined,
    );
    await Promise.race([Promise.all(this.#draining), late]);
    inTime.abort();
  }

  /**
   * Enters the tick in the ledger, then starts the run. Without an answer: under `stop` the entry is taken back and
   * nothing is started; under `keep` the run is started all the same, and the entry is written when the ensemble is
   * back.
   */
  async #enter(execution: Execution, tick: number, spawn: Spawn, term: Term): Promise<void> {
    const { book, clock, onLeaseLoss } = this.#parts;
    if (book === undefined) throw new Error('invariant: a tick without a ledger');
    const { ledger, candidateId } = book;
    const { runId } = execution.identity;
    const start = clock.wall();
    const record = { runId, tick, candidateId, fencingToken: term.fencingToken, start };
    const verdict = await Promise.race([ledger.enter(record, this.#patience(ledger, term)), calledOff(execution)]);
    if (verdict === 'entered' || verdict === 'taken') this.#unansweredSince = undefined;
    if (verdict === 'taken' || verdict === 'fenced') return this.#notEntered(execution, verdict);
    if (
      verdict === 'withdrawn' ||
      execution.calledOff.signal.aborted ||
      (verdict === 'unanswered' && onLeaseLoss === 'stop')
    ) {
      ledger.withdraw(runId);
      return this.#notEntered(execution, verdict === 'unanswered' ? 'unanswered' : 'withdrawn');
    }
    if (verdict === 'unanswered')
      this.#parts.logger.warn(
        'ZooKeeper unreachable: the tick runs unrecorded, and is recorded when ZooKeeper answers',
        {
          ...identityFields(execution.identity),
        },
      );
    this.#entered.set(execution.run, runId);
    this.#launch(execution, spawn, term);
  }

  /** How long an entry is waited for, ms. Under `keep` a heartbeat, from the first one that was not answered. */
  #patience(ledger: RunLedger, { leaseDuration, heartbeat }: Term): number {
    const { clock, onLeaseLoss } = this.#parts;
    if (onLeaseLoss === 'stop') return leaseDuration;
    const now = clock.now();
    if (this.#unansweredSince === undefined || ledger.acknowledgedAt > this.#unansweredSince)
      this.#unansweredSince = now;
    return Math.max(SILENT_LEDGER_MS, this.#unansweredSince + heartbeat - now);
  }

  #notEntered({ run }: Execution, why: NotEntered): void {
    this.#remove(run);
    this.#parts.dispatch({ kind: 'notEntered', run, why });
  }

  #launch(execution: Execution, { run, term: token, by, tick }: Spawn, term: Term | undefined): void {
    const { clock, diary, launch, logger, later } = this.#parts;
    const { identity } = execution;
    // First, so that the command is found and stopped even if this process dies while starting it.
    this.#bequeath(execution);
    // This process may have stood still since the state was entered, and its keeper have given the lease up. While a
    // tick was being entered the lease may have been renewed.
    const until = term === undefined || tick === undefined ? Math.min(by, term?.safeUntil ?? Infinity) : term.safeUntil;
    if (clock.now() >= until) return this.#tooLate(execution);
    const command = launch(identity);
    execution.command = command;
    if (tick !== undefined) {
      this.#parts.onTick(tick);
      this.#parts.dispatch({ kind: 'runStarted', run });
    }
    this.#bequeath();
    const { pid } = command;
    const fields = { ...identityFields(identity), pid, term: token };
    if (pid !== undefined) later(() => logger.info('the command runs', fields));
    const start = clock.wall();
    if (diary !== undefined && token !== undefined)
      later(() =>
        diary.runs.started({ runId: identity.runId, candidateId: diary.candidateId, fencingToken: token, start }),
      );
    const drained = command.drained.then(() => void this.#draining.delete(drained));
    this.#draining.add(drained);
    void this.#follow(execution, command);
  }

  #tooLate({ run, identity }: Execution): void {
    this.#remove(run);
    this.#bequeath();
    if (this.#entered.delete(run)) this.#parts.book?.ledger.withdraw(identity.runId);
    this.#parts.dispatch({ kind: 'tooLate', run });
  }

  /** Tells the keeper what lives. */
  tellKeeper(): void {
    this.#bequeath();
  }

  /** Tells the keeper what lives, and what is just about to be started. */
  #bequeath(starting?: Execution): void {
    const runs = [...this.#alive.values()]
      .filter((execution) => execution.command !== undefined || execution === starting)
      .map(({ identity: { runId }, command, signalled }): CommandRun => {
        const group = command?.group;
        return { runId, signalled, ...(group === undefined ? {} : { group }) };
      });
    this.#parts.election.setRuns(runs);
  }

  async #follow(execution: Execution, command: RunningCommand): Promise<void> {
    const { clock, dispatch } = this.#parts;
    const { run } = execution;
    const startedAt = clock.now();
    const outcome = await command.exited;
    const ranFor = clock.now() - startedAt;
    const cancel = this.#onceLeftBehind(command, (left) => {
      dispatch({ kind: 'commandEnded', run, outcome, left });
      this.#hintAtForeground(outcome, ranFor);
    });
    await command.gone;
    cancel();
    this.#remove(run);
    dispatch({ kind: 'runEnded', run, outcome, exitCode: exitCode(outcome) });
    // The next candidate waits for the event: it goes first. The keeper sees for itself that the run is gone.
    this.#bequeath();
  }

  /**
   * Tells, once the command has ended, whom it has left. One that leaves nobody is mostly gone in the same instant.
   * Those that nobody sees are just ending, unless they stay: then they are hidden from this user.
   */
  #onceLeftBehind(command: RunningCommand, tell: (left: string) => void): () => void {
    const { clock } = this.#parts;
    const hiddenAt = clock.now() + HIDDEN_AFTER_MS;
    let cancel = (): void => undefined;
    const look = (wait: number): void => {
      cancel = clock.at(clock.now() + wait, () => {
        const followers = command.followers();
        if (followers.length > 0) tell(namesOf(followers));
        else if (clock.now() >= hiddenAt) tell('hidden from this user');
        else look(wait * 2);
      });
    };
    look(1);
    return () => cancel();
  }

  /** Said once: a daemon does the same at each run. */
  #hintAtForeground(outcome: Outcome, ranFor: number): void {
    const succeeded = outcome.kind === 'exited' && outcome.code === 0;
    if (this.#saidForeground || !succeeded || ranFor > DAEMON_WITHIN_MS) return;
    this.#saidForeground = true;
    this.#parts.logger.warn(
      'the command ended at once and left processes: ' +
        'if it is a daemon that puts itself into the background, run it in the foreground',
      {
        hint: 'look for an option such as --foreground, --no-daemon or -D',
      },
    );
  }
}

function identityFields({ runId, tick }: RunIdentity): Fields {
  return { runId, tick: tick === undefined ? undefined : formatInstant(tick) };
}

function calledOff({ calledOff: { signal } }: Execution): Promise<'withdrawn'> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve('withdrawn'), { once: true });
  });
}
