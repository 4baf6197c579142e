/**
 * `npm test`: set-up, checks of the source, the test projects. `npm test -- --all`, which CI runs, adds what takes
 * long: everything beside Go's ballot, every fault at random, each contract on every kind of ensemble, the npm steps of
 * the container image, some mutants, the core of the tests on the Node of the Dockerfile, and what matters on one
 * without a native client (on a machine for which npm has Node). The last line is `N passed, N failed`; the exit code
 * is 0 only if nothing failed, was skipped, or was a project without tests.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { imageCheck, lintChecks, runChecks, typeCheck } from './checks.mjs';
import { runMutants } from './mutants.mjs';
import { CORE, CORE_WITHOUT_NATIVE, onNode, packageOf } from './on-node.mjs';
import { setUpOrExit, TEST_TOOLS } from './setup.mjs';
import { conclude, PROJECTS, runProject, total, workersFor } from './suite.mjs';

/** @typedef {import('./suite.mjs').Sum} Sum */

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The first Node on which the native client does not compile: ballot's own takes its place. */
const WITHOUT_NATIVE = '26';

/** @returns {Promise<Sum>} */
async function onOtherNodes() {
  const [, shipped = ''] = /^ARG NODE_VERSION=(\S+)$/m.exec(readFileSync(join(root, 'Dockerfile'), 'utf8')) ?? [];
  return total([await onOther(shipped, CORE), await onOther(WITHOUT_NATIVE, CORE_WITHOUT_NATIVE)]);
}

/** @param {string} version @param {import('./suite.mjs').Project[]} projects @returns {Promise<Sum>} */
async function onOther(version, projects) {
  if (process.versions.node.startsWith(`${version}.`)) return total([]);
  if (packageOf() !== undefined) return onNode(version, projects);
  console.log(`– not on Node ${version}: npm has Node for Linux alone`);
  return total([]);
}

/** @param {(() => Promise<Sum>)[]} steps @returns {Promise<Sum>} */
async function inTurn(steps) {
  const sums = [];
  for (const step of steps) sums.push(await step());
  return total(sums);
}

/** @param {...string} names of projects, in the order in which they are run */
const projects = (...names) =>
  names
    .flatMap((name) => PROJECTS.filter((project) => project.name === name))
    .map((project) => () => runProject(project));

/** What takes long beside those that compute. */
const LONG = [() => runChecks([imageCheck]), runMutants, onOtherNodes];

const unknown = process.argv.slice(2).filter((arg) => arg !== '--all');
if (unknown.length > 0) {
  console.error(`npm test: ${unknown.join(' ')}: it takes --all alone; one file: npx vitest run FILE`);
  process.exit(64);
}
const isAll = process.argv.includes('--all');
// For the tests: test/support/depth.ts.
if (isAll) process.env.TEST_DEPTH = 'all';

setUpOrExit(TEST_TOOLS);
// Before anybody reads `dist`: what runs side by side finds it built.
spawnSync(process.execPath, [join(root, 'scripts/build.mjs')], { stdio: ['ignore', 'ignore', 'inherit'] });
process.env.TEST_WORKERS ??= workersFor();
console.log(`tests: ${process.env.TEST_WORKERS} files of real processes at a time`);
// Tests of real servers wait most of the time, the others compute: together they take little longer than the longest.
conclude(
  total(
    await Promise.all([
      inTurn(projects('integration', ...(isAll ? ['predecessor', 'faults'] : []))),
      inTurn(projects('contract', 'simulation')),
      inTurn([() => runChecks([typeCheck, ...lintChecks]), ...projects('unit'), ...(isAll ? LONG : [])]),
    ]),
  ),
);
