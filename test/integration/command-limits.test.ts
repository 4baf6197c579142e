import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';
import { useFolder } from '../support/hooks.ts';

/**
 * Launches `/bin/sh -c SCRIPT` with so many free descriptors as each number of argv says, and prints what came of each.
 */
const harness = `
import { closeSync, openSync } from 'node:fs';
import { launch } from './src/command/launch.ts';
import { preparePipes } from './src/command/pipes.ts';
const [mode, script, ...steps] = process.argv.slice(2);
if (mode === 'prepared') await preparePipes();
const held = [];
if (mode === 'exhausted') try { for (;;) held.push(openSync('/dev/null', 'r')); } catch {}
const results = [];
for (const free of steps) {
  for (let count = 0; count < Number(free); count += 1) closeSync(held.pop());
  let output = '';
  const run = launch({ command: ['/bin/sh', '-c', script], env: process.env, wrap: true, report: () => {} }, { output: ({ lines }) => void (output += lines.toString()) });
  const outcome = await run.exited;
  await run.gone;
  await run.drained;
  results.push({ ...outcome, output });
}
console.log(JSON.stringify(results));
`;

const folder = useFolder('limits');
let program: string;
beforeAll(async () => {
  program = join(folder, 'harness.mjs');
  await build({
    stdin: { contents: harness, resolveDir: join(import.meta.dirname, '../..'), loader: 'ts' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: program,
    logLevel: 'error',
  });
});

interface Result {
  readonly kind: string;
  readonly code: number;
  readonly message?: string;
  readonly output: string;
}

function run(prefix: string, mode: string, script: string, steps: number[], env: NodeJS.ProcessEnv = {}): Result[] {
  const words = [process.execPath, program, mode, script, ...steps.map(String)];
  const { stdout, stderr } = spawnSync('/bin/sh', ['-c', `${prefix} exec "$@"`, 'sh', ...words], {
    env: { ...process.env, ...env },
    timeout: 120_000,
    encoding: 'utf8',
  });
  if (stdout === '') throw new Error(`the harness said nothing; stderr: ${stderr}`);
  return JSON.parse(stdout) as Result[];
}

describe('a launch that lacks something', () => {
  it('descriptors: 126 with the reason, as long as they are lacking', () => {
    const results = run('ulimit -n 60;', 'exhausted', 'echo hi', [0, 1, 1, 1, 1, 1, 1, 12]);
    const started = results.pop();
    for (const result of results) {
      expect(result).toMatchObject({ kind: 'notStarted', code: 126, output: '' });
      expect(result.message).toMatch(/open files/);
    }
    expect(started).toEqual({ kind: 'exited', code: 0, output: 'hi\n' });
  });

  it('mkfifo: the output comes through a pair of sockets then', () => {
    expect(run('', 'plain', 'echo hi; echo there >&2; exit 3', [0], { PATH: '/nowhere' })).toEqual([
      { kind: 'exited', code: 3, output: 'hi\nthere\n' },
    ]);
  });

  it('nothing: its pipes are pipes, and leave no file behind', () => {
    const scratch = join(folder, 'tmp');
    mkdirSync(scratch);
    for (const mode of ['prepared', 'plain']) {
      const [first, second] = run('', mode, 'test -p /dev/stdout && test -p /dev/stderr && echo pipes', [0, 0], {
        TMPDIR: scratch,
      });
      expect([first?.output, second?.output]).toEqual(['pipes\n', 'pipes\n']);
    }
    expect(readdirSync(scratch)).toEqual([]);
  });
});
