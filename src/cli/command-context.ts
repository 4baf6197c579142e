import { systemClock } from '../clock.ts';
import type { GlobalConfig, JoinConfig, RunConfig } from '../config/config.ts';
import { clientFor } from '../config/rules.ts';
import { keepOutOfCores } from '../command/core-dumps.ts';
import type { Loaded } from '../config/load.ts';
import { tlsOf } from '../config/tls.ts';
import type { Logger } from '../log/logger.ts';
import type { KeeperProcess } from '../keeper/process.ts';
import { accessOf } from '../zookeeper/session/access.ts';
import type { SessionOpener } from '../zookeeper/session/port.ts';
import { zookeeperSessions } from '../zookeeper/session/sessions.ts';
import type { Signals } from './signals.ts';

export type OutputFormat = 'yaml' | 'json' | 'table';

/** What `program.ts` gives a command about elections, which resolves with the exit code or throws a BallotError. */
export interface CommandContext<C extends GlobalConfig = GlobalConfig> extends Pick<
  Loaded<C>,
  'config' | 'warnings' | 'files'
> {
  /** Forked first thing at start. Who uses it owns it; else `main.ts` ends it. `undefined` with coordinator local. */
  readonly keeper: KeeperProcess | undefined;
  /** The keeper's program, for the keepers that replace the first one. */
  readonly keeperPath: string;
  /** The environment that ballot was started with. */
  readonly env: NodeJS.ProcessEnv;
}

/** For the commands that supervise. */
export interface RunContext<C extends RunConfig = RunConfig> extends CommandContext<C> {
  /** Program and arguments, verbatim. */
  readonly command: readonly [string, ...string[]];
  readonly signals: Signals;
}

/** For `join`. */
export interface JoinContext extends CommandContext<JoinConfig> {
  readonly signals: Signals;
  /** End with 0 once this candidate leads. */
  readonly waitLeader: boolean;
}

/** For the commands that ask something of an election, and stand in none. */
export interface LookContext<C extends GlobalConfig = GlobalConfig> extends CommandContext<C> {
  /** How long to wait for an answer of the ensemble, ms. */
  readonly timeout: number;
}

/** For the commands that print a report about an election. */
export interface ReportContext extends LookContext {
  readonly output: OutputFormat;
}

/** For the command that shows an election until it is told to end. */
export interface WatchContext extends CommandContext {
  /** `undefined`: whatever suits stdout. */
  readonly output: 'text' | 'json' | undefined;
  readonly signals: Signals;
}

/**
 * Sessions as the configuration asks for them. The first one uses the keeper that was forked at the start. Throws
 * ConfigurationError when a file of TLS is wrong.
 */
export function sessionsFor({ config, keeper, keeperPath }: CommandContext, logger: Logger): SessionOpener {
  const tls = tlsOf(config);
  if (config.zookeeperAuth !== undefined || tls?.key !== undefined) keepOutOfCores();
  return zookeeperSessions({
    servers: config.zookeeperServers,
    sessionTimeout: config.zookeeperSessionTimeout,
    client: clientFor(config),
    access: accessOf(config),
    ...(tls && { tls }),
    keeperPath,
    ...(keeper && { firstKeeper: keeper }),
    clock: systemClock,
    logger,
    debug: config.debug,
  });
}
