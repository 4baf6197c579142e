/** Executes a will, in the keeper: with timers of its own, so that nothing of the supervisor can delay it. */
import type { Clock } from '../clock.ts';
import { namesOf } from '../command/proc.ts';
import type { RunProcesses } from '../command/run-processes.ts';
import { within } from '../waiting.ts';
import { actsAt, type Will, type WillCommand } from './will.ts';

/** SIGKILL is repeated for as long as the run is there: a member may have forked in between, ms. */
const KILL_AGAIN_MS = 50;

/** Checks in a row without a word of the supervisor. Not time: a keeper that stood still has messages to read. */
const SILENT_CHECKS = 3;

/** How long a slow reader of stderr is waited for before the keeper ends, ms. */
const SAY_WITHIN_MS = 500;

/** Why a will is executed: the supervisor has died, or it lives and did not run in time. */
type Cause = 'gone' | 'silent';

/** What became of the lease. `undefined`: the will names none. */
type Release = 'released' | 'left' | undefined;

/** The processes of a run, as far as the execution of a will has to do with them. */
export interface FoundRun extends Pick<RunProcesses, 'isAlive' | 'signal' | 'leaderLives' | 'followers' | 'untilGone'> {
  /** Nothing of it is left: removes what was made for it. Nobody waits for that. */
  tidyUp(): void;
}

/** The host that a keeper runs on. */
export interface KeeperHost {
  readonly clock: Clock;
  /** The process number of the supervisor. */
  readonly supervisor: number;
  /** The processes of a run; `undefined`: it had not been started. Never rejects. */
  find(command: WillCommand): Promise<FoundRun | undefined>;
  /** A line for whoever looks into it on this host. Resolves when it is read, or lost. */
  say(message: string, fields?: Readonly<Record<string, string>>): Promise<void>;
}

/** What a keeper does about its wills besides stopping commands. */
export interface Estate {
  /** Tells that the keeper obeys no more: it executes every will. */
  begin(): void;
  /** Tells that the will of this election alone is executed, and that it was. */
  beginOne(election: string): void;
  doneOne(election: string): void;
  /** Gives up the lease that a will holds; `alone`: the session goes on, so the proposal is deleted as well. */
  release(will: Will, alone: boolean): Promise<Release>;
  /** Ends session and keeper. */
  end(): void;
  /** Ends the keeper. Its session is another keeper's. */
  endWithoutSession(): void;
}

/** One election's will, and what becomes of it. */
interface Entry {
  will: Will;
  /** Takes back the timer of the will's instant. */
  disarm: (() => void) | undefined;
  /** Resolves when it was executed. */
  execution: Promise<void> | undefined;
  /** The will that has arrived meanwhile, and counts afterwards. */
  next: Will | undefined;
}

/**
 * Holds the present wills, one for each election of the supervisor, and executes each once: all of them when the
 * supervisor is gone; one, when its own instant has passed and there are others, whose commands and session are not
 * touched.
 */
export class Executor {
  readonly #estate: Estate;
  readonly #host: KeeperHost;
  readonly #entries = new Map<string, Entry>();
  #executing = false;
  #handedOver = false;
  #silentChecks = 0;

  constructor(estate: Estate, host: KeeperHost) {
    this.#estate = estate;
    this.#host = host;
  }

  /** Every will is executed: no command of the supervisor counts any more. */
  get executing(): boolean {
    return this.#executing;
  }

