#!/usr/bin/env node
/**
 * The `ballot` command: forks the keeper, runs the program, ends the process. The only place that sets an exit code.
 * The build makes it CommonJS: such a file is loaded without threads and some milliseconds sooner, so that its first
 * lines stand early, whatever the limits.
 */
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { loadCompiled } from './cli/compiled.ts';
import { failure } from './cli/failure.ts';
import { checkLimits } from './cli/limits.ts';
import type * as Program from './cli/program.ts';
import { takeSecretVariable } from './cli/secret-variable.ts';
import { Signals } from './cli/signals.ts';
import { forkKeeper, type KeeperProcess } from './keeper/process.ts';
import { forgetTerminals, replaceByNull } from './terminals.ts';

/** Set by the build. */
declare const BALLOT_VERSION: string;
/** The rest of the program, relative to this file. Set by the build. */
declare const BALLOT_PROGRAM: string;

const argv = process.argv.slice(2);
const built = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const keeperPath = built('./keeper.js');

// First of all: a signal that comes before its handler would open Node's debugger, or end ballot without a word.
let signals = names(['run', 'join']) ? listenToSignals() : undefined;
// A bug: end at once. The keeper sees the channel close and does what its will says, so nothing is left running.
process.on('uncaughtException', (error) => end(error, { debug: true }));
// Before anything is started that would inherit it.
const secrets = takeSecretVariable();
// Ballot reads nothing from stdin. What runs in its place reads what ballot would have read.
const stdinStays = names(['if-leader']);
if (!stdinStays) replaceByNull(0);
forgetTerminals(stdinStays ? [0, 1, 2] : [1, 2]);
try {
  checkLimits();
} catch (error) {
  end(error, { debug: false });
}
// Before the rest is loaded, so that the ZooKeeper client loads and connects meanwhile.
const forked = wantsKeeper() ? forkKeeper(keeperPath, likelyClient()) : undefined;
let taken = false;

openOutputs();
// A reader that went away (`ballot info | head`) is no error of ballot's, and the command does not stop for it.
process.stdout.on('error', reportBrokenOutput);
process.stderr.on('error', () => undefined);
void main();

async function main(): Promise<void> {
  const { runProgram } = loadCompiled(built(BALLOT_PROGRAM)) as typeof Program;
  const exitCode = await runProgram({
    argv,
    version: BALLOT_VERSION,
    secrets,
    keeperPath,
    takeKeeper,
    dropKeeper,
    takeSignals,
  });
  if (!taken) forked?.kill();
  await finish(exitCode);
}

function takeKeeper(): KeeperProcess {
  taken = true;
  return forked ?? forkKeeper(keeperPath, likelyClient());
}

/** Nobody needs it. */
function dropKeeper(): void {
  if (!taken) forked?.kill();
  taken = true;
}

function takeSignals(): Signals {
  return (signals ??= listenToSignals());
}

function listenToSignals(): Signals {
  return new Signals((signal) => process.exit(128 + constants.signals[signal]));
}

/** The words before the command to run: what they ask for can be guessed cheaply, before anything is loaded. */
function ownWords(): string[] {
  const dashes = argv.indexOf('--');
  return dashes < 0 ? argv : argv.slice(0, dashes);
}

/** Whether one of the words stands among them. */
function names(words: readonly string[]): boolean {
  return ownWords().some((word) => words.includes(word));
}

/** The value of a flag, or of its variable, as far as they say it, in lower case. */
function valueOf(flag: string, variable: string): string | undefined {
  const said = new RegExp(`(?:^| )--${flag}[= ](\\S+)`).exec(ownWords().join(' '))?.[1];
  return (said ?? process.env[variable])?.toLowerCase();
}

/** A wrong guess costs a process that is ended unused, or one that is started later. */
function wantsKeeper(): boolean {
  return (
    names(['run', 'join', 'info', 'history', 'watch', 'is-leader', 'if-leader', 'step-down']) &&
    !names(['-h', '--help', '--version']) &&
    !isLocal()
  );
}

/** Whether the coordinator is this host. A file may say so too: that is not read yet. */
function isLocal(): boolean {
  return valueOf('coordinator', 'BALLOT_COORDINATOR') === 'local';
}

/** The client that the keeper loads while the configuration is read: a wrong guess costs some milliseconds. */
function likelyClient(): 'wire' | 'auto' {
  const isWire = valueOf('zookeeper-client', 'BALLOT_ZOOKEEPER_CLIENT') === 'wire';
  const speaksTls = names(['--zookeeper-tls']) || valueOf('zookeeper-tls', 'BALLOT_ZOOKEEPER_TLS') === 'true';
  return isWire || speaksTls ? 'wire' : 'auto';
}

/** A terminal may go away between Node's look at it and its use: Node would throw, so /dev/null takes its place. */
function openOutputs(): void {
  for (const [fd, name] of [
    [1, 'stdout'],
    [2, 'stderr'],
  ] as const)
    try {
      void process[name];
    } catch {
      replaceByNull(fd);
    }
}

function end(error: unknown, { debug }: { debug: boolean }): never {
  const { text, exitCode: code } = failure(error, { debug, version: BALLOT_VERSION, argv });
  process.stderr.write(text);
  process.exit(code);
}

function reportBrokenOutput(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') process.stderr.write(`ballot: stdout cannot be written: ${error.message}\n`);
}

/**
 * Ends the process when its output has been taken, and does not wait for anything else: a handle that somebody forgot
 * must not keep a ballot that has resigned. A reader that stopped reading holds it up, as it would any process; signals
 * end it as usual from here on.
 */
async function finish(code: number): Promise<void> {
  process.exitCode = code;
  signals?.release();
  await Promise.all([process.stdout, process.stderr].map(drained));
  process.exit();
}

function drained(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || stream.writableLength === 0) resolve();
    else stream.once('error', () => resolve()).write('', () => resolve());
  });
}
