/** What follows a run or a failed election. Pure: durations and instants in monotonic milliseconds. */
import type { Outcome } from '../command/launch.ts';
import type { ChildPolicy } from '../config/config.ts';
import { AuthenticationError, BallotError, describe, ExitCode } from '../errors.ts';
import type { RunOutcome } from '../ledger/record.ts';
import type { Failure, Plan, StopReason } from './state.ts';

/** How a run ended, with what only the supervisor knows: that it ended it for taking too long. */
export interface Result {
  readonly outcome: Outcome;
  /** The code that stands for the outcome (see `command/exit.ts`). */
  readonly exitCode: number;
  readonly timedOut: boolean;
  readonly ranFor: number;
}

/** The exit code that counts for policies and for ballot's own end: the command's, or 124 after `run-timeout`. */
export function exitCodeOf(result: Pick<Result, 'exitCode' | 'timedOut'>): number {
  return result.timedOut ? ExitCode.runTimeout : result.exitCode;
}

/** The policy that applies to a run that ended by itself or was stopped for taking too long. */
export function policyAfter(result: Result, plan: Plan): ChildPolicy {
  return exitCodeOf(result) === ExitCode.ok ? plan.onChildSuccess : plan.onChildError;
}

/** Runs that failed in a row, without one in between that succeeded or lasted. */
export function failuresAfter(failures: number, result: Result, plan: Plan): number {
  if (exitCodeOf(result) === ExitCode.ok) return 0;
  return result.ranFor >= plan.restartMaxDelay ? 1 : failures + 1;
}

/**
 * How long this candidate waits before it runs the command again. After failures in a row `restart-delay`, doubled each
 * time up to `restart-max-delay`; after a success only what is missing to `restart-delay` between two starts, so that a
 * command that ends at once does not turn into a loop of thousands of runs a second.
 */
export function restartDelay(failures: number, result: Result, plan: Plan): number {
  if (failures === 0) return Math.max(0, plan.restartDelay - result.ranFor);
  return Math.min(plan.restartDelay * 2 ** (failures - 1), plan.restartMaxDelay);
}

/** Only what may pass by itself is `unavailable`: an ACL, or a client that is not installed, does not mend itself. */
export function failureOf(error: unknown): Failure {
  if (!(error instanceof BallotError)) {
    const stack = error instanceof Error ? error.stack : undefined;
    return { kind: 'bug', message: stack ?? describe(error), exitCode: ExitCode.bug };
  }
  const { exitCode, hint } = error;
  const message = hint === undefined ? describe(error) : `${describe(error)} (${hint})`;
  if (error instanceof AuthenticationError) return { kind: 'unauthenticated', message, exitCode };
  return { kind: exitCode === ExitCode.unavailable ? 'unavailable' : 'refused', message, exitCode };
}

/** How a run ended, for the ledger. `stopped`: why it was being stopped, if it was. */
export function outcomeOf(result: Result, stopped: StopReason['kind'] | undefined): RunOutcome {
  if (result.outcome.kind === 'notStarted') return 'not started';
  if (result.timedOut) return 'timed out';
  if (stopped === 'replaced') return 'replaced';
  if (stopped !== undefined && stopped !== 'leftovers') return 'stopped';
  return result.exitCode === ExitCode.ok ? 'succeeded' : 'failed';
}

/** A few words on how a run ended, for the log. */
export function describeResult(result: Pick<Result, 'outcome' | 'timedOut'>): string {
  const { outcome, timedOut } = result;
  const late = timedOut ? ', stopped for taking longer than run-timeout' : '';
  if (outcome.kind === 'notStarted') return `could not be started: ${outcome.message}`;
  return (outcome.kind === 'signalled' ? `ended by ${outcome.signal}` : `exit code ${outcome.code}`) + late;
}
