/** What the keeper asks of a client: one connection, made once. If it breaks, the next keeper has the session. */

import type { TlsOptions } from '../tls/files.ts';

/** What ZooKeeper says of a znode. */
export interface Stat {
  /** Transaction that created the znode. */
  readonly czxid: number;
  /** Transaction of the data's last change. Its upper 32 bits are the epoch: one ZooKeeper leader, one clock. */
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
  /** Hex without leading zeros. */
  readonly id: string;
  /** Hex. */
  readonly password: string;
}

/** A session as the ensemble granted it. `timeout` in ms. */
export interface Grant extends Credentials {
  readonly timeout: number;
}

export type ZNodeEvent = 'created' | 'changed' | 'deleted' | 'child';

/** Who may do what with a znode. `perms`: 1 read, 2 write, 4 create, 8 delete, 16 admin. */
export interface AclEntry {
  readonly perms: number;
  readonly scheme: string;
  readonly id: string;
}

/** What everybody may do everything with (`ZooDefs.Ids.OPEN_ACL_UNSAFE`). */
export const OPEN_ACL: readonly AclEntry[] = [{ perms: 31, scheme: 'world', id: 'anyone' }];

/**
 * For the identities of the connection alone (`ZooDefs.Ids.CREATOR_ALL_ACL`): the server writes down an entry for each
 * that it has authenticated, and refuses it (ZINVALIDACL) where it has none.
 */
export const CREATOR_ACL: readonly AclEntry[] = [{ perms: 31, scheme: 'auth', id: '' }];

/** Who the connection is. As good as a password: never on a command line nor in a log. */
export interface Authentication {
  readonly scheme: 'digest' | 'sasl-digest';
  readonly user: string;
  readonly password: string;
}

export type ClientRequest =
  /** `flags`: 1 ephemeral, 2 sequential. `creator`: with CREATOR_ACL, else with OPEN_ACL. */
  | {
      readonly op: 'create';
      readonly path: string;
      readonly data: Buffer;
      readonly flags: number;
      readonly creator?: boolean;
    }
  /** Whoever may read a znode is told. */
  | { readonly op: 'getAcl'; readonly path: string }
  /** Gives it CREATOR_ACL. */
  | { readonly op: 'restrict'; readonly path: string }
  /** `watch`: tell of the next change, once. A `get` of a znode that is not there leaves no watch. */
  | { readonly op: 'get' | 'children' | 'exists'; readonly path: string; readonly watch: boolean }
  | { readonly op: 'set'; readonly path: string; readonly data: Buffer; readonly version: number }
  | { readonly op: 'delete'; readonly path: string; readonly version: number }
  /** What is asked afterwards is answered by a server that has seen all that was written before. */
  | { readonly op: 'sync'; readonly path: string };

/** How a request has ended: `rc` 0 and what the operation returns, or a result code of ZooKeeper's. */
export interface ClientAnswer {
  readonly rc: number;
  /** False when the client did not even take the request: nothing was applied. */
  readonly sent: boolean;
  readonly path?: string;
  readonly stat?: Stat;
  readonly data?: Buffer;
  readonly children?: readonly string[];
  readonly acl?: readonly AclEntry[];
}

export interface ConnectOptions {
  /** IP literal and port, `127.0.0.1:2181` or `::1:2181`: the C client knows no brackets. */
  readonly address: string;
  /** Session timeout to ask for, ms. */
  readonly timeout: number;
  /** The session to take over; a new one otherwise. */
  readonly credentials?: Credentials;
  /** Connect by TLS, for which `serverName` says what the server's certificate must be issued for. */
  readonly tls?: TlsOptions & Required<Pick<TlsOptions, 'serverName'>>;
  /** Who to be from the beginning of the connection. SASL is for the wire client. */
  readonly authentication?: Authentication | undefined;
  /** Let the client log to stderr. */
  readonly debug: boolean;
}

/** Why a client is of no use any more. */
export type ClientEnd =
  /** The connection is gone, or was never made; the session may well live on. `why` in words, if the client says it. */
  | { readonly kind: 'disconnected'; readonly why?: string }
  /** The ensemble has refused or ended the session, with its result code, and `why` in words if the client knows. */
  | { readonly kind: 'ended'; readonly code: number; readonly why?: string };

/** `granted` may ask the client. `event` and `ended` must not: the C client calls them inside its own code. */
export interface ClientListener {
  /** The server has granted the session. It may still cut it at the first request. */
  granted(grant: Grant): void;
  /** A watch has fired. */
  event(event: ZNodeEvent, path: string): void;
  ended(end: ClientEnd): void;
}

export interface Client {
  /** Whether the session is granted and the connection is there, as far as the client knows. */
  readonly isConnected: boolean;
  /**
   * Sends a request after those of before. `answered` is called at most once, maybe inside the client's own code: it
   * must not call the client. The client may know no deadline: whoever asks has one.
   */
  ask(request: ClientRequest, answered: (answer: ClientAnswer) => void): void;
  /** Ends the session, and the client. Resolves to whether that was confirmed. Takes some seconds at the longest. */
  close(): Promise<boolean>;
}
