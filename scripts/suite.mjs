/** The test projects, and how one of them is run and counted. Used by `npm test` and `npm run test:node`. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { setPriority, tmpdir } from 'node:os';
import { delimiter, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * `timeout`: after which it is taken to hang, ms. `waits`: for real processes and servers, most of its time. `filter`:
 * further arguments of vitest. `only`: what is in the names of the tests to be run; the others do not count as skipped.
 * @typedef {{ name: string, timeout: number, waits?: boolean, filter?: string[], only?: string }} Project
 */

/**
 * `failures`: what failed, a text each, to be printed once more below everything else: the output of a whole run is
 * long, and of a long output often only the end is kept.
 * @typedef {{ passed: number, failed: number, failures: string[] }} Sum
 */

/**
 * Where to run: the Node, and the folder that holds sources and packages.
 * @typedef {{ node: string, root: string }} Place
 */

/** The time of each is several times what the slowest machine needs. @type {Project[]} */
export const PROJECTS = [
  { name: 'unit', timeout: 1_800_000 },
  { name: 'simulation', timeout: 1_800_000 },
  { name: 'integration', timeout: 3_000_000, waits: true },
  { name: 'contract', timeout: 1_800_000, waits: true },
  { name: 'predecessor', timeout: 1_800_000, waits: true },
  { name: 'faults', timeout: 1_800_000, waits: true },
];

/** What computes leaves the processors to what waits for real processes: those have bounds, however generous. */
export const NICE = 5;

/** So many lines of each error stand below everything else: the message, with what was expected, and where. */
const FAILURE_LINES = 30;

/** This Node, and the folder that this file is in. @type {Place} */
const HERE = { node: process.execPath, root: dirname(dirname(fileURLToPath(import.meta.url))) };

/** A bare Node starts and ends in less than this, ms: a machine that is quick, and has nothing else to do. */
const QUICK_MS = 70;

/**
 * How many files of real processes and servers are tested at a time: most of their time they wait, but with too many a
 * slow or busy machine has no processor left for heartbeats (see vitest.config.ts). It is measured before other work
 * begins.
 * @returns {string} for `TEST_WORKERS`
 */
export function workersFor() {
  const times = Array.from({ length: 5 }, () => {
    const start = performance.now();
    spawnSync(process.execPath, ['-e', '0'], { env: {} });
    return performance.now() - start;
  }).sort((a, b) => a - b);
  return Number(times[2]) < QUICK_MS ? '5' : '3';
}

/**
 * @param {Place} place
 * @returns {NodeJS.ProcessEnv} in which `node` is the one of the place, for scripts of npm and of the tests
 */
export function environment({ node }) {
  return { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH ?? ''}` };
}

/** @typedef {{ fullName: string, status: string, failureMessages: string[] }} TestReport */
/** @typedef {{ name: string, assertionResults: TestReport[] }} FileReport */

/**
 * @typedef {object} Report
 * @property {number} numPassedTests
 * @property {number} numFailedTests
 * @property {number} numPendingTests
 * @property {number} numTodoTests
 * @property {boolean} success
 * @property {FileReport[]} testResults
 */

/**
 * Runs one project. A project that skips a test, has none, or ends with an error outside of its tests has failed.
 * @param {Project} project
 * @param {Place} [place]
 * @returns {Promise<Sum>}
 */
export async function runProject({ name, timeout, waits = false, filter = [], only }, place = HERE) {
  const folder = mkdtempSync(join(tmpdir(), 'ballot-test-'));
  try {
    const reportFile = join(folder, 'report.json');
    const output = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`];
    const args = ['run', '--project', name, ...output, ...filter, ...(only === undefined ? [] : ['-t', only])];
    const code = await vitest(args, { timeout, nice: waits ? 0 : NICE }, place);
    if (!existsSync(reportFile)) return problem(0, `the ${name} tests gave no report`);
    /** @type {Report} */
    const report = JSON.parse(readFileSync(reportFile, 'utf8'));
    const { numPassedTests: passed, numFailedTests: failed } = report;
    const left = report.numPendingTests + report.numTodoTests;
    if (failed > 0) return { passed, failed, failures: failuresOf(report, place.root) };
    if (left > 0 && only === undefined) return problem(passed, `${left} ${name} tests were skipped`);
    if (passed === 0) return problem(0, `there are no ${name} tests`);
    // A file that cannot be loaded, an error outside of any test, a server that cannot be started.
    return code === 0 && report.success
      ? { passed, failed, failures: [] }
      : problem(passed, `the ${name} tests ended with an error outside of a test`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One failure that no test has told of. @param {number} passed @param {string} what @returns {Sum} */
export function problem(passed, what) {
  return { passed, failed: 1, failures: [what] };
}

/**
 * @param {Report} report
 * @param {string} folder of the test files
 * @returns {string[]} a text for each test that failed: file, name, the first lines of its errors
 */
function failuresOf(report, folder) {
  return report.testResults.flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter(({ status }) => status === 'failed')
      .map(({ fullName, failureMessages }) => {
        const errors = failureMessages.flatMap((message) =>
          message
            .split('\n')
            .filter((line) => !line.includes('/node_modules/'))
            .slice(0, FAILURE_LINES),
        );
        return [`${relative(folder, name)} > ${fullName}`, ...errors.map((line) => `    ${line}`)].join('\n');
      }),
  );
}

/** @param {readonly Sum[]} sums @returns {Sum} */
export function total(sums) {
  return sums.reduce(add, { passed: 0, failed: 0, failures: [] });
}

/** Prints what failed, and the sum as the last line; the exit code is 0 only if nothing failed. @param {Sum} sum */
export function conclude({ passed, failed, failures }) {
  for (const failure of failures) console.log(`\n✗ ${failure}`);
  console.log(`\n${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

/** @param {Sum} a @param {Sum} b @returns {Sum} */
function add(a, b) {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    failures: [...a.failures, ...b.failures],
  };
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
