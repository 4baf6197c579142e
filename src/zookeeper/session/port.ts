/**
 * A ZooKeeper session as the election sees it. A keeper process stands behind it (`session.ts`); in the simulation that
 * process and the ensemble are fakes.
 *
 * Every request has a deadline of its own and ends in exactly one of three ways: a result, an error that says the
 * request was refused (nothing was applied), or `OutcomeUnknownError`: it may have been applied, or may yet be.
 */
import type { RequestOptions } from '../../election/register.ts';
import type { Stat } from '../../keeper/protocol.ts';
import type { Will } from '../../keeper/will.ts';
import type { Admission } from './access.ts';

export interface ZNode {
  readonly data: Buffer;
  readonly stat: Stat;
}

/**
 * Why a watch fired. `interrupted`: contact was broken (another connection, another keeper, session over) and an event
 * may have been missed; the only right answer is to read again.
 */
export type WatchEvent = 'created' | 'changed' | 'deleted' | 'child' | 'interrupted';

/** A one-shot watch. `fired` resolves exactly once; it never rejects. It is forgotten when `cancel` is called. */
export interface Watch {
  readonly fired: Promise<WatchEvent>;
  cancel(): void;
}

export type CreateMode = 'persistent' | 'ephemeral-sequential';

/** Whether requests can be answered, and since when (monotonic ms). `why` names the address and what it said. */
export type Contact =
  | { readonly up: true; readonly since: number; readonly address: string }
  | { readonly up: false; readonly since: number; readonly why: string };

export interface Session {
  /** Session id in hex, as `Stat.ephemeralOwner` prints it. */
  readonly id: string;
  /** Session timeout granted by the ensemble, ms. */
  readonly timeout: number;
  /** Aborted with a `SessionEndedError` when the ensemble or `close` ends the session. A lost connection does not. */
  readonly ended: AbortSignal;
  readonly contact: Contact;
  /**
   * Called at each change of `contact`, and when a connection is lost on which no contact was counted yet: requests
   * were answered on it all the same. Returns its removal.
   */
  onContact(listener: (contact: Contact) => void): () => void;

  /** Returns the path with its sequence number. Throws NodeExists, NoNode (parent), Refused. */
  create(path: string, data: Buffer, mode: CreateMode, options: RequestOptions): Promise<string>;
  /** Throws NoNode. */
  get(path: string, options: RequestOptions): Promise<ZNode>;
  /** Reads and leaves a data watch (fires on change and deletion). Throws NoNode, then no watch is left. */
  getWatched(path: string, options: RequestOptions): Promise<{ node: ZNode; watch: Watch }>;
  /** `undefined` when there is no such znode. */
  exists(path: string, options: RequestOptions): Promise<Stat | undefined>;
  /** Leaves a data watch; where there is no such znode, it fires on its creation. Its parents need not exist either. */
  existsWatched(path: string, options: RequestOptions): Promise<{ stat: Stat | undefined; watch: Watch }>;
  /** Throws NoNode. */
  children(path: string, options: RequestOptions): Promise<string[]>;
  /** A children watch on a znode without children fires on its deletion alone. Throws NoNode, then no watch is left. */
  childrenWatched(path: string, options: RequestOptions): Promise<{ children: string[]; watch: Watch }>;
  /** `version` −1 matches any. Throws BadVersion, NoNode. */
  set(path: string, data: Buffer, version: number, options: RequestOptions): Promise<Stat>;
  /** Throws NoNode, BadVersion. */
  delete(path: string, version: number, options: RequestOptions): Promise<void>;

  /** What this session makes is for its own identity alone. */
  readonly isPrivate: boolean;
  /** Its own identity, for messages. */
  readonly identity: string;
  /** Whom the znode lets in. Throws NoNode, Refused. */
  admission(path: string, options: RequestOptions): Promise<Admission>;
  /** Lets in the own identity alone from now on. Throws NoNode, Refused. */
  restrict(path: string, options: RequestOptions): Promise<void>;

  /**
   * The present connection is not to be trusted (a deadline was missed): drops it without ending the session, and
   * connects again, at the next address. Pending requests end with an unknown outcome, pending watches as
   * `interrupted`.
   */
  reconnect(why: string): void;
  /** Other elections of this process use the session, too: `close` lets it and its ephemeral znodes live. */
  readonly isShared: boolean;
  /**
   * Lets go of the session: nothing can be asked of this object any more, and `ended` is aborted. The last election
   * ends the session, which deletes its ephemeral znodes; this resolves when the ensemble said so or `timeout` ms have
   * passed. Idempotent.
   */
  close(timeout: number): Promise<void>;
}

export interface SessionOpener {
  /** Gives an election's will to the present keeper, and to every one that follows, until its next will. */
  bequeath(will: Will): void;
  /** This process stands in this election no more. */
  revoke(election: string): void;
  /**
   * The session of this process on this ensemble, which all of its elections share. Opens one when there is none, and
   * resolves when the ensemble has granted it. Tries the addresses in turn until `signal` is aborted or `timeout` ms
   * have passed; then throws an UnavailableError that says what each address answered.
   */
  open(options: RequestOptions): Promise<Session>;
}
