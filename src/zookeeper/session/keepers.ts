import type { Clock } from '../../clock.ts';
import type { KeeperProcess } from '../../keeper/process.ts';
import { actsAt, type Will } from '../../keeper/will.ts';
import { within } from '../../waiting.ts';

/**
 * How long a keeper may take to release when nothing is left to stop, ms: two seconds for the lease, up to 4.5 for the
 * session on a silent server, and some for a busy host. One that takes longer hangs.
 */
const RELEASE_LIMIT_MS = 10_000;

/** When a keeper ends unused, the next starts this long after it started, ms: the next may not live either. */
const SPARE_PAUSE_MS = 1_000;

/**
 * The keepers of this process that are not gone yet, and the wills that each of them has, one for each election. While
 * a will names a command, one of them is there to execute it, with a session or without: otherwise nobody would stop
 * the command of a supervisor that is killed.
 */
export class Keepers {
  readonly #fork: () => KeeperProcess;
  readonly #clock: Clock;
  readonly #living = new Set<KeeperProcess>();
  /** A keeper that nobody uses. */
  #spare: KeeperProcess | undefined;
  readonly #wills = new Map<string, Will>();
  /** Since when no will names a command, monotonic ms. */
  #idleSince = -Infinity;
  #spareSince = -Infinity;
  #cancelGuard: () => void = () => undefined;

  /** `first`: a keeper that was forked ahead of time. */
  constructor(fork: () => KeeperProcess, clock: Clock, first: KeeperProcess | undefined) {
    this.#fork = fork;
    this.#clock = clock;
    this.#spare = first;
  }

  /** A keeper that nobody uses. The will is the first message that it gets. */
  next(): KeeperProcess {
    const spare = this.#spare;
    this.#spare = undefined;
    const keeper = spare === undefined || spare.isLeaving ? this.#fork() : spare;
    if (!this.#living.has(keeper)) this.#adopt(keeper);
    return keeper;
  }

  /** Takes back a keeper that was not used. */
  giveBack(keeper: KeeperProcess): void {
    if (this.#runs && this.#spare === undefined && !keeper.isLeaving) this.#spare = keeper;
    else keeper.kill();
  }

  #adopt(keeper: KeeperProcess): void {
    this.#living.add(keeper);
    for (const will of this.#wills.values()) keeper.send({ kind: 'will', will });
    keeper.onLeaving(() => this.#guard());
    void keeper.gone.then(() => {
      this.#living.delete(keeper);
      this.#guard();
    });
  }

  /** Gives the will of an election to every keeper, and to those that follow. */
  bequeath(will: Will): void {
    this.#change(() => this.#wills.set(will.election, will));
    for (const keeper of this.#living) keeper.send({ kind: 'will', will });
    this.#guard();
  }

  /** This process stands in this election no more. */
  revoke(election: string): void {
    this.#change(() => this.#wills.delete(election));
    for (const keeper of this.#living) keeper.send({ kind: 'revoke', election });
    this.#guard();
  }

  #change(change: () => void): void {
    const ran = this.#runs;
    change();
    if (ran && !this.#runs) this.#idleSince = this.#clock.now();
  }

  /** Whether a will names a command. */
  get #runs(): boolean {
    return this.#withCommands.length > 0;
  }

  get #withCommands(): readonly Will[] {
    return [...this.#wills.values()].filter(({ commands }) => commands.length > 0);
  }

  /** Sees to it that there is somebody who executes the wills. */
  #guard(): void {
    this.#cancelGuard();
    if (this.#isGuarded()) return;
    const now = this.#clock.now();
    const at = this.#spare?.isLeaving === true ? this.#spareSince + SPARE_PAUSE_MS : now;
    if (now < at) return void (this.#cancelGuard = this.#clock.at(at, () => this.#guard()));
    this.#spareSince = now;
    this.#spare = this.next();
  }

  /** A keeper that executes wills of before may not know of a command that was started since, unless none may be. */
  #isGuarded(): boolean {
    if (!this.#runs) return true;
    const now = this.#clock.now();
    const isDue = this.#withCommands.every((will) => now >= (actsAt(will) ?? Infinity));
    return [...this.#living].some((keeper) => !keeper.isLeaving || (isDue && keeper.executes));
  }

  /**
   * Resolves when no keeper executes every will any more: until then its session is its own. Rejects with the signal's
   * reason when aborted.
   *
   * There is no limit while a command lives: the keeper is stopping it, and nobody else could do more. Once nothing
   * lives, a keeper that does not end hangs, and is killed.
   */
  async executed(signal: AbortSignal): Promise<void> {
    for (const keeper of [...this.#living]) if (keeper.executes) await this.#untilFree(keeper, signal);
  }

  async #untilFree(keeper: KeeperProcess, signal: AbortSignal): Promise<void> {
    const cancel = this.#limit(keeper);
    await within(this.#clock, keeper.free, { signal }).finally(cancel);
  }

  #limit(keeper: KeeperProcess): () => void {
    const since = this.#clock.now();
    let cancel = (): void => undefined;
    const arm = (at: number): void => {
      cancel = this.#clock.at(at, () => {
        const idleSince = this.#runs ? Infinity : Math.max(this.#idleSince, since);
        if (this.#clock.now() >= idleSince + RELEASE_LIMIT_MS) keeper.destroy();
        else arm(this.#clock.now() + RELEASE_LIMIT_MS);
      });
    };
    arm(since + RELEASE_LIMIT_MS);
    return () => cancel();
  }
}
