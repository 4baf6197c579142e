import type { Contact, CreateMode, Session, Watch, ZNode } from '../../src/zookeeper/session/port.ts';
import type { RequestOptions } from '../../src/election/register.ts';
import type { Stat } from '../../src/keeper/protocol.ts';
import { SessionEndedError } from '../../src/election/errors.ts';
import type { Keeper } from './keeper.ts';
import { Requests, type Answer } from './requests.ts';
import type { Request, Server } from './server.ts';
import type { Client } from './sessions.ts';
import { Watches } from './watches.ts';

/** How long one address may take to grant a session, ms. */
const ATTEMPT_MS = 1000;

/** Of the request that ends the session; others count from one. */
const CLOSE_XID = 0;

/** Between two rounds through all addresses, ms. */
const ROUND_PAUSE_MS = 200;

/** A session on the fake ensemble, with the meaning that port.ts gives to everything. */
export class FakeSession implements Session {
  /** A candidate of the simulation stands in one election. */
  readonly isShared = false;
  readonly #client: Client;
  readonly #ended = new AbortController();
  readonly #listeners = new Set<(contact: Contact) => void>();
  readonly #requests: Requests;
  readonly #watches = new Watches();
  readonly #servers: readonly Server[];
  #turn = 0;
  #id: string | undefined;
  #timeout: number;
  #contact: Contact;
  #keeper: Keeper | undefined;
  #former: readonly Keeper[] = [];
  #cancelAttempt: () => void = () => undefined;
  #onClosed: (() => void) | undefined;
  #closed: Promise<void> = Promise.resolve();

  constructor(client: Client, timeout: number) {
    this.#client = client;
    this.#requests = new Requests(client.process);
    this.#timeout = timeout;
    this.#servers = client.ensemble.random.shuffle(client.ensemble.servers);
    this.#contact = { up: false, since: client.process.now(), why: 'not connected yet' };
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

  /** Those that execute their wills too. */
  get keepers(): readonly Keeper[] {
    return [...this.#former, ...(this.#keeper === undefined ? [] : [this.#keeper])];
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
      const cancel = this.#client.process.at(this.#client.process.now() + timeout, this.#onClosed);
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
    this.#dismiss();
  }

  /** Tries the next address, and goes on until it is attached or over. */
  attach(): void {
    const server = this.#servers[this.#turn % this.#servers.length] as Server;
    this.#turn += 1;
    // A keeper that executes its will has the session for itself until it is gone.
    const executing = this.#id === undefined ? undefined : this.#former.find((keeper) => keeper.executes);
    if (executing !== undefined) return executing.onceGone(() => this.#resume());
    this.#keeper ??= this.#fork();
    this.#keeper.connect(server, this.#id);
    const { process } = this.#client;
    this.#cancelAttempt = process.at(process.now() + ATTEMPT_MS, () =>
      this.#broken(`${server.name}: no answer within ${ATTEMPT_MS} ms`),
    );
  }

  /** Somebody still wants the session. */
  #resume(): void {
    if (!this.#ended.signal.aborted || this.#onClosed !== undefined) this.attach();
  }

  #dismiss(): void {
    if (this.#keeper === undefined) return;
    this.#keeper.dismiss();
    this.#former = [...this.#former, this.#keeper].filter((keeper) => keeper.executes);
    this.#keeper = undefined;
    this.#client.guard();
  }

  #fork(): Keeper {
    const isPresent = (): boolean => this.#keeper === keeper;
    const keeper: Keeper = this.#client.keeperFor(this.#timeout, {
      connected: (server, id, timeout) => {
        if (!isPresent()) return;
        if (this.#onClosed === undefined) return this.#attached(server, id, timeout);
        this.#cancelAttempt();
        keeper.send(CLOSE_XID, { kind: 'close', path: '/' });
      },
      refused: (why) => {
        if (isPresent()) this.#tryNext(why);
      },
      replied: (xid, reply) => {
        if (!isPresent()) return;
        if (xid === CLOSE_XID) this.#onClosed?.();
        else this.#requests.replied(xid, reply);
      },
      happened: (happening) => {
        if (isPresent()) this.#watches.fire(happening);
      },
      ended: (why, expired) => {
        if (!isPresent()) return;
        if (!expired) return this.#broken(why);
        this.#dismiss();
        if (this.#onClosed === undefined) this.#end('expired');
        else this.#onClosed();
      },
    });
    return keeper;
  }

  #attached(server: Server, id: string, timeout: number): void {
    this.#cancelAttempt();
    this.#id = id;
    this.#timeout = timeout;
    this.#setContact({ up: true, since: this.#client.process.now(), address: server.name });
    this.#requests.resume((xid, request) => this.#keeper?.send(xid, request));
  }

  /**
   * The connection is gone, and its keeper with it: what was sent has an unknown outcome, watches may have missed
   * something.
   */
  #broken(why: string): void {
    this.#dismiss();
    this.#tryNext(why);
  }

  #tryNext(why: string): void {
    this.#cancelAttempt();
    const wasUp = this.#contact.up;
    const { process } = this.#client;
    this.#setContact({ up: false, since: wasUp ? process.now() : this.#contact.since, why });
    this.#requests.interrupt(why);
    this.#watches.interrupt();
    if (this.#ended.signal.aborted && this.#onClosed === undefined) return;
    this.#keeper ??= this.#fork();
    const pause = wasUp || this.#turn % this.#servers.length !== 0 ? 0 : ROUND_PAUSE_MS;
    this.#cancelAttempt = process.at(process.now() + pause, () => this.attach());
  }

  #end(why: string): void {
    if (this.#ended.signal.aborted) return;
    const error = new SessionEndedError(why);
    this.#ended.abort(error);
    this.#requests.end(error);
    this.#watches.interrupt();
    if (this.#onClosed === undefined) this.#cancelAttempt();
    if (this.#contact.up) this.#setContact({ up: false, since: this.#client.process.now(), why });
  }

  #setContact(contact: Contact): void {
    const changed = this.#contact.up !== contact.up;
    this.#contact = contact;
    if (changed) for (const listener of [...this.#listeners]) listener(contact);
  }

  #ask(request: Request, options: RequestOptions, onAnswer?: () => void): Promise<Answer> {
    if (this.#ended.signal.aborted) return Promise.reject(this.#ended.signal.reason as Error);
    return this.#requests.ask(request, options, onAnswer);
  }
}

function nodeOf(reply: Answer): ZNode {
  return { data: reply.data as Buffer, stat: reply.stat as Stat };
}
