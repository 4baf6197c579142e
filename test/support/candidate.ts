/**
 * Real candidates: the built `ballot run once` or `ballot run cron`, its keeper and its command, each within reach of
 * the test.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sortProposals } from '../../src/zookeeper/election/queue.ts';
import { parseLease, type Lease } from '../../src/zookeeper/election/record.ts';
import { NoNodeError } from '../../src/zookeeper/session/errors.ts';
import type { Session } from '../../src/zookeeper/session/port.ts';
import { PATIENCE_MS, poll } from './poll.ts';
import { clientVariable, within } from './sessions.ts';

export const ballotPath = join(import.meta.dirname, '../../dist/main.js');
const commandPath = join(import.meta.dirname, 'journalled.sh');

/** One line of the journal. `token` is `-` for a run without leadership. */
export interface Entry {
  /** `start`, `end`, `overlap`, or what the script itself notes. */
  readonly event: string;
  readonly candidate: string;
  readonly pid: number;
  readonly token: string;
  /** Seconds since the Unix epoch. */
  readonly time: number;
  /** What BALLOT_TICK says, as it is written; `-` when it is not set. */
  readonly tick: string;
}

/** What the commands of one election have written of themselves: the only judge of whether two ran at once. */
export class Journal implements Disposable {
  readonly folder: string;
  readonly path: string;

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'ballot-journal-'));
    this.path = join(this.folder, 'journal');
    closeSync(openSync(this.path, 'a'));
    execFileSync('mkfifo', [`${this.path}.silent`]);
  }

  /**
   * A command that journals its start and end around a piece of bash; `stay [seconds]` waits there. `traps` is bash
   * that runs before the start.
   */
  command(script = 'stay', traps = ''): [string, ...string[]] {
    return ['bash', commandPath, this.path, script, traps];
  }

  entries(): Entry[] {
    return readFileSync(this.path, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const [event = '', candidate = '', pid, token = '', time, tick = ''] = line.split(' ');
        return { event, candidate, pid: Number(pid), token, time: Number(time), tick };
      });
  }

  starts(candidate?: string): Entry[] {
    return this.#of('start', candidate);
  }

  ends(candidate?: string): Entry[] {
    return this.#of('end', candidate);
  }

  /** Starts of a command while another one lived. */
  overlaps(): Entry[] {
    return this.#of('overlap');
  }

  /** Waits for the start number `count` (of that candidate, if one is named) and returns it. */
  async started(
    count = 1,
    { candidate, timeout = PATIENCE_MS }: { candidate?: string; timeout?: number } = {},
  ): Promise<Entry> {
    await poll(() => this.starts(candidate).length >= count, {
      timeout,
      what: `start ${count}${candidate === undefined ? '' : ` of ${candidate}`} in the journal`,
    }).catch((error: unknown) => {
      throw new Error(`${String(error)}; the journal says:\n${readFileSync(this.path, 'utf8')}`, { cause: error });
    });
    return this.starts(candidate)[count - 1] as Entry;
  }

  /** Waits until `event` has been noted `count` times. */
  async noted(event: string, count = 1): Promise<void> {
    await poll(() => this.#of(event).length >= count, {
      what: `${count} times ${event} in the journal`,
    });
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #of(event: string, candidate?: string): Entry[] {
    return this.entries().filter(
      (entry) => entry.event === event && (candidate === undefined || entry.candidate === candidate),
    );
  }
}

/** A line of a candidate's log, as it was logged in JSON. */
export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly name: string;
  readonly [field: string]: unknown;
}

export interface CandidateOptions {
  /** `host:port`, separated by commas. Without one, `flags` say where the election is. */
  readonly servers?: string;
  readonly basePath?: string;
  readonly id?: string;
  /** `ballot run once` (the default), `ballot run cron`, or `ballot join`, which has no command. */
  readonly mode?: 'once' | 'cron' | 'join';
  /** More flags for `ballot run`. */
  readonly flags?: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  /** More of the environment. Of the test's own environment it has PATH alone. */
  readonly env?: Readonly<Record<string, string>>;
  /** The folder of a cgroup to start it in. */
  readonly cgroup?: string;
  /** A command that becomes the one that is given to it, in surroundings of its own: words in front. */
  readonly within?: readonly string[];
  /** Do not read its stdout: `output` is to be read by the test. */
  readonly unread?: boolean;
}

