/** The part of `npm run mutants` that belongs to `npm test`. */
import { spawn } from 'node:child_process';
import { setPriority } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NICE, problem } from './suite.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** After this they are taken to hang, ms: several times what the slowest machine needs. */
const TIMEOUT_MS = 1_200_000;

/** So many of the quick ones, always the same: `npm run mutants` tries all. */
const SAMPLE = '8';

/**
 * Puts faults into the product, one at a time: those that a quick test has to notice. Each that is noticed has passed.
 * @returns {Promise<import('./suite.mjs').Sum>}
 */
export function runMutants() {
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      ['scripts/run-ts.mjs', 'test/mutants/main.ts', '--core', '--sample', SAMPLE],
      {
        cwd: root,
        stdio: ['ignore', 'pipe', 'inherit'],
        timeout: TIMEOUT_MS,
      },
    );
    if (child.pid !== undefined) setPriority(child.pid, NICE);
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (/** @type {string} */ text) => {
      process.stdout.write(text);
      output += text;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      const [, noticed, unnoticed] = /(\d+) noticed, (\d+) unnoticed\s*$/.exec(output) ?? [];
      const [passed, failed] = [Number(noticed ?? 0), Number(unnoticed ?? 0)];
      if (failed > 0) return resolve({ passed, failed, failures: [output.trimEnd()] });
      resolve(code === 0 ? { passed, failed, failures: [] } : problem(passed, 'the mutants were not tried to the end'));
    });
  });
}
