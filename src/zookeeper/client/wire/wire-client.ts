import { Socket } from 'node:net';
import type { Clock } from '../../../clock.ts';
import {
  type Authentication,
  type Client,
  type ClientEnd,
  type ClientListener,
  type ClientRequest,
  type ConnectOptions,
  CREATOR_ACL,
  type Grant,
} from '../client.ts';
import { FrameSplitter, MAX_REQUEST_BYTES } from './frames.ts';
import { GarbledError, JuteReader } from './jute.ts';
import { DigestMd5, SaslError } from './sasl.ts';
import {
  closeFrame,
  handshakeFrame,
  isPath,
  PING_FRAME,
  readEvent,
  readGrant,
  readHeader,
  readResult,
  requestFrame,
  XID,
  type ReplyHeader,
  type Result,
  type WireAnswer,
  type WireRequest,
} from './messages.ts';

/** Result codes: ZCONNECTIONLOSS, ZBADARGUMENTS, ZINVALIDSTATE, ZSESSIONEXPIRED. */
const [CONNECTION_LOSS, BAD_ARGUMENTS, INVALID_STATE, EXPIRED] = [-4, -8, -9, -112];

/** ZAUTHFAILED. */
const AUTH_FAILED = -115;

/** What may wait for a server that does not read, bytes and requests. Further requests are not taken. */
const MAX_UNSENT_BYTES = 8 * 1024 * 1024;
const MAX_PENDING = 100_000;

/** How long the end of a session is waited for, ms: as long as for the release of a lease. */
const CLOSE_WITHIN_MS = 2_000;

/** Of the session timeout: after this time without a word a client pings, and gives up a server that says nothing. */
const PING_AFTER = 1 / 3;
const SILENT_AFTER = 2 / 3;

const LAST_XID = 2 ** 31 - 1;

/** A request that was sent and not answered. */
interface Pending {
  readonly xid: number;
  read(reader: JuteReader): Result;
  answered(answer: WireAnswer): void;
}

type Answered = (answer: WireAnswer) => void;

/**
 * ZooKeeper's protocol on a connection of our own. A server answers in the order of requests; anything else, and
 * anything that cannot be read, ends the connection. Each request ends once: with an answer, not sent, or with
 * ZCONNECTIONLOSS when the connection ends, which leaves open whether it was applied.
 */
export class WireClient implements Client {
  readonly #socket: Socket;
  readonly #dial: Dial;
  readonly #listener: ClientListener;
  readonly #clock: Clock;
  readonly #authentication: Authentication | undefined;
  readonly #frames = new FrameSplitter();
  /** In the order in which they were sent. Those for an identity are numbered alike, and answered in between. */
  readonly #pending: Pending[] = [];
  readonly #pendingAuth: Pending[] = [];
  #lastXid = 0;
  /** The timeout that counts: the one that was asked for, until another is granted. ms */
  #timeout: number;
  #isGranted = false;
  #isOver = false;
  #closed: Promise<boolean> | undefined;
  #isConfirmed = false;
  /** When the last frame came and went, monotonic ms. */
  #heardAt: number;
  #saidAt: number;
  #cancelLook: () => void = () => undefined;
  #onOver: (() => void) | undefined;

  /** Connects; `dial` says how. */
  constructor(options: ConnectOptions, listener: ClientListener, clock: Clock, dial: Dial = plain) {
    const { address, timeout, credentials } = options;
    this.#authentication = options.authentication;
    this.#dial = dial;
    this.#listener = listener;
    this.#clock = clock;
    this.#timeout = timeout;
    this.#heardAt = this.#saidAt = clock.now();
    let problem: NodeJS.ErrnoException | undefined;
    const hello = handshakeFrame(timeout, credentials);
    this.#socket = dial.open(splitAddress(address), () => this.#say(hello));
    this.#socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    this.#socket.on('error', (error) => (problem = error));
    this.#socket.on('close', () => this.#finish(this.#howClosed(problem)));
    this.#look();
  }

  get isConnected(): boolean {
    return this.#isGranted && !this.#isOver && this.#closed === undefined;
  }

