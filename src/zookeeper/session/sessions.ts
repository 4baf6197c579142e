import type { Clock } from '../../clock.ts';
import type { ClientChoice, ServerAddress } from '../../config/config.ts';
import { UnavailableError } from '../../errors.ts';
import type { Logger } from '../../log/logger.ts';
import { type Access, NO_ACCESS } from './access.ts';
import { Addresses, probe, wantsTls, type Prober } from './addresses.ts';
import { findServer, type SearchContext } from './connect.ts';
import { readTlsFiles, type TlsOptions } from '../tls/files.ts';
import { tlsProber } from './tls-probe.ts';
import { SessionEndedError } from './errors.ts';
import { forkKeeper, type KeeperProcess } from '../../keeper/process.ts';
import type { Will } from '../../keeper/will.ts';
import { within } from '../../waiting.ts';
import { KeptSession } from './session.ts';
import { Keepers } from './keepers.ts';
import type { RequestOptions } from '../../election/register.ts';
import type { Contact, Session, SessionOpener } from './port.ts';
import { SharedSession } from './shared-session.ts';
import { ServerSurvey } from './survey.ts';

export interface SessionsOptions {
  readonly servers: readonly ServerAddress[];
  /** To ask for, ms; the ensemble may grant another. */
  readonly sessionTimeout: number;
  /** The ZooKeeper client that keepers use. */
  readonly client: ClientChoice;
  /** Servers are spoken to by TLS. */
  readonly tls?: TlsOptions;
  /** Who this process is to the ensemble, and whom what it makes is for. Nobody and everybody by default. */
  readonly access?: Access;
  /** The built `keeper.js`. */
  readonly keeperPath: string;
  /** A keeper that was forked ahead of time; the first session uses it. */
  readonly firstKeeper?: KeeperProcess;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly debug: boolean;
}

/** The same, and how keepers and servers are reached. */
export interface SessionsParts extends Omit<SessionsOptions, 'keeperPath'>, Prober {
  fork(): KeeperProcess;
}

/**
 * Sessions on a ZooKeeper ensemble, held by keeper processes of this host. Throws ConfigurationError with everything
 * that is wrong with the files of TLS.
 */
export function zookeeperSessions({ keeperPath, ...options }: SessionsOptions): SessionOpener {
  const { tls } = options;
  if (tls !== undefined) readTlsFiles(tls);
  const client = tls === undefined ? options.client : 'wire';
  return new Sessions({ ...options, ...proberFor(tls), fork: () => forkKeeper(keeperPath, client) });
}

/** How servers are looked at, with TLS or without. */
export function proberFor(tls: TlsOptions | undefined): Prober {
  return tls === undefined ? { probe, wantsTls } : tlsProber(tls);
}

/** A search for a server that grants a session, for all that wait for one. */
interface Search {
  readonly found: Promise<KeptSession>;
  /** What each address last said. */
  readonly answers: ReadonlyMap<string, string>;
  readonly abort: AbortController;
  waiting: number;
}

/** One session at a time, held by a keeper and shared by all that ask for one. */
export class Sessions implements SessionOpener {
  readonly #keepers: Keepers;
  readonly #survey: ServerSurvey;
  readonly #context: SearchContext;
  readonly #users = new Set<Session>();
  /** The session that they use. */
  #session: KeptSession | undefined;
  #search: Search | undefined;

  constructor({ servers, fork, firstKeeper, ...options }: SessionsParts) {
    const { clock, logger, access = NO_ACCESS } = options;
    this.#keepers = new Keepers(fork, clock, firstKeeper);
    this.#survey = new ServerSurvey(servers, clock, logger, options.probe);
    this.#context = { ...options, access, addresses: new Addresses(servers, clock), keepers: this.#keepers };
  }

  bequeath(will: Will): void {
    this.#keepers.bequeath(will);
  }

  revoke(election: string): void {
    this.#keepers.revoke(election);
  }

