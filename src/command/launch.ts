import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync } from 'node:fs';
import { type ConnectOpts, Socket, type SocketConstructorOpts } from 'node:net';
import type { Readable } from 'node:stream';
import { type Clock, systemClock } from '../clock.ts';
import { ExitCode, describe } from '../errors.ts';
import { withInheritedFilter } from './core-dumps.ts';
import { OutputReader, type OutputSink, type OutputStream } from './output.ts';
import { type Pipe, takePipes } from './pipes.ts';
import type { ProcessName } from './proc.ts';
import { markOf } from './mark.ts';
import type { RunCgroup, RunCgroups } from './run-cgroups.ts';
import { type GroupIdentity, type Report, RunProcesses } from './run-processes.ts';

/** How a run ended. Node reports an end by a real-time signal (34 to 64) as exit code 0, like a good one. */
export type Outcome =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'signalled'; readonly signal: NodeJS.Signals }
  /** The command could not be started: 127 not found, 126 not executable or any other reason. */
  | { readonly kind: 'notStarted'; readonly code: 126 | 127; readonly message: string };

/** One execution of the command, in a process group and session of its own. `RunProcesses` says what belongs to it. */
export interface RunningCommand {
  /** Process id of the leader, which is the id of the group and session; `undefined` when it could not be started. */
  readonly pid: number | undefined;
  /** Tells its leader from a later process of that number, for the will. `undefined`: it could not be started. */
  readonly group: GroupIdentity | undefined;
  /** Resolves when the leader has ended and was reaped. Never rejects. */
  readonly exited: Promise<Outcome>;
  /** Resolves when nothing of the run is left (a zombie counts as gone), not before `exited`. Never rejects. */
  readonly gone: Promise<void>;
  /**
   * Resolves when all that the command wrote has been handed to the log (wrapped), at once otherwise. Not held up by a
   * process outside the run that keeps the pipe open.
   */
  readonly drained: Promise<void>;
  /** Sends a signal to the whole run; does nothing when it is gone. Reports processes that it may not signal. */
  signal(signal: NodeJS.Signals): void;
  /** The processes of the run that live, but its leader. */
  followers(): readonly ProcessName[];
}

export interface LaunchOptions {
  readonly command: readonly [string, ...string[]];
  /** The complete environment of the command. */
  readonly env: NodeJS.ProcessEnv;
  /** Values of variables that are not UTF-8. */
  readonly bytes?: ReadonlyMap<string, Buffer>;
  /** Log the output line by line, or let the command inherit ballot's stdout and stderr. */
  readonly wrap: boolean;
  /** A descriptor for the command to inherit as its fourth: what holds the lock of its election. */
  readonly inherits?: number | undefined;
  /** Gives the run a cgroup of its own, where there are any. */
  readonly cgroups?: Pick<RunCgroups, 'take'>;
  /** Receives reports about the run's processes. */
  readonly report: Report;
}

/** What a pipe holds by default: one read empties it. */
const READ_BYTES = 64 * 1024;

/** What is started, and with what environment. */
export type Program = Pick<LaunchOptions, 'command' | 'env' | 'bytes'>;

/** Why a command could not be started, as an outcome with a message that says what to do. */
export function notStarted(command: string, path: string | undefined, error: unknown): Outcome {
  const code = (error as NodeJS.ErrnoException).code;
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: command.includes('/')
      ? 'no such file'
      : `no such file in PATH (${path ?? 'not set'}); name it with its folder, or set PATH`,
    EACCES: 'permission denied: it is not executable, or a folder',
    ENOTDIR: 'a part of its path is no folder',
    E2BIG: 'its arguments and environment are too long for the system',
    EAGAIN: 'the limit of processes is reached (ulimit -u)',
    EMFILE: 'the limit of open files is reached (ulimit -n)',
    ENFILE: 'the limit of open files of the whole system is reached',
    ENOMEM: 'out of memory',
  };
  // The file is there, so what is not found is the interpreter that its first line names.
  const noInterpreter = code === 'ENOENT' && command.includes('/') && existsSync(command);
  const reason = noInterpreter
    ? 'the interpreter named in its first line is not found'
    : ((code === undefined ? undefined : reasons[code]) ?? describe(error));
  return {
    kind: 'notStarted',
    code: code === 'ENOENT' && !noInterpreter ? ExitCode.notFound : ExitCode.notExecutable,
    message: `cannot start ${JSON.stringify(command)}: ${reason}${code === undefined ? '' : ` (${code})`}`,
  };
}

/** How the leader ended. Listens at once: to be called in the same turn as the spawn. */
export function outcomeOf(child: ChildProcess, options: Program): Promise<Outcome> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      resolve(signal === null ? { kind: 'exited', code: code ?? 0 } : { kind: 'signalled', signal });
    });
    child.once('error', (error) => resolve(notStarted(options.command[0], options.env['PATH'], error)));
  });
}

type Pipes = NonNullable<ReturnType<typeof takePipes>>;

/** Reads one of our own pipes into the sink, through memory that is used again. */
function readPipe(pipe: Pipe, stream: OutputStream, sink: OutputSink): OutputReader {
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  const options: SocketConstructorOpts & ConnectOpts = {
    fd: pipe.read,
    readable: true,
    writable: false,
    onread: { buffer, callback: (length) => reader.take(buffer.subarray(0, length)) },
  };
  const source: Socket = new Socket(options);
  const reader = new OutputReader(source, stream, sink);
  source.once('end', () => pipe.giveBack());
  source.resume();
  return reader;
}

