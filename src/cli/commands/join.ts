/** `ballot join`: stands for election without a command, for others to ask about. */
import { sleep, systemClock } from '../../clock.ts';
import { NAMESAKE } from '../../election/words.ts';
import { BallotError, describe, ExitCode } from '../../errors.ts';
import { candidacyInZooKeeper, candidacyOnThisHost, standing, type Candidacy } from '../../library/standing.ts';
import type { RootLogger } from '../../log/logger.ts';
import { candidateLogger, FLUSH_WITHIN_MS, tellConfiguration, whereOf } from '../candidate-log.ts';
import { sessionsFor, type JoinContext } from '../command-context.ts';
import { refuseOwnElection } from '../environment.ts';
import { tellOfJoined } from '../service.ts';
import { closeStrayDebugger } from '../signals.ts';

/**
 * Stands until a signal ends it, or with `--wait-leader` until it leads: then it resigns and leaves. Resolves with
 * ballot's exit code. Throws ConfigurationError when it was started by the command of the very election it is to stand
 * in, and what is a bug.
 */
export async function join(context: JoinContext): Promise<number> {
  const { config, env } = context;
  refuseOwnElection(config, env);
  const logger = candidateLogger(config, env, false);
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
  logger.info('standing for election', whereOf(config));
  const candidacy = candidacyOf(context, logger);
  const { election, name } = candidacy;
  // Nobody works in its terms.
  const candidate = standing(config, candidacy, logger, 0);
  const { env } = context;
  const manager = tellOfJoined(candidate, { env, logger, election, name });
  // A term that is over ends the look.
  candidate.on(
    'leader',
    ({ signal }) => void lookForNamesakes(context, candidacy, signal, logger).catch(() => undefined),
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
  void closeStrayDebugger();
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
  { config: { candidateId } }: JoinContext,
  candidacy: Candidacy,
  signal: AbortSignal,
  logger: RootLogger,
): Promise<void> {
  for (;;) {
    await sleep(systemClock, LOOK_EVERY_MS, signal);
    try {
      const all = await candidacy.participants({ signal, timeout: LOOK_EVERY_MS });
      const [own, other] = all.filter((one) => one.candidateId === candidateId);
      if (own === undefined || other === undefined) continue;
      return logger.warn(NAMESAKE, { candidate: candidateId, host: other.hostname });
    } catch (error) {
      signal.throwIfAborted();
      logger.debug('it is not known who else stands', { error: describe(error) });
    }
  }
}

function candidacyOf(context: JoinContext, logger: RootLogger): Candidacy {
  const { config } = context;
  if (config.coordinator === 'local') return candidacyOnThisHost(config, logger);
  return candidacyInZooKeeper(config, sessionsFor(context, logger), logger);
}
