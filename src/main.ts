#!/usr/bin/env node
/** The `ballot` command: forks the keeper, runs the program, ends the process. The only place that sets an exit code. */
import { fileURLToPath } from 'node:url';
import { failure } from './cli/failure.ts';
import { forkKeeper, type KeeperProcess } from './zookeeper/fork.ts';

/** Set by the build. */
declare const BALLOT_VERSION: string;

const argv = process.argv.slice(2);
const keeperPath = fileURLToPath(new URL('./zookeeper/keeper.js', import.meta.url));

// First thing, so that the ZooKeeper client loads and connects while this process loads its own code.
const forked = wantsKeeper(argv) ? forkKeeper(keeperPath) : undefined;
let taken = false;

// A bug: end at once. The keeper sees the channel close and does what its will says, so nothing is left running.
process.on('uncaughtException', crash);
// A reader that went away (`ballot info | head`) is no error of ballot's, and the command does not stop for it.
process.stdout.on('error', reportBrokenOutput);
process.stderr.on('error', () => undefined);

const { runProgram } = await import('./cli/program.ts');
const exitCode = await runProgram({ argv, version: BALLOT_VERSION, keeperPath, takeKeeper });
if (!taken) forked?.kill();
await finish(exitCode);

function takeKeeper(): KeeperProcess {
  taken = true;
  return forked ?? forkKeeper(keeperPath);
}

/** A cheap guess, before anything is loaded: wrong costs a process that is ended unused, or one that is started later. */
function wantsKeeper(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  const own = end < 0 ? args : args.slice(0, end);
  return (
    own.some((word) => ['run', 'info', 'history'].includes(word)) &&
    !own.some((word) => /^(-h|--help|--version)$/.test(word))
  );
}

function crash(error: unknown): void {
  const { text, exitCode: code } = failure(error, { debug: true, version: BALLOT_VERSION, argv });
  process.stderr.write(text);
  process.exit(code);
}

function reportBrokenOutput(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') process.stderr.write(`ballot: stdout cannot be written: ${error.message}\n`);
}

/**
 * Ends the process when its output has been taken, and does not wait for anything else: a handle that somebody forgot must not keep a
 * ballot that has resigned. A reader that stopped reading holds it up, as it would any process; signals end it as usual from here on.
 */
async function finish(code: number): Promise<void> {
  process.exitCode = code;
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP']) process.removeAllListeners(signal);
  await Promise.all([process.stdout, process.stderr].map(drained));
  process.exit();
}

function drained(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || stream.writableLength === 0) resolve();
    else stream.once('error', () => resolve()).write('', () => resolve());
  });
}
