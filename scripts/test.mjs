/**
 * `npm test`: set-up, checks of the source, then every test project, on a machine that has Node and npm. The last line is
 * `N passed, N failed`; the exit code is 0 only if nothing failed, nothing was skipped and no project was empty.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { imageCheck, lintChecks, runChecks, typeCheck } from './checks.mjs';
import { setUpOrExit } from './setup.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * Each project with the time after which it is taken to hang, ms: several times what the slowest machine needs.
 * @type {[string, number][]}
 */
const PROJECTS = [
  ['unit', 900_000],
  ['simulation', 900_000],
  ['contract', 600_000],
  ['integration', 2_400_000],
];

/** @typedef {{ numPassedTests: number, numFailedTests: number, numPendingTests: number, numTodoTests: number, success: boolean }} Report */

/**
 * @param {string} project
 * @param {number} timeout
 * @returns {Promise<{ passed: number, failed: number }>}
 */
async function runProject(project, timeout) {
  const folder = mkdtempSync(join(tmpdir(), 'ballot-test-'));
  try {
    const reportFile = join(folder, 'report.json');
    const args = [
      'run',
      '--project',
      project,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${reportFile}`,
    ];
    const code = await vitest(args, timeout);
    if (!existsSync(reportFile)) return problem(0, `the ${project} tests gave no report`);
    /** @type {Report} */
    const report = JSON.parse(readFileSync(reportFile, 'utf8'));
    const { numPassedTests: passed, numFailedTests: failed } = report;
    const left = report.numPendingTests + report.numTodoTests;
    if (failed > 0) return { passed, failed };
    if (left > 0) return problem(passed, `${left} ${project} tests were skipped`);
    if (passed === 0) return problem(0, `there are no ${project} tests`);
    // A file that cannot be loaded, an error outside of any test, a server that cannot be started.
    return code === 0 && report.success
      ? { passed, failed }
      : problem(passed, `the ${project} tests ended with an error outside of a test`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {number} passed @param {string} what */
function problem(passed, what) {
  console.log(`✗ ${what}`);
  return { passed, failed: 1 };
}

/**
 * @param {string[]} args
 * @param {number} timeout
 * @returns {Promise<number>} the exit code
 */
function vitest(args, timeout) {
  return new Promise((resolve, reject) => {
    const child = spawn(join(root, 'node_modules/.bin/vitest'), args, {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      timeout,
      killSignal: 'SIGKILL',
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (signal !== null) console.log(`✗ ended by ${signal} (limit ${timeout} ms)`);
      resolve(code ?? 1);
    });
  });
}

setUpOrExit();
const sums = [await runChecks([imageCheck, typeCheck, ...lintChecks])];
for (const [project, timeout] of PROJECTS) sums.push(await runProject(project, timeout));

const total = (/** @type {'passed' | 'failed'} */ key) => sums.reduce((sum, part) => sum + part[key], 0);
console.log(`\n${total('passed')} passed, ${total('failed')} failed`);
process.exitCode = total('failed') === 0 ? 0 : 1;