  async open({ timeout, signal }: RequestOptions): Promise<Session> {
    signal?.throwIfAborted();
    const at = this.#context.clock.now() + timeout;
    for (let known = this.#session; known?.ended.aborted === false; known = this.#session) {
      const lost = (): Error => noContact(timeout, known.contact);
      const limits = { signal: signal ? AbortSignal.any([signal, known.ended]) : known.ended, at, late: lost };
      try {
        await within(this.#context.clock, untilContact(known), limits);
        return this.#share(known);
      } catch (error) {
        if (!known.ended.aborted || signal?.aborted) throw error;
      }
    }
    return this.#found(timeout, at, signal);
  }

  /** A new session, by the search that is under way, if one is. */
  async #found(timeout: number, at: number, signal: AbortSignal | undefined): Promise<Session> {
    const { clock, addresses } = this.#context;
    const search = (this.#search ??= this.#look());
    const late = (): Error => noneWithin(timeout, addresses.names, search.answers);
    search.waiting++;
    try {
      return this.#share(await within(clock, search.found, { signal, at, late }));
    } finally {
      search.waiting--;
      if (search.waiting === 0) this.#enough(search);
    }
  }

  #look(): Search {
    const abort = new AbortController();
    const answers = new Map<string, string>();
    const search = { found: this.#find(abort.signal, answers), answers, abort, waiting: 0 };
    const over = (): void => this.#forget(search);
    search.found.then(over, over);
    return search;
  }

  async #find(signal: AbortSignal, answers: Map<string, string>): Promise<KeptSession> {
    const { logger, sessionTimeout } = this.#context;
    const found = await findServer(this.#context, undefined, signal, answers);
    if (found.kind === 'over') throw new SessionEndedError(found.why);
    const { grant, connection } = found;
    logger.debug('ZooKeeper session opened', {
      session: `0x${grant.id}`,
      address: connection.endpoint.name,
      client: connection.client,
    });
    if (grant.timeout !== sessionTimeout) {
      logger.info('ZooKeeper grants another session timeout than asked for: the granted one counts', {
        askedMs: sessionTimeout,
        grantedMs: grant.timeout,
      });
    }
    const session = new KeptSession(this.#context, found);
    this.#session = session;
    // Nobody waits any more, and the search could not be called off in time.
    if (signal.aborted) void session.close(sessionTimeout);
    else void this.#survey.look(session.ended);
    return session;
  }

  #forget(search: Search): void {
    if (this.#search === search) this.#search = undefined;
  }

  /** Nobody waits for it any more. */
  #enough(search: Search): void {
    const session = this.#session;
    this.#forget(search);
    search.abort.abort(new SessionEndedError('nobody waits for it'));
    if (session !== undefined && this.#users.size === 0) void session.close(this.#context.sessionTimeout);
  }

  #share(session: KeptSession): Session {
    const shared = new SharedSession(session, this.#users);
    this.#users.add(shared);
    return shared;
  }
}

/** Never resolves when the session ends without contact. */
function untilContact(session: KeptSession): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (!session.contact.up) return;
      resolve();
      unlisten();
    };
    const unlisten = session.onContact(look);
    look();
  });
}

function noContact(timeout: number, contact: Contact): UnavailableError {
  const why = contact.up ? 'it was too late' : contact.why;
  return new UnavailableError(`no contact with ZooKeeper for ${Math.round(timeout)} ms: ${why}`);
}

function noneWithin(timeout: number, names: readonly string[], answers: ReadonlyMap<string, string>): UnavailableError {
  const message = `no ZooKeeper server granted a session within ${Math.round(timeout)} ms: ${said(names, answers)}`;
  return new UnavailableError(message, {
    hint: 'check zookeeper-servers, and that the ensemble runs and has a quorum',
  });
}

function said(names: readonly string[], answers: ReadonlyMap<string, string>): string {
  if (answers.size === 0) return `${names.join(', ')} has not answered yet`;
  return [...answers].map(([name, answer]) => `${name}: ${answer}`).join('; ');
}
