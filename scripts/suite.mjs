/** The test projects, and how one of them is run and counted. Used by `npm test` and `npm run test:node`. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { setPriority, tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * `timeout`: after which it is taken to hang, ms. `waits`: for real processes and servers, most of its time. `filter`:
 * further arguments of vitest.
 * @typedef {{ name: string, timeout: number, waits?: boolean, filter?: string[] }} Project
 */

/** @typedef {{ passed: number, failed: number }} Sum */

/**
 * Where to run: the Node, and the folder that holds sources and packages.
 * @typedef {{ node: string, root: string }} Place
 */

/** The time of each is several times what the slowest machine needs. @type {Project[]} */
export const PROJECTS = [
  { name: 'unit', timeout: 1_800_000 },
  { name: 'simulation', timeout: 1_800_000 },
  { name: 'integration', timeout: 3_000_000, waits: true },
  { name: 'contract', timeout: 900_000, waits: true },
];

/** What computes leaves the processors to what waits for real processes: those have bounds, however generous. */
export const NICE = 10;

/** This Node, and the folder that this file is in. @type {Place} */
const HERE = { node: process.execPath, root: dirname(dirname(fileURLToPath(import.meta.url))) };

/**
 * @param {Place} place
 * @returns {NodeJS.ProcessEnv} in which `node` is the one of the place, for scripts of npm and of the tests
 */
export function environment({ node }) {
  return { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH ?? ''}` };
}

/**
 * @typedef {{ numPassedTests: number, numFailedTests: number, numPendingTests: number, numTodoTests: number, success: boolean }} Report
 */

/**
 * Runs one project. A project that skips a test, has none, or ends with an error outside of its tests has failed.
 * @param {Project} project
 * @param {Place} [place]
 * @returns {Promise<Sum>}
 */
export async function runProject({ name, timeout, waits = false, filter = [] }, place = HERE) {
  const folder = mkdtempSync(join(tmpdir(), 'ballot-test-'));
  try {
    const reportFile = join(folder, 'report.json');
    const output = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`];
    const args = ['run', '--project', name, ...output, ...filter];
    const code = await vitest(args, { timeout, nice: waits ? 0 : NICE }, place);
    if (!existsSync(reportFile)) return problem(0, `the ${name} tests gave no report`);
    /** @type {Report} */
    const report = JSON.parse(readFileSync(reportFile, 'utf8'));
    const { numPassedTests: passed, numFailedTests: failed } = report;
    const left = report.numPendingTests + report.numTodoTests;
    if (failed > 0) return { passed, failed };
    if (left > 0) return problem(passed, `${left} ${name} tests were skipped`);
    if (passed === 0) return problem(0, `there are no ${name} tests`);
    // A file that cannot be loaded, an error outside of any test, a server that cannot be started.
    return code === 0 && report.success
      ? { passed, failed }
      : problem(passed, `the ${name} tests ended with an error outside of a test`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {number} passed @param {string} what @returns {Sum} */
export function problem(passed, what) {
  console.log(`✗ ${what}`);
  return { passed, failed: 1 };
}

/** @param {readonly Sum[]} sums @returns {Sum} */
export function total(sums) {
  return sums.reduce((a, b) => ({ passed: a.passed + b.passed, failed: a.failed + b.failed }), {
    passed: 0,
    failed: 0,
  });
}

/**
 * @param {string[]} args
 * @param {{ timeout: number, nice: number }} limits
 * @param {Place} place
 * @returns {Promise<number>} the exit code
 */
function vitest(args, { timeout, nice }, place) {
  return new Promise((resolve, reject) => {
    const child = spawn(place.node, [join(place.root, 'node_modules/vitest/vitest.mjs'), ...args], {
      cwd: place.root,
      env: environment(place),
      stdio: ['ignore', 'inherit', 'inherit'],
      timeout,
      killSignal: 'SIGKILL',
    });
    child.on('error', reject);
    // What it starts inherits that.
    if (child.pid !== undefined && nice > 0) setPriority(child.pid, nice);
    child.on('close', (code, signal) => {
      if (signal !== null) console.log(`✗ ended by ${signal} (limit ${timeout} ms)`);
      resolve(code ?? 1);
    });
  });
}
