import { sleep, type Clock } from '../../clock.ts';
import { AuthenticationError } from '../../errors.ts';
import type { ClientChoice } from '../../config/config.ts';
import type { Logger } from '../../log/logger.ts';
import { authenticationOf, type Access } from './access.ts';
import { CLOSES, SILENT, TLS, type Addresses, type Endpoint, type Prober, type Refusal } from './addresses.ts';
import { nameAt } from './tls-probe.ts';
import type { TlsOptions } from '../tls/files.ts';
import { ClientMissingError } from './errors.ts';
import type { KeeperProcess } from '../../keeper/process.ts';
import type { Keepers } from './keepers.ts';
import { KeeperConnection, type ConnectionEnd } from './keeper-connection.ts';
import type { Grant } from '../../keeper/protocol.ts';
import { AUTHENTICATION_WANTED, EXPIRED } from '../../keeper/result-codes.ts';

export interface SearchContext extends Prober {
  readonly addresses: Addresses;
  readonly keepers: Keepers;
  /** What to ask for, ms. */
  readonly sessionTimeout: number;
  readonly client: ClientChoice;
  readonly access: Access;
  /** Servers are spoken to by TLS. */
  readonly tls?: TlsOptions;
  readonly debug: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface Found {
  readonly kind: 'found';
  readonly connection: KeeperConnection;
  readonly grant: Grant;
}

/** The session is over, and why. */
export interface Over {
  readonly kind: 'over';
  readonly why: string;
}

/** Pauses in ms: the first, and the longest. They double from round to round through the addresses. */
const BACKOFF = { first: 50, longest: 500 };
/** The same where a session was granted and cut: each try costs a process here, and a session there. */
const CUT_BACKOFF = { first: 50, longest: 4000 };
const PROBE = { first: 500, longest: 4000 };
/** How long a server that accepts connections but is silent (stopped, swapping, no quorum) may take to shake hands. */
const HANDSHAKE = { least: 500, first: 2000, longest: 4000 };
/** Failed handshakes of a known session at each accepting address, before it is asked if a new one would do better. */
const REFUSALS = 3;

/**
 * Takes a session over, or opens a new one: tries one address after the other, for ever, until one grants it. A cheap
 * TCP probe goes first, so that a keeper is only spent on a server that accepts connections; it is started at once,
 * though, and ready by then.
 *
 * A server that drops the handshake of this session for ever, but would grant a new one (or say that it wants clients
 * to authenticate), keeps nobody waiting: that ends the session once its own timeout has passed without contact.
 *
 * @param session the session to take over; a new one otherwise
 * @param signal ends the search: rejects with its reason
 * @param answers what each address last said, for an error message
 * @throws ClientMissingError, AuthenticationError (a new session only)
 */
export async function findServer(
  context: SearchContext,
  session: Grant | undefined,
  signal: AbortSignal,
  answers = new Map<string, string>(),
): Promise<Found | Over> {
  // The session of a keeper that executes its will is in use: that keeper gives up what the session holds.
  if (session !== undefined) await context.keepers.executed(signal);
  const search = new Search(context, session, signal);
  try {
    for (;;) {
      const endpoint = await context.addresses.next(signal);
      const outcome = 'problem' in endpoint ? endpoint.problem : await search.tryAt(endpoint);
      if (typeof outcome !== 'string') return outcome;
      answers.set(endpoint.name, outcome);
      context.logger.debug('ZooKeeper server does not serve', { address: endpoint.name, why: outcome });
      await search.pause();
    }
  } finally {
    search.end();
  }
}

class Search {
  readonly #context: SearchContext;
  readonly #session: Grant | undefined;
  readonly #signal: AbortSignal;
  readonly #since: number;
  readonly #accepting = new Set<string>();
  readonly #silent = new Set<string>();
  /** Servers of which it was told that a certificate is not accepted. */
  readonly #told = new Set<string>();
  #spare: KeeperProcess | undefined;
  #attempts = 0;
  #round = 0;
  #failedHandshakes = 0;
  /** A session was granted and cut in this round. */
  #cut = false;

  constructor(context: SearchContext, session: Grant | undefined, signal: AbortSignal) {
    this.#context = context;
    this.#session = session;
    this.#signal = signal;
    this.#since = context.clock.now();
    this.#spare = context.keepers.next();
  }

