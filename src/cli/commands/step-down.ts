/** `ballot step-down`: asks the present leader to give up its lead. Writes one request. */
import { hostname, userInfo } from 'node:os';
import { formatDuration } from '../../duration.ts';
import { ExitCode, orUndefined, UnavailableError } from '../../errors.ts';
import { plainOrEscaped } from '../../visible.ts';
import type { Asked, Leader, Observer } from '../../election/observer.ts';
import type { LookContext } from '../command-context.ts';
import { look, withLog } from '../look.ts';
import { print } from '../report/print.ts';

export interface StepDownContext extends LookContext {
  /** Until another candidate leads, or nobody else stands. */
  readonly wait: boolean;
}

/**
 * Says on stdout what came of it, and resolves with exit code 0. Throws NobodyToAskError when nobody leads or Go's
 * ballot does; UnavailableError, which says what is known, when there is no answer within `--timeout`, or with `--wait`
 * no other leader; RefusedError.
 */
export function stepDown(context: StepDownContext): Promise<number> {
  return withLog(context, context.config.logLevel, async (logger) => {
    const said = await look(context, logger, (observer) => ask(context, observer));
    await print(`${said}\n`);
    return ExitCode.ok;
  });
}

async function ask(context: StepDownContext, observer: Observer): Promise<string> {
  const by = whoAsks();
  const asked = await observer.askToStepDown(by);
  const { leader } = asked;
  if (!context.wait)
    return asked.isTooLate ? `${inWords(leader)} has led before, and leads no more` : outcome(asked, by);
  try {
    return after(leader, (await observer.untilSucceeded(leader)).next);
  } catch (error) {
    if (!observer.signal.aborted) throw error;
    const waited = formatDuration(context.timeout);
    throw new UnavailableError(
      `${inWords(leader)} was asked to step down, and is not known to have done so after ${waited}`,
      {
        hint:
          'its command may still be stopping (kill-after), its ballot may be older than step-down; ' +
          'the request stands, ballot info shows who leads, --timeout allows more time',
      },
    );
  }
}

function outcome({ leader, by }: Asked, self: string): string {
  const already = by === self ? '' : ` already, by ${plainOrEscaped(by)}`;
  return `${inWords(leader)} is asked to step down${already}`;
}

function after(before: Leader, next: Leader | undefined): string {
  if (next === undefined) return `${inWords(before)} leads no more; nobody else stands`;
  const again = next.candidateId === before.candidateId && next.hostname === before.hostname;
  return again ? `${inWords(next)} leads again: nobody else stood` : `${inWords(next)} leads`;
}

function inWords({ candidateId, hostname: host, fencingToken }: Leader): string {
  const term = fencingToken === undefined ? '' : `, term ${fencingToken}`;
  return plainOrEscaped(`${candidateId} on ${host}${term}`);
}

function whoAsks(): string {
  // A container may have a user without a name.
  const name = orUndefined(() => userInfo().username) ?? `user ${process.getuid?.() ?? '?'}`;
  return `${name} on ${hostname()}, pid ${process.pid}`;
}
