/** A `ballot run` as a user starts it, from `dist`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { poll } from '../../test/support/poll.ts';

export interface CandidateOptions {
  /** The folder of the repository. */
  readonly root: string;
  /** The working directory, home and configuration folder. */
  readonly cwd: string;
  readonly id: string;
  /** Without a base path, `flags` say where the election is. */
  readonly servers?: string;
  readonly basePath?: string;
  /** `once` by default. */
  readonly mode?: 'once' | 'cron';
  /** More options of `run`. */
  readonly flags?: readonly string[];
  readonly command: readonly string[];
  /** What starts it: words in front of the command line. */
  readonly prefix?: readonly string[];
  /** The Node to run it with; this one by default. */
  readonly node?: string;
}

const STOP_WITHIN_MS = 8_000;

/** What a benchmark's candidates are given: nothing of the user's own configuration but the ZooKeeper client. */
export function plainEnvironment(home: string): NodeJS.ProcessEnv {
  const { BALLOT_ZOOKEEPER_CLIENT } = process.env;
  return {
    ...(BALLOT_ZOOKEEPER_CLIENT !== undefined && { BALLOT_ZOOKEEPER_CLIENT }),
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    HOME: home,
    XDG_CONFIG_HOME: home,
    LC_ALL: 'C',
    NO_COLOR: '1',
  };
}

export class Candidate {
  readonly id: string;
  readonly pid: number;
  /** Resolves with the exit code, or the signal's name. */
  readonly ended: Promise<number | string>;
  readonly #process: ChildProcess;
  #log = '';
  #over = false;

  constructor({
    root,
    cwd,
    id,
    servers,
    basePath,
    mode = 'once',
    flags = [],
    command,
    prefix = [],
    node = process.execPath,
  }: CandidateOptions) {
    this.id = id;
    const options = [
      ...(basePath === undefined || servers === undefined
        ? []
        : ['--zookeeper-servers', servers, '--zookeeper-base-path', basePath]),
      '--candidate-id',
      id,
      '--log-format',
      'json',
      ...flags,
    ];
    const [file = node, ...args] = [
      ...prefix,
      node,
      join(root, 'dist/main.js'),
      'run',
      mode,
      ...options,
      '--',
      ...command,
    ];
    this.#process = spawn(file, args, { cwd, env: plainEnvironment(cwd), stdio: ['ignore', 'pipe', 'pipe'] });
    if (this.#process.pid === undefined) throw new Error(`${id} cannot be started: ${file}`);
    this.pid = this.#process.pid;
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (this.#log = (this.#log + text).slice(-20_000)));
    }
    running.add(this.#process);
    this.ended = new Promise((resolve) => {
      this.#process.once('exit', (code, signal) => {
        this.#over = true;
        running.delete(this.#process);
        resolve(code ?? signal ?? 0);
      });
    });
  }

  /** The end of what it has said so far. */
  get log(): string {
    return this.#log;
  }

  /** Resolves when it has said `text`. Throws after 20 s, or when it has ended before, with what it did say. */
  async says(text: string): Promise<void> {
    const said = (): boolean => this.#log.includes(text) || this.#over;
    const inTime = await poll(said, { timeout: 20_000, interval: 5 }).catch(() => false);
    if (!inTime || !this.#log.includes(text))
      throw new Error(
        `${this.id} ${inTime ? 'has ended' : 'goes on'} without saying "${text}"; it said: ${this.#log.slice(-2_000)}`,
      );
  }

  /** SIGTERM, and SIGKILL when that does not end it. */
  async stop(): Promise<void> {
    if (this.#over) return;
    this.#process.kill('SIGTERM');
    const late = setTimeout(() => this.#process.kill('SIGKILL'), STOP_WITHIN_MS);
    await this.ended;
    clearTimeout(late);
  }

  /** SIGKILL to the supervisor alone. */
  kill(): void {
    this.#process.kill('SIGKILL');
  }
}

/** Candidates that still run: they end with the benchmark, whatever ends it. */
const running = new Set<ChildProcess>();

process.once('exit', () => {
  for (const candidate of running) candidate.kill('SIGTERM');
});
