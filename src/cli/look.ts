/** What commands that only look share: a log on stderr, a session for as long as it takes, a report on stdout. */
import { setMaxListeners } from 'node:events';
import { hostname } from 'node:os';
import { systemClock as clock } from '../clock.ts';
import type { LogLevel } from '../config/config.ts';
import { formatServers } from '../config/servers.ts';
import { tlsOf } from '../config/tls.ts';
import { formatDuration } from '../duration.ts';
import type { Observer } from '../election/observer.ts';
import { ExitCode, UnavailableError } from '../errors.ts';
import { createLogger } from '../log/create-logger.ts';
import type { Logger, RootLogger } from '../log/logger.ts';
import { observe } from '../zookeeper/report/observer.ts';
import type { Session } from '../zookeeper/session/port.ts';
import { proberFor } from '../zookeeper/session/sessions.ts';
import { deadServers } from '../zookeeper/session/survey.ts';
import { sessionsFor, type CommandContext, type LookContext, type ReportContext } from './command-context.ts';
import { print } from './report/print.ts';
import { tellConfiguration } from './candidate-log.ts';

/** How long the end waits for a reader of a log on stderr that takes nothing, ms. */
export const FLUSH_WITHIN_MS = 1_000;

/** A tenth of the time to answer is left for closing the session, but no more than this, ms. */
const CLOSING_MS = 300;

/** Prints what `write` makes to stdout, all else to stderr. Resolves with exit code 0. Throws what `write` throws. */
export function report(context: ReportContext, write: (logger: Logger) => Promise<string>): Promise<number> {
  return withLog(context, context.config.logLevel, async (logger) => {
    await print(await write(logger));
    return ExitCode.ok;
  });
}

/** The log of a command that keeps stdout for what it is asked. */
export function stderrLog({ config, env }: CommandContext, level: LogLevel): RootLogger {
  const { logFormat: format, debug } = config;
  return createLogger({ level, format, hostname: hostname(), candidateId: undefined, fd: 2, debug, env });
}

/** Gives `perform` a log of this level on stderr, flushed at the end, and settles as that does. */
export async function withLog<T>(
  context: CommandContext,
  level: LogLevel,
  perform: (logger: Logger) => Promise<T>,
): Promise<T> {
  const logger = stderrLog(context, level);
  try {
    tellConfiguration(context, logger);
    return await perform(logger);
  } finally {
    await logger.flush(FLUSH_WITHIN_MS);
  }
}

/** Looks within the context's timeout. Throws UnavailableError without an answer in time, and what `ask` throws. */
export function look<T>(context: LookContext, logger: Logger, ask: (observer: Observer) => Promise<T>): Promise<T> {
  return context.config.coordinator === 'local' ? lookHere(context, ask) : lookInZooKeeper(context, logger, ask);
}

/** Opens a session for as long as it takes. */
async function lookInZooKeeper<T>(
  context: LookContext,
  logger: Logger,
  ask: (observer: Observer) => Promise<T>,
): Promise<T> {
  const { config, timeout } = context;
  const closing = Math.min(CLOSING_MS, timeout / 10);
  const until = clock.now() + timeout - closing;
  const sessions = sessionsFor(context, logger);
  const session = await sessions.open({ timeout: timeout - closing }).catch((error: unknown) => {
    throw error instanceof UnavailableError ? noAnswer(context, error) : error;
  });
  const late = new AbortController();
  // One listener for each request under way, and a queue may be long.
  setMaxListeners(0, late.signal);
  const cancel = clock.at(until, () => late.abort(noAnswer(context, silence(session))));
  try {
    const { signal } = late;
    return await ask(observe({ session, clock, basePath: config.zookeeperBasePath, signal, watchUntil: until }));
  } finally {
    cancel();
    await session.close(closing);
  }
}

/** Files are read at once: only a wait for others can be too long. */
async function lookHere<T>({ config, timeout }: LookContext, ask: (observer: Observer) => Promise<T>): Promise<T> {
  const [{ electionFolder }, { observe: observeHere }] = await Promise.all([
    import('../local/folder.ts'),
    import('../local/observer.ts'),
  ]);
  const folder = electionFolder(config);
  const late = new AbortController();
  const tooLate = (): void =>
    late.abort(new UnavailableError(`no answer about ${folder.path} within ${formatDuration(timeout)}`));
  const cancel = clock.at(clock.now() + timeout, tooLate);
  try {
    return await ask(observeHere(folder, clock, late.signal));
  } finally {
    cancel();
  }
}

/** How long a server may take to accept a connection before it is said not to serve, ms. */
const SERVER_WITHIN_MS = 1_000;

/** A note on each of several servers that does not serve at this moment. Throws the signal's reason when aborted. */
export async function notesOnServers({ config }: Pick<LookContext, 'config'>, signal: AbortSignal): Promise<string[]> {
  const { coordinator, zookeeperServers: servers } = config;
  if (coordinator === 'local' || servers.length < 2) return [];
  const { probe } = proberFor(tlsOf(config));
  const dead = await deadServers(servers, clock, SERVER_WITHIN_MS, signal, probe);
  return dead.map(({ name, why }) => `ZooKeeper server ${name} does not serve: ${why}`);
}

function noAnswer({ config, timeout }: LookContext, cause: Error): UnavailableError {
  const servers = formatServers(config.zookeeperServers).replaceAll(',', ', ');
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
