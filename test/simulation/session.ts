import { RefusedError, UnavailableError } from '../../src/errors.ts';
import type {
  Contact,
  CreateMode,
  RequestOptions,
  Session,
  SessionOpener,
  Stat,
  Watch,
  ZNode,
} from '../../src/zookeeper/port.ts';
import {
  BadVersionError,
  NodeExistsError,
  NoNodeError,
  NotSentError,
  OutcomeUnknownError,
  SessionEndedError,
  ZooKeeperError,
} from '../../src/zookeeper/errors.ts';
import type { VirtualProcess } from '../support/virtual-clock.ts';
import type { Ensemble } from './ensemble.ts';
import { Keeper } from './keeper.ts';
import type { Reply, Request, Server } from './server.ts';
import type { Happening } from './tree.ts';
import { Watches } from './watches.ts';

interface Pending {
  readonly request: Request;
  sent: boolean;
  finish(reply: Reply | Error): void;
}

type Answer = Extract<Reply, { ok: true }>;

/** How long one address may take to grant a session, ms. */
const ATTEMPT_MS = 1000;

/** Of the request that ends the session; others count from one. */
const CLOSE_XID = 0;

/** Between two rounds through all addresses, ms. */
const ROUND_PAUSE_MS = 200;

/** Opens sessions of one host. */
export class FakeSessions implements SessionOpener {
  readonly #ensemble: Ensemble;
  readonly #host: string;
  readonly #process: VirtualProcess;
  readonly #sessionTimeout: number;
  #latest: FakeSession | undefined;

  constructor(ensemble: Ensemble, host: string, process: VirtualProcess, sessionTimeout: number) {
    this.#ensemble = ensemble;
    this.#host = host;
    this.#process = process;
    this.#sessionTimeout = sessionTimeout;
  }

  /** The keeper at work, if there is one. */
  get keeper(): Keeper | undefined {
    return this.#latest?.keeper;
  }

  /** Id of the session at work, `"0"` before it is granted. */
  get sessionId(): string {
    return this.#latest?.id ?? '0';
  }

  open({ timeout, signal }: RequestOptions): Promise<Session> {
    if (signal?.aborted) return Promise.reject(signal.reason as Error);
    const session = new FakeSession(this.#ensemble, this.#host, this.#process, this.#sessionTimeout);
    this.#latest = session;
    return new Promise((resolve, reject) => {
      const settle = (finish: () => void): void => {
        cancel();
        removeListener();
        signal?.removeEventListener('abort', onAbort);
        finish();
      };
      const onAbort = (): void =>
        settle(() => {
          session.giveUp();
          reject(signal?.reason as Error);
        });
      const cancel = this.#process.at(this.#process.now() + timeout, () =>
        settle(() => {
          const why = session.contact.up ? '' : session.contact.why;
          session.giveUp();
          reject(new UnavailableError(`no ZooKeeper session within ${timeout} ms: ${why}`));
        }),
      );
      signal?.addEventListener('abort', onAbort, { once: true });
      const removeListener = session.onContact((contact) => {
        if (contact.up) settle(() => resolve(session));
      });
      session.attach();
    });
  }
}

/** A session on the fake ensemble, with the meaning that port.ts gives to everything. */
export class FakeSession implements Session {
  readonly #ensemble: Ensemble;
  readonly #host: string;
  readonly #process: VirtualProcess;
  readonly #ended = new AbortController();
  readonly #listeners = new Set<(contact: Contact) => void>();
  readonly #pending = new Map<number, Pending>();
  readonly #watches = new Watches();
  readonly #servers: readonly Server[];
  #turn = 0;
  #xid = 0;
  #id: string | undefined;
  #timeout: number;
  #contact: Contact;
  #keeper: Keeper | undefined;
  #cancelAttempt: () => void = () => undefined;
  #onClosed: (() => void) | undefined;
  #closed: Promise<void> = Promise.resolve();

  constructor(ensemble: Ensemble, host: string, process: VirtualProcess, timeout: number) {
    this.#ensemble = ensemble;
    this.#host = host;
    this.#process = process;
    this.#timeout = timeout;
    this.#servers = ensemble.random.shuffle(ensemble.servers);
    this.#contact = { up: false, since: process.now(), why: 'not connected yet' };
  }

  get id(): string {
    return this.#id ?? '0';
  }

