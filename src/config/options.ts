import type { GlobalConfig, RunConfig } from './config.ts';
import {
  BASE,
  boolean,
  choice,
  duration,
  electionName,
  folder,
  plainName,
  servers,
  pemFile,
  text,
  tlsName,
  znodePath,
  type Kind,
} from './kinds.ts';
import { schedule, timezone } from './schedule.ts';
import { zookeeperAuth } from './zookeeper-auth.ts';

/** `global`: of every command that looks at an election; `run`: of both `run` commands; `cron`: of `run cron`. */
export type Scope = 'global' | 'run' | 'cron';

/**
 * One option of ballot, once: its flag `--<key>`, its key in files, its environment variable (`BALLOT_<KEY>`, and
 * `<KEY>` when Go's ballot has it too), its line in `--help`, the JSON Schema and docs/options.md all come from here.
 */
export interface Option<T> {
  readonly scope: Scope;
  readonly kind: Kind<T>;
  /** As a user would write it. Without one it is known at run time only. */
  readonly default?: string;
  /** The default in words, where there is no `default`. */
  readonly defaultNote?: string;
  /** Go's ballot has it: the variable without the prefix counts as well. */
  readonly inGo?: true;
  /** False for what a file cannot hold. */
  readonly inFile?: false;
  readonly help: string;
  /** A value worth showing in the sample file, where the default is not one. */
  readonly example?: string;
}

export type Field = keyof RunConfig;

/** A table with one entry for each key of the configuration, of that key's type. */
type Table = { readonly [K in Field]: Option<RunConfig[K]> };

/** The part of it whose options have one scope. */
type Entries<F extends Field> = { readonly [K in F]: Omit<Table[K], 'scope'> };

type CronField = 'schedule' | 'timezone' | 'concurrency' | 'catchUp' | 'startDeadline';

const CHILD_POLICIES = ['rerun', 'reelect', 'exit', 'ignore'] as const;

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;

const STOP_SIGNALS = [
  'SIGTERM',
  'SIGINT',
  'SIGQUIT',
  'SIGHUP',
  'SIGUSR1',
  'SIGUSR2',
  'SIGWINCH',
  'SIGABRT',
  'SIGALRM',
  'SIGKILL',
] as const;

const globalOptions: Entries<keyof GlobalConfig> = {
  configFile: {
    kind: text('FILE', 'path of a yaml or json file', 4096),
    defaultNote: 'the three usual files',
    inGo: true,
    inFile: false,
    help: 'read this configuration file instead of the three usual files',
  },
  coordinator: {
    kind: choice(['zookeeper', 'local']),
    default: 'zookeeper',
    help: 'what holds the election: a ZooKeeper ensemble, or local: this host alone, without a server',
  },
  election: {
    kind: electionName,
    default: 'election',
    help:
      'name of the election: its znode is /ballot/NAME unless zookeeper-base-path is set; ' +
      'with coordinator local its folder in state-dir',
    example: 'report',
  },
  stateDir: {
    kind: folder,
    defaultNote: '/var/lib/ballot for root, else $XDG_STATE_HOME/ballot',
    help: 'with coordinator local: the folder that holds the elections, on a disk of this host',
    example: '/var/lib/ballot',
  },
  stateGroup: {
    kind: plainName('GROUP', 'the name or number of a group', 256),
    defaultNote: 'none: this user alone',
    help: 'with coordinator local: the group whose users share the elections in state-dir',
    example: 'ops',
  },
  zookeeperServers: {
    kind: servers,
    default: 'localhost',
    inGo: true,
    help: 'ZooKeeper servers: host or host:port, separated by commas; the flag may be repeated',
    example: 'zk1.example.org:2181,zk2.example.org:2181,zk3.example.org:2181',
  },
  zookeeperBasePath: {
    kind: znodePath,
    default: `${BASE}/election`,
    inGo: true,
    help: 'znode of the election, the same for all its candidates; ballot creates it with its parents',
  },
  zookeeperSessionTimeout: {
    kind: duration('500ms', '24h'),
    default: '5s',
    inGo: true,
    help: 'session timeout to ask for; when the ensemble grants another one, that one counts',
  },
  zookeeperClient: {
    kind: choice(['native', 'wire', 'auto']),
    default: 'auto',
    help:
      "ZooKeeper client: native is npm's zookeeper, wire is ballot's own, " +
      'auto takes native where it loads and no TLS is asked for, else wire',
  },
  zookeeperTls: {
    kind: boolean,
    default: 'false',
    help:
      "speak TLS (1.2 or 1.3) to the servers, with ballot's own client; " +
      'zookeeper-servers then names their ports for TLS (secureClientPort)',
  },
  zookeeperTlsCa: {
    kind: pemFile,
    defaultNote: "Node's own list",
    help: "PEM file with the certificates of the CAs that may have issued the servers' certificates",
    example: '/etc/ballot/ca.pem',
  },
  zookeeperTlsCert: {
    kind: pemFile,
    defaultNote: 'none',
    help: "PEM file with ballot's own certificate, and those between it and its CA, for servers that ask for one",
    example: '/etc/ballot/client.pem',
  },
  zookeeperTlsKey: {
    kind: pemFile,
    defaultNote: 'none',
    help: 'PEM file with the private key of zookeeper-tls-cert, without a passphrase',
    example: '/etc/ballot/client.key',
  },
  zookeeperTlsServerName: {
    kind: tlsName,
    defaultNote: 'as in zookeeper-servers',
    help: "name or IP address that each server's certificate must hold, where it is another than in zookeeper-servers",
    example: 'zookeeper.example.org',
  },
  zookeeperAuth: {
    kind: zookeeperAuth,
    defaultNote: 'none',
    help:
      'who this candidate is to ZooKeeper, or file: and the file that says so; ' +
      'best kept in a file, as it holds a password',
    example: 'file:/etc/ballot/zookeeper-auth',
  },
  zookeeperAcl: {
    kind: choice(['open', 'creator']),
    default: 'open',
    help:
      'who may read and change the znodes of the election: open is everybody, ' +
      'creator is the identity of zookeeper-auth alone',
  },
  logLevel: {
    kind: choice(LOG_LEVELS, { panic: 'fatal', warning: 'warn' }, [...LOG_LEVELS, 'panic']),
    default: 'info',
    inGo: true,
    help: 'log lines of this level and of more severe levels; panic means fatal',
  },
  logFormat: {
    kind: choice(['human', 'json', 'raw']),
    default: 'human',
    inGo: true,
    help: 'human is for reading, json is one object a line, raw is logfmt',
  },
  mixedFleet: {
    kind: boolean,
    default: 'false',
    help: "set it to true while candidates of Go's ballot stand in the same election",
  },
  debug: {
    kind: boolean,
    default: 'false',
    inGo: true,
    help: "extra checks, the ZooKeeper client's own log, stack traces, the source of each log line",
  },
};

