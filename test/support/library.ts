/** The built library, and programs that use it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as Library from '../../src/index.ts';
import { isAlive } from './candidate.ts';
import { poll } from './poll.ts';

export const libraryUrl = pathToFileURL(join(import.meta.dirname, '../../dist/index.mjs')).href;

/** The library as this process has it. */
export const library = (await import(libraryUrl)) as typeof Library;

/** What a program has said with `say(event, …)`. */
interface Said {
  readonly event: string;
  readonly facts: readonly unknown[];
}

/** A module whose text begins with an import of the library as `ballot`, and a function `say`. Returns its path. */
export function moduleOf(folder: string, name: string, text: string): string {
  const path = join(folder, `${name}.mjs`);
  const head = [
    `import * as ballot from ${JSON.stringify(libraryUrl)};`,
    "const say = (event, ...facts) => process.stdout.write(JSON.stringify({ event, facts }) + '\\n');",
  ];
  writeFileSync(path, [...head, text].join('\n'));
  return path;
}

/** A program of a user. What is left of it is killed when it is disposed of. */
export class Program implements AsyncDisposable {
  /** What it has printed. */
  readonly lines: string[] = [];
  readonly child: ChildProcess;
  /** Resolves when it has ended. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
  stderr = '';

  constructor(path: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}) {
    this.child = spawn(process.execPath, [path, ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], ...env },
    });
    let rest = '';
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      this.lines.push(...lines);
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.ended = new Promise((resolve) => this.child.once('close', (code, signal) => resolve(code ?? signal)));
  }

  get said(): Said[] {
    return this.lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Said);
  }

  /** Facts of the first such event, once it was said. */
  async says(event: string): Promise<readonly unknown[]> {
    return (await this.#until(() => this.said.find((said) => said.event === event), event)).facts;
  }

  /** The first line that contains `text`, once it was printed. */
  prints(text: string): Promise<string> {
    return this.#until(() => this.lines.find((line) => line.includes(text)), text);
  }

  #until<T extends object | string>(attempt: () => T | undefined, what: string): Promise<T> {
    return poll(attempt, { what: `“${what}” of a program` }).catch((error: unknown) => {
      throw new Error(`${String(error)}; it has printed:\n${[...this.lines, this.stderr].join('\n')}`, {
        cause: error,
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { pid } = this.child;
    if (pid !== undefined && isAlive(pid)) this.child.kill('SIGKILL');
    await this.ended;
  }
}
