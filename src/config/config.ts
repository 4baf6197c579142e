/** What `load.ts` makes of defaults, files, environment and flags. Durations are milliseconds. Frozen. */
export type ChildPolicy = 'rerun' | 'reelect' | 'exit' | 'ignore';
export type ElectionFailurePolicy = 'retry' | 'run-anyway' | 'exit';
export type LeaseLossPolicy = 'keep' | 'stop';
export type HangupPolicy = 'stop' | 'ignore';
export type Concurrency = 'skip' | 'queue' | 'allow' | 'replace';
export type CatchUp = 'none' | 'once';
/** `auto`: the native one where it loads, else the wire client. */
export type ClientChoice = 'native' | 'wire' | 'auto';
/** `creator`: what ballot makes is for its own identity alone. */
export type AclChoice = 'open' | 'creator';
export type AuthScheme = 'digest' | 'sasl-digest';
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';
export type LogFormat = 'human' | 'json' | 'raw';

export type Coordinator = 'zookeeper' | 'local';

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

/** Who this process is to ZooKeeper. What prints it, or makes JSON of it, does not see the password. */
export interface ZooKeeperAuth {
  readonly scheme: AuthScheme;
  readonly user: string;
  /** The file that holds it. `undefined`: it was given itself. */
  readonly file: string | undefined;
  password(): string;
}

export interface GlobalConfig {
  readonly configFile: string | undefined;
  readonly coordinator: Coordinator;
  /** Its name. */
  readonly election: string;
  /** `undefined`: this user has no home. */
  readonly stateDir: string | undefined;
  /** Name or number. `undefined`: elections on this host are this user's alone. */
  readonly stateGroup: string | undefined;
  readonly zookeeperServers: readonly ServerAddress[];
  readonly zookeeperBasePath: string;
  readonly zookeeperSessionTimeout: number;
  readonly zookeeperClient: ClientChoice;
  readonly zookeeperTls: boolean;
  /** Paths of PEM files; each process of ballot reads them anew before each connection. */
  readonly zookeeperTlsCa: string | undefined;
  readonly zookeeperTlsCert: string | undefined;
  readonly zookeeperTlsKey: string | undefined;
  /** `undefined`: the name or address by which `zookeeperServers` has the server. */
  readonly zookeeperTlsServerName: string | undefined;
  readonly zookeeperAuth: ZooKeeperAuth | undefined;
  readonly zookeeperAcl: AclChoice;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  readonly mixedFleet: boolean;
  readonly debug: boolean;
}

export interface RunConfig extends GlobalConfig {
  readonly candidateId: string;
  readonly onChildSuccess: ChildPolicy;
  readonly onChildError: ChildPolicy;
  readonly onElectionFailure: ElectionFailurePolicy;
  readonly onLeaseLoss: LeaseLossPolicy;
  readonly wrapChildLogs: boolean;
  readonly logRunId: boolean;
  readonly killAfter: number;
  readonly stopSignal: NodeJS.Signals;
  readonly onHangup: HangupPolicy;
  /** `undefined`: the session timeout that the ensemble grants. */
  readonly leaseDuration: number | undefined;
  readonly electionTimeout: number | undefined;
  readonly restartDelay: number;
  readonly restartMaxDelay: number;
  readonly runTimeout: number | undefined;
  /** As it is written; it can be read. */
  readonly schedule: string | undefined;
  /** `undefined`: the host's. */
  readonly timezone: string | undefined;
  readonly concurrency: Concurrency;
  readonly catchUp: CatchUp;
  readonly startDeadline: number | undefined;
}

/** What a candidate without a command needs. */
export type JoinConfig = GlobalConfig &
  Pick<RunConfig, 'candidateId' | 'onElectionFailure' | 'onHangup' | 'leaseDuration' | 'electionTimeout'>;

/** What a program that uses the library may say of its candidate. */
export type LibraryConfig = Omit<GlobalConfig, 'configFile' | 'logLevel' | 'logFormat'> &
  Pick<RunConfig, 'candidateId' | 'onElectionFailure' | 'leaseDuration' | 'electionTimeout' | 'killAfter'>;

/** Which candidate of an election is meant. */
export type CandidateConfig = GlobalConfig & Pick<RunConfig, 'candidateId'>;

/** What the ticks of a schedule depend on. */
export type ScheduleConfig = GlobalConfig & Pick<RunConfig, 'schedule' | 'timezone'>;

/** What `run cron` needs. */
export interface CronConfig extends RunConfig {
  readonly schedule: string;
}
