/**
 * How a request to a coordinator may end without a result: refused, not sent, or not known. A coordinator throws these,
 * or classes of its own that extend them and say it in its own words.
 */
import { BallotError, ExitCode, type BallotErrorOptions } from '../errors.ts';

/** The coordinator answered: there is no such thing. Nothing was written. */
export class GoneError extends BallotError {
  constructor(message: string) {
    super('GONE', ExitCode.unavailable, message);
  }
}

/** The coordinator answered: it has another version than the one named. Nothing was written. */
export class VersionConflictError extends BallotError {
  constructor(message: string) {
    super('VERSION_CONFLICT', ExitCode.unavailable, message);
  }
}

/** No answer in time, or the connection broke after the request was sent: it may have been applied, or may yet be. */
export class OutcomeUnknownError extends BallotError {
  constructor(operation: string, path: string, why: string) {
    super('OUTCOME_UNKNOWN', ExitCode.unavailable, `${operation} ${path}: outcome unknown (${why})`);
  }
}

/** The request was never sent: nothing was applied. */
export class NotSentError extends BallotError {
  constructor(operation: string, path: string, why: string) {
    super('NOT_SENT', ExitCode.unavailable, `${operation} ${path}: not sent (${why})`);
  }
}

/** The coordinator has given this candidate up, or was left: what it held for the candidate is gone, or will be. */
export class GivenUpError extends BallotError {
  constructor(message: string, options?: BallotErrorOptions) {
    super('GIVEN_UP', ExitCode.unavailable, message, options);
  }
}
