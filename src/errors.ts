/** The errors ballot throws on purpose: a stable code, an exit code (sysexits where one fits), a hint what to do. */

/** Exit codes of the `ballot` command that do not come from the supervised command itself. */
export const ExitCode = {
  ok: 0,
  /** The question is answered, and the answer is no. */
  no: 1,
  usage: 64,
  unavailable: 69,
  bug: 70,
  notElected: 75,
  refused: 77,
  configuration: 78,
  runTimeout: 124,
  notExecutable: 126,
  notFound: 127,
} as const;

export interface BallotErrorOptions {
  readonly cause?: unknown;
  /** What the reader can do about it: one sentence, no full stop needed. */
  readonly hint?: string;
}

/** Base of every error that ballot expects. Anything else that reaches the entry point is a bug (exit code 70). */
export class BallotError extends Error {
  readonly code: string;
  readonly exitCode: number;
  readonly hint: string | undefined;

  constructor(code: string, exitCode: number, message: string, options: BallotErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.exitCode = exitCode;
    this.hint = options.hint;
  }
}

/** Wrong flags, commands or arguments on the command line. */
export class UsageError extends BallotError {
  constructor(message: string, options?: BallotErrorOptions) {
    super('USAGE', ExitCode.usage, message, options);
  }
}

/** One or more problems in the configuration, each a line that names its source, key, value and what is allowed. */
export class ConfigurationError extends BallotError {
  readonly problems: readonly string[];

  constructor(problems: readonly string[], options?: BallotErrorOptions) {
    super('CONFIGURATION', ExitCode.configuration, problems.join('\n'), options);
    this.problems = problems;
  }
}

/** ZooKeeper cannot be reached, or gave no answer in time. */
export class UnavailableError extends BallotError {
  constructor(message: string, options?: BallotErrorOptions) {
    super('UNAVAILABLE', ExitCode.unavailable, message, options);
  }
}

/** ZooKeeper refused: authentication failed, or an ACL forbids the request. */
export class RefusedError extends BallotError {
  constructor(message: string, options?: BallotErrorOptions) {
    super('REFUSED', ExitCode.refused, message, options);
  }
}

/** ZooKeeper does not let this process in as who it is. Another try would be refused too, whatever the policy. */
export class AuthenticationError extends RefusedError {}

/** One line for any thrown value: messages along the chain of causes, no stack. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${describe(error.cause)}`;
}

/** What `attempt` returns; `undefined` where it throws: for what a system may not have, or not allow. */
export function orUndefined<T>(attempt: () => T): T | undefined {
  try {
    return attempt();
  } catch {
    return undefined;
  }
}

/** What was thrown, as an Error: code that is not ours may throw anything. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
