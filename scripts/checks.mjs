/** The checks of the source itself, each a command. Used by `npm run lint` and `npm test`. */
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const TIMEOUT_MS = 300_000;

/** @typedef {{ name: string, command: [string, ...string[]] }} Check */

/** @type {Check[]} */
export const lintChecks = [
  { name: 'format', command: ['oxfmt', '--check', '.'] },
  { name: 'oxlint', command: ['oxlint', '--type-aware', '--deny-warnings', '.'] },
  { name: 'layers', command: [process.execPath, 'scripts/layers.mjs'] },
  { name: 'unused code (knip)', command: ['knip'] },
  { name: 'package (publint)', command: ['publint', '--strict'] },
  // Node requires ES modules as well (20.19), so there is no CommonJS build that types could be wrong about.
  {
    name: 'types of the package (attw)',
    command: ['attw', '--pack', '.', '--profile', 'esm-only', '--no-emoji', '--no-color'],
  },
  { name: 'tables of options', command: [process.execPath, 'scripts/generate-docs.mjs', '--check'] },
  { name: 'container image', command: [process.execPath, 'scripts/check-dockerfile.mjs'] },
];

/** @type {Check} */
export const typeCheck = { name: 'types', command: ['tsc', '-p', '.'] };

/** Half a minute of compiling: for `npm test -- --all`. @type {Check} */
export const imageCheck = {
  name: 'container image, its npm steps',
  command: [process.execPath, 'scripts/check-dockerfile.mjs', '--run'],
};

/**
 * @param {Check} check
 * @returns {Promise<{ ok: boolean, output: string }>}
 */
function runCheck({ command: [file, ...args] }) {
  return new Promise((resolve) => {
    const env = { ...process.env, PATH: `${join(root, 'node_modules/.bin')}:${process.env.PATH}` };
    const child = spawn(file, args, {
      cwd: root,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: TIMEOUT_MS,
      killSignal: 'SIGKILL',
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (/** @type {string} */ text) => (output += text));
    child.on('error', (error) => resolve({ ok: false, output: String(error) }));
    child.on('close', (code, signal) =>
      resolve({ ok: code === 0, output: signal === null ? output : `${output}\nended by ${signal}` }),
    );
  });
}

/**
 * Runs the checks, two at a time, prints one line for each that passes and the output of each that fails.
 * @param {Check[]} checks
 * @returns {Promise<import('./suite.mjs').Sum>}
 */
export async function runChecks(checks) {
  /** @type {import('./suite.mjs').Sum} */
  const sum = { passed: 0, failed: 0, failures: [] };
  const waiting = [...checks];
  const worker = async () => {
    for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) {
      const start = performance.now();
      const { ok, output } = await runCheck(check);
      sum[ok ? 'passed' : 'failed'] += 1;
      console.log(`${ok ? '✓' : '✗'} ${check.name} (${Math.round(performance.now() - start)} ms)`);
      if (ok) continue;
      const text = output.trimEnd().replace(/^/gm, '    ');
      console.log(text);
      sum.failures.push(`${check.name}\n${text}`);
    }
  };
  await Promise.all([worker(), worker()]);
  return sum;
}
