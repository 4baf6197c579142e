/** `ballot join`: stands for election without a command, for others to ask about. */
import { hostname } from 'node:os';
import { Candidate, NO_COMMAND } from '../../candidate/candidate.ts';
import { sleep, systemClock } from '../../clock.ts';
import type { JoinConfig } from '../../config/config.ts';
import { formatServers } from '../../config/servers.ts';
import { formatDuration } from '../../duration.ts';
import type { Election } from '../../election/election.ts';
import { BallotError, describe, ExitCode } from '../../errors.ts';
import { participants } from '../../library/participants.ts';
import { createLogger } from '../../log/create-logger.ts';
import type { RootLogger } from '../../log/logger.ts';
import { createElection } from '../../zookeeper/election/election.ts';
import { NAMESAKE } from '../../zookeeper/election/others.ts';
import type { SessionOpener } from '../../zookeeper/session/port.ts';
import { sessionsFor, tellConfiguration, type JoinContext } from '../command-context.ts';
import { refuseOwnElection } from '../environment.ts';
import { tellOfJoined } from '../service.ts';
import { closeStrayDebugger } from '../signals.ts';

/** How long the end of ballot waits for a reader of its log that takes nothing, ms. */
const FLUSH_WITHIN_MS = 5_000;

/**
 * Stands until a signal ends it, or with `--wait-leader` until it leads: then it resigns and leaves. Resolves with
 * ballot's exit code. Throws ConfigurationError when it was started by the command of the very election it is to stand
 * in, and what is a bug.
 */
export async function join(context: JoinContext): Promise<number> {
  const { config, env } = context;
  refuseOwnElection(config, env);
  const logger = createLogger({
    level: config.logLevel,
    format: config.logFormat,
    hostname: hostname(),
    candidateId: config.candidateId,
    fd: 1,
    debug: config.debug,
    runIds: false,
    env,
  });
  try {
    tellConfiguration(context, logger);
    const exitCode = await stand(context, logger);
    logger.info('ballot ends', { exitCode });
    return exitCode;
  } finally {
    await logger.flush(FLUSH_WITHIN_MS);
  }
}

async function stand(context: JoinContext, logger: RootLogger): Promise<number> {
  const { config, signals, waitLeader } = context;
  logger.info('standing for election', {
    servers: formatServers(config.zookeeperServers),
    basePath: config.zookeeperBasePath,
    sessionTimeout: formatDuration(config.zookeeperSessionTimeout),
  });
  const sessions = sessionsFor(context, systemClock, logger);
  const election = electionOf(context, sessions, logger);
  const candidate = candidateOf(context, election, logger);
  const { env } = context;
  const name = config.zookeeperBasePath;
  const manager = tellOfJoined(candidate, { env, clock: systemClock, logger, election, name });
  // A term that is over ends the look.
  candidate.on(
    'leader',
    ({ signal }) => void lookForNamesakes(context, sessions, signal, logger).catch(() => undefined),
  );
  const ended = new Promise<Error | undefined>((resolve) => candidate.on('closed', resolve));
  signals.answerWith({
    onHangup: config.onHangup,
    stop(signal) {
      logger.info('stopping', { signal });
      void candidate.close();
    },
    // They would be the command's business.
    passOn: () => undefined,
  });
  await closeStrayDebugger();
  if (waitLeader) candidate.on('leader', () => void candidate.close());
  const failure = await ended;
  await manager?.close();
  if (failure === undefined) return (await candidate.close()) === undefined ? ExitCode.ok : ExitCode.unavailable;
  if (!(failure instanceof BallotError)) throw failure;
  return failure.exitCode;
}

/** How often a leader looks whether another candidate has its id, ms. One who comes later looks by itself. */
const LOOK_EVERY_MS = 15_000;

/** Warns once, as the other one does that has come later. */
async function lookForNamesakes(
  { config: { candidateId, zookeeperBasePath: basePath } }: JoinContext,
  sessions: SessionOpener,
  signal: AbortSignal,
  logger: RootLogger,
): Promise<void> {
  const clock = systemClock;
  for (;;) {
    await sleep(clock, LOOK_EVERY_MS, signal);
    try {
      const all = await participants({ sessions, clock, basePath, signal, timeout: LOOK_EVERY_MS });
      const [own, other] = all.filter((one) => one.candidateId === candidateId);
      if (own === undefined || other === undefined) continue;
      return logger.warn(NAMESAKE, { candidate: candidateId, host: other.hostname });
    } catch (error) {
      signal.throwIfAborted();
      logger.debug('it is not known who else stands', { error: describe(error) });
    }
  }
}

function electionOf({ config }: JoinContext, sessions: SessionOpener, logger: RootLogger): Election {
  const { zookeeperBasePath: basePath, zookeeperSessionTimeout: sessionTimeout, candidateId } = config;
  return createElection({
    sessions,
    clock: systemClock,
    logger,
    basePath,
    candidate: { candidateId, hostname: hostname(), pid: String(process.pid) },
    sessionTimeout,
    leaseDuration: config.leaseDuration,
    mixedFleet: config.mixedFleet,
    stop: NO_COMMAND,
    withoutCommand: true,
  });
}

function candidateOf({ config }: JoinContext, election: Election, logger: RootLogger): Candidate {
  return new Candidate({
    election,
    clock: systemClock,
    logger,
    name: config.zookeeperBasePath,
    patience: config.zookeeperSessionTimeout,
    onElectionFailure: policyOf(config),
    electionTimeout: config.electionTimeout,
    // Nobody works in its terms.
    killAfter: 0,
  });
}

/** The configuration has refused the third one. */
function policyOf({ onElectionFailure }: JoinConfig): 'retry' | 'exit' {
  return onElectionFailure === 'exit' ? 'exit' : 'retry';
}
