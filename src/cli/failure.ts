import { BallotError, ExitCode, describe } from '../errors.ts';
import { mask } from '../visible.ts';

/** What ends up on stderr when a command fails, and the exit code. */
export interface Failure {
  readonly text: string;
  readonly exitCode: number;
}

/**
 * An error as the user sees it: one line for each problem, and what to do; with `debug` its stack. What is no
 * BallotError is a bug in ballot: its stack, and what to report.
 */
export function failure(error: unknown, facts: { debug: boolean; version: string; argv: readonly string[] }): Failure {
  if (!(error instanceof BallotError)) return { text: bug(error, facts), exitCode: ExitCode.bug };
  const lines = describe(error)
    .split('\n')
    .map((line) => `ballot: ${line}`);
  if (error.hint !== undefined) lines.push(`ballot: hint: ${error.hint}`);
  if (facts.debug) lines.push(stackOf(error));
  return { text: `${lines.join('\n')}\n`, exitCode: error.exitCode };
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const stack = error.stack ?? error.message;
  return error.cause === undefined ? stack : `${stack}\ncaused by: ${stackOf(error.cause)}`;
}

function bug(error: unknown, { version, argv }: { version: string; argv: readonly string[] }): string {
  return [
    `ballot: unexpected error: ${describe(error)}`,
    stackOf(error),
    'ballot: this is a bug in ballot. Please report it with the lines above and these:',
    `ballot:   ballot ${version}, Node ${process.version}, ${process.platform} ${process.arch}`,
    `ballot:   ${mask(['ballot', ...withoutSecrets(argv)].join(' '))}`,
    '',
  ].join('\n');
}

/** Its value is never shown. */
const SECRET_FLAG = '--zookeeper-auth';

function withoutSecrets(argv: readonly string[]): string[] {
  return argv.map((word, at) => {
    if (argv[at - 1] === SECRET_FLAG) return '***';
    return word.startsWith(`${SECRET_FLAG}=`) ? `${SECRET_FLAG}=***` : word;
  });
}
