/**
 * npm's `zookeeper`, a binding to the C client. This is the only file that loads it, and the keeper the only program
 * that uses this file: the binding closes and reuses descriptors behind libuv's back, and may block or abort the
 * process that it lives in. That process must not fork nor open sockets or pipes of its own.
 */
import { createRequire } from 'node:module';
import type { Clock } from '../../clock.ts';
import {
  CREATOR_ACL,
  type AclEntry,
  type Client,
  type ClientAnswer,
  type ClientListener,
  type ClientRequest,
  type ConnectOptions,
  type Grant,
  type Stat,
  type ZNodeEvent,
} from './client.ts';

interface NativeStat extends Omit<Stat, 'ctime' | 'mtime'> {
  readonly ctime: Date;
  readonly mtime: Date;
}

/**
 * The callback forms of the binding's own object: the package's wrapper formats every argument for a log before each
 * call. Each returns < 0 when the client did not take the request.
 */
interface NativeHandle {
  emit(event: string, client: unknown, value: unknown): void;
  init(options: Record<string, unknown>): unknown;
  close(): void;
  readonly state: number;
  readonly timeout: number;
  readonly client_id: string;
  readonly client_password: string;
  a_create(path: string, data: Buffer, flags: number, done: (rc: number, error: string, path: string) => void): number;
  a_get(
    path: string,
    watch: boolean,
    done: (rc: number, error: string, stat: NativeStat | null, data: Buffer | null) => void,
  ): number;
  a_get_children(
    path: string,
    watch: boolean,
    done: (rc: number, error: string, children: string[] | null) => void,
  ): number;
  a_exists(path: string, watch: boolean, done: (rc: number, error: string, stat: NativeStat | null) => void): number;
  a_set(
    path: string,
    data: Buffer,
    version: number,
    done: (rc: number, error: string, stat: NativeStat | null) => void,
  ): number;
  a_delete_(path: string, version: number, done: (rc: number, error: string) => void): number;
  a_sync(path: string, done: (rc: number, error: string, path: string) => void): number;
  /** Ends the process at every answer but a good one. */
  a_get_acl(path: string, done: (rc: number, error: string, acl: NativeAcl[] | null) => void): number;
  a_set_acl(path: string, version: number, acl: NativeAcl[], done: (rc: number, error: string) => void): number;
  /** Sends it with every connection. */
  add_auth(scheme: string, auth: string, done: (rc: number, error: string) => void): number;
}

/** The binding reads `perm`, and writes `perms`. */
interface NativeAcl extends Pick<AclEntry, 'perms' | 'scheme'> {
  readonly perm: number;
  readonly auth: string;
}

/** What the package exports. */
export type NativeModule = new () => { readonly native: NativeHandle };

/** Loads the package, from where the program's own file is. Throws when it is not there, or not compiled. */
export function loadNative(): NativeModule {
  return createRequire(process.argv[1] as string)('zookeeper') as NativeModule;
}

/**
 * NOTCONNECTED_STATE_DEF before a first connection that could not even be begun, 0 after one that failed;
 * ZOO_CONNECTED_STATE.
 */
const NOT_CONNECTED: readonly number[] = [999, 0];
const CONNECTED = 3;
const HANDSHAKE_LOOK_MS = 20;

type Answered = (answer: ClientAnswer) => void;

export class NativeClient implements Client {
  readonly #native: NativeHandle;
  readonly #listener: ClientListener;
  readonly #clock: Clock;
  /** The handle is closed, by us or by the ensemble's word: it is not to be touched any more. */
  #isOver = false;
  /** It has ended at our word. */
  #isConfirmed = false;

