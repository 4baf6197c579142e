import { exitCode } from '../command/exit.ts';
import type { Outcome, RunningCommand } from '../command/launch.ts';
import { namesOf } from '../command/proc.ts';
import type { Clock } from '../clock.ts';
import type { LiveRun, Run, Term } from '../election/election.ts';
import type { Fields, Logger } from '../log/logger.ts';
import { formatInstant } from '../ledger/record.ts';
import type { RunDiary } from '../ledger/diary.ts';
import type { RunLedger } from '../ledger/ledger.ts';
import { failureOf } from './policy.ts';
import type { Effect, Event, NotEntered } from './state.ts';
import { untilAborted } from '../waiting.ts';

/** What a run has to know of its term. It cannot resign it. */
export type TermOfRun = Pick<Term, 'fencingToken' | 'leaseDuration' | 'heartbeat' | 'safeUntil'>;

/** What becomes of a tick whose entry in the ledger is not answered: its run starts all the same, or it does not. */
export type UnrecordedTicks = 'start' | 'skip';

export interface RunParts {
  readonly launch: (run: Run) => RunningCommand;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The name under which runs are written down. */
  readonly candidateId: string;
  readonly unrecordedTicks: UnrecordedTicks;
  /** Where ticks are entered before their runs start. */
  readonly ledger: RunLedger | undefined;
  /** Where runs without a schedule are written down. */
  readonly diary: RunDiary | undefined;
  /** Takes what happens to the run. */
  readonly report: (event: Event) => void;
  /** To be called when what the keeper has to know of the run has changed. */
  readonly tellKeeper: () => void;
  /** What was said of an earlier run, and is not said again. */
  readonly said: { foreground: boolean };
}

/** A command that ends with success within this time, and leaves processes, has made a daemon of itself, ms. */
const DAEMON_WITHIN_MS = 2_000;

/** What of a run lives for so long after its leader, and is not seen, is not about to end, ms. */
const HIDDEN_AFTER_MS = 200;

/** Once the ledger was silent for a heartbeat, a tick that may start without its entry waits so long for it, ms. */
const SILENT_LEDGER_MS = 50;

type Spawn = Extract<Effect, { kind: 'spawn' }>;

/**
 * One run of the command, from before its start until nothing of it is left: its tick is entered in the ledger, its
 * command is started, and followed. What happens to it is reported; the last report is `runEnded`, `notEntered` or
 * `tooLate`.
 */
export class RunProcess {
  readonly run: Run;
  readonly #parts: RunParts;
  readonly #spawn: Spawn;
  readonly #term: TermOfRun | undefined;
  #phase: 'entering' | 'starting' | 'running' | 'over' = 'entering';
  #command: RunningCommand | undefined;
  /** By the wall clock. */
  #startedAt = 0;
  #signalled = false;
  /** Its entry stands in the ledger, or is to, and has no end there yet. */
  #isEntered = false;
  /** Aborted when it is not to be started any more. */
  readonly #calledOff = new AbortController();

  /** `term`: the term of the run, if that is still held. */
  constructor(parts: RunParts, spawn: Spawn, term: TermOfRun | undefined) {
    this.#parts = parts;
    this.#spawn = spawn;
    this.#term = term;
    const prefix = spawn.term ?? `anyway-${Math.trunc(parts.clock.wall())}`;
    this.run = { runId: `${prefix}.${spawn.run}`, fencingToken: spawn.term, tick: spawn.tick };
  }

