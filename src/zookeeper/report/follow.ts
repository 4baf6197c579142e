/** Keeps an election in sight: it is read once, and from then on what a watch says has changed. Nothing is written. */
import { sleep, sleepUntil, type Clock } from '../../clock.ts';
import type { Connection } from '../../election/observer.ts';
import { describe, UnavailableError } from '../../errors.ts';
import { SessionEndedError, ZooKeeperError } from '../session/errors.ts';
import type { Session, SessionOpener } from '../session/port.ts';
import { Mirror, snapshotAt, type Sight } from './mirror.ts';
import { heartbeatDoubt } from './snapshot.ts';

/** What is known at a moment. */
export interface View {
  readonly connection: Connection;
  /** What was read last. As it is now only while the connection is `connected`. `undefined`: nothing was read yet. */
  readonly sight: Sight | undefined;
}

/** What to follow. */
export interface FollowOptions {
  readonly sessions: SessionOpener;
  readonly clock: Clock;
  readonly basePath: string;
  /** Name of the register that is read as well. */
  readonly register: string;
  /** Ends it; its reason is thrown. */
  readonly signal: AbortSignal;
  /** Called with each change, also of the heartbeat alone. */
  told(view: View): void;
}

/** From one reading to the next, at least, ms: what changes meanwhile is read together. */
const ROUND_MS = 100;

/** How long the first search for a server may take before it is said that none is found, and each later one, ms. */
const SEARCH_MS = { first: 3_000, later: 10_000 };

/** Before another session, when one has ended, and between searches for a server that fail at once, ms. */
const PAUSE_MS = 500;

/** A first sight that is in doubt (see `heartbeatDoubt`) waits for a heartbeat no longer than this, ms. */
const DOUBT_MS = 5_000;

/** For the goodbye to the ensemble, ms. */
const CLOSING_MS = 300;

/**
 * Follows an election, through outages and lost sessions, and whether or not it exists, until the signal is aborted.
 * Throws its reason, RefusedError when the ensemble refuses, and what else ends a search for a server.
 */
export function follow(options: FollowOptions): Promise<never> {
  return new Follower(options).run();
}

/** Whether another session may do better: this one is over, or a server takes no requests at present. */
function isPassing(error: unknown): boolean {
  return error instanceof SessionEndedError || error instanceof ZooKeeperError;
}

class Follower {
  readonly #options: FollowOptions;
  #connection: Connection;
  #sight: Sight | undefined;
  /** When a first sight that is in doubt is told all the same; 0 once one was told. */
  #tellBy: number | undefined;

  constructor(options: FollowOptions) {
    this.#options = options;
    this.#connection = { state: 'connecting', since: options.clock.now(), why: undefined };
  }

  async run(): Promise<never> {
    const { signal } = this.#options;
    for (;;) {
      const session = await this.#open();
      const { clock, basePath, register } = this.#options;
      const mirror = new Mirror({ session, clock, basePath, register, signal }, this.#sight?.ensembleClock);
      const unlisten = session.onContact((contact) => {
        // Contact that is back counts once all was read again.
        if (contact.up) mirror.wake();
        else this.#lost(session, contact.why);
      });
      try {
        await this.#followOn(session, mirror);
      } catch (error) {
        if (signal.aborted || !isPassing(error)) throw error;
        this.#lost(session, describe(error));
      } finally {
        unlisten();
        mirror.release();
        await session.close(CLOSING_MS);
      }
      await sleep(this.#options.clock, PAUSE_MS, signal);
    }
  }

  /** Searches until a server grants a session. */
  async #open(): Promise<Session> {
    const { sessions, clock, signal } = this.#options;
    for (let timeout = SEARCH_MS.first; ; timeout = SEARCH_MS.later) {
      const from = clock.now();
      try {
        return await sessions.open({ timeout, signal });
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof UnavailableError || error instanceof SessionEndedError)) throw error;
        if (this.#connection.state !== 'connected') this.#tell({ ...this.#connection, why: describe(error) });
        await sleepUntil(clock, from + PAUSE_MS, signal);
      }
    }
  }

  async #followOn(session: Session, mirror: Mirror): Promise<never> {
    const { clock, signal } = this.#options;
    for (;;) {
      const from = clock.now();
      const isWhole = await mirror.refresh();
      const { contact } = session;
      const at = isWhole && contact.up ? this.#read(mirror.sight, contact.address) : undefined;
      await mirror.untilStale(at);
      await sleepUntil(clock, from + ROUND_MS, signal);
    }
  }

  /** Tells what was read. Returns until when it is held back for a heartbeat that would tell the ensemble's clock. */
  #read(sight: Sight, server: string): number | undefined {
    const { clock, basePath } = this.#options;
    const now = clock.now();
    const doubt = heartbeatDoubt(snapshotAt(basePath, sight, now, clock.wall())) ?? 0;
    this.#tellBy ??= now + Math.min(doubt, DOUBT_MS);
    if (sight.ensembleClock === undefined && now < this.#tellBy) return this.#tellBy;
    this.#tellBy = 0;
    this.#sight = sight;
    const { state, since } = this.#connection;
    this.#tell({ state: 'connected', since: state === 'connected' ? since : now, server });
    return undefined;
  }

  /** It is lost since contact was, also when the session ends in the end. */
  #lost({ contact }: Session, why: string): void {
    const before = this.#connection;
    if (before.state !== 'connected') return this.#tell({ ...before, why });
    this.#tell({ state: 'lost', since: contact.up ? this.#options.clock.now() : contact.since, why });
  }

  #tell(connection: Connection): void {
    this.#connection = connection;
    const { signal, told } = this.#options;
    if (!signal.aborted) told({ connection, sight: this.#sight });
  }
}
