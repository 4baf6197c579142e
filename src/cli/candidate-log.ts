/** The log of a command that stands in an election: ballot's own stdout. */
import { hostname } from 'node:os';
import type { GlobalConfig } from '../config/config.ts';
import { createLogger } from '../log/create-logger.ts';
import type { RootLogger } from '../log/logger.ts';

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
