/** A throw-away copy of the project, in which mutants are made and tests are run: the working tree stays as it is. */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { mutate, type Check, type Mutant, type TestFile } from './mutant.ts';

export const root = dirname(dirname(import.meta.dirname));

/** What is made of the sources, or has nothing to do with them. `node_modules` is linked. */
const NOT_COPIED = ['.git', '.ci', 'dist', 'node_modules'];

/** What came of a check. */
export interface Outcome {
  /** `passed`: all is well. `failed`: a test says no. `hung`: it was ended. `broken`: nothing was tested. */
  readonly verdict: 'passed' | 'failed' | 'hung' | 'broken';
  readonly ms: number;
  readonly output: string;
}

/** The part of vitest's report that counts. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly success: boolean;
}

/** One copy. It does one thing at a time. Dispose of it. */
export class Workshop implements Disposable {
  readonly #folder: string;
  /** Ends what is being run. */
  #end: () => void = () => undefined;

  constructor() {
    this.#folder = mkdtempSync(join(tmpdir(), 'ballot-mutants-'));
    cpSync(root, this.#folder, {
      recursive: true,
      filter: (source) => !NOT_COPIED.includes(relative(root, source)),
    });
    symlinkSync(join(root, 'node_modules'), join(this.#folder, 'node_modules'));
  }

  /** Runs a check on the product as it is. It is ended after `limit` ms. */
  check(check: Check, limit: number): Promise<Outcome> {
    return 'mode' in check ? this.#simulate(check, limit) : this.#test(check, limit);
  }

  /** Runs the mutant's check with the fault in place. */
  async try(mutant: Mutant, limit: number): Promise<Outcome> {
    const file = join(this.#folder, 'src', mutant.file);
    const source = readFileSync(file, 'utf8');
    writeFileSync(file, mutate(mutant, source));
    try {
      return await this.check(mutant.noticedBy, limit);
    } finally {
      writeFileSync(file, source);
    }
  }

  [Symbol.dispose](): void {
    this.#end();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #simulate({ mode, first, histories }: Extract<Check, { mode: string }>, limit: number): Promise<Outcome> {
    const args = ['--mode', mode, '--first', String(first), '--histories', String(histories)];
    const ran = await this.#run([process.execPath, 'scripts/run-ts.mjs', 'test/simulation/main.ts', ...args], limit);
    if (ran.code === undefined) return { verdict: 'hung', ...ran };
    // A program that cannot be loaded ends with 1 as well, and has told no history.
    if (!ran.output.includes(`of ${histories} histories in`)) return { verdict: 'broken', ...ran };
    return { verdict: ran.code === 0 ? 'passed' : 'failed', ...ran };
  }

  async #test({ project, file, named }: TestFile, limit: number): Promise<Outcome> {
    const reportFile = join(this.#folder, 'report.json');
    rmSync(reportFile, { force: true });
    const name = named === undefined ? [] : ['--testNamePattern', named];
    const reports = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`];
    const test = ['run', '--project', project, `test/${file}.test.ts`, ...name, '--bail', '1'];
    const ran = await this.#run([join(root, 'node_modules/.bin/vitest'), ...test, ...reports], limit);
    if (ran.code === undefined) return { verdict: 'hung', ...ran };
    const report = existsSync(reportFile) ? (JSON.parse(readFileSync(reportFile, 'utf8')) as Report) : undefined;
    if (report !== undefined && report.numFailedTests > 0) return { verdict: 'failed', ...ran };
    // A file that cannot be loaded, a build that fails, a pattern that no name matches: no test has said anything.
    const isTested = report !== undefined && report.numPassedTests > 0 && report.success && ran.code === 0;
    return { verdict: isTested ? 'passed' : 'broken', ...ran };
  }

  /** `code`: `undefined` when it was ended for taking too long. */
  #run(
    [file, ...args]: readonly [string, ...string[]],
    limit: number,
  ): Promise<{ code: number | undefined; ms: number; output: string }> {
    return new Promise((resolve, reject) => {
      const begin = performance.now();
      const child = spawn(file, args, {
        cwd: this.#folder,
        // All of a check: a part of it may not notice.
        env: { ...process.env, NO_COLOR: '1', TEST_DEPTH: 'all' },
        stdio: ['ignore', 'pipe', 'pipe'],
        // A group of its own, so that workers and servers end with it.
        detached: true,
      });
      let output = '';
      let isLate = false;
      const end = (): void => {
        if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
          process.kill(-child.pid, 'SIGKILL');
      };
      this.#end = end;
      const timer = setTimeout(() => {
        isLate = true;
        end();
      }, limit);
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding('utf8').on('data', (text: string) => (output += text));
      child.on('error', reject);
      child.on('close', (code) => {
        clearTimeout(timer);
        this.#end = () => undefined;
        resolve({ code: isLate ? undefined : (code ?? 1), ms: performance.now() - begin, output });
      });
    });
  }
}