/** Reads a stream that Node made for the child (a socket pair). */
function readStream(source: Readable | null, stream: OutputStream, sink: OutputSink): OutputReader[] {
  if (source === null || source === undefined) return [];
  const reader = new OutputReader(source, stream, sink);
  source.on('data', (chunk: Buffer) => void reader.take(chunk));
  return [reader];
}

function readers(
  child: ChildProcess,
  pipes: Pipes | undefined,
  options: LaunchOptions,
  sink: OutputSink,
): OutputReader[] {
  if (!options.wrap) return [];
  if (pipes !== undefined) return [readPipe(pipes.stdout, 'stdout', sink), readPipe(pipes.stderr, 'stderr', sink)];
  return [...readStream(child.stdout, 'stdout', sink), ...readStream(child.stderr, 'stderr', sink)];
}

/** Node sets variables to text alone. A shell gives them other bytes, and becomes the command. */
export function throughShell({ command, env, bytes = new Map() }: Program): Pick<Program, 'command' | 'env'> {
  if (bytes.size === 0) return { command, env };
  const written: Record<string, string> = {};
  for (const [name, value] of bytes) written[name] = value.toString('latin1').replace(/[^\w/:,.=-]/g, octal);
  // `$(…)` drops newlines at the end: the dot guards them.
  const decode = [...bytes.keys()].map((name) => `${name}=$(printf "$${name}."); export ${name}="\${${name}%.}"`);
  return {
    command: ['/bin/sh', '-c', `${decode.join('; ')}; exec "$@"`, 'sh', ...command],
    env: { ...env, ...written },
  };
}

/** A byte as printf(1) reads it. */
function octal(byte: string): string {
  return `\\${byte.charCodeAt(0).toString(8).padStart(3, '0')}`;
}

function spawnCommand(options: LaunchOptions, pipes: Pipes | undefined): ChildProcess {
  const { command, env } = throughShell(options);
  const [file, ...args] = command;
  const wrapped =
    pipes === undefined ? (['pipe', 'pipe'] as const) : ([pipes.stdout.write, pipes.stderr.write] as const);
  const [stdout, stderr] = options.wrap ? wrapped : (['inherit', 'inherit'] as const);
  try {
    // `detached` is setsid(2): a session and process group of its own.
    const more = options.inherits === undefined ? [] : [options.inherits];
    return withInheritedFilter(() =>
      spawn(file, args, { detached: true, env, stdio: ['ignore', stdout, stderr, ...more] }),
    );
  } finally {
    if (pipes !== undefined) for (const pipe of [pipes.stdout, pipes.stderr]) closeSync(pipe.write);
  }
}

function failed(outcome: Outcome): RunningCommand {
  const done = Promise.resolve();
  return {
    pid: undefined,
    group: undefined,
    exited: Promise.resolve(outcome),
    gone: done,
    drained: done,
    signal: () => {},
    followers: () => [],
  };
}

/**
 * Starts the command as leader of a process group and session of its own: stdin from /dev/null, the environment as
 * given, no open file but stdin, stdout and stderr. Never throws: a command that cannot be started has the outcome
 * `notStarted`.
 *
 * @param output takes the lines of a wrapped command
 * @param clock paces the wait for the end of the run, after its leader has ended
 */
export function launch(options: LaunchOptions, output: OutputSink, clock: Clock = systemClock): RunningCommand {
  const pipes = options.wrap ? takePipes() : undefined;
  let child: ChildProcess;
  try {
    child = spawnCommand(options, pipes);
  } catch (error) {
    if (pipes !== undefined) for (const pipe of [pipes.stdout, pipes.stderr]) discard(pipe);
    return failed(notStarted(options.command[0], options.env['PATH'], error));
  }
  const exited = outcomeOf(child, options);
  const cgroup = child.pid === undefined ? undefined : options.cgroups?.take();
  const processes = child.pid === undefined ? undefined : processesOf(child.pid, options, cgroup, clock);
  const streams = readers(child, pipes, options, output);
  const gone = exited.then(() => processes?.untilGone(clock)).then(() => cgroup?.leave());
  const drained = Promise.all(streams.map((stream) => stream.drained(gone))).then(() => {});
  return {
    pid: child.pid,
    group: processes?.identity,
    exited,
    gone,
    drained,
    signal: (signal) => void processes?.signal(signal),
    followers: () => processes?.followers() ?? [],
  };
}

/** The processes of a run whose leader has just been started, and is moved into its cgroup in the background. */
function processesOf(
  leader: number,
  { env, report }: LaunchOptions,
  cgroup: RunCgroup | undefined,
  clock: Clock,
): RunProcesses {
  const processes = RunProcesses.startedAs(leader, { mark: markOf(env), cgroup: cgroup?.path }, report, clock);
  cgroup?.admit(leader, () => processes.followers().map(({ pid }) => pid));
  return processes;
}

function discard(pipe: Pipe): void {
  closeSync(pipe.read);
  pipe.giveBack();
}
