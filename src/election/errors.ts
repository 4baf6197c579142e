/** How a request to a coordinator may end without a result: refused, not sent, or not known. */
import type { BallotErrorOptions } from '../errors.ts';
import { BallotError, ExitCode } from '../errors.ts';

/** The ensemble answered: no such znode. */
export class NoNodeError extends BallotError {
  constructor(path: string) {
    super('NO_NODE', ExitCode.unavailable, `no znode ${path}`);
  }
}

/** The ensemble answered: the znode has another version than the one named. Nothing was written. */
export class BadVersionError extends BallotError {
  constructor(path: string) {
    super('BAD_VERSION', ExitCode.unavailable, `znode ${path} was changed by somebody else`);
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

/** The session is over: expired, refused by the ensemble, or closed. Its ephemeral znodes are gone or will be. */
export class SessionEndedError extends BallotError {
  constructor(why: string, options?: BallotErrorOptions) {
    super('SESSION_ENDED', ExitCode.unavailable, `ZooKeeper session ended: ${why}`, options);
  }
}