  get timeout(): number {
    return this.#timeout;
  }

  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  get contact(): Contact {
    return this.#contact;
  }

  get keeper(): Keeper | undefined {
    return this.#keeper;
  }

  onContact(listener: (contact: Contact) => void): () => void {
    const own = (contact: Contact): void => listener(contact);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  async create(path: string, data: Buffer, mode: CreateMode, options: RequestOptions): Promise<string> {
    const request = {
      kind: 'create',
      path,
      data: Buffer.from(data),
      sequential: mode === 'ephemeral-sequential',
    } as const;
    return (await this.#ask(request, options)).path as string;
  }

  async get(path: string, options: RequestOptions): Promise<ZNode> {
    return nodeOf(await this.#ask({ kind: 'get', path, watched: false }, options));
  }

  async getWatched(path: string, options: RequestOptions): Promise<{ node: ZNode; watch: Watch }> {
    let watch: Watch | undefined;
    // Left at the moment of the answer, not a promise job later: the event may come right behind it.
    const reply = await this.#ask(
      { kind: 'get', path, watched: true },
      options,
      () => (watch = this.#watches.leave('data', path)),
    );
    return { node: nodeOf(reply), watch: watch as unknown as Watch };
  }

  async exists(path: string, options: RequestOptions): Promise<Stat | undefined> {
    return (await this.#ask({ kind: 'exists', path }, options)).stat;
  }

  async children(path: string, options: RequestOptions): Promise<string[]> {
    return (await this.#ask({ kind: 'children', path, watched: false }, options)).children as string[];
  }

  async childrenWatched(path: string, options: RequestOptions): Promise<{ children: string[]; watch: Watch }> {
    let watch: Watch | undefined;
    const reply = await this.#ask(
      { kind: 'children', path, watched: true },
      options,
      () => (watch = this.#watches.leave('children', path)),
    );
    return { children: reply.children as string[], watch: watch as unknown as Watch };
  }

  async set(path: string, data: Buffer, version: number, options: RequestOptions): Promise<Stat> {
    return (await this.#ask({ kind: 'set', path, data: Buffer.from(data), version }, options)).stat as Stat;
  }

  async delete(path: string, version: number, options: RequestOptions): Promise<void> {
    await this.#ask({ kind: 'delete', path, version }, options);
  }

  reattach(why: string): void {
    if (!this.#ended.signal.aborted) this.#broken(why);
  }

  close(timeout: number): Promise<void> {
    if (this.#ended.signal.aborted) return this.#closed;
    this.#closed = new Promise((resolve) => {
      this.#onClosed = () => {
        cancel();
        this.#onClosed = undefined;
        this.giveUp();
        resolve();
      };
      const cancel = this.#process.at(this.#process.now() + timeout, this.#onClosed);
    });
    const { up } = this.#contact;
    this.#end('closed');
    // Without contact it is waited for: a session that nobody closes keeps its ephemeral znodes until it expires.
    if (up) this.#keeper?.send(CLOSE_XID, { kind: 'close', path: '/' });
    return this.#closed;
  }

  /** Nobody wants this session any more. */
  giveUp(): void {
    this.#end('not granted in time');
    this.#cancelAttempt();
    this.#keeper?.kill();
  }

  /** Tries the next address, and goes on until it is attached or over. */
  attach(): void {
    const server = this.#servers[this.#turn % this.#servers.length] as Server;
    this.#turn += 1;
    const keeper = new Keeper(this.#ensemble, server, this.#host, this.#process, this.#timeout, {
      connected: (id, timeout) => {
        if (this.#keeper !== keeper) return;
        if (this.#onClosed === undefined) return this.#attached(server, id, timeout);
        this.#cancelAttempt();
        keeper.send(CLOSE_XID, { kind: 'close', path: '/' });
      },
      replied: (xid, reply) => {
        if (this.#keeper === keeper) this.#replied(xid, reply);
      },
      happened: (happening) => {
        if (this.#keeper === keeper) this.#happened(happening);
      },
      ended: (why, expired) => {
        if (this.#keeper !== keeper) return;
        if (expired && this.#onClosed !== undefined) this.#onClosed();
        else if (expired) this.#end('expired');
        else this.#broken(`${server.name}: ${why}`);
      },
    });
    this.#keeper = keeper;
    keeper.connect(this.#id);
    this.#cancelAttempt = this.#process.at(this.#process.now() + ATTEMPT_MS, () =>
      this.#broken(`${server.name}: no answer within ${ATTEMPT_MS} ms`),
    );
  }

  #attached(server: Server, id: string, timeout: number): void {
    this.#cancelAttempt();
    this.#id = id;
    this.#timeout = timeout;
    this.#setContact({ up: true, since: this.#process.now(), address: server.name });
    for (const [xid, pending] of this.#pending) this.#send(xid, pending);
  }

  /** The connection is gone: what was sent has an unknown outcome, watches may have missed something. */
  #broken(why: string): void {
    this.#cancelAttempt();
    this.#keeper?.kill();
    this.#keeper = undefined;
    const wasUp = this.#contact.up;
    this.#setContact({ up: false, since: wasUp ? this.#process.now() : this.#contact.since, why });
    for (const pending of [...this.#pending.values()])
      if (pending.sent) pending.finish(new OutcomeUnknownError(pending.request.kind, pending.request.path, why));
    this.#watches.interrupt();
    if (this.#ended.signal.aborted && this.#onClosed === undefined) return;
    const pause = wasUp || this.#turn % this.#servers.length !== 0 ? 0 : ROUND_PAUSE_MS;
    this.#cancelAttempt = this.#process.at(this.#process.now() + pause, () => this.attach());
  }

  #end(why: string): void {
    if (this.#ended.signal.aborted) return;
    const error = new SessionEndedError(why);
    this.#ended.abort(error);
    for (const { sent, request, finish } of [...this.#pending.values()])
      finish(sent ? new OutcomeUnknownError(request.kind, request.path, why) : error);
    this.#watches.interrupt();
    if (this.#onClosed === undefined) this.#cancelAttempt();
    if (this.#contact.up) this.#setContact({ up: false, since: this.#process.now(), why });
  }

  #setContact(contact: Contact): void {
    const changed = this.#contact.up !== contact.up;
    this.#contact = contact;
    if (changed) for (const listener of [...this.#listeners]) listener(contact);
  }

  #ask(request: Request, { timeout, signal }: RequestOptions, onAnswer?: () => void): Promise<Answer> {
    if (this.#ended.signal.aborted) return Promise.reject(this.#ended.signal.reason as Error);
    if (signal?.aborted) return Promise.reject(signal.reason as Error);
    const xid = (this.#xid += 1);
    return new Promise((resolve, reject) => {
      const finish = (outcome: Reply | Error): void => {
        this.#pending.delete(xid);
        cancel();
        signal?.removeEventListener('abort', onAbort);
        if (outcome instanceof Error) return reject(outcome);
        if (!outcome.ok) return reject(errorOf(request, outcome.code));
        onAnswer?.();
        resolve(outcome);
      };
      const onAbort = (): void => finish(signal?.reason as Error);
      const pending: Pending = { request, sent: false, finish };
      const cancel = this.#process.at(this.#process.now() + timeout, () => {
        const why = `no answer within ${Math.round(timeout)} ms`;
        finish(
          pending.sent
            ? new OutcomeUnknownError(request.kind, request.path, why)
            : new NotSentError(request.kind, request.path, `no contact for ${Math.round(timeout)} ms`),
        );
      });
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#pending.set(xid, pending);
      if (this.#contact.up) this.#send(xid, pending);
    });
  }

  #send(xid: number, pending: Pending): void {
    pending.sent = true;
    this.#keeper?.send(xid, pending.request);
  }

  #replied(xid: number, reply: Reply): void {
    if (xid === CLOSE_XID) return this.#onClosed?.();
    this.#pending.get(xid)?.finish(reply);
  }

  #happened(happening: Happening): void {
    this.#watches.fire(happening);
  }
}

function nodeOf(reply: Answer): ZNode {
  return { data: reply.data as Buffer, stat: reply.stat as Stat };
}

function errorOf(request: Request, code: Extract<Reply, { ok: false }>['code']): Error {
  if (code === 'noNode') return new NoNodeError(request.path);
  if (code === 'nodeExists') return new NodeExistsError(request.path);
  if (code === 'badVersion') return new BadVersionError(request.path);
  if (code === 'notEmpty') return new ZooKeeperError(request.kind, request.path, -111, 'ZNOTEMPTY');
  return new RefusedError(request.path);
}