  ask(asked: WireRequest | ClientRequest, answered: Answered): void {
    if (!this.isConnected || this.#isFull) return answered({ rc: INVALID_STATE, sent: false });
    const request = onWire(asked);
    const isAuth = request.op === 'auth';
    const xid = isAuth ? XID.auth : this.#nextXid();
    const frame = requestFrame(xid, request);
    if (frame.length > MAX_REQUEST_BYTES || ('path' in request && !isPath(request.path)))
      return answered({ rc: BAD_ARGUMENTS, sent: false });
    const read = (reader: JuteReader): Result => readResult(request.op, reader);
    (isAuth ? this.#pendingAuth : this.#pending).push({ xid, read, answered });
    this.#say(frame);
  }

  get #isFull(): boolean {
    const waiting = this.#pending.length + this.#pendingAuth.length;
    return waiting >= MAX_PENDING || this.#socket.writableLength > MAX_UNSENT_BYTES;
  }

  close(): Promise<boolean> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<boolean> {
    if (this.#isOver) return false;
    const over = new Promise<void>((resolve) => (this.#onOver = resolve));
    const cancel = this.#clock.at(this.#clock.now() + CLOSE_WITHIN_MS, () => this.#finish(undefined));
    if (this.#isGranted) this.#goodbye();
    else this.#finish(undefined);
    await over;
    cancel();
    return this.#isConfirmed;
  }

  #goodbye(): void {
    const xid = this.#nextXid();
    const answered = ({ rc }: WireAnswer): void => {
      this.#isConfirmed = rc === 0;
      this.#finish(undefined);
    };
    this.#pending.push({ xid, read: () => ({}), answered });
    this.#say(closeFrame(xid));
  }

  #nextXid(): number {
    this.#lastXid = this.#lastXid === LAST_XID ? 1 : this.#lastXid + 1;
    return this.#lastXid;
  }

  /** What is said in one turn leaves in one piece. */
  #say(frame: Buffer): void {
    this.#saidAt = this.#clock.now();
    if (this.#socket.writableCorked === 0) {
      this.#socket.cork();
      process.nextTick(() => this.#socket.uncork());
    }
    this.#socket.write(frame);
  }

  #receive(chunk: Buffer): void {
    try {
      for (const frame of this.#frames.push(chunk)) {
        if (this.#isOver) return;
        this.#heardAt = this.#clock.now();
        if (this.#isGranted) this.#onMessage(new JuteReader(frame));
        else this.#onGrant(readGrant(frame));
      }
    } catch (error) {
      if (!(error instanceof GarbledError)) throw error;
      this.#finish({ kind: 'disconnected', why: `what the server sends is no ZooKeeper protocol: ${error.message}` });
    }
  }

  #onGrant(grant: Grant | undefined): void {
    if (grant === undefined) return this.#finish({ kind: 'ended', code: EXPIRED });
    this.#isGranted = true;
    this.#timeout = grant.timeout;
    this.#look();
    if (this.#authentication === undefined) this.#listener.granted(grant);
    else if (this.#authentication.scheme === 'digest') this.#logInByDigest(this.#authentication, grant);
    else this.#logInBySasl(this.#authentication, grant);
  }

  /** The server reads it before all that follows, so nobody waits for its answer. */
  #logInByDigest({ user, password }: Authentication, grant: Grant): void {
    this.ask({ op: 'auth', scheme: 'digest', auth: Buffer.from(`${user}:${password}`) }, (answer) => {
      if (answer.rc !== 0) this.#notBelieved(answer);
    });
    this.#listener.granted(grant);
  }

  /** Two round trips. What is asked before their end would be asked as nobody. */
  #logInBySasl(authentication: Authentication, grant: Grant): void {
    const exchange = new DigestMd5(authentication);
    const next = (token: Buffer, then: (said: Buffer) => void): void =>
      this.ask({ op: 'sasl', token }, (answer) => {
        if (answer.rc !== 0) return this.#notBelieved(answer);
        try {
          then(answer.token ?? Buffer.alloc(0));
        } catch (error) {
          if (!(error instanceof SaslError)) throw error;
          this.#finish({ kind: 'ended', code: AUTH_FAILED, why: error.message });
        }
      });
    next(Buffer.alloc(0), (challenge) =>
      next(exchange.respond(challenge), (proof) => {
        exchange.check(proof);
        this.#listener.granted(grant);
      }),
    );
  }

  /** A connection that breaks meanwhile is told of by itself. */
  #notBelieved({ rc, sent }: WireAnswer): void {
    if (sent && rc !== CONNECTION_LOSS) this.#finish({ kind: 'ended', code: rc });
  }

  #onMessage(reader: JuteReader): void {
    const header = readHeader(reader);
    switch (header.xid) {
      case XID.notification: {
        const { event, path } = readEvent(reader);
        return this.#listener.event(event, path);
      }
      case XID.ping:
        return;
      case XID.auth:
        return this.#onReply(this.#pendingAuth, header, reader);
      default:
        return this.#onReply(this.#pending, header, reader);
    }
  }

  #onReply(queue: Pending[], { xid, rc }: ReplyHeader, reader: JuteReader): void {
    const [due] = queue;
    if (due?.xid !== xid)
      throw new GarbledError(`an answer to request ${xid} where one to ${due?.xid ?? 'none'} is due`);
    const result = rc === 0 ? due.read(reader) : {};
    queue.shift();
    due.answered({ ...result, rc, sent: true });
  }

