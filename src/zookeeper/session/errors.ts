import {
  GivenUpError,
  GoneError,
  NotSentError,
  OutcomeUnknownError,
  VersionConflictError,
} from '../../election/errors.ts';
import { BallotError, ExitCode, RefusedError, type BallotErrorOptions } from '../../errors.ts';

/** The ensemble answered: no such znode. */
export class NoNodeError extends GoneError {
  constructor(path: string) {
    super(`no znode ${path}`);
  }
}

/** For `catch`: `undefined` stands for a znode that is not there. Other errors are thrown. */
export function unlessMissing(error: unknown): undefined {
  if (error instanceof NoNodeError) return undefined;
  throw error;
}

/** The ensemble answered: the znode has another version than the one named. Nothing was written. */
export class BadVersionError extends VersionConflictError {
  constructor(path: string) {
    super(`znode ${path} was changed by somebody else`);
  }
}

/** The session is over: expired, refused by the ensemble, or closed. Its ephemeral znodes are gone or will be. */
export class SessionEndedError extends GivenUpError {
  constructor(why: string, options?: BallotErrorOptions) {
    super(`ZooKeeper session ended: ${why}`, options);
  }
}

/** The ensemble answered: the znode exists already. */
export class NodeExistsError extends BallotError {
  constructor(path: string) {
    super('NODE_EXISTS', ExitCode.unavailable, `znode ${path} exists already`);
  }
}

/** The native part of the npm package `zookeeper` cannot be loaded: another try would fail too. */
export class ClientMissingError extends BallotError {
  constructor(message: string) {
    super(
      'CLIENT_MISSING',
      ExitCode.configuration,
      `the native module of the npm package zookeeper cannot be loaded: ${message.split('\n', 1)[0]}`,
      {
        hint:
          'it is compiled at installation for one version of Node (7.3.0 does not compile on Node 26), which npm ' +
          'leaves out with --ignore-scripts, and where allow-scripts does not name zookeeper: ' +
          '`npm approve-scripts zookeeper` in a project, `npm install -g --allow-scripts=zookeeper` otherwise; ' +
          'then run `npm rebuild zookeeper` where ballot is installed (needs a C++ compiler, make and python3), ' +
          'or set zookeeper-client to wire',
      },
    );
  }
}

/** Any other result code, named as ZooKeeper names it. */
export class ZooKeeperError extends BallotError {
  readonly resultCode: number;

  constructor(operation: string, path: string, resultCode: number, name: string) {
    super('ZOOKEEPER', ExitCode.unavailable, `${operation} ${path}: ${name} (${resultCode})`);
    this.resultCode = resultCode;
  }
}

/** Codes by which the ensemble, or the client, says no: nothing was applied. All others leave the outcome open. */
const REFUSALS: Readonly<Record<number, string>> = {
  [-6]: 'unimplemented',
  [-8]: 'bad arguments',
  [-108]: 'an ephemeral znode cannot have children',
  [-111]: 'the znode has children',
  [-118]: 'the session has moved to another server',
  [-119]: 'the server is read-only',
  [-125]: 'the quota is exceeded',
  [-127]: 'the server throttles requests',
};

const OPEN: Readonly<Record<number, string>> = {
  [-1]: 'system error',
  [-4]: 'connection lost',
  [-5]: 'marshalling error',
  [-7]: 'operation timed out',
  [-9]: 'invalid state of the client',
  [-112]: 'session expired',
  [-116]: 'the client is closing',
};

/** What the result code of a request means. `sent` is false when the client did not even take it. */
export function answerError(
  operation: string,
  path: string,
  { rc, sent }: { readonly rc: number; readonly sent: boolean },
): BallotError {
  if (rc === -101) return new NoNodeError(path);
  if (rc === -103) return new BadVersionError(path);
  if (rc === -110) return new NodeExistsError(path);
  if (rc === -102 || rc === -115) {
    const why = rc === -102 ? 'no permission by its ACL' : 'authentication failed';
    return new RefusedError(`${operation} ${path}: ZooKeeper refuses it (${why})`, {
      hint: `check the ACL of ${path} and of its parent`,
    });
  }
  if (rc === -114)
    return new RefusedError(`${operation} ${path}: ZooKeeper knows no identity of this client to make it for`, {
      hint: 'the servers have not authenticated it: check zookeeper-auth, and that they know its scheme',
    });
  const refusal = REFUSALS[rc];
  if (refusal !== undefined) return new ZooKeeperError(operation, path, rc, refusal);
  const why = `${OPEN[rc] ?? 'result code'} (${rc})`;
  return sent ? new OutcomeUnknownError(operation, path, why) : new NotSentError(operation, path, why);
}

export { RefusedError };