  /** Whether the lease in this znode is being given up. */
  isGivingUp(path: string): boolean {
    return [...this.#entries.values()].some(({ will, execution }) => execution && will.lease?.path === path);
  }

  /**
   * To be called twice a session timeout. A supervisor that stands still while nothing runs would keep its place in the
   * queue through its keeper, and hold up all candidates behind it. So after two session timeouts without a message the
   * keeper gives the place up. (A supervisor sends messages more often.) While a command runs, or a lease is held, the
   * will's instants decide: what works for a term of which the keeper knows no command counts on the whole lease.
   */
  checkSupervisor(): void {
    this.#silentChecks++;
    const acts = [...this.#entries.values()].some(
      ({ will }) => will.commands.length > 0 || will.instants !== undefined,
    );
    if (this.#silentChecks > SILENT_CHECKS && !acts) void this.execute('silent');
  }

  /** The supervisor has said something. */
  hear(): void {
    this.#silentChecks = 0;
  }

  /** Replaces the will of its election; one that is being executed is replaced once that is done. */
  accept(will: Will): void {
    if (this.#executing || this.#handedOver) return;
    const entry = this.#entries.get(will.election);
    if (entry?.execution !== undefined) return void (entry.next = will);
    entry?.disarm?.();
    const at = actsAt(will);
    const disarm = at === undefined ? undefined : this.#host.clock.at(at, () => this.#due(will.election));
    this.#entries.set(will.election, { will, disarm, execution: undefined, next: undefined });
  }

  /** The supervisor stands in this election no more. */
  revoke(election: string): void {
    const entry = this.#entries.get(election);
    if (entry?.execution !== undefined) return void (entry.next = undefined);
    entry?.disarm?.();
    this.#entries.delete(election);
  }

  /** Another keeper has the session, and every will that this one has not begun to execute. */
  async handOver(): Promise<void> {
    this.#handedOver = true;
    for (const election of [...this.#entries.keys()]) this.revoke(election);
    await Promise.all([...this.#entries.values()].map(async ({ execution }) => execution));
    this.#estate.endWithoutSession();
  }

  /** An election that is alone takes the session along, as a supervisor that is gone does. */
  #due(election: string): void {
    const entry = this.#entries.get(election);
    if (this.#entries.size === 1 || entry === undefined) return void this.execute('silent');
    entry.disarm?.();
    this.#estate.beginOne(election);
    entry.execution = this.#settle(entry.will, 'silent', true).then(() => {
      this.#entries.delete(election);
      this.#estate.doneOne(election);
      if (entry.next !== undefined) this.accept(entry.next);
    });
  }

  /** Stops every command, then releases. Never rejects: what it cannot do is left to the end of the leases. */
  async execute(cause: Cause): Promise<void> {
    if (this.#executing || this.#handedOver) return;
    this.#executing = true;
    for (const { disarm } of this.#entries.values()) disarm?.();
    const entries = [...this.#entries.values()];
    this.#estate.begin();
    await Promise.all(entries.map((entry) => this.#settleAll(entry, cause)));
    this.#estate.end();
  }

  async #settleAll(entry: Entry, cause: Cause): Promise<void> {
    if (entry.execution === undefined) return this.#settle(entry.will, cause, false);
    await entry.execution;
    if (entry.next !== undefined) await this.#settle(entry.next, cause, false);
  }

  async #settle(will: Will, cause: Cause, alone: boolean): Promise<void> {
    const ends = await Promise.all(will.commands.map((command) => stopCommand(this.#host, command, will.instants)));
    const release = await this.#estate.release(will, alone);
    await this.#sayWhatWasDone(cause, ends, release && { release, path: will.lease?.path ?? '' });
  }

  /** A supervisor that was killed logs nothing: this is the only line about it on this host. */
  async #sayWhatWasDone(
    cause: Cause,
    ends: readonly string[],
    lease: { readonly release: Release; readonly path: string } | undefined,
  ): Promise<void> {
    const done = [
      ...ends,
      ...(lease?.release === 'released' ? [`the lease of ${lease.path} is released, the next candidate may lead`] : []),
      ...(lease?.release === 'left' ? [`the lease of ${lease.path} could not be released and runs out by itself`] : []),
    ];
    if (done.length === 0) return;
    const why = cause === 'gone' ? 'was killed or has crashed' : 'did not run in time';
    const { clock, supervisor } = this.#host;
    const told = this.#host.say(
      `the supervisor (pid ${supervisor}) ${why}, its keeper acts for it: ${done.join('; ')}`,
    );
    await within(clock, told, { at: clock.now() + SAY_WITHIN_MS }).catch(() => undefined);
  }
}

/** Resolves when nothing of the run is left, to a text that says what was done. */
async function stopCommand(host: KeeperHost, command: WillCommand, instants: Will['instants']): Promise<string> {
  const { clock } = host;
  const run = await host.find(command);
  if (run === undefined) return `run ${command.runId} had not been started`;
  const had = run.isAlive();
  sayLeftBehind(host, command, run);
  const killAt = Math.min(clock.now() + command.killAfter, instants?.killAt ?? Infinity);
  if (!command.signalled && clock.now() < killAt) {
    run.signal(command.stopSignal);
    // A stopped process takes its signal only when it is continued.
    run.signal('SIGCONT');
  }
  await goneBy(clock, run, killAt);
  while (run.isAlive()) {
    run.signal('SIGKILL');
    await goneBy(clock, run, clock.now() + KILL_AGAIN_MS);
  }
  run.tidyUp();
  return `run ${command.runId} ${had ? 'is stopped' : 'had ended'}`;
}

function sayLeftBehind(host: KeeperHost, { runId }: WillCommand, run: FoundRun): void {
  if (run.leaderLives) return;
  const left = run.followers();
  if (left.length === 0) return;
  const message = `run ${runId}: the command has ended and left processes behind; stopping them`;
  void host.say(message, { processes: namesOf(left) });
}

/** Resolves when the run is gone, or at `at`. */
async function goneBy(clock: Clock, run: FoundRun, at: number): Promise<void> {
  const over = new AbortController();
  await within(clock, run.untilGone(clock, over.signal), { at }).catch(() => undefined);
  over.abort();
}
