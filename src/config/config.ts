/** What `load.ts` makes of defaults, files, environment and flags. Durations are milliseconds. Frozen. */
export type ChildPolicy = 'rerun' | 'reelect' | 'exit' | 'ignore';
export type ElectionFailurePolicy = 'retry' | 'run-anyway' | 'exit';
export type LeaseLossPolicy = 'keep' | 'stop';
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';
export type LogFormat = 'human' | 'json' | 'raw';

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

export interface GlobalConfig {
  readonly configFile: string | undefined;
  readonly zookeeperServers: readonly ServerAddress[];
  readonly zookeeperBasePath: string;
  readonly zookeeperSessionTimeout: number;
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
  readonly killAfter: number;
  readonly stopSignal: NodeJS.Signals;
  /** `undefined`: the session timeout that the ensemble grants. */
  readonly leaseDuration: number | undefined;
  readonly electionTimeout: number | undefined;
  readonly restartDelay: number;
  readonly restartMaxDelay: number;
  readonly runTimeout: number | undefined;
}
