import type { Clock } from '../../clock.ts';
import type { KeeperProcess } from '../../keeper/process.ts';
import type { Will } from '../../keeper/will.ts';
import { actsAt } from '../../keeper/will-instants.ts';

/**
 * How long a keeper may take to release when nothing is left to stop, ms: two seconds for the lease, up to 4.5 for the
 * session on a silent server, and some for a busy host. One that takes longer hangs.
 */
const RELEASE_LIMIT_MS = 10_000;

/** When a keeper ends unused, the next starts this long after it started, ms: the next may not live either. */
const SPARE_PAUSE_MS = 1_000;

/**
 * The keepers of this process that are not gone yet, and the will of each. While the will names a command, there is
 * always a keeper to execute it, with or without a session. Otherwise nobody would stop the command of a supervisor
 * that is killed.
 */
export class Keepers {
  readonly #fork: () => KeeperProcess;
  readonly #clock: Clock;
  readonly #living = new Set<KeeperProcess>();
  /** A keeper that nobody uses. */
  #spare: KeeperProcess | undefined;
  #will: Will = { commands: [] };
  /** Since when the will names no command, monotonic ms. */
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
    if (this.#will.commands.length > 0 && this.#spare === undefined && !keeper.isLeaving) this.#spare = keeper;
    else keeper.kill();
  }

  #adopt(keeper: KeeperProcess): void {
    this.#living.add(keeper);
    keeper.send({ kind: 'will', will: this.#will });
    keeper.onLeaving(() => this.#guard());
    void keeper.gone.then(() => {
      this.#living.delete(keeper);
      this.#guard();
    });
  }

  /** Gives the will to every keeper, and to those that follow. */
  bequeath(will: Will): void {
    if (will.commands.length === 0 && this.#will.commands.length > 0) this.#idleSince = this.#clock.now();
    this.#will = will;
    for (const keeper of this.#living) keeper.send({ kind: 'will', will });
    this.#guard();
  }

  /** Makes sure that there is a keeper to execute the will. */
  #guard(): void {
    this.#cancelGuard();
    if (this.#isGuarded()) return;
    const now = this.#clock.now();
    const at = this.#spare?.isLeaving === true ? this.#spareSince + SPARE_PAUSE_MS : now;
    if (now < at) return void (this.#cancelGuard = this.#clock.at(at, () => this.#guard()));
    this.#spareSince = now;
    this.#spare = this.next();
  }

  /** A keeper that executes an earlier will may not know of a command that was started later, unless none may start. */
  #isGuarded(): boolean {
    if (this.#will.commands.length === 0) return true;
    const isDue = this.#clock.now() >= (actsAt(this.#will) ?? Infinity);
    return [...this.#living].some((keeper) => !keeper.isLeaving || (isDue && keeper.executes));
  }

  /**
   * Resolves when no keeper executes its will any more: until then nobody else may use its session. Rejects with the
   * signal's reason when aborted.
   *
   * There is no limit while a command lives: the keeper is stopping it, and nobody else could do more. Once nothing
   * lives, a keeper that does not end hangs, and is killed.
   */
  async executed(signal: AbortSignal): Promise<void> {
    for (const keeper of [...this.#living]) if (keeper.executes) await this.#untilGone(keeper, signal);
  }

  #untilGone(keeper: KeeperProcess, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error);
      let cancel = this.#limit(keeper);
      const settle = (finish: () => void): void => {
        cancel();
        cancel = () => undefined;
        signal.removeEventListener('abort', onAbort);
        finish();
      };
      const onAbort = (): void => settle(() => reject(signal.reason as Error));
      signal.addEventListener('abort', onAbort, { once: true });
      void keeper.gone.then(() => settle(resolve));
    });
  }

  #limit(keeper: KeeperProcess): () => void {
    const since = this.#clock.now();
    let cancel = (): void => undefined;
    const arm = (at: number): void => {
      cancel = this.#clock.at(at, () => {
        const idleSince = this.#will.commands.length === 0 ? Math.max(this.#idleSince, since) : Infinity;
        if (this.#clock.now() >= idleSince + RELEASE_LIMIT_MS) keeper.destroy();
        else arm(this.#clock.now() + RELEASE_LIMIT_MS);
      });
    };
    arm(since + RELEASE_LIMIT_MS);
    return () => cancel();
  }
}
