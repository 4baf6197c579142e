import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { isIP, Socket } from 'node:net';
import type { Clock } from '../../clock.ts';
import type { ServerAddress } from '../../config/config.ts';
import { describe } from '../../errors.ts';
import { nextTurn, within } from '../../waiting.ts';

/** One address of one server. */
export interface Endpoint {
  /** As configured, with its address when that is another: `zk1:2181 (10.0.0.7)`. */
  readonly name: string;
  /** As configured. */
  readonly host: string;
  readonly ip: string;
  readonly port: number;
}

/** A name that could not be resolved takes a turn as well, so that the error message names it. */
export interface Unresolved {
  readonly name: string;
  readonly problem: string;
}

/** How long the resolver may take, ms. It goes on in the background and is asked again at the next round. */
const RESOLVE_TIMEOUT_MS = 3000;

/**
 * The addresses of the ensemble, one after the other and for ever. Each process starts at a place of its own, so that
 * candidates spread over the servers; from then on the order is fixed. Names are resolved anew whenever all addresses
 * have had their turn; a name that cannot be resolved keeps the addresses it had.
 */
export class Addresses {
  readonly #servers: readonly ServerAddress[];
  readonly #clock: Clock;
  readonly #known = new Map<ServerAddress, readonly Endpoint[]>();
  readonly #asked = new Map<ServerAddress, Promise<LookupAddress[]>>();
  #round: (Endpoint | Unresolved)[] = [];
  #size = 0;

  constructor(servers: readonly ServerAddress[], clock: Clock) {
    this.#servers = shuffled(servers, clock);
    this.#clock = clock;
  }

  /** The servers as they were configured. */
  get names(): readonly string[] {
    return this.#servers.map(nameOf);
  }

  /** How many addresses the present round has (0 before the first). */
  get size(): number {
    return this.#size;
  }

  /** The next address. Rejects with the signal's reason when aborted. */
  async next(signal: AbortSignal): Promise<Endpoint | Unresolved> {
    if (this.#round.length === 0) {
      const resolved = await Promise.all(this.#servers.map((server) => this.#resolve(server, signal)));
      this.#round = resolved.flat();
      this.#size = this.#round.length;
    }
    signal.throwIfAborted();
    return this.#round.shift() as Endpoint | Unresolved;
  }

  async #resolve(server: ServerAddress, signal: AbortSignal): Promise<readonly (Endpoint | Unresolved)[]> {
    const name = nameOf(server);
    if (isIP(server.host) !== 0) return [{ ...server, name, ip: server.host }];
    const found = await foundWithin(this.#clock, RESOLVE_TIMEOUT_MS, signal, this.#lookUp(server));
    if (!('value' in found))
      return this.#known.get(server) ?? [{ name, problem: `the host name cannot be resolved (${found.problem})` }];
    const endpoints = found.value.map(({ address }) => ({
      ...server,
      name: `${name} (${address})`,
      ip: address,
    }));
    this.#known.set(server, endpoints);
    return endpoints;
  }

  /** The system's resolver cannot be called off and has few threads: an open question is not asked again. */
  #lookUp(server: ServerAddress): Promise<LookupAddress[]> {
    const asked = this.#asked.get(server);
    if (asked !== undefined) return asked;
    const question = lookup(server.host, { all: true }).finally(() => this.#asked.delete(server));
    this.#asked.set(server, question);
    return question;
  }
}

/** A certificate is not accepted, in words, and by whom: that heals when somebody renews one. */
export interface Refusal {
  readonly refusal: string;
  readonly by: 'server' | 'client';
}

/** How an address is looked at before a keeper is spent on it. */
export interface Prober {
  readonly probe: (...asked: Parameters<typeof probe>) => Promise<string | Refusal | undefined>;
  readonly wantsTls: typeof wantsTls;
}

/** How long a server that accepts connections may take to answer a question that not every server answers, ms. */
const STATUS_TIMEOUT_MS = 150;

/** Some servers of another kind answer after two ends of line only: a silent one gets them, ms after the word. */
const NUDGE = '\r\n\r\n';
const NUDGE_AFTER_MS = 75;

/** What `probe` says of a server that accepts connections, and is stopped, swaps, or does not know the word. */
export const SILENT = 'accepts connections, but is silent';

/** What `probe` says of a server that accepts a connection and closes it: by itself that proves nothing. */
export const CLOSES = 'closes connections without a word';

export const TLS =
  'speaks TLS: this is not the port for plain connections (clientPort); set zookeeper-tls to true, or name that port';

/**
 * Whether a keeper is well spent on the address: `undefined`, or what speaks against it in words, `SILENT` and `CLOSES`
 * among them. Cheap, and it says what the ZooKeeper client never tells: who refuses connections, and which server
 * accepts them but has no quorum, by the four-letter word `srvr`. A server that refuses the word gets the benefit of
 * the doubt. Rejects with the signal's reason when aborted.
 *
 * @param timeout ms for the connection
 */
export async function probe(
  endpoint: Endpoint,
  timeout: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<string | undefined> {
  const socket = new Socket();
  socket.on('error', () => undefined); // each step below listens for its own
  try {
    const accepted = await foundWithin(clock, timeout, signal, connected(socket, endpoint));
    // A server that has too many connections may reset one so early that it never seemed to be there.
    if (!('value' in accepted)) return accepted.problem === PROBLEMS['ECONNRESET'] ? CLOSES : accepted.problem;
    return await statusOf(socket, clock, signal);
  } finally {
    socket.destroy();
  }
}

/** What a server says of itself on a connection that it has accepted, as `probe` returns it. */
export async function statusOf(socket: Socket, clock: Clock, signal: AbortSignal): Promise<string | undefined> {
  const nudge = (): unknown => setImmediate(() => socket.write(NUDGE));
  const cancel = clock.at(clock.now() + NUDGE_AFTER_MS, nudge);
  const status = await answerTo(socket, 'srvr', STATUS_TIMEOUT_MS, clock, signal).finally(cancel);
  return status === undefined ? SILENT : unfit(status);
}

function connected(socket: Socket, { ip, port }: Endpoint): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('connect', resolve).once('error', reject);
    socket.connect({ host: ip, port });
  });
}

