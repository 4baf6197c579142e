/**
 * A candidate without a process of its own: ballot's own election, with a keeper and a session of its own, and no
 * command. To the ensemble it is like any other.
 */
import type { ClientChoice } from '../../src/config/config.ts';
import { join } from 'node:path';
import { systemClock } from '../../src/clock.ts';
import { createElection } from '../../src/zookeeper/election/election.ts';
import type { Election } from '../../src/election/election.ts';
import type { Logger } from '../../src/log/logger.ts';
import { zookeeperSessions } from '../../src/zookeeper/session/sessions.ts';

export interface InProcessOptions {
  /** The folder of the repository, with a built keeper. */
  readonly root: string;
  readonly id: string;
  readonly port: number;
  readonly basePath: string;
  /** ms */
  readonly sessionTimeout: number;
  /** Called whenever it has been elected. */
  onElected(candidate: InProcess): void;
}

const LEAVE_WITHIN_MS = 5_000;

export class InProcess implements AsyncDisposable {
  readonly id: string;
  readonly #election: Election;
  readonly #leaving = new AbortController();
  readonly #stands: Promise<void>;
  readonly #campaigns: Promise<void>;
  #endTerm: (() => void) | undefined;

  constructor({ root, id, port, basePath, sessionTimeout, onElected }: InProcessOptions) {
    this.id = id;
    let stands: () => void = () => undefined;
    this.#stands = new Promise((resolve) => (stands = resolve));
    const logger = listener(id, stands, this.#leaving.signal);
    this.#election = createElection({
      sessions: zookeeperSessions({
        servers: [{ host: '127.0.0.1', port }],
        sessionTimeout,
        client: (process.env['BALLOT_ZOOKEEPER_CLIENT'] ?? 'auto') as ClientChoice,
        keeperPath: join(root, 'dist/keeper.js'),
        clock: systemClock,
        logger,
        debug: false,
      }),
      clock: systemClock,
      logger,
      basePath,
      candidate: { candidateId: id, hostname: 'bench', pid: String(process.pid) },
      sessionTimeout,
      leaseDuration: undefined,
      mixedFleet: false,
      stop: { onLeaseLoss: 'keep', stopSignal: 'SIGTERM', killAfter: 10_000, mark: () => [] },
    });
    this.#campaigns = this.#campaign(sessionTimeout, () => onElected(this));
  }

  /** Resolves when it stands by for the first time. Rejects when it cannot. */
  async stands(): Promise<void> {
    await Promise.race([this.#stands, this.#campaigns]);
  }

  /** What the end of the command is to the supervisor under `reelect`: resigns, and stands again. */
  endTerm(): void {
    this.#endTerm?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#leaving.abort();
    this.endTerm();
    await this.#campaigns;
    await this.#election.close(LEAVE_WITHIN_MS);
  }

  async #campaign(patience: number, onElected: () => void): Promise<void> {
    const { signal } = this.#leaving;
    try {
      while (!signal.aborted) {
        const term = await this.#election.campaign({ signal, patience: { opening: patience, standing: patience } });
        const ended = new Promise<void>((resolve) => (this.#endTerm = resolve));
        onElected();
        await ended;
        await term.resign();
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

/** Hears that the candidate stands by, and passes complaints on to the user of the benchmark. */
function listener(id: string, stands: () => void, leaving: AbortSignal): Logger {
  const complain = (message: string, fields?: unknown): void => {
    // The server goes next, with all sessions.
    if (!leaving.aborted) console.error(`${id}: ${message}`, fields ?? '');
  };
  return {
    trace: () => undefined,
    debug: () => undefined,
    info: (message) => {
      if (message.startsWith('standing by')) stands();
    },
    warn: complain,
    error: complain,
    fatal: complain,
  };
}
