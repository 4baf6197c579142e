import { sleep } from '../../clock.ts';
import type { Access } from './access.ts';
import { findServer, inTimeFor, type Found, type SearchContext } from './connect.ts';
import { SessionEndedError } from './errors.ts';
import type { KeeperConnection, ConnectionEnd } from './keeper-connection.ts';
import type { Contact, Watch } from './port.ts';
import type { RequestOptions } from '../../election/register.ts';
import type { Answer, Grant, Operation } from '../../keeper/protocol.ts';
import { Requests } from './requests.ts';
import { Watches, type WatchKind } from './watch-table.ts';

/** A session that outlives the keepers that hold it. */
export class KeptSession {
  readonly id: string;
  readonly #context: SearchContext;
  readonly #requests: Requests;
  readonly #watches = new Watches();
  readonly #listeners = new Set<(contact: Contact) => void>();
  readonly #ended = new AbortController();
  /** Aborted when no connection is needed any more. */
  readonly #given = new AbortController();
  #grant: Grant;
  #connection: KeeperConnection | undefined;
  #contact: Contact;
  #restored: Promise<void> = Promise.resolve();
  #closed: Promise<void> | undefined;
  #uncheck: () => void = () => undefined;
  #connectedAt: number;
  /** Connections in a row that the server cut soon after it had granted them. */
  #cuts = 0;
  #cancelProbation: () => void = () => undefined;

  constructor(context: SearchContext, { connection, grant }: Found) {
    this.#context = context;
    this.#requests = new Requests(context.clock);
    this.#grant = grant;
    this.id = grant.id;
    this.#connectedAt = context.clock.now();
    this.#contact = { up: true, since: this.#connectedAt, address: connection.endpoint.name };
    this.#use(connection);
  }

  get timeout(): number {
    return this.#grant.timeout;
  }

  get access(): Access {
    return this.#context.access;
  }

  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  get contact(): Contact {
    return this.#contact;
  }

  onContact(listener: (contact: Contact) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  reconnect(why: string): void {
    this.#connection?.kill(why);
  }

  close(timeout: number): Promise<void> {
    this.#closed ??= this.#close(timeout);
    return this.#closed;
  }

  /** See `Requests.ask`. */
  ask<T>(request: Operation, options: RequestOptions, read: (answer: Answer) => T, none?: () => T): Promise<T> {
    if (this.#ended.signal.aborted) return Promise.reject(this.#ended.signal.reason as Error);
    return this.#requests.ask(request, options, read, none);
  }

  /** A watch that the answer to a request has just set. */
  watch(kind: WatchKind, path: string): Watch {
    return this.#watches.add(kind, path);
  }

  #use(connection: KeeperConnection): void {
    this.#connection = connection;
    this.#connectedAt = this.#context.clock.now();
    this.#check(connection);
    this.#requests.resume(connection);
    connection.listen({
      answer: (answer) => this.#answered(connection, answer),
      event: (event, path) => this.#watches.fire(event, path),
      end: (end) => this.#lost(connection, end),
    });
  }

  #answered(connection: KeeperConnection, answer: Answer): void {
    const operation = this.#requests.answer(answer);
    if (answer.rc === 0 && operation !== undefined && WRITES.includes(operation.op)) this.#trust(connection);
  }

