/**
 * `npm test`: set-up, checks of the source, every test project, the quick mutants, and the core of the tests on the
 * Node of the Dockerfile, on a machine that has Node and npm. The last line is `N passed, N failed`; the exit code is 0
 * only if nothing failed, nothing was skipped and no project was empty.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { imageCheck, lintChecks, runChecks, typeCheck } from './checks.mjs';
import { runMutants } from './mutants.mjs';
import { CORE, onNode, packageOf } from './on-node.mjs';
import { setUpOrExit, TEST_TOOLS } from './setup.mjs';
import { conclude, PROJECTS, runProject, total } from './suite.mjs';

/** @typedef {import('./suite.mjs').Sum} Sum */

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** @returns {Promise<Sum>} */
async function onShippedNode() {
  const [, shipped = ''] = /^ARG NODE_VERSION=(\S+)$/m.exec(readFileSync(join(root, 'Dockerfile'), 'utf8')) ?? [];
  if (process.versions.node.startsWith(`${shipped}.`)) return total([]);
  if (packageOf() !== undefined) return onNode(shipped, CORE);
  console.log(`– not on Node ${shipped}, which the Dockerfile names: npm has Node for Linux alone`);
  return total([]);
}

/** @param {(() => Promise<Sum>)[]} steps @returns {Promise<Sum>} */
async function inTurn(steps) {
  const sums = [];
  for (const step of steps) sums.push(await step());
  return total(sums);
}

/** @param {boolean} waiting those that wait most of their time, or the others */
const projects = (waiting) =>
  PROJECTS.filter(({ waits = false }) => waits === waiting).map((project) => () => runProject(project));

setUpOrExit(TEST_TOOLS);
// Before anybody reads `dist`: what runs side by side finds it built.
spawnSync(process.execPath, [join(root, 'scripts/build.mjs')], { stdio: ['ignore', 'ignore', 'inherit'] });
// Tests of real servers wait most of the time, the others compute: together they take little longer than the longer
// ones.
conclude(
  total(
    await Promise.all([
      inTurn(projects(true)),
      inTurn([() => runChecks([imageCheck, typeCheck, ...lintChecks]), ...projects(false), runMutants, onShippedNode]),
    ]),
  ),
);
