/** The log of a command that stands in an election: ballot's own stdout. */
import { hostname } from 'node:os';
import type { GlobalConfig } from '../config/config.ts';
import { formatServers } from '../config/servers.ts';
import { formatDuration } from '../duration.ts';
import { createLogger } from '../log/create-logger.ts';
import type { Fields, Logger, RootLogger } from '../log/logger.ts';
import type { CommandContext } from './command-context.ts';

/** How long the end of ballot waits for a reader of its log that takes nothing, ms. */
export const FLUSH_WITHIN_MS = 5_000;

/** `runIds`: whether each line of a command's output says of which run it is. */
export function candidateLogger(
  config: GlobalConfig & { readonly candidateId: string },
  env: NodeJS.ProcessEnv,
  runIds: boolean,
): RootLogger {
  return createLogger({
    level: config.logLevel,
    format: config.logFormat,
    hostname: hostname(),
    candidateId: config.candidateId,
    fd: 1,
    debug: config.debug,
    runIds,
    env,
  });
}

/** Logs what the loading of the configuration has to say. */
export function tellConfiguration(
  { config, warnings, files }: Pick<CommandContext, 'config' | 'warnings' | 'files'>,
  logger: Logger,
): void {
  for (const warning of warnings) logger.warn(warning);
  const read = files.length === 0 ? 'none' : files.join(', ');
  logger[config.debug ? 'info' : 'debug']('configuration files that were read', { files: read });
}

/** Where the election is held, for the log. */
export function whereOf(config: GlobalConfig): Fields {
  const { coordinator, election, stateDir } = config;
  if (coordinator === 'local') return { coordinator, stateDir, election };
  return {
    servers: formatServers(config.zookeeperServers),
    basePath: config.zookeeperBasePath,
    ...(config.zookeeperTls && { tls: true }),
    sessionTimeout: formatDuration(config.zookeeperSessionTimeout),
  };
}