  /** Connects. */
  constructor(Module: NativeModule, options: ConnectOptions, listener: ClientListener, clock: Clock) {
    // As `digest` the password would go out in the clear.
    if (options.authentication?.scheme === 'sasl-digest') throw new Error("npm's client knows no SASL");
    this.#native = new Module().native;
    this.#listener = listener;
    this.#clock = clock;
    this.#native.emit = (event, _client, value) => this.#onEvent(event, value);
    const { address, timeout, debug, credentials, authentication } = options;
    this.#native.init({
      connect: address,
      timeout,
      debug_level: debug ? 3 : 0,
      host_order_deterministic: true,
      // The binding declares the session expired after this many partial reads in a row, 10 by default.
      response_counter_limit: 2147483647,
      ...(credentials && { client_id: credentials.id, client_password: credentials.password }),
    });
    // Before the connection is there: it goes out first. One that is refused is told of by `close`.
    if (authentication !== undefined)
      this.#native.add_auth('digest', `${authentication.user}:${authentication.password}`, () => undefined);
    this.#watchHandshake();
  }

  get isConnected(): boolean {
    return !this.#isOver && this.#native.state === CONNECTED;
  }

  ask(request: ClientRequest, answered: Answered): void {
    const rc = this.#isOver ? INVALID_STATE : this.#submit(request, answered);
    if (rc < 0) answered({ rc, sent: false });
  }

  /** Blocks for up to 4.5 s when the server is silent. */
  close(): Promise<boolean> {
    if (!this.#isOver) this.#native.close();
    this.#isOver = true;
    return Promise.resolve(this.#isConfirmed);
  }

  /** A handshake that fails raises no event: the client would try again by itself, much later. Its state shows it. */
  #watchHandshake(): void {
    this.#clock.at(this.#clock.now() + HANDSHAKE_LOOK_MS, () => {
      if (this.#isOver || this.isConnected) return;
      if (NOT_CONNECTED.includes(this.#native.state)) this.#listener.ended({ kind: 'disconnected' });
      else this.#watchHandshake();
    });
  }

  /** Twice a session timeout: a client that was cut while busy, and cannot connect again, may say nothing of it. */
  #watchConnection(): void {
    this.#clock.at(this.#clock.now() + this.#native.timeout / 2, () => {
      if (this.#isOver) return;
      if (!this.isConnected) this.#listener.ended({ kind: 'disconnected' });
      this.#watchConnection();
    });
  }

  #onEvent(event: string, value: unknown): void {
    switch (event) {
      case 'connect':
        setImmediate(() => this.#onConnected());
        break;
      case 'connecting':
        this.#listener.ended({ kind: 'disconnected' });
        break;
      case 'close':
        this.#isOver = true;
        this.#isConfirmed = value === 0;
        if (value !== 0) this.#listener.ended({ kind: 'ended', code: Number(value) });
        break;
      case 'created':
      case 'changed':
      case 'deleted':
      case 'child':
        this.#listener.event(event satisfies ZNodeEvent, String(value));
    }
  }

  #onConnected(): void {
    if (this.#isOver) return;
    this.#watchConnection();
    this.#listener.granted(this.#grant());
  }

  #grant(): Grant {
    const { client_id: id, client_password: password, timeout } = this.#native;
    return { id, password, timeout };
  }

  #submit(request: ClientRequest, answered: Answered): number {
    const native = this.#native;
    const { path } = request;
    const answer = (rc: number, result?: Partial<ClientAnswer>): void =>
      answered({ rc, sent: true, ...(rc === 0 ? result : undefined) });
    switch (request.op) {
      case 'create':
        return native.a_create(path, request.data, request.flags, (rc, _, created) => {
          if (rc !== 0 || request.creator !== true) answer(rc, { path: created });
          else setImmediate(() => this.#restrictCreated(created, answered));
        });
      case 'getAcl':
        return native.a_get(path, false, (rc) => {
          if (rc !== 0) answer(rc);
          else setImmediate(() => this.#askForAcl(path, answered));
        });
      case 'restrict':
        return this.#setCreatorAcl(path, (rc) => answer(rc));
      case 'get':
        return native.a_get(path, request.watch, (rc, _, stat, data) =>
          answer(rc, { ...statOf(stat), data: data ?? EMPTY }),
        );
      case 'children':
        return native.a_get_children(path, request.watch, (rc, _, children) =>
          answer(rc, { children: children ?? [] }),
        );
      case 'exists':
        return native.a_exists(path, request.watch, (rc, _, stat) => answer(rc, statOf(stat)));
      case 'set':
        return native.a_set(path, request.data, request.version, (rc, _, stat) => answer(rc, statOf(stat)));
      case 'delete':
        return native.a_delete_(path, request.version, (rc) => answer(rc));
      case 'sync':
        return native.a_sync(path, (rc) => answer(rc));
    }
  }

  /** A znode that is gone meanwhile was made all the same. */
  #restrictCreated(path: string, answered: Answered): void {
    const told = (rc: number): void => answered({ rc: rc === NO_NODE ? 0 : rc, sent: true, path });
    const rc = this.#isOver ? CONNECTION_LOSS : this.#setCreatorAcl(path, told);
    if (rc < 0) told(CONNECTION_LOSS);
  }

  #setCreatorAcl(path: string, told: (rc: number) => void): number {
    const acl = CREATOR_ACL.map(({ perms, scheme, id }) => ({ perm: perms, perms, scheme, auth: id }));
    return this.#native.a_set_acl(path, -1, acl, (rc) => told(rc));
  }

  /** Who was just allowed to read the znode is told its ACL: a refusal would end the process. */
  #askForAcl(path: string, answered: Answered): void {
    const rc = this.isConnected
      ? this.#native.a_get_acl(path, (code, _, acl) =>
          answered({
            rc: code,
            sent: true,
            acl: (acl ?? []).map(({ perms, scheme, auth: id }) => ({ perms, scheme, id })),
          }),
        )
      : INVALID_STATE;
    if (rc < 0) answered({ rc, sent: false });
  }
}

/** ZINVALIDSTATE: the handle is closed. */
const INVALID_STATE = -9;

/** ZNONODE and ZCONNECTIONLOSS. */
const [NO_NODE, CONNECTION_LOSS] = [-101, -4];

const EMPTY = Buffer.alloc(0);

function statOf(stat: NativeStat | null): { stat?: Stat } {
  if (stat === null) return {};
  const { czxid, mzxid, ctime, mtime, version, ephemeralOwner, dataLength, numChildren } = stat;
  return {
    stat: {
      czxid,
      mzxid,
      ctime: ctime.getTime(),
      mtime: mtime.getTime(),
      version,
      ephemeralOwner,
      dataLength,
      numChildren,
    },
  };
}