/**
 * All that is said until the connection is closed, or until the time is over; `undefined` if that is nothing. A timer
 * comes before the sockets in a turn of Node's loop: a process that was busy reads, before it judges and before it
 * writes more, what has come meanwhile.
 *
 * @param ms for the answer
 */
export async function answerTo(
  socket: Socket,
  word: string,
  ms: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<string | undefined> {
  let answer = '';
  socket.setEncoding('latin1').on('data', (data: string) => (answer += data));
  const closed = new Promise<void>((resolve) => void socket.once('close', resolve));
  socket.write(word);
  const ended = await foundWithin(clock, ms, signal, closed);
  if ('value' in ended) return answer;
  await nextTurn();
  return answer === '' ? undefined : answer;
}

/** Whether a server that closes or ignores plain connections wants TLS. Rejects with the signal's reason. */
export async function wantsTls({ ip, port }: Endpoint, clock: Clock, signal: AbortSignal): Promise<boolean> {
  const { connect } = await import('node:tls');
  signal.throwIfAborted();
  // Nothing is entrusted to the connection: of interest is only whether it comes about, or an alert of the other side.
  const socket = connect({ host: ip, port, rejectUnauthorized: false });
  const answered = new Promise<boolean>((resolve) => {
    socket.once('secureConnect', () => resolve(true));
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(/^ERR_SSL_.*ALERT/.test(error.code ?? '')));
    socket.once('close', () => resolve(false));
  });
  try {
    const found = await foundWithin(clock, STATUS_TIMEOUT_MS, signal, answered);
    return 'value' in found && found.value;
  } finally {
    socket.destroy();
  }
}

/** The words of ZooKeeper's `NopCommand`, `StatCommand`; an alert of TLS (RFC 8446, 5.1 and 6); a status of HTTP. */
function unfit(status: string): string | undefined {
  if (status === '') return CLOSES;
  if (status.startsWith('\x15\x03')) return TLS;
  if (/^HTTP\/\d/.test(status)) return 'speaks HTTP: this is no ZooKeeper port (its own web page is the AdminServer)';
  if (status.includes('not currently serving requests')) return 'serves no requests (it is starting, or has no quorum)';
  if (/^Mode: read-only$/m.test(status)) return 'is read-only (it has no quorum)';
  return undefined;
}

type Found<T> = { readonly value: T } | { readonly problem: string };

/** Bounds work that knows no deadline, and words its failure. Rejects with the signal's reason when aborted. */
export async function foundWithin<T>(
  clock: Clock,
  ms: number,
  signal: AbortSignal,
  work: Promise<T>,
): Promise<Found<T>> {
  const late = (): Error => new Error(`no answer within ${Math.round(ms)} ms`);
  try {
    return { value: await within(clock, work, { signal, at: clock.now() + ms, late }) };
  } catch (error) {
    signal.throwIfAborted();
    return { problem: inWords(error) };
  }
}

const PROBLEMS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'the name server does not answer',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  ETIMEDOUT: 'connection timed out',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection reset',
  EMFILE: 'too many open files',
};

function inWords(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return PROBLEMS[code] ?? describe(error);
}

function nameOf({ host, port }: ServerAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Fisher–Yates. */
function shuffled<T>(items: readonly T[], clock: Clock): T[] {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(clock.random() * (i + 1));
    [result[i], result[j]] = [result[j] as T, result[i] as T];
  }
  return result;
}