  /** Checks the keeper twice a session timeout: if it hangs, a standby is back soon after its session has expired. */
  #check(connection: KeeperConnection): void {
    const { clock } = this.#context;
    this.#uncheck();
    this.#uncheck = clock.at(clock.now() + this.timeout / 2, () => {
      if (this.#connection !== connection) return;
      connection.checkKeeper();
      if (this.#connection === connection) this.#check(connection);
    });
  }

  /** Also when the client says that the session has expired: it may err, the handshake of the next keeper does not. */
  #lost(connection: KeeperConnection, end: ConnectionEnd): void {
    const { clock, logger } = this.#context;
    const [now, address, why] = [clock.now(), connection.endpoint.name, inWords(end)];
    this.#connection = undefined;
    this.#cancelProbation();
    this.#cuts = end.kind === 'cut' && now - this.#connectedAt < this.timeout / 3 ? this.#cuts + 1 : 0;
    const { up, since } = this.#contact;
    this.#setContact({ up: false, since: up ? now : since, why: `${address}: ${why}` });
    if (up) logger.warn('lost contact with ZooKeeper', { address, why });
    if (this.#cuts === CUTS_TO_DISTRUST) {
      logger.warn(
        'ZooKeeper cuts each connection soon after it has granted it: contact counts from an answered write',
        {
          address,
          hint: 'look into the log of this server; a jute.maxbuffer that is too small for a request looks like this',
        },
      );
    }
    this.#requests.interrupt(why);
    this.#watches.interrupt();
    this.#restored = this.#restore();
  }

  /** Never rejects. */
  async #restore(): Promise<void> {
    const { clock, logger } = this.#context;
    const { signal } = this.#given;
    try {
      if (this.#cuts > 0) await sleep(clock, this.#pauseAfterCut(), signal);
      const found = await findServer(this.#context, this.#grant, signal);
      if (found.kind === 'over') return this.#end(new SessionEndedError(found.why));
      if (found.grant.timeout !== this.timeout) {
        logger.info('ZooKeeper grants another session timeout than before: the new one counts', {
          beforeMs: this.timeout,
          grantedMs: found.grant.timeout,
        });
      }
      this.#grant = found.grant;
      if (this.#ended.signal.aborted) return void (this.#connection = found.connection);
      if (this.#cuts < CUTS_TO_DISTRUST) this.#regained(found.connection);
      else this.#beginProbation(found.connection);
      this.#use(found.connection);
    } catch (error) {
      if (!signal.aborted) this.#end(new SessionEndedError('it cannot be taken over', { cause: error }));
    }
  }

  /** Doubles from cut to cut, ms. */
  #pauseAfterCut(): number {
    return inTimeFor(this, CUT_PAUSE_MS * 2 ** Math.min(this.#cuts - 1, 10), CUT_PAUSE_MS);
  }

  /** Requests are sent meanwhile: an answered write ends it, or a third of the session timeout without a cut. */
  #beginProbation(connection: KeeperConnection): void {
    const { clock } = this.#context;
    this.#cancelProbation = clock.at(clock.now() + this.timeout / 3, () => this.#trust(connection));
  }

  #trust(connection: KeeperConnection): void {
    if (this.#connection !== connection || this.#ended.signal.aborted) return;
    this.#cuts = 0;
    this.#cancelProbation();
    if (!this.#contact.up) this.#regained(connection);
  }

  #regained(connection: KeeperConnection): void {
    const { clock, logger } = this.#context;
    const address = connection.endpoint.name;
    logger.info('regained contact with ZooKeeper', { address, afterMs: Math.round(clock.now() - this.#contact.since) });
    this.#setContact({ up: true, since: clock.now(), address });
  }

  #setContact(contact: Contact): void {
    this.#contact = contact;
    for (const listener of [...this.#listeners]) listener(contact);
  }

  #end(reason: SessionEndedError): void {
    if (this.#ended.signal.aborted) return;
    this.#context.logger.debug(reason.message, { session: `0x${this.id}` });
    this.#uncheck();
    this.#cancelProbation();
    this.#ended.abort(reason);
    this.#requests.end(reason);
    this.#watches.interrupt();
    if (this.#contact.up) this.#setContact({ up: false, since: this.#context.clock.now(), why: reason.message });
  }

  /** Waits for contact as long as it may: an unclosed session keeps its ephemeral znodes until it expires. */
  async #close(timeout: number): Promise<void> {
    const { clock, logger } = this.#context;
    const deadline = clock.now() + timeout;
    const over = this.#ended.signal.aborted;
    this.#end(new SessionEndedError('closed'));
    if (over) return;
    const cancel = clock.at(deadline, () => this.#given.abort());
    await this.#restored;
    cancel();
    const closed = (await this.#connection?.close(Math.max(0, deadline - clock.now()))) ?? false;
    this.#given.abort();
    if (closed) return;
    const earliest = `in ${this.timeout} ms at the earliest`;
    logger.warn(`the ZooKeeper session could not be closed in time: its znodes go when it expires, ${earliest}`, {
      session: `0x${this.id}`,
    });
  }
}

/** After so many cuts in a row a grant is not taken for contact any more. One is what a restarted server does. */
const CUTS_TO_DISTRUST = 2;

/** Before the session is taken over again for the first time, ms. */
const CUT_PAUSE_MS = 50;

/** A server that cuts large requests answers small ones, so a read proves nothing. */
const WRITES: readonly Operation['op'][] = ['create', 'set', 'delete', 'restrict'];

function inWords(end: ConnectionEnd): string {
  if (end.kind === 'broken' || end.kind === 'cut') return end.why;
  return end.kind === 'ended' ? `the client says that the session is over (${end.code})` : end.message;
}
