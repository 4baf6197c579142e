import { SessionEndedError } from './errors.ts';
import type { RequestOptions } from '../../election/register.ts';
import type { Answer, Stat } from '../../keeper/protocol.ts';
import { admissionOf, nameOf, type Admission } from './access.ts';
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
    const request = {
      op: 'create',
      path,
      data: data.toString('latin1'),
      flags: mode === 'persistent' ? 0 : EPHEMERAL_SEQUENTIAL,
      ...(this.isPrivate && { creator: true }),
    } as const;
    return this.#ask(request, options, (answer) => answer.path ?? path);
  }

  get(path: string, options: RequestOptions): Promise<ZNode> {
    return this.#ask({ op: 'get', path, watch: false }, options, nodeOf);
  }

  getWatched(path: string, options: RequestOptions): Promise<{ node: ZNode; watch: Watch }> {
    return this.#ask({ op: 'get', path, watch: true }, options, (answer) => ({
      node: nodeOf(answer),
      watch: this.#session.watch('data', path),
    }));
  }

  exists(path: string, options: RequestOptions): Promise<Stat | undefined> {
    const none = (): undefined => undefined;
    return this.#ask<Stat | undefined>({ op: 'exists', path, watch: false }, options, statOf, none);
  }

  existsWatched(path: string, options: RequestOptions): Promise<{ stat: Stat | undefined; watch: Watch }> {
    const found = (stat?: Stat): { stat: Stat | undefined; watch: Watch } => ({
      stat,
      watch: this.#session.watch('data', path),
    });
    const read = (answer: Answer): ReturnType<typeof found> => found(statOf(answer));
    return this.#ask({ op: 'exists', path, watch: true }, options, read, found);
  }

  children(path: string, options: RequestOptions): Promise<string[]> {
    return this.#ask({ op: 'children', path, watch: false }, options, childrenOf);
  }

  childrenWatched(path: string, options: RequestOptions): Promise<{ children: string[]; watch: Watch }> {
    return this.#ask({ op: 'children', path, watch: true }, options, (answer) => ({
      children: childrenOf(answer),
      watch: this.#session.watch('children', path),
    }));
  }

  set(path: string, data: Buffer, version: number, options: RequestOptions): Promise<Stat> {
    return this.#ask({ op: 'set', path, data: data.toString('latin1'), version }, options, statOf);
  }

  delete(path: string, version: number, options: RequestOptions): Promise<void> {
    return this.#ask({ op: 'delete', path, version }, options, () => undefined);
  }

  get isPrivate(): boolean {
    return this.#session.access.acl === 'creator';
  }

  get identity(): string {
    return nameOf(this.#session.access);
  }

  admission(path: string, options: RequestOptions): Promise<Admission> {
    return this.#ask({ op: 'getAcl', path }, options, ({ acl }) => admissionOf(acl ?? [], this.#session.access));
  }

  restrict(path: string, options: RequestOptions): Promise<void> {
    return this.#ask({ op: 'restrict', path }, options, () => undefined);
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

  #ask<T>(...asked: Parameters<typeof KeptSession.prototype.ask<T>>): Promise<T> {
    if (this.#ended.signal.aborted) return Promise.reject(this.#ended.signal.reason as Error);
    return this.#session.ask(...asked);
  }
}

/** ZOO_EPHEMERAL | ZOO_SEQUENCE. */
const EPHEMERAL_SEQUENTIAL = 3;

function nodeOf(answer: Answer): ZNode {
  return { data: Buffer.from(answer.data ?? '', 'latin1'), stat: statOf(answer) };
}

function childrenOf(answer: Answer): string[] {
  return [...(answer.children ?? [])];
}

function statOf({ stat }: Answer): Stat {
  if (stat === undefined) throw new Error('the keeper answered without a stat');
  return stat;
}
