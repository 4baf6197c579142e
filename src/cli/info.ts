/** `ballot info`: who leads, who stands, and what is odd about it. Reads only. */
import { setMaxListeners } from 'node:events';
import { hostname } from 'node:os';
import { systemClock, type Clock } from '../clock.ts';
import { formatDuration } from '../duration.ts';
import { inspect } from '../election/inspect.ts';
import type { Snapshot } from '../election/reading.ts';
import { electionReport } from '../election/status.ts';
import { ExitCode, UnavailableError } from '../errors.ts';
import { createLogger } from '../observe/create-logger.ts';
import type { Logger } from '../observe/logger.ts';
import type { Session } from '../zookeeper/port.ts';
import { zookeeperSessions } from '../zookeeper/session.ts';
import type { InfoContext } from './context.ts';
import { print } from './print.ts';
import { render } from './render.ts';

/**
 * Prints a report about the election to stdout; everything else goes to stderr. Resolves with exit code 0 for every report, also that
 * nobody leads. Throws UnavailableError when there is no answer within `--timeout`, RefusedError when an ACL forbids the look.
 */
export async function info(context: InfoContext): Promise<number> {
  const { config, env } = context;
  const logger = createLogger({
    level: config.logLevel,
    format: config.logFormat,
    hostname: hostname(),
    candidateId: undefined,
    fd: 2,
    debug: config.debug,
    env,
  });
  try {
    for (const warning of context.warnings) logger.warn(warning);
    await print(await infoText(context, logger));
    return ExitCode.ok;
  } finally {
    await logger.flush(FLUSH_WITHIN_MS);
  }
}

/** The report as text, in the format asked for. Throws as `info` does. */
export async function infoText(context: InfoContext, logger: Logger): Promise<string> {
  return render(electionReport(await look(context, logger, systemClock)), context.output);
}

/** How long the end waits for a reader of the log that takes nothing, ms. */
const FLUSH_WITHIN_MS = 1_000;

/** Kept of the time to answer in for ending the session: a tenth, but no more than this. Milliseconds. */
const CLOSING_MS = 300;

async function look(context: InfoContext, logger: Logger, clock: Clock): Promise<Snapshot> {
  const { config, timeout } = context;
  const closing = Math.min(CLOSING_MS, timeout / 10);
  const until = clock.now() + timeout - closing;
  const sessions = zookeeperSessions({
    servers: config.zookeeperServers,
    sessionTimeout: config.zookeeperSessionTimeout,
    keeperPath: context.keeperPath,
    firstKeeper: context.keeper,
    clock,
    logger,
    debug: config.debug,
  });
  const session = await sessions.open({ timeout: timeout - closing }).catch((error: unknown) => {
    throw error instanceof UnavailableError ? noAnswer(context, error) : error;
  });
  const late = new AbortController();
  // One listener for each request under way, and a queue may be long.
  setMaxListeners(0, late.signal);
  const cancel = clock.at(until, () => late.abort(noAnswer(context, silence(session))));
  try {
    return await inspect({
      session,
      clock,
      basePath: config.zookeeperBasePath,
      signal: late.signal,
      watchUntil: until,
    });
  } finally {
    cancel();
    await session.close(closing);
  }
}

function noAnswer({ config, timeout }: InfoContext, cause: Error): UnavailableError {
  const servers = config.zookeeperServers.map(({ host, port }) => `${host}:${port}`).join(', ');
  return new UnavailableError(`no answer from ZooKeeper (${servers}) within ${formatDuration(timeout)}`, {
    cause,
    hint: 'check zookeeper-servers, and that the ensemble runs and has a quorum; --timeout allows more time',
  });
}

/** The session was granted, and then nothing more was heard in time. */
function silence({ contact }: Session): Error {
  return new UnavailableError(
    contact.up ? `${contact.address} granted a session but does not answer` : `lost contact with ${contact.why}`,
  );
}
