import { spawn, type ChildProcess } from 'node:child_process';
import { withInheritedFilter } from './core-dumps.ts';
import { notStarted, outcomeOf, throughShell, type Outcome, type Program } from './launch.ts';

/** A command that runs in the place of this process: in its process group, with its stdin, stdout and stderr. */
export interface ForegroundCommand {
  /** Resolves when the command has ended; what it has started may live on. Never rejects. */
  readonly ended: Promise<Outcome>;
  /** Sends a signal to the command itself; does nothing when it has ended. */
  signal(signal: NodeJS.Signals): void;
}

/** Starts the command with stdin, stdout, stderr alone. Never throws: one that cannot be started is `notStarted`. */
export function runInForeground(program: Program): ForegroundCommand {
  const { command, env } = throughShell(program);
  const [file, ...args] = command;
  let child: ChildProcess;
  try {
    child = withInheritedFilter(() => spawn(file, args, { env, stdio: 'inherit' }));
  } catch (error) {
    const ended = Promise.resolve(notStarted(program.command[0], program.env['PATH'], error));
    return { ended, signal: () => undefined };
  }
  return { ended: outcomeOf(child, program), signal: (signal) => pass(child, signal) };
}

function pass({ pid, exitCode, signalCode }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined || exitCode !== null || signalCode !== null) return;
  try {
    process.kill(pid, signal);
  } catch {
    // It has just ended, or has become another user's: who may signal that one does it without ballot.
  }
}
