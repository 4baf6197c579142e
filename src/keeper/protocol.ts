/**
 * What the supervisor and its keeper say to each other over the IPC channel. Both ends belong to one installed version
 * of ballot, so that nothing here needs to be compatible. Messages are JSON; binary data travels as latin1, which for
 * records of a few hundred bytes is faster than base64 or structured cloning.
 */
import type { Will } from './will.ts';

/** The argument of a keeper that is for its will alone, and loads no ZooKeeper client. Its first will follows, as JSON. */
export const WILL_ALONE = 'will-alone';

/** What ZooKeeper says of a znode. */
export interface Stat {
  /** Transaction that created the znode. */
  readonly czxid: number;
  /**
   * Transaction of the last change of its data. The upper 32 bits are the epoch: one epoch, one ZooKeeper leader, one
   * clock.
   */
  readonly mzxid: number;
  /** Milliseconds since the Unix epoch by the ensemble's clock. */
  readonly ctime: number;
  readonly mtime: number;
  readonly version: number;
  /** Session id in hex as `Session.id`, or `"0"` for a persistent znode. */
  readonly ephemeralOwner: string;
  readonly dataLength: number;
  readonly numChildren: number;
}

/** What a new keeper needs to take over a session: as good as a password, so never on a command line nor in a log. */
export interface Credentials {
  readonly id: string;
  readonly password: string;
}

/** A session as the ensemble granted it. `timeout` in ms. */
export interface Grant extends Credentials {
  readonly timeout: number;
}

export type Operation =
  | { readonly op: 'create'; readonly path: string; readonly data: string; readonly flags: number }
  | { readonly op: 'get' | 'children'; readonly path: string; readonly watch: boolean }
  | { readonly op: 'exists'; readonly path: string }
  | { readonly op: 'set'; readonly path: string; readonly data: string; readonly version: number }
  | { readonly op: 'delete'; readonly path: string; readonly version: number };

export interface ConnectCommand {
  readonly kind: 'connect';
  /** IP literal and port, `127.0.0.1:2181` or `::1:2181`: the C client knows no brackets. */
  readonly address: string;
  /** Session timeout to ask for, ms. */
  readonly timeout: number;
  /** The session to take over; a new one otherwise. */
  readonly credentials?: Credentials;
  /** Let the ZooKeeper client log to stderr. */
  readonly debug: boolean;
}

/**
 * Supervisor to keeper, in batches. Requests reach ZooKeeper in the order in which they were sent. `close` ends the
 * session, then the keeper.
 */
export type Command =
  | ConnectCommand
  | { readonly kind: 'request'; readonly id: number; readonly request: Operation }
  /** Replaces the will of its election. */
  | { readonly kind: 'will'; readonly will: Will }
  /** The process stands in this election no more. */
  | { readonly kind: 'revoke'; readonly election: string }
  /**
   * Another keeper has the session and the wills from now on: this one ends, once it has executed those that it has
   * begun to execute.
   */
  | { readonly kind: 'handOver' }
  /** Answered by `alive`, without the ensemble. */
  | { readonly kind: 'ping' }
  | { readonly kind: 'close' };

/** The answer to a request: `rc` 0 and what the operation returns, or ZooKeeper's result code. */
export interface Answer {
  readonly kind: 'answer';
  readonly id: number;
  readonly rc: number;
  /** False when the client did not even take the request: nothing was applied. */
  readonly sent: boolean;
  readonly path?: string;
  readonly stat?: Stat;
  readonly data?: string;
  readonly children?: readonly string[];
}

export type ZNodeEvent = 'created' | 'changed' | 'deleted' | 'child';

/** Keeper to supervisor, in batches. */
export type Report =
  | Answer
  /** The client is loaded and has begun to connect. */
  | { readonly kind: 'connecting' }
  /** A server has granted the session. It may still cut it at the first request. */
  | { readonly kind: 'granted' }
  /** A server has granted the session, and answered a request. */
  | { readonly kind: 'connected'; readonly grant: Grant }
  | { readonly kind: 'alive' }
  | { readonly kind: 'disconnected' }
  /** The ensemble ended the session, with its result code. */
  | { readonly kind: 'ended'; readonly code: number }
  | { readonly kind: 'event'; readonly event: ZNodeEvent; readonly path: string }
  /** The last word of a keeper that executes every will: it closes the channel. */
  | { readonly kind: 'executes' }
  /** It executes the will of this election alone, and goes on for the others. */
  | { readonly kind: 'executesOne'; readonly election: string }
  /** It has executed it. */
  | { readonly kind: 'executed'; readonly election: string }
  /** The session was closed as asked. */
  | { readonly kind: 'closed' }
  /** The keeper cannot work and is about to exit. */
  | { readonly kind: 'broken'; readonly cause: 'module' | 'crash'; readonly message: string };
