/**
 * What the supervisor and its keeper say to each other over the IPC channel. Both ends belong to one installed version
 * of ballot, so that nothing here needs to be compatible. Messages are JSON; binary data travels as latin1, which for
 * records of a few hundred bytes is faster than base64 or structured cloning.
 */
import type { ClientChoice } from '../config/config.ts';
import type { ClientAnswer, ClientEnd, ConnectOptions, Grant, ZNodeEvent } from '../zookeeper/client/client.ts';
import type { Will } from './will.ts';

/** The argument of a keeper for its will alone, without a ZooKeeper client. Its first will follows, as JSON. */
export const WILL_ALONE = 'will-alone';

export type { AclEntry, Authentication, Grant, Stat, ZNodeEvent } from '../zookeeper/client/client.ts';

export type Operation =
  | {
      readonly op: 'create';
      readonly path: string;
      readonly data: string;
      readonly flags: number;
      readonly creator?: boolean;
    }
  | { readonly op: 'getAcl' | 'restrict'; readonly path: string }
  | { readonly op: 'get' | 'children' | 'exists'; readonly path: string; readonly watch: boolean }
  | { readonly op: 'set'; readonly path: string; readonly data: string; readonly version: number }
  | { readonly op: 'delete'; readonly path: string; readonly version: number };

export interface ConnectCommand extends ConnectOptions {
  readonly kind: 'connect';
  readonly client: ClientChoice;
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
  /** Another keeper has session and wills from now on: this one ends, once it has executed those it has begun. */
  | { readonly kind: 'handOver' }
  /** Answered by `alive`, without the ensemble. */
  | { readonly kind: 'ping' }
  | { readonly kind: 'close' };

/** The answer to a request. */
export interface Answer extends Omit<ClientAnswer, 'data'> {
  readonly kind: 'answer';
  readonly id: number;
  readonly data?: string;
}

/** Keeper to supervisor, in batches. */
export type Report =
  | Answer
  /** The client is loaded and has begun to connect. `client`: which one, in words. */
  | { readonly kind: 'connecting'; readonly client: string }
  /** A server has granted the session. It may still cut it at the first request. */
  | { readonly kind: 'granted' }
  /** A server has granted the session, and answered a request. */
  | { readonly kind: 'connected'; readonly grant: Grant }
  | { readonly kind: 'alive' }
  | ClientEnd
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