const runOptions: Entries<Exclude<Field, keyof GlobalConfig | CronField>> = {
  candidateId: {
    kind: plainName('NAME', 'a name', 256),
    defaultNote: 'host name',
    inGo: true,
    help: 'name of this candidate in logs and reports',
    example: 'node-1',
  },
  onChildSuccess: {
    kind: choice(CHILD_POLICIES),
    default: 'reelect',
    inGo: true,
    help:
      'after the command ended with 0: rerun it as the same leader, reelect (resign, then stand again), exit ' +
      'or ignore (resign, then end ballot with 0)',
  },
  onChildError: {
    kind: choice(CHILD_POLICIES),
    default: 'reelect',
    inGo: true,
    help:
      'the same after any other end, or when the command cannot be started; exit ends ballot with the ' +
      "command's exit code",
  },
  onElectionFailure: {
    kind: choice(['retry', 'run-anyway', 'exit']),
    default: 'retry',
    inGo: true,
    help: 'when ZooKeeper cannot be reached: retry, run-anyway (run the command without leadership), or exit with 69',
  },
  onLeaseLoss: {
    kind: choice(['keep', 'stop']),
    default: 'keep',
    help:
      'when the lease cannot be renewed: keep the command until the leadership is known to be lost, or stop it ' +
      'before another candidate may start it',
  },
  wrapChildLogs: {
    kind: boolean,
    default: 'true',
    inGo: true,
    help:
      "true: ballot logs the command's output line by line; " +
      "false: the command writes to ballot's own stdout and stderr",
  },
  logRunId: {
    kind: boolean,
    default: 'false',
    help:
      'with log-format human: name the run on each line of its output; ' +
      'json, raw and concurrency allow always name it',
  },
  killAfter: {
    kind: duration('0s', '24h'),
    default: '10s',
    help: 'time between the stop signal and SIGKILL when the command is stopped',
  },
  stopSignal: {
    kind: choice(STOP_SIGNALS, Object.fromEntries(STOP_SIGNALS.map((name) => [name.slice(3), name]))),
    default: 'SIGTERM',
    help: 'first signal to a command that is stopped',
  },
  onHangup: {
    kind: choice(['stop', 'ignore']),
    default: 'stop',
    help: 'on SIGHUP: stop, or ignore it, so that ballot outlives its terminal under nohup',
  },
  leaseDuration: {
    kind: duration('500ms', '24h'),
    defaultNote: 'session timeout',
    help:
      "how long others wait after the leader's last renewal; " +
      'at least the session timeout, unless on-lease-loss is stop',
    example: '5s',
  },
  electionTimeout: {
    kind: duration('1ms', '8760h', 'none'),
    default: 'none',
    help: 'give up with exit code 75 when this candidate is not elected within this time',
    example: '5m',
  },
  restartDelay: {
    kind: duration('1ms', '24h'),
    default: '100ms',
    help: 'first pause before a command that failed runs again; each further failure doubles it',
  },
  restartMaxDelay: {
    kind: duration('1ms', '24h'),
    default: '30s',
    help: 'longest pause before a command that failed runs again',
  },
  runTimeout: {
    kind: duration('1ms', '8760h', 'none'),
    default: 'none',
    help: 'stop a run that takes longer; it counts as an error with exit code 124',
    example: '1h',
  },
};

