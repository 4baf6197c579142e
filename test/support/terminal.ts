/** Programs on a terminal: a pseudo-terminal of util-linux's `script`, and what is to be seen on it. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { Emulator } from './emulator.ts';
import { poll } from './poll.ts';
import { clientVariable } from './sessions.ts';

export interface TerminalOptions {
  readonly columns: number;
  readonly rows: number;
  /** Besides PATH, a HOME that does not exist and TERM. */
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * What the shell prints after the program: its exit code, and whether the terminal reads lines and shows what is typed.
 */
const AFTER =
  'echo "ended with $?"; stty -a | tr " ;" "\\n\\n" | grep -xE -- "-?(icanon|echo|isig)" | tr "\\n" " "; echo';

export class TerminalRun implements AsyncDisposable {
  readonly screen: Emulator;
  /** All that was written to the terminal. */
  transcript = '';
  readonly #script: ChildProcess;
  readonly #ended: Promise<void>;
  #failure: unknown;

  /** Starts Node with these arguments on a terminal of its own. */
  constructor(args: readonly string[], { columns, rows, env }: TerminalOptions) {
    this.screen = new Emulator(columns, rows);
    const words = [process.execPath, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
    const line = `stty cols ${columns} rows ${rows}; echo before; ${words}; ${AFTER}`;
    this.#script = spawn('script', ['-qec', line, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: {
        PATH: process.env['PATH'],
        HOME: '/nonexistent',
        TERM: 'xterm-256color',
        SHELL: '/bin/sh',
        ...clientVariable,
        ...env,
      },
    });
    this.#script.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.transcript += text;
      try {
        this.screen.write(text);
      } catch (error) {
        this.#failure ??= error;
      }
    });
    this.#ended = new Promise((resolve) => this.#script.once('close', () => resolve()));
  }

  /** The rows on the screen, once they are as wanted. */
  async until(wanted: (lines: readonly string[]) => boolean, what: string): Promise<readonly string[]> {
    const look = (): readonly string[] | undefined => {
      const { lines } = this.screen;
      return wanted(lines) ? lines : undefined;
    };
    try {
      return await poll(look, { what });
    } catch (error) {
      throw new Error(`${(error as Error).message}; the screen shows:\n${this.screen.lines.join('\n')}`, {
        cause: error,
      });
    } finally {
      this.check();
    }
  }

  /** Waits until a row matches. */
  shows(pattern: RegExp): Promise<readonly string[]> {
    return this.until((lines) => lines.some((line) => pattern.test(line)), `a row like ${String(pattern)}`);
  }

  /** Throws when the terminal has got something that it does not know, or a row that is too wide. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure as Error;
    if (this.screen.overflow !== '') throw new Error(`over the right edge: ${this.screen.overflow}`);
  }

  type(keys: string): void {
    this.#script.stdin?.write(keys);
  }

  resize(columns: number, rows: number): void {
    // The program may draw for the old size until it has noticed.
    [this.screen.columns, this.screen.rows] = [
      Math.max(columns, this.screen.columns),
      Math.max(rows, this.screen.rows),
    ];
    execFileSync('stty', ['-F', readlinkSync(`/proc/${this.pid}/fd/1`), 'cols', String(columns), 'rows', String(rows)]);
  }

  /** The program's process. */
  get pid(): number {
    const shell = childrenOf(this.#script.pid as number)[0];
    const program = shell === undefined ? undefined : childrenOf(shell)[0];
    if (program === undefined) throw new Error('the program does not run');
    return program;
  }

  /** What the terminal shows when the program has ended and the shell has looked at what it left. */
  async end(): Promise<readonly string[]> {
    await this.#ended;
    this.check();
    return this.screen.lines;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#script.kill('SIGKILL');
    await this.#ended;
  }
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
}
