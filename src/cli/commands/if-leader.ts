/** `ballot if-leader`: runs a command if a candidate leads. ballot's session is over before the command starts. */
import { isatty } from 'node:tty';
import { exitCode } from '../../command/exit.ts';
import { runInForeground } from '../../command/foreground.ts';
import { BallotError, describe, ExitCode, UnavailableError } from '../../errors.ts';
import { variablesOfBytes } from '../bytes.ts';
import { withLog } from '../look.ts';
import { closeStrayDebugger, type Signals } from '../signals.ts';
import { leads, quiet, type QuestionContext } from './is-leader.ts';

export interface IfLeaderContext extends QuestionContext {
  /** Program and arguments, verbatim. */
  readonly command: readonly [string, ...string[]];
  /** Run it also when it cannot be known who leads. */
  readonly orRun: boolean;
  takeSignals(): Signals;
}

/** A terminal sends these to the command as well as to ballot: they are one process group. */
const OF_TERMINALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGWINCH'];

/**
 * Resolves with the command's exit code, with 0 when the candidate does not lead, or with 126 or 127 when the command
 * cannot be started. Throws UnavailableError when it cannot be known who leads, RefusedError when an ACL forbids the
 * look.
 */
export async function ifLeader(context: IfLeaderContext): Promise<number> {
  return (await mayRun(context)) ? run(context) : ExitCode.ok;
}

function mayRun(context: IfLeaderContext): Promise<boolean> {
  return withLog(context, quiet(context), async (logger) => {
    try {
      return await leads(context, logger, { isThorough: false });
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
      const [command] = context.command;
      if (!context.orRun) throw new UnavailableError(`${JSON.stringify(command)} is not run`, { cause: error });
      logger.warn('running the command, though it cannot be known who leads', { command, why: describe(error) });
      return true;
    }
  });
}

async function run({ command, env, takeSignals }: IfLeaderContext): Promise<number> {
  const program = { command, env, bytes: variablesOfBytes(env) };
  const signals = takeSignals();
  const isOnTerminal = [0, 1, 2].some((fd) => isatty(fd));
  const running = runInForeground(program);
  const passOn = (signal: NodeJS.Signals): void => {
    if (!isOnTerminal || !OF_TERMINALS.includes(signal)) running.signal(signal);
  };
  signals.answerWith({ onHangup: 'stop', stop: passOn, passOn });
  void closeStrayDebugger();
  const outcome = await running.ended;
  if (outcome.kind === 'notStarted') throw new BallotError('NOT_STARTED', outcome.code, outcome.message);
  return exitCode(outcome);
}
