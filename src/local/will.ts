import { type Clock } from '../clock.ts';
import type { LiveRun, StopRules } from '../election/election.ts';
import type { KeeperProcess } from '../keeper/process.ts';
import { willCommands, type Will } from '../keeper/will.ts';
import type { Logger } from '../log/logger.ts';

export interface WillParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly stop: StopRules;
  /** Starts a keeper without a ZooKeeper client, which has this will. */
  readonly forkKeeper: (will: Will) => KeeperProcess;
}

/** Pause before a keeper that has died is replaced, ms: doubling, from the first to the last of these. */
const FORK_AGAIN_MS = { first: 50, last: 5_000 } as const;

/** A keeper that lived for so long is replaced without a longer pause, ms. */
const LASTED_MS = 10_000;

/**
 * The will of a leader on this host: its keeper stops the command when the supervisor is gone, so that the next one may
 * start at once. The lock does not need it: the command itself holds that. So the keeper is started behind the first
 * run, and who runs nothing has none.
 */
export class LocalWill {
  readonly #parts: WillParts;
  readonly #election: string;
  #runs: readonly LiveRun[] = [];
  #keeper: KeeperProcess | undefined;
  #bornAt = 0;
  #pause: number = FORK_AGAIN_MS.first;
  #cancel: () => void = () => undefined;
  #closed = false;

  constructor(parts: WillParts, election: string) {
    this.#parts = parts;
    this.#election = election;
  }

  setRuns(runs: readonly LiveRun[]): void {
    this.#runs = runs;
    // What it is to be told of a run that is just being started comes with the next call, in the same turn.
    const isStarted = runs.some(({ group }) => group !== undefined);
    if (this.#keeper === undefined && isStarted) this.#fork();
    else this.#keeper?.send({ kind: 'will', will: this.#will() });
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
    this.#keeper?.send({ kind: 'close' });
    this.#keeper = undefined;
  }

  #fork(): void {
    if (this.#closed) return;
    this.#cancel();
    const { clock, logger, forkKeeper } = this.#parts;
    this.#bornAt = clock.now();
    const keeper = forkKeeper(this.#will());
    this.#keeper = keeper;
    keeper.listen({
      report: () => undefined,
      end: (how) => {
        if (this.#keeper !== keeper) return;
        this.#keeper = undefined;
        logger.warn('the keeper has ended; starting another', { how });
        this.#forkLater();
      },
    });
  }

  #forkLater(): void {
    const { clock } = this.#parts;
    const hasLasted = clock.now() - this.#bornAt >= LASTED_MS;
    this.#pause = hasLasted ? FORK_AGAIN_MS.first : Math.min(2 * this.#pause, FORK_AGAIN_MS.last);
    this.#cancel();
    this.#cancel = clock.at(clock.now() + this.#pause, () => {
      if (this.#runs.length > 0) this.#fork();
    });
  }

  #will(): Will {
    return { election: this.#election, commands: willCommands(this.#runs, this.#parts.stop) };
  }
}