  /** Starts it. A tick is entered in the ledger first. Called once. */
  start(): void {
    const { term: token, tick } = this.#spawn;
    const term = this.#term;
    // The term was lost since, and the news of that is on its way.
    if (token !== undefined && term === undefined) this.#tooLate();
    else if (tick === undefined || term === undefined) this.#launch();
    else
      this.#enter(tick, term).catch((error: unknown) => {
        this.#parts.report({ kind: 'ledgerFailed', term: term.fencingToken, failure: failureOf(error) });
        this.#notEntered('withdrawn');
      });
  }

  /** What names it on each line about it. */
  get fields(): Fields {
    const { runId, tick } = this.run;
    return { runId, tick: tick === undefined ? undefined : formatInstant(tick) };
  }

  /** As the keeper has to know it; `undefined` unless it lives, or is just about to be started. */
  get live(): LiveRun | undefined {
    if (this.#phase !== 'starting' && this.#phase !== 'running') return undefined;
    return { ...this.run, group: this.#command?.group, signalled: this.#signalled };
  }

  /** Resolves when its output has been handed to the log. */
  get drained(): Promise<void> {
    return this.#command?.drained ?? Promise.resolve();
  }

  /** Sends a signal of a stop. Calls it off if it has not been started. */
  signal(signal: NodeJS.Signals): void {
    if (this.#phase === 'entering') return this.#calledOff.abort();
    if (this.#phase !== 'running') return;
    this.passOn(signal);
    // A stopped process takes its signal only when it is continued.
    if (signal !== 'SIGKILL') this.passOn('SIGCONT');
    this.#signalled = true;
    this.#parts.tellKeeper();
  }

  /** Sends a signal that is no part of a stop. */
  passOn(signal: NodeJS.Signals): void {
    this.#command?.signal(signal);
  }

  /** Writes down that it has started, unless its entry says so. */
  recordStart(): void {
    const { diary, candidateId } = this.#parts;
    diary?.started({ ...this.run, candidateId, start: this.#startedAt });
  }

  /** Writes down how it has ended: before a resignation that follows, so that nobody takes the run for lost. */
  recordEnd({ outcome, exitCode: code, skipped }: Extract<Effect, { kind: 'recordEnd' }>): void {
    const { ledger, diary, clock } = this.#parts;
    const ending = { end: clock.wall(), outcome, exitCode: code, ...(skipped > 0 && { skipped }) };
    if (this.#isEntered) ledger?.close(this.run.runId, ending);
    diary?.ended(this.run.runId, ending);
  }

  /**
   * Enters the tick in the ledger, then starts the run. Without an answer the entry is taken back and nothing is
   * started; or the run is started all the same, and the entry is written when that is possible again.
   */
  async #enter(tick: number, term: TermOfRun): Promise<void> {
    const { ledger, candidateId, clock, logger, unrecordedTicks } = this.#parts;
    if (ledger === undefined) throw new Error('invariant: a tick without a ledger');
    const record = { ...this.run, tick, candidateId, start: clock.wall() };
    const verdict = await Promise.race([ledger.enter(record, this.#patience(ledger, term)), this.#untilCalledOff()]);
    if (verdict === 'taken' || verdict === 'fenced') return this.#notEntered(verdict);
    const isCalledOff = verdict === 'withdrawn' || this.#calledOff.signal.aborted;
    if (isCalledOff || (verdict === 'unanswered' && unrecordedTicks === 'skip')) {
      ledger.withdraw(record.runId);
      return this.#notEntered(verdict === 'unanswered' ? 'unanswered' : 'withdrawn');
    }
    if (verdict === 'unanswered')
      logger.warn(
        'the ledger of runs cannot be written: the tick runs unrecorded, and is recorded when that is possible',
        this.fields,
      );
    this.#isEntered = true;
    this.#launch();
  }

  /** How long an entry is waited for, ms. If the run starts anyway, a heartbeat from the first one unanswered. */
  #patience(ledger: RunLedger, { leaseDuration, heartbeat }: TermOfRun): number {
    if (this.#parts.unrecordedTicks === 'skip') return leaseDuration;
    return Math.max(SILENT_LEDGER_MS, heartbeat - ledger.silentFor);
  }

  #untilCalledOff(): Promise<'withdrawn'> {
    return untilAborted(this.#calledOff.signal).then(() => 'withdrawn');
  }

  #notEntered(why: NotEntered): void {
    this.#phase = 'over';
    this.#parts.report({ kind: 'notEntered', run: this.#spawn.run, why });
  }

  #launch(): void {
    const { clock, launch, report, tellKeeper } = this.#parts;
    // First, so that the command is found and stopped even if this process dies while starting it.
    this.#phase = 'starting';
    tellKeeper();
    if (clock.now() >= this.#startBy) return this.#tooLate();
    const command = launch(this.run);
    this.#command = command;
    this.#startedAt = clock.wall();
    this.#phase = 'running';
    tellKeeper();
    report({ kind: 'runStarted', run: this.#spawn.run, term: this.#spawn.term, pid: command.pid });
    void this.#follow(command);
  }

  /**
   * The last instant at which it may start. This process may have stood still since it was decided, and its keeper have
   * given the lease up. While a tick was being entered the lease may have been renewed.
   */
  get #startBy(): number {
    const { by, tick } = this.#spawn;
    const safeUntil = this.#term?.safeUntil;
    return tick === undefined || safeUntil === undefined ? Math.min(by, safeUntil ?? Infinity) : safeUntil;
  }

  #tooLate(): void {
    const { ledger, report, tellKeeper } = this.#parts;
    this.#phase = 'over';
    tellKeeper();
    if (this.#isEntered) ledger?.withdraw(this.run.runId);
    report({ kind: 'tooLate', run: this.#spawn.run });
  }

  async #follow(command: RunningCommand): Promise<void> {
    const { clock, report, tellKeeper } = this.#parts;
    const { run } = this.#spawn;
    const startedAt = clock.now();
    const outcome = await command.exited;
    const ranFor = clock.now() - startedAt;
    const cancel = this.#onceLeftBehind(command, (left) => {
      report({ kind: 'commandEnded', run, left });
      this.#hintAtForeground(outcome, ranFor);
    });
    await command.gone;
    cancel();
    this.#phase = 'over';
    report({ kind: 'runEnded', run, outcome, exitCode: exitCode(outcome) });
    // The next candidate waits for what follows the report: that goes first. The keeper sees for itself that the run is
    // gone.
    tellKeeper();
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
    const { logger, said } = this.#parts;
    const succeeded = outcome.kind === 'exited' && outcome.code === 0;
    if (said.foreground || !succeeded || ranFor > DAEMON_WITHIN_MS) return;
    said.foreground = true;
    logger.warn(
      'the command ended at once and left processes: ' +
        'if it is a daemon that puts itself into the background, run it in the foreground',
      { hint: 'look for an option such as --foreground, --no-daemon or -D' },
    );
  }
}
