/**
 * A ZooKeeper session as the election sees it. The keeper process stands behind the real one (`session.ts`);
 * the simulation puts a fake ensemble behind it.
 *
 * Every request has a deadline of its own and ends in exactly one of three ways: a result, an error that says the
 * request was refused (nothing was applied), or `OutcomeUnknownError`: it may have been applied, or may yet be.
 */
export interface Stat {
  /** Transaction that created the znode. */
  readonly czxid: number;
  /** Transaction of the last change of its data. The upper 32 bits are the epoch: one epoch, one ZooKeeper leader, one clock. */
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

export interface RequestOptions {
  /** Milliseconds from now after which the outcome counts as unknown. */
  readonly timeout: number;
  readonly signal?: AbortSignal;
}

export type CreateMode = 'persistent' | 'ephemeral-sequential';

/** Whether requests can be answered at present, and since when (monotonic ms). `why` names the address and what it said. */
export type Contact =
  | { readonly up: true; readonly since: number; readonly address: string }
  | { readonly up: false; readonly since: number; readonly why: string };

export interface Session {
  /** Session id in hex, as `Stat.ephemeralOwner` prints it. */
  readonly id: string;
  /** Session timeout granted by the ensemble, ms. */
  readonly timeout: number;
  /** Aborted with a `SessionEndedError` once the ensemble has said that the session is over, or `close` was called. Never by a lost connection alone. */
  readonly ended: AbortSignal;
  readonly contact: Contact;
  /** Called at each change of `contact`. Returns its removal. */
  onContact(listener: (contact: Contact) => void): () => void;

  /** Returns the path with its sequence number. Throws NodeExists, NoNode (parent), Refused. */
  create(path: string, data: Buffer, mode: CreateMode, options: RequestOptions): Promise<string>;
  /** Throws NoNode. */
  get(path: string, options: RequestOptions): Promise<ZNode>;
  /** Reads and leaves a data watch (fires on change and deletion). Throws NoNode, then no watch is left. */
  getWatched(path: string, options: RequestOptions): Promise<{ node: ZNode; watch: Watch }>;
  /** `undefined` when there is no such znode. */
  exists(path: string, options: RequestOptions): Promise<Stat | undefined>;
  /** Throws NoNode. */
  children(path: string, options: RequestOptions): Promise<string[]>;
  /** A children watch on a znode without children fires on its deletion alone. Throws NoNode, then no watch is left. */
  childrenWatched(path: string, options: RequestOptions): Promise<{ children: string[]; watch: Watch }>;
  /** `version` −1 matches any. Throws BadVersion, NoNode. */
  set(path: string, data: Buffer, version: number, options: RequestOptions): Promise<Stat>;
  /** Throws NoNode, BadVersion. */
  delete(path: string, version: number, options: RequestOptions): Promise<void>;

  /**
   * The present connection is not to be trusted (a deadline was missed): drop it without ending the session, and attach again,
   * at the next address. Pending requests end with an unknown outcome, pending watches as `interrupted`.
   */
  reattach(why: string): void;
  /** Ends the session, which deletes its ephemeral znodes; resolves when the ensemble said so or `timeout` ms have passed. Idempotent. */
  close(timeout: number): Promise<void>;
}

/**
 * What the keeper does in its supervisor's place, when that is gone without a goodbye or does not run in time: stops
 * the command's runs, waits until
 * nothing of them is left, then releases the lease, the proposal and the session. Plain data; instants in ms of CLOCK_MONOTONIC, which is one clock for all
 * processes of a host.
 */
export interface Will {
  /** Empty: no command runs, and there is nothing to do but to release. */
  readonly commands: readonly WillCommand[];
  /** When everything has to be stopped unless a later will says otherwise; `undefined` without a lease. */
  readonly instants?: { readonly termAt: number; readonly killAt: number };
  /** The lease, with the version under which it is ours. */
  readonly lease?: { readonly path: string; readonly version: number };
}

/** One run of the command. */
export interface WillCommand {
  readonly runId: string;
  /** Entries of the environment (`NAME=value`) that only processes of this run carry all of. */
  readonly mark: readonly string[];
  /**
   * The group and session that it was started in; `undefined` while it is being started: then its mark is looked for.
   */
  readonly group?: {
    readonly pgid: number;
    readonly startTime: string | undefined;
    /** The machine's count of started processes at that time, where it is known. */
    readonly startsBefore?: number | undefined;
    /** The folder of the cgroup that is its own, where it has one. */
    readonly cgroup?: string | undefined;
  };
  readonly stopSignal: NodeJS.Signals;
  /** From the first signal to SIGKILL, ms. */
  readonly killAfter: number;
  /** The first signal has been sent already. */
  readonly signalled: boolean;
}

export interface RegisterState {
  readonly data: Buffer;
  readonly version: number;
  readonly mzxid: number;
  readonly birth: string;
}

/**
 * One persistent znode that is only ever written under the version it was read with. Its user outlives sessions, and neither knows of them nor of where the
 * znode is.
 */
export interface Register {
  /**
   * Data, and the version to write under. Makes the znode (without data) when there is none. `mzxid`: the transaction of the last change of the data, as `Stat.mzxid`. `birth`: another one for every
   * znode that this has been, also when an ensemble that has lost its data numbers its transactions anew. The answer may be an older state,
   * from a server that lags behind; a write under its version is refused then. Waits while there is no living session, and tries until answered. Throws the signal's reason, SessionEndedError when the
   * session ends meanwhile (a later call waits for the next one), RefusedError, ZooKeeperError.
   */
  read(signal: AbortSignal): Promise<RegisterState>;
  /**
   * One try. Resolves with the new version. Throws BadVersionError or NoNodeError, RefusedError, ZooKeeperError (nothing was written), OutcomeUnknownError or SessionEndedError (it may have been, or may
   * yet be), NotSentError (also while there is no living session, and when the last read was with another), the signal's reason (as unknown).
   */
  write(data: Buffer, version: number, options: RequestOptions): Promise<number>;
}

export interface SessionOpener {
  /** Gives the will to the present keeper, and to every one that follows, until the next will. */
  bequeath(will: Will): void;
  /**
   * Opens a session and resolves when the ensemble has granted it. Tries the addresses in turn until `signal` is aborted or
   * `timeout` ms have passed; then throws an UnavailableError that says what each address answered.
   */
  open(options: RequestOptions): Promise<Session>;
}