  /** The result; a text when another address is to be tried. */
  async tryAt(endpoint: Endpoint): Promise<Found | Over | string> {
    const { clock, probe } = this.#context;
    const found = await probe(endpoint, this.#patience(), clock, this.#signal);
    if (typeof found === 'object') return this.#notAccepted(endpoint, found);
    const isOpen = found === undefined || found === CLOSES || (found === SILENT && this.#mayTrySilent(endpoint));
    if (!isOpen) return found;
    this.#accepting.add(endpoint.name);
    const { connection, outcome } = await this.#handshake(endpoint, this.#session);
    if ('id' in outcome) return this.#granted(connection, outcome);
    if (outcome.kind === 'moduleMissing') return this.#clientMissing(new ClientMissingError(outcome.message));
    const wantsMore = outcome.kind === 'ended' && this.#session !== undefined && wantsAuthentication(outcome);
    if (outcome.kind === 'ended' && !wantsMore) return this.#refused(endpoint, outcome);
    this.#failedHandshakes++;
    this.#cut ||= connection.granted;
    if (await this.#newSessionWouldDo(endpoint)) return this.#lastTry(endpoint);
    if (outcome.kind === 'ended') return this.#reasonOf(outcome);
    return connection.granted || found === undefined ? outcome.why : this.#suspect(endpoint, found, outcome.why);
  }

  /** A handshake that is broken off has to begin anew: where no other server waits, the only one gets its time. */
  #patience(): number {
    const { tls, addresses } = this.#context;
    return tls !== undefined && addresses.size === 1 ? PROBE.longest : this.#soon(this.#grown(PROBE), PROBE.first);
  }

  /**
   * Whom the server refuses has no session to hope for. A session that lives waits until somebody has renewed a
   * certificate, and says so once for each server.
   */
  #notAccepted({ name }: Endpoint, { refusal, by }: Refusal): string {
    if (this.#session === undefined && by === 'server') throw new AuthenticationError(`${name}: ${refusal}`);
    if (this.#session !== undefined && !this.#told.has(name)) {
      this.#told.add(name);
      const told = { address: name, why: refusal };
      this.#context.logger.warn('a certificate is not accepted: this ZooKeeper server is of no use', told);
    }
    return refusal;
  }

  /** What may be wrong with a server that was silent to the probe and let the handshake fail. */
  async #suspect(endpoint: Endpoint, found: string, why: string): Promise<string> {
    const { clock, wantsTls } = this.#context;
    if (await wantsTls(endpoint, clock, this.#signal)) return TLS;
    return found === CLOSES ? `${why}${CLOSES_HINT}` : why;
  }

  /** A silent server is tried when there is no other, or at its second turn: its handshake takes long to fail. */
  #mayTrySilent({ name }: Endpoint): boolean {
    if (this.#context.addresses.size === 1 || this.#silent.has(name)) return true;
    this.#silent.add(name);
    return false;
  }

  /** The server may have recovered just before it was asked for a new session. */
  async #lastTry(endpoint: Endpoint): Promise<Found | Over> {
    const { connection, outcome } = await this.#handshake(endpoint, this.#session);
    if ('id' in outcome) return this.#granted(connection, outcome);
    if (outcome.kind === 'ended') return { kind: 'over', why: this.#reasonOf(outcome) };
    return { kind: 'over', why: `refused: ${endpoint.name} drops every attempt to take it over, but grants new ones` };
  }

  /** Before the next round through the addresses. */
  async pause(): Promise<void> {
    if (++this.#attempts % this.#context.addresses.size !== 0) return;
    const wait = this.#soon(this.#grown(this.#cut ? CUT_BACKOFF : BACKOFF), BACKOFF.first);
    this.#round++;
    this.#cut = false;
    await sleep(this.#context.clock, wait, this.#signal);
  }

  end(): void {
    if (this.#spare !== undefined) this.#context.keepers.giveBack(this.#spare);
    this.#spare = undefined;
  }

  async #handshake(
    endpoint: Endpoint,
    session: Grant | undefined,
  ): Promise<{ connection: KeeperConnection; outcome: Grant | ConnectionEnd }> {
    const { clock, sessionTimeout, client, tls, debug, keepers, access } = this.#context;
    const process = this.#spare === undefined || this.#spare.isLeaving ? keepers.next() : this.#spare;
    this.#spare = undefined;
    const connection = new KeeperConnection(process, endpoint, clock);
    const granted = session?.timeout ?? sessionTimeout;
    const first = Math.max(HANDSHAKE.least, Math.min(granted / 3, HANDSHAKE.first));
    // The client gives up by itself after two thirds of the session timeout that it asks for, and does not say why.
    const patience = Math.min(this.#grown({ first, longest: HANDSHAKE.longest }), 0.6 * sessionTimeout);
    const outcome = await connection.connect(
      {
        timeout: sessionTimeout,
        client,
        debug,
        authentication: authenticationOf(access),
        ...(tls && { tls: { ...tls, serverName: nameAt(endpoint, tls) } }),
        ...(session && { credentials: { id: session.id, password: session.password } }),
      },
      patience,
      this.#signal,
    );
    return { connection, outcome };
  }

  async #granted(connection: KeeperConnection, grant: Grant): Promise<Found | Over> {
    if (this.#session === undefined || grant.id === this.#session.id) return { kind: 'found', connection, grant };
    await connection.close(HANDSHAKE.least);
    return { kind: 'over', why: `the ensemble knows 0x${this.#session.id} no more, it granted 0x${grant.id}` };
  }

  #refused(endpoint: Endpoint, end: Ended): Over | string {
    const why = this.#reasonOf(end);
    if (this.#session === undefined && wantsAuthentication(end))
      throw new AuthenticationError(`${endpoint.name}: ${why}`, { hint: hintFor(this.#context.access) });
    return this.#session === undefined ? `refuses a session (${why})` : { kind: 'over', why };
  }

  #reasonOf({ code, why }: Ended): string {
    if (code === EXPIRED) return 'expired';
    if (!AUTHENTICATION_WANTED.includes(code)) return `result code ${code}`;
    const { auth } = this.#context.access;
    if (auth === undefined) return `ZooKeeper wants clients to authenticate (${code})`;
    return `ZooKeeper refuses the authentication by ${auth.scheme} (${code}${why === undefined ? '' : `: ${why}`})`;
  }

  /** A session that lives waits until somebody has mended the installation. */
  #clientMissing(error: ClientMissingError): string {
    if (this.#session === undefined) throw error;
    return error.message;
  }

  async #newSessionWouldDo(endpoint: Endpoint): Promise<boolean> {
    if (this.#session === undefined) return false;
    const without = this.#context.clock.now() - this.#since;
    if (without < this.#session.timeout || this.#failedHandshakes < REFUSALS * this.#accepting.size) return false;
    this.#failedHandshakes = 0;
    const { connection, outcome } = await this.#handshake(endpoint, undefined);
    if (!('id' in outcome)) return wantsAuthentication(outcome);
    await connection.close(HANDSHAKE.least);
    return true;
  }

  #soon(wait: number, least: number): number {
    return this.#session === undefined ? wait : inTimeFor(this.#session, wait, least);
  }

  #grown({ first, longest }: { readonly first: number; readonly longest: number }): number {
    return Math.min(first * 2 ** Math.min(this.#round, 10), longest);
  }
}

/**
 * A wait, ms, as long as a session allows that is to be taken over: a third of its timeout, since a leader has to renew
 * its lease in between; `least` in any case.
 */
export function inTimeFor({ timeout }: Pick<Grant, 'timeout'>, wait: number, least: number): number {
  return Math.min(wait, Math.max(least, timeout / 3));
}

/** Hints, no more: several things look like this from here. */
const CLOSES_HINT = ` and ${CLOSES} (its maxClientCnxns may be reached: its log says)`;

function wantsAuthentication(end: ConnectionEnd): boolean {
  return end.kind === 'ended' && AUTHENTICATION_WANTED.includes(end.code);
}

type Ended = Extract<ConnectionEnd, { kind: 'ended' }>;

function hintFor({ auth }: Access): string {
  if (auth === undefined)
    return 'set zookeeper-auth, or let these clients in without (enforce.auth.enabled and its like on the servers)';
  const where = auth.file === undefined ? 'in zookeeper-auth' : `in ${auth.file}`;
  return auth.scheme === 'digest'
    ? 'the servers let nobody in by digest: another scheme may be the one (enforce.auth.schemes), such as sasl-digest'
    : `check user and password ${where}, and the section Server of the servers' JAAS file`;
}
