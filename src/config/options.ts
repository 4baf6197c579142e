import type { RunConfig } from './config.ts';
import { boolean, choice, duration, plainName, servers, text, znodePath, type Kind } from './kinds.ts';
import { schedule, timezone } from './schedule.ts';

/**
 * `global` options belong to every command that talks to ZooKeeper, `run` options to `run` alone, `cron` options to
 * `run cron` alone.
 */
export type Scope = 'global' | 'run' | 'cron';

/**
 * One option of ballot, once: its flag `--<key>`, its key in files, its environment variable (`BALLOT_<KEY>`, and
 * `<KEY>` when Go's ballot has it too), its line in `--help`, the JSON Schema and the README all come from here.
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

/** A table with one entry for each key of the configuration, of that key's type. */
type Table = { readonly [K in keyof RunConfig]: Option<RunConfig[K]> };

export type Field = keyof RunConfig;

const CHILD_POLICIES = ['rerun', 'reelect', 'exit', 'ignore'] as const;

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;

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

/** Order is that of help and documents. */
export const options: Table = {
  configFile: {
    scope: 'global',
    kind: text('FILE', 'path of a yaml or json file', 4096),
    defaultNote: 'the three places below',
    inGo: true,
    inFile: false,
    help: 'read this file, and no other',
  },
  zookeeperServers: {
    scope: 'global',
    kind: servers,
    default: 'localhost',
    inGo: true,
    help: 'servers of the ensemble: host or host:port, separated by commas; the flag may be repeated',
    example: 'zk1.example.org:2181,zk2.example.org:2181,zk3.example.org:2181',
  },
  zookeeperBasePath: {
    scope: 'global',
    kind: znodePath,
    default: '/ballot/election',
    inGo: true,
    help: 'znode of the election, the same for all its candidates; created with its parents',
  },
  zookeeperSessionTimeout: {
    scope: 'global',
    kind: duration('500ms', '24h'),
    default: '5s',
    inGo: true,
    help: 'session timeout to ask for; the ensemble may grant another one, which then counts',
  },
  logLevel: {
    scope: 'global',
    kind: choice(LOG_LEVELS, { panic: 'fatal', warning: 'warn' }, [...LOG_LEVELS, 'panic']),
    default: 'info',
    inGo: true,
    help: 'least severe level that is logged; panic is fatal by another name',
  },
  logFormat: {
    scope: 'global',
    kind: choice(['human', 'json', 'raw']),
    default: 'human',
    inGo: true,
    help: 'human for reading, json for one object a line, raw for logfmt',
  },
  mixedFleet: {
    scope: 'global',
    kind: boolean,
    default: 'false',
    help: "true while candidates of Go's ballot stand in the same election",
  },
  debug: {
    scope: 'global',
    kind: boolean,
    default: 'false',
    inGo: true,
    help: "extra checks, the ZooKeeper client's own log, stack traces, the source of each log line",
  },
  candidateId: {
    scope: 'run',
    kind: plainName('NAME', 'a name', 256),
    defaultNote: 'host name',
    inGo: true,
    help: 'name under which this candidate is shown',
    example: 'node-1',
  },
  onChildSuccess: {
    scope: 'run',
    kind: choice(CHILD_POLICIES),
    default: 'reelect',
    inGo: true,
    help:
      'after the command ended with exit code 0: run it again as the same leader, resign and stand again, ' +
      'end with its exit code, or end with 0',
  },
  onChildError: {
    scope: 'run',
    kind: choice(CHILD_POLICIES),
    default: 'reelect',
    inGo: true,
    help: 'the same after any other end, or when the command cannot be started',
  },
  onElectionFailure: {
    scope: 'run',
    kind: choice(['retry', 'run-anyway', 'exit']),
    default: 'retry',
    inGo: true,
    help: 'when ZooKeeper cannot be reached: try again, run the command without leadership, or end with 69',
  },
  onLeaseLoss: {
    scope: 'run',
    kind: choice(['keep', 'stop']),
    default: 'keep',
    help:
      'what happens to a running command when the lease can no longer be renewed: keep it until the role is known ' +
      'to be gone, or stop it before anybody else may start it',
  },
  wrapChildLogs: {
    scope: 'run',
    kind: boolean,
    default: 'true',
    inGo: true,
    help: "log the command's output line by line; false: its stdout and stderr are ballot's own",
  },
  logRunId: {
    scope: 'run',
    kind: boolean,
    default: 'false',
    help: 'in human, name the run on each wrapped line of its output; with concurrency=allow, json and raw it always is',
  },
  killAfter: {
    scope: 'run',
    kind: duration('0s', '24h'),
    default: '10s',
    help: 'from the stop signal to SIGKILL when the command is stopped',
  },
  stopSignal: {
    scope: 'run',
    kind: choice(STOP_SIGNALS, Object.fromEntries(STOP_SIGNALS.map((name) => [name.slice(3), name]))),
    default: 'SIGTERM',
    help: 'first signal of a stop',
  },
  onHangup: {
    scope: 'run',
    kind: choice(['stop', 'ignore']),
    default: 'stop',
    help: 'what SIGHUP does: stop, or nothing, so that ballot outlives its terminal under nohup',
  },
  leaseDuration: {
    scope: 'run',
    kind: duration('500ms', '24h'),
    defaultNote: 'session timeout',
    help: 'how long others wait after the last heartbeat; at least the session timeout, unless on-lease-loss is stop',
    example: '5s',
  },
  electionTimeout: {
    scope: 'run',
    kind: duration('1ms', '8760h', 'none'),
    default: 'none',
    help: 'give up with exit code 75 when not elected by then',
    example: '5m',
  },
  restartDelay: {
    scope: 'run',
    kind: duration('1ms', '24h'),
    default: '100ms',
    help: 'first pause between runs of a command that keeps failing fast',
  },
  restartMaxDelay: {
    scope: 'run',
    kind: duration('1ms', '24h'),
    default: '30s',
    help: 'longest such pause',
  },
  runTimeout: {
    scope: 'run',
    kind: duration('1ms', '8760h', 'none'),
    default: 'none',
    help: 'stop a run that takes longer, which counts as an error with exit code 124',
    example: '1h',
  },
  schedule: {
    scope: 'cron',
    kind: schedule,
    defaultNote: 'none',
    inGo: true,
    help: 'when the command is run, such as "30 2 * * mon-fri", @daily or @every 90s; run cron needs it',
    example: '30 2 * * mon-fri',
  },
  timezone: {
    scope: 'cron',
    kind: timezone,
    defaultNote: "host's",
    help: 'time zone of a schedule that does not begin with CRON_TZ=',
    example: 'Europe/Paris',
  },
  concurrency: {
    scope: 'cron',
    kind: choice(['skip', 'queue', 'allow', 'replace']),
    default: 'skip',
    help: 'a tick while the command still runs: skip it, let the latest one wait, start beside, or stop the command and start again',
  },
  catchUp: {
    scope: 'cron',
    kind: choice(['none', 'once']),
    default: 'none',
    help: 'ticks that were missed while nobody led: none, or once for the latest of them',
  },
  startDeadline: {
    scope: 'cron',
    kind: duration('1ms', '8760h', 'none'),
    default: 'none',
    help: 'a missed tick older than this is not caught up',
    example: '1h',
  },
};

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