export interface Ending {
  /** As a shell counts: 128 + n when signal n ended ballot itself, which it never should unless by SIGKILL. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A command that moves itself to a cgroup first. */
export function startedIn(cgroup: string, command: readonly string[]): readonly [string, ...string[]] {
  return ['sh', '-c', 'echo $$ >"$0/cgroup.procs" && exec "$@"', cgroup, ...command];
}

let candidates = 0;
const alive = new Set<Candidate>();
process.once('exit', () => {
  for (const candidate of alive) candidate.kill();
});

/** One candidate. Dispose of it: whatever of it still lives is killed. */
export class Candidate implements AsyncDisposable {
  readonly id: string;
  /** Resolves when ballot has ended and all of its output was read. */
  readonly ended: Promise<Ending>;
  readonly startedAt = performance.now();
  readonly #child: ChildProcess;
  readonly #folder: string;
  /** In the environment of all that it starts, its keepers apart. */
  readonly #mark = `TEST_CANDIDATE=${randomUUID()}`;
  readonly #lines: LogLine[] = [];
  #stdout = '';
  #rest = '';
  #stderr = '';

  constructor({
    servers,
    basePath,
    id,
    mode = 'once',
    flags = {},
    command,
    env = {},
    cgroup,
    within: surroundings = [],
    unread = false,
  }: CandidateOptions) {
    this.id = id ?? `c${++candidates}`;
    this.#folder = mkdtempSync(join(tmpdir(), 'ballot-candidate-'));
    const all = {
      'log-format': 'json',
      ...(servers !== undefined && { 'zookeeper-servers': servers }),
      ...(basePath !== undefined && { 'zookeeper-base-path': basePath }),
      'candidate-id': this.id,
      ...flags,
    };
    const args = Object.entries(all).map(([key, value]) => `--${key}=${value}`);
    const [name, value] = this.#mark.split('=') as [string, string];
    const asked = mode === 'join' ? ['join', ...args] : ['run', mode, ...args, '--', ...command];
    const ballot = [...surroundings, process.execPath, ballotPath, ...asked] as [string, ...string[]];
    const [file, ...rest] = cgroup === undefined ? ballot : startedIn(cgroup, ballot);
    this.#child = spawn(file, rest, {
      cwd: this.#folder,
      env: {
        PATH: process.env['PATH'],
        HOME: this.#folder,
        ...clientVariable,
        [name]: value,
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    alive.add(this);
    if (!unread) this.output.setEncoding('utf8').on('data', (data: string) => this.#read(data));
    this.#child.stderr?.setEncoding('utf8').on('data', (data: string) => (this.#stderr += data));
    this.ended = this.#untilEnd(unread);
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** Its stdout as it came. */
  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** Its stdout as a stream, for a test that reads it in its own time. */
  get output(): NonNullable<ChildProcess['stdout']> {
    return this.#child.stdout as NonNullable<ChildProcess['stdout']>;
  }

  /** Ballot's lines and those of a wrapped command; what is no JSON is left out. */
  get log(): readonly LogLine[] {
    return this.#lines;
  }

  /** Lines that contain `text`, of those that ballot itself logged. */
  said(text: string): LogLine[] {
    return this.log.filter((line) => line.name === 'ballot' && line.msg.includes(text));
  }

  /** Waits until ballot has logged a message that contains `text` `count` times; returns the last. */
  async says(
    text: string,
    { count = 1, timeout = PATIENCE_MS }: { count?: number; timeout?: number } = {},
  ): Promise<LogLine> {
    await this.until(() => this.said(text).length >= count, `“${text}” in the log`, timeout);
    return this.said(text)[count - 1] as LogLine;
  }

  /** Polls. Throws with the log after `timeout` ms, and at once when ballot ends meanwhile. */
  async until(attempt: () => boolean, what: string, timeout = PATIENCE_MS): Promise<void> {
    const over = this.ended.then(({ code, signal }) => {
      if (!attempt()) throw new Error(`${this.id} ended (${code ?? signal}) while it was waited for: ${what}`);
    });
    await this.#orTell(Promise.race([over, poll(attempt, { timeout, what })]));
  }

  /** Text of the lines that the wrapped command wrote. */
  wrote(stream: 'stdout' | 'stderr' = 'stdout'): string[] {
    return this.log.filter((line) => line.name === `cmd-run-${stream}`).map((line) => line.msg);
  }

  /** Sends a signal to the supervisor. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Process ids of its keepers that live. */
  keepers(): number[] {
    return childrenOf(this.pid).filter((pid) => isAlive(pid) && commandLineOf(pid).includes('keeper.js'));
  }

  /**
   * Process ids of all that lives and was started by it: the command with all its descendants, but neither supervisor
   * nor keepers.
   */
  descendants(): number[] {
    return processes().filter((pid) => pid !== this.pid && environmentOf(pid).includes(this.#mark) && isAlive(pid));
  }

  /** Process id of the command that it started last. */
  get commandPid(): number {
    const pid = this.said('the command runs').at(-1)?.['pid'];
    if (typeof pid !== 'number') throw new Error(`${this.id} has not started a command`);
    return pid;
  }

  /** Waits for the end of ballot. Throws after `timeout` ms, with the log. */
  async end(timeout = PATIENCE_MS): Promise<number> {
    const late = async (): Promise<never> => {
      await sleep(timeout, undefined, { ref: false });
      throw new Error(`${this.id} did not end within ${timeout} ms`);
    };
    const { code, signal } = await this.#orTell(Promise.race([this.ended, late()]));
    if (code === null) throw new Error(`ballot itself was ended by ${signal}`);
    return code;
  }

  /** SIGKILL for the supervisor, its keepers and all that the command has started. */
  kill(): void {
    // The keepers first, and at one go: none of them must live to give the lease up for its supervisor.
    if (this.isRunning) for (const pid of this.keepers()) tryKill(pid);
    this.#child.kill('SIGKILL');
    for (const pid of this.descendants()) tryKill(pid);
    rmSync(this.#folder, { recursive: true, force: true });
    alive.delete(this);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = this.isRunning ? new Promise((resolve) => this.#child.once('exit', resolve)) : undefined;
    this.kill();
    await gone;
  }

  /** Whether the supervisor lives. */
  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async #untilEnd(unread: boolean): Promise<Ending> {
    const read = unread ? undefined : new Promise((resolve) => this.output.once('close', resolve));
    const ending = await new Promise<Ending>((resolve) => {
      this.#child.once('exit', (code, signal) => resolve({ code, signal }));
    });
    // Somebody who inherited the output may hold it open for as long as he likes.
    await Promise.race([read, sleep(1000, undefined, { ref: false })]);
    return ending;
  }

  #read(data: string): void {
    this.#stdout += data;
    const lines = (this.#rest + data).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) if (line.startsWith('{')) this.#lines.push(JSON.parse(line) as LogLine);
  }

  async #orTell<T>(promise: Promise<T>): Promise<T> {
    try {
      return await promise;
    } catch (error) {
      const log = this.log.map(({ time, level, msg, hostname: _h, candidateId: _c, name: _n, ...fields }) =>
        [time, level, msg, JSON.stringify(fields)].join(' '),
      );
      throw new Error(`${String(error)}\nlog of ${this.id}:\n${log.slice(-60).join('\n')}\nstderr:\n${this.stderr}`, {
        cause: error,
      });
    }
  }
}

/** Whether a process lives; a zombie does not. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return false;
  }
}

export function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

function environmentOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8');
  } catch {
    return '';
  }
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}

function processes(): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0);
}

/** Lease and queue of an election, read from the ensemble. `undefined`: there is no base znode. */
export async function electionAt(
  session: Session,
  basePath: string,
): Promise<{ readonly lease: Lease; readonly proposals: readonly string[] } | undefined> {
  try {
    const [{ data }, children] = await Promise.all([session.get(basePath, within), session.children(basePath, within)]);
    return { lease: parseLease(data), proposals: sortProposals(children) };
  } catch (error) {
    if (error instanceof NoNodeError) return undefined;
    throw error;
  }
}
