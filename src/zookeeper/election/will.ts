import type { Clock } from '../../clock.ts';
import type { SessionOpener } from '../session/port.ts';
import type { ElectionOptions } from './options.ts';
import { actsAt, willCommands, type Will } from '../../keeper/will.ts';
import type { LiveRun, StopRules } from '../../election/election.ts';
import type { StopInstants } from '../../election/timing.ts';
import type { HeldLease } from './lease.ts';

/** How many elections there have been in this process: each has a will of its own. */
let elections = 0;

/**
 * Keeps the keeper's will for one election up to date: what runs, what is held, and by when the command has to be gone
 * unless this process moves that on. Under `stop` only an acknowledged renewal does; under `keep`, while ZooKeeper is
 * away, the process's own beat does as well.
 */
export class ElectionWill {
  readonly #sessions: SessionOpener;
  readonly #clock: Clock;
  readonly #rules: StopRules;
  readonly #election: string;
  #runs: readonly LiveRun[] = [];
  #lease: HeldLease | undefined;
  /** The lease is being given up: nothing is left to stop, and a keeper that ended the session would be in the way. */
  #resigning = false;
  /** After a loss: by when the runs that are left have to be stopped. */
  #overtime: StopInstants | undefined;
  /** An instant of an earlier will has passed: the keeper has acted, or is about to, whatever is learned afterwards. */
  #missed = false;

  constructor({ sessions, clock, stop, basePath }: Pick<ElectionOptions, 'sessions' | 'clock' | 'stop' | 'basePath'>) {
    this.#sessions = sessions;
    this.#clock = clock;
    this.#rules = stop;
    this.#election = `${basePath} (${++elections})`;
    // From now on the will of another election of this process is not the only one.
    this.#publish();
  }

  /** This process stands in the election no more. */
  revoke(): void {
    this.#sessions.revoke(this.#election);
  }

  /** How many runs live. */
  get runs(): number {
    return this.#runs.length;
  }

  get holdsLease(): boolean {
    return this.#lease !== undefined;
  }

  /** The run that was started last, of those that live. */
  get latestRun(): LiveRun | undefined {
    return this.#runs.at(-1);
  }

  setRuns(runs: readonly LiveRun[]): void {
    this.#look();
    this.#runs = runs;
    if (runs.length === 0) this.#overtime = undefined;
    this.#publish();
  }

  /** The lease was claimed, and nothing runs yet: the keeper is told with the run, which is about to start. */
  holds(lease: HeldLease): void {
    this.#lease = lease;
    this.#resigning = false;
    this.#overtime = undefined;
    this.#missed = false;
    // Elected while the command runs already (`run-anyway`).
    if (this.#runs.length > 0) this.#publish();
  }

  /** The renewal that was sent at that time is acknowledged. */
  renewed(sentAt: number): void {
    this.#move((lease) => lease.renewed(sentAt));
  }

  /** This process lives, but ZooKeeper does not answer: under `keep` that is enough to go on. */
  beat(): void {
    if (this.#rules.onLeaseLoss === 'keep') this.#move((lease) => lease.prolong(this.#clock.now()));
  }

  /** Moves the lease's instants on. */
  #move(move: (lease: HeldLease) => void): void {
    if (this.#lease === undefined) return;
    this.#look();
    move(this.#lease);
    this.#publish();
  }

  /** The lease is lost: what still runs is stopped at once, by the keeper if this process does not do it. */
  loses({ duration }: HeldLease): void {
    const now = this.#clock.now();
    const grace = Math.min(this.#rules.killAfter, duration / 3);
    this.#overtime = { termAt: now, killAt: now + grace };
    this.holdsNothing();
  }

  /** The lease is about to be given up, and nothing runs any more. */
  resigns(): void {
    this.#resigning = true;
    this.#publish();
  }

  /** The lease is given up. */
  holdsNothing(): void {
    this.#lease = undefined;
    this.#publish();
  }

  /** Whether the keeper has acted by now: this process stood still for too long. */
  get overdue(): boolean {
    this.#look();
    return this.#missed;
  }

  /** Monotonic ms until which the keeper leaves everything to this process; in the past once it may have acted. */
  get safeUntil(): number {
    return this.overdue ? -Infinity : (actsAt(this.#will()) ?? Infinity);
  }

  /**
   * To be called before the will changes: what is learned after a standstill does not undo what the keeper did
   * meanwhile. A loss has its own instants, which are meant to pass.
   */
  #look(): void {
    if (this.#lease !== undefined) this.#missed ||= this.#clock.now() >= (actsAt(this.#will()) ?? Infinity);
  }

  #publish(): void {
    this.#sessions.bequeath(this.#will());
  }

  #will(): Will {
    const { killAfter } = this.#rules;
    const [election, held] = [this.#election, this.#lease];
    const commands = willCommands(this.#runs, this.#rules);
    if (held === undefined) {
      const overtime = commands.length === 0 ? undefined : this.#overtime;
      return { election, commands, ...(overtime && { instants: this.#instants(overtime) }) };
    }
    const { path, version, proposal } = held;
    const will = { election, commands, lease: { path, version }, proposal };
    return this.#resigning ? will : { ...will, instants: this.#instants(held.stopInstants(killAfter)) };
  }

  /** The supervisor has begun the stop; the keeper only sends SIGKILL. */
  #instants({ termAt, killAt }: StopInstants): StopInstants {
    const allSignalled = this.#runs.length > 0 && this.#runs.every(({ signalled }) => signalled);
    return { termAt: allSignalled ? killAt : termAt, killAt };
  }
}