const cronOptions: Entries<CronField> = {
  schedule: {
    kind: schedule,
    defaultNote: 'none',
    inGo: true,
    help: 'when to run the command, such as "30 2 * * mon-fri", @daily or @every 90s; run cron needs it',
    example: '30 2 * * mon-fri',
  },
  timezone: {
    kind: timezone,
    defaultNote: "host's",
    help: 'time zone of the schedule, unless the schedule begins with CRON_TZ=',
    example: 'Europe/Paris',
  },
  concurrency: {
    kind: choice(['skip', 'queue', 'allow', 'replace']),
    default: 'skip',
    help:
      'when the command still runs at a tick: skip that tick, queue it (at most one), ' +
      'allow both runs, or replace the old run',
  },
  catchUp: {
    kind: choice(['none', 'once']),
    default: 'none',
    help: 'ticks that were missed while nobody led: run none of them, or once the latest one',
  },
  startDeadline: {
    kind: duration('1ms', '8760h', 'none'),
    default: 'none',
    help: 'do not catch up a tick that was missed longer ago than this',
    example: '1h',
  },
};

/** All of them, in the order of help and documents. */
export const options: Table = {
  ...scoped('global', globalOptions),
  ...scoped('run', runOptions),
  ...scoped('cron', cronOptions),
};

function scoped<F extends Field>(scope: Scope, entries: Entries<F>): Pick<Table, F> {
  const all = Object.entries<object>(entries).map(([field, option]) => [field, { scope, ...option }]);
  return Object.fromEntries(all) as Pick<Table, F>;
}

/** The fields of the configuration, in the table's order. */
export const fields = Object.keys(options) as readonly Field[];

/** `zookeeperServers` → `zookeeper-servers`: flag and file key. */
export function keyOf(field: Field): string {
  return field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** `zookeeperServers` → `ZOOKEEPER_SERVERS`: the environment variable, less its prefix. */
export function variableOf(field: Field): string {
  return keyOf(field).toUpperCase().replaceAll('-', '_');
}

/** The options of `run` that a candidate without a command has as well. */
export const joinFields = [
  'candidateId',
  'onElectionFailure',
  'onHangup',
  'leaseDuration',
  'electionTimeout',
] as const satisfies readonly Field[];

/** How the servers are spoken to by TLS. */
export const tlsFields = [
  'zookeeperTls',
  'zookeeperTlsCa',
  'zookeeperTlsCert',
  'zookeeperTlsKey',
  'zookeeperTlsServerName',
] as const satisfies readonly Field[];

/** What means something with coordinator zookeeper alone, in the table's order. */
export const zookeeperFields = [
  'zookeeperServers',
  'zookeeperBasePath',
  'zookeeperSessionTimeout',
  'zookeeperClient',
  ...tlsFields,
  'zookeeperAuth',
  'zookeeperAcl',
  'mixedFleet',
] as const satisfies readonly Field[];

/** What the library takes, in the table's order: it reads no files and no environment, and its program has the log. */
export const libraryFields = [
  'coordinator',
  'election',
  'stateDir',
  'stateGroup',
  ...zookeeperFields,
  'debug',
  'candidateId',
  'onElectionFailure',
  'killAfter',
  'leaseDuration',
  'electionTimeout',
] as const satisfies readonly Field[];

const byKey = new Map(fields.map((field) => [keyOf(field), field]));

/** The field of a key as a flag or a file writes it, whatever its case. */
export function fieldOf(key: string): Field | undefined {
  return byKey.get(key.toLowerCase());
}

/** The option of a field, whatever its type. */
export function optionOf(field: Field): Option<unknown> {
  return options[field];
}

/** The default in words. */
export function defaultOf(field: Field): string {
  const option = optionOf(field);
  return option.default ?? option.defaultNote ?? '';
}
