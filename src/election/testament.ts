import type { Clock } from '../clock.ts';
import type { SessionOpener, Will } from '../zookeeper/port.ts';
import { actsAt } from '../zookeeper/will-instants.ts';
import type { CommandRun, StopRules } from './election.ts';
import { stopInstants, type StopInstants } from './lease.ts';

/** The lease as a will sees it. */
export interface Holding {
  readonly path: string;
  readonly version: number;
  readonly leaseDuration: number;
  /** Monotonic ms from which the lease counts: when the last acknowledged renewal was sent or, under `keep` in an outage, the last sign of life of this process. */
  readonly since: number;
}

/**
 * Keeps the keeper's will up to date: what runs, what is held, and by when the command has to be gone unless this process moves that on. Under `stop` only an acknowledged
 * renewal does; under `keep`, while ZooKeeper is away, the process's own beat does as well.
 */
export class Testament {
  readonly #sessions: SessionOpener;
  readonly #clock: Clock;
  readonly #rules: StopRules;
  #run: CommandRun | undefined;
  #holding: Holding | undefined;
  /** After a loss: by when the run that is left has to be stopped. */
  #overtime: StopInstants | undefined;

  constructor(sessions: SessionOpener, clock: Clock, rules: StopRules) {
    this.#sessions = sessions;
    this.#clock = clock;
    this.#rules = rules;
  }

  get run(): CommandRun | undefined {
    return this.#run;
  }

  setRun(run: CommandRun | undefined): void {
    this.#run = run;
    if (run === undefined) this.#overtime = undefined;
    this.#publish();
  }

  /** The lease was acknowledged under this version; the write was sent at `since`. */
  holds(holding: Holding): void {
    this.#holding = holding;
    this.#publish();
  }

  /** The lease was claimed, and nothing runs yet: the keeper is told with the run, which is about to start. */
  prepare(holding: Holding): void {
    this.#holding = holding;
    this.#overtime = undefined;
    // Elected while the command runs already (`run-anyway`).
    if (this.#run !== undefined) this.#publish();
  }

  /** This process lives, but ZooKeeper does not answer: under `keep` that is enough to go on. */
  beat(): void {
    if (this.#holding === undefined || this.#rules.onLeaseLoss === 'stop') return;
    this.holds({ ...this.#holding, since: this.#clock.now() });
  }

  /** The lease is lost: what still runs is stopped at once, by the keeper if this process does not do it. */
  loses(leaseDuration: number): void {
    const now = this.#clock.now();
    const grace = Math.min(this.#rules.killAfter, leaseDuration / 3);
    this.#overtime = { termAt: now, killAt: now + grace };
    this.holdsNothing();
  }

  /** The lease is given up. */
  holdsNothing(): void {
    this.#holding = undefined;
    this.#publish();
  }

  /** Whether the keeper has acted by now: this process stood still for too long. */
  get overdue(): boolean {
    return this.#clock.now() >= (actsAt(this.#will()) ?? Infinity);
  }

  #publish(): void {
    this.#sessions.bequeath(this.#will());
  }

  #will(): Will {
    const { killAfter, stopSignal } = this.#rules;
    const run = this.#run;
    const holding = this.#holding;
    const command = run === undefined ? {} : { command: { ...run, stopSignal, killAfter } };
    if (holding === undefined)
      return { ...command, ...(this.#overtime && { instants: this.#instants(this.#overtime) }) };
    const instants = stopInstants(holding.since + holding.leaseDuration, holding.leaseDuration, killAfter);
    const lease = { path: holding.path, version: holding.version };
    return { ...command, lease, instants: this.#instants(instants) };
  }

  /** A stop that has begun is the supervisor's; the keeper only sees to its end. */
  #instants({ termAt, killAt }: StopInstants): StopInstants {
    return { termAt: this.#run?.signalled === true ? killAt : termAt, killAt };
  }
}
