import { SessionEndedError } from './errors.ts';
import type { RequestOptions } from '../../election/register.ts';
import type { Stat } from '../../keeper/protocol.ts';
import type { Admission } from './access.ts';
import type { Contact, CreateMode, Session, Watch, ZNode } from './port.ts';
import type { KeptSession } from './session.ts';

/** One user's part in a session that several elections of this process use. The last who lets go ends it. */
export class SharedSession implements Session {
  readonly #session: KeptSession;
  /** All who use the session, this one included. */
  readonly #users: Set<Session>;
  readonly #ended = new AbortController();
  readonly #unlisten = new Set<() => void>();
  #closed: Promise<void> | undefined;

  constructor(session: KeptSession, users: Set<Session>) {
    this.#session = session;
    this.#users = users;
    const onEnd = (): void => this.#end(session.ended.reason as Error);
    if (session.ended.aborted) onEnd();
    session.ended.addEventListener('abort', onEnd, { once: true });
    this.#unlisten.add(() => session.ended.removeEventListener('abort', onEnd));
  }

  get id(): string {
    return this.#session.id;
  }

  get timeout(): number {
    return this.#session.timeout;
  }

  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  get isShared(): boolean {
    return this.#users.has(this) && this.#users.size > 1;
  }

  get contact(): Contact {
    return this.#session.contact;
  }

  onContact(listener: (contact: Contact) => void): () => void {
    const remove = this.#session.onContact(listener);
    this.#unlisten.add(remove);
    return () => {
      this.#unlisten.delete(remove);
      remove();
    };
  }

  create(path: string, data: Buffer, mode: CreateMode, options: RequestOptions): Promise<string> {
    return this.#ask((session) => session.create(path, data, mode, options));
  }

  get(path: string, options: RequestOptions): Promise<ZNode> {
    return this.#ask((session) => session.get(path, options));
  }

  getWatched(path: string, options: RequestOptions): Promise<{ node: ZNode; watch: Watch }> {
    return this.#ask((session) => session.getWatched(path, options));
  }

  exists(path: string, options: RequestOptions): Promise<Stat | undefined> {
    return this.#ask((session) => session.exists(path, options));
  }

  existsWatched(path: string, options: RequestOptions): Promise<{ stat: Stat | undefined; watch: Watch }> {
    return this.#ask((session) => session.existsWatched(path, options));
  }

  children(path: string, options: RequestOptions): Promise<string[]> {
    return this.#ask((session) => session.children(path, options));
  }

  childrenWatched(path: string, options: RequestOptions): Promise<{ children: string[]; watch: Watch }> {
    return this.#ask((session) => session.childrenWatched(path, options));
  }

  set(path: string, data: Buffer, version: number, options: RequestOptions): Promise<Stat> {
    return this.#ask((session) => session.set(path, data, version, options));
  }

  delete(path: string, version: number, options: RequestOptions): Promise<void> {
    return this.#ask((session) => session.delete(path, version, options));
  }

  get isPrivate(): boolean {
    return this.#session.isPrivate;
  }

  get identity(): string {
    return this.#session.identity;
  }

  admission(path: string, options: RequestOptions): Promise<Admission> {
    return this.#ask((session) => session.admission(path, options));
  }

  restrict(path: string, options: RequestOptions): Promise<void> {
    return this.#ask((session) => session.restrict(path, options));
  }

  reconnect(why: string): void {
    if (!this.#ended.signal.aborted) this.#session.reconnect(why);
  }

  close(timeout: number): Promise<void> {
    this.#closed ??= this.#letGo(timeout);
    return this.#closed;
  }

  async #letGo(timeout: number): Promise<void> {
    if (!this.isShared) return this.#session.close(timeout);
    for (const unlisten of this.#unlisten) unlisten();
    this.#end(new SessionEndedError('closed'));
  }

  #end(reason: Error): void {
    if (this.#ended.signal.aborted) return;
    this.#users.delete(this);
    this.#ended.abort(reason);
  }

  #ask<T>(request: (session: KeptSession) => Promise<T>): Promise<T> {
    if (this.#ended.signal.aborted) return Promise.reject(this.#ended.signal.reason as Error);
    return request(this.#session);
  }
}
