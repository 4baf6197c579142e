/** A stand-in for systemd: a socket that notes what a service says. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { poll } from './poll.ts';

/** Listens from its construction on. Dispose of it. */
export class NotifySocket implements AsyncDisposable {
  readonly name: string;
  readonly #listener: ChildProcess;
  #said: string[] = [];
  #stderr = '';

  constructor(name: string) {
    this.name = name;
    this.#listener = spawn('python3', [join(import.meta.dirname, 'notified.py'), name], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let rest = '';
    this.#listener.stdout?.setEncoding('utf8').on('data', (data: string) => {
      const lines = (rest + data).split('\n');
      rest = lines.pop() ?? '';
      this.#said.push(...lines.map((line) => JSON.parse(line) as string));
    });
    this.#listener.stderr?.setEncoding('utf8').on('data', (data: string) => (this.#stderr += data));
  }

  /** Resolves when it listens. */
  async bound(): Promise<this> {
    await poll(() => this.#said.length > 0, { what: `${this.name} to be bound: ${this.#stderr}` });
    return this;
  }

  /** Everything that was said, one variable an entry; a message may hold several. */
  get assignments(): string[] {
    return this.#said.slice(1).flatMap((message) => message.trimEnd().split('\n'));
  }

  /** How often this was said. */
  count(assignment: string): number {
    return this.assignments.filter((said) => said === assignment).length;
  }

  /** Waits until something was said that begins so, or matches. */
  async hears(wanted: string | RegExp, count = 1): Promise<void> {
    const matches = (said: string): boolean => (typeof wanted === 'string' ? said === wanted : wanted.test(said));
    await poll(() => this.assignments.filter(matches).length >= count, { what: String(wanted) }).catch(
      (error: unknown) => {
        throw new Error(`${String(error)}; it was said:\n${this.assignments.join('\n')}`, { cause: error });
      },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#listener.exitCode !== null) return;
    const gone = once(this.#listener, 'exit');
    this.#listener.kill('SIGKILL');
    await gone;
  }
}
