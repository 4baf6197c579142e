/** What a program sees of the library. It imports nothing but errors, so that its types stand on their own. */
import type { CandidateClosedError, LeaseLostError, ResignedError, SteppedDownError } from '../candidate/errors.ts';

/** Milliseconds, or a duration as the command line takes it: `1m30s`, `500ms`. */
export type Duration = number | string;

/** A function for each level that is to be heard; the fields are facts of the line. */
export type LogFunction = (
  message: string,
  fields?: Readonly<Record<string, string | number | boolean | undefined>>,
) => void;

export interface Logger {
  readonly trace?: LogFunction;
  readonly debug?: LogFunction;
  readonly info?: LogFunction;
  readonly warn?: LogFunction;
  readonly error?: LogFunction;
  readonly fatal?: LogFunction;
}

/** The keys of the configuration in camelCase. Neither files nor the environment nor flags are read. */
export interface ElectOptions {
  /** What holds the election: a ZooKeeper ensemble (`zookeeper`, by default), or this host alone (`local`). */
  readonly coordinator?: 'zookeeper' | 'local' | undefined;
  /**
   * The name of the election: its base path is `/ballot/<election>`, on this host its folder in `stateDir`. `election`
   * by default.
   */
  readonly election?: string | undefined;
  /**
   * The folder of all elections on this host. `/var/lib/ballot` for root by default, else `$XDG_STATE_HOME/ballot`: the
   * same as for the command.
   */
  readonly stateDir?: string | undefined;
  /** The group whose users share the elections in `stateDir`, by name or number. This user alone by default. */
  readonly stateGroup?: string | undefined;
  /** The base path itself, instead of `election`. */
  readonly zookeeperBasePath?: string | undefined;
  /** `host` or `host:port`. `localhost` by default. */
  readonly zookeeperServers?: string | readonly string[] | undefined;
  /** `5s` by default; the ensemble may grant another. */
  readonly zookeeperSessionTimeout?: Duration | undefined;
  /** The keeper's ZooKeeper client. `auto` by default: npm's `zookeeper` where it loads, else ballot's own. */
  readonly zookeeperClient?: 'auto' | 'native' | 'wire' | undefined;
  /** Speak TLS to the servers, with ballot's own client. */
  readonly zookeeperTls?: boolean | undefined;
  /** PEM file of the CAs that may have issued the servers' certificates. Node's own list by default. */
  readonly zookeeperTlsCa?: string | undefined;
  /** PEM files of ballot's own certificate and its key, for servers that ask for one. */
  readonly zookeeperTlsCert?: string | undefined;
  readonly zookeeperTlsKey?: string | undefined;
  /** The name or address that each server's certificate must hold, where it is another than in `zookeeperServers`. */
  readonly zookeeperTlsServerName?: string | undefined;
  /** `digest:USER:PASSWORD`, `sasl-digest:USER:PASSWORD`, or `file:PATH` of a file that holds one of them. */
  readonly zookeeperAuth?: string | undefined;
  /** Who may read and change the znodes of the election: everybody (`open`, by default), or this identity alone. */
  readonly zookeeperAcl?: 'open' | 'creator' | undefined;
  /** The name of this candidate in logs and reports, one for each candidate. The host's name by default. */
  readonly candidateId?: string | undefined;
  /** How long others wait after the leader's last renewal. As long as the session timeout by default. */
  readonly leaseDuration?: Duration | undefined;
  /** How long the work of a term may take to end. It is granted as far as the lease allows. `10s` by default. */
  readonly killAfter?: Duration | undefined;
  /** When the coordinator cannot be reached: `retry` (by default), or `exit`: the candidate ends with the error. */
  readonly onElectionFailure?: 'retry' | 'exit' | undefined;
  /** The candidate ends with NotElectedError when it is not elected within this. `none` by default. */
  readonly electionTimeout?: Duration | undefined;
  /** True while candidates of Go's ballot stand in the same election. */
  readonly mixedFleet?: boolean | undefined;
  /** The ZooKeeper client's own log, on stderr. */
  readonly debug?: boolean | undefined;
  /** Closes the candidate when it is aborted. */
  readonly signal?: AbortSignal | undefined;
  /** Nothing is logged without one. */
  readonly logger?: Logger | undefined;
}

/** Why a term is over. */
export type TermEnd = LeaseLostError | ResignedError | SteppedDownError | CandidateClosedError;

/** One uninterrupted holding of the lease. */
export interface Term {
  /** Grows from term to term of one election: for a storage that refuses a writer of an earlier term. */
  readonly fencingToken: number;
  /** Aborted when the work of this term has to end, before anybody else may lead. Its reason is a `TermEnd`. */
  readonly signal: AbortSignal;
  /** Whether this candidate still leads, by the clock: right also after the process has stood still. */
  readonly isLeading: boolean;
  /**
   * Gives the lease up at once: say so when nothing of the term's work is left. Throws UnavailableError when that was
   * not acknowledged in time; the lease then runs out by itself. Idempotent.
   */
  resign(): Promise<void>;
}

/** One who stands, as it named itself. */
export interface Participant {
  readonly candidateId: string;
  readonly hostname: string;
  readonly leads: boolean;
}

export interface WaitOptions {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds. */
  readonly timeout?: number | undefined;
}

/** One who stands in an election until it is closed. */
export interface Candidate extends AsyncDisposable {
  /** Whether it leads at this moment, by the clock. */
  readonly leader: boolean;
  /** The term that it leads in. */
  readonly term: Term | undefined;
  /**
   * Calls `listener` whenever it begins to lead; at once if it leads already. Each of several listeners is called,
   * never synchronously. Returns what ends it for this listener.
   */
  on(event: 'leader', listener: (term: Term) => void): () => void;
  /** Calls `listener` whenever it leads no more. */
  on(event: 'follower', listener: (end: TermEnd) => void): () => void;
  /** Calls `listener` when it stands no more, with what has ended it if nobody has closed it. */
  on(event: 'closed', listener: (failure: Error | undefined) => void): () => void;
  /**
   * The present term, or the next one. Throws CandidateClosedError, what has ended the candidate, the signal's reason,
   * or NotElectedError after `timeout` ms.
   */
  whenLeader(options?: WaitOptions): Promise<Term>;
  /** One item for each term, until closed. When the loop's body ends or is left, it resigns, and stands again. */
  terms(): AsyncIterableIterator<Term>;
  /** All who stand, in queue order. Throws UnavailableError without an answer within `timeout` ms (5 s by default). */
  participants(options?: WaitOptions): Promise<Participant[]>;
  /**
   * Stands no more: ends the term, waits for the body of the loop over terms (`killAfter` at most), gives lease and
   * place in the queue up. Never rejects. Resolves with what was not acknowledged in time, if anything: then the lease
   * runs out by itself. Idempotent.
   */
  close(): Promise<Error | undefined>;
}