  /** Keeps the session alive, and notices a server that says nothing. */
  #look(): void {
    this.#cancelLook();
    if (this.#isOver) return;
    const now = this.#clock.now();
    const heardAt = this.#heardAt;
    const silentAt = heardAt + SILENT_AFTER * this.#timeout;
    if (now >= silentAt) return void setImmediate(() => this.#lookAgain(heardAt));
    if (this.#isGranted && now >= this.#saidAt + PING_AFTER * this.#timeout) this.#say(PING_FRAME);
    const pingAt = this.#isGranted ? this.#saidAt + PING_AFTER * this.#timeout : Infinity;
    this.#cancelLook = this.#clock.at(Math.min(silentAt, pingAt), () => this.#look());
  }

  /**
   * A process that stood still has not read yet what came meanwhile: timers are first, then what arrived, then this.
   */
  #lookAgain(heardAt: number): void {
    if (this.#heardAt !== heardAt) return this.#look();
    const silence = Math.round(this.#clock.now() - heardAt);
    this.#finish({ kind: 'disconnected', why: `the server was silent for ${silence} ms` });
  }

  /** Before it grants a session, a server that closes the connection has no reason that shows here. */
  #howClosed(problem: NodeJS.ErrnoException | undefined): ClientEnd {
    const refused = problem && this.#dial.explain?.(problem);
    if (!this.#isGranted) return { kind: 'disconnected', ...(refused !== undefined && { why: refused }) };
    const broke = `the connection broke (${problem?.code ?? problem?.message})`;
    return { kind: 'disconnected', why: problem === undefined ? 'the server closed the connection' : broke };
  }

  /** Without `end` it was asked for: nobody is told. */
  #finish(end: ClientEnd | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cancelLook();
    this.#socket.destroy();
    if (end !== undefined && this.#closed === undefined) this.#listener.ended(end);
    for (const { answered } of [...this.#pending.splice(0), ...this.#pendingAuth.splice(0)])
      answered({ rc: CONNECTION_LOSS, sent: true });
    this.#onOver?.();
  }
}

function onWire(request: WireRequest | ClientRequest): WireRequest {
  if (request.op === 'restrict') return { op: 'setAcl', path: request.path, acl: CREATOR_ACL, version: -1 };
  return 'creator' in request && request.creator ? { ...request, acl: CREATOR_ACL } : request;
}

/** How a connection is made. */
export interface Dial {
  /** `onOpen` is called once the connection can carry the protocol. */
  open(address: Address, onOpen: () => void): Socket;
  /** What an error says of a server that has not granted a session, where that is worth telling. */
  explain?(error: Error): string | undefined;
}

interface Address {
  readonly ip: string;
  readonly port: number;
}

const plain: Dial = {
  open({ ip, port }, onOpen) {
    const socket = new Socket();
    // Requests are small, and each matters at once.
    socket.setNoDelay(true);
    socket.once('connect', onOpen);
    return socket.connect({ host: ip, port });
  },
};

function splitAddress(address: string): Address {
  const colon = address.lastIndexOf(':');
  return { ip: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
}
