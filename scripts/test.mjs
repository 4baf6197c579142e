/**
 * `npm test`: set-up, checks of the source, every test project, then the core of them on the Node of the Dockerfile, on a
 * machine that has Node and npm. The last line is `N passed, N failed`; the exit code is 0 only if nothing failed, nothing was skipped
 * and no project was empty.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { imageCheck, lintChecks, runChecks, typeCheck } from './checks.mjs';
import { CORE, onNode, packageOf } from './on-node.mjs';
import { setUpOrExit } from './setup.mjs';
import { PROJECTS, runProject, total } from './suite.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

async function onShippedNode() {
  const [, shipped = ''] = /^ARG NODE_VERSION=(\S+)$/m.exec(readFileSync(join(root, 'Dockerfile'), 'utf8')) ?? [];
  if (process.versions.node.startsWith(`${shipped}.`)) return { passed: 0, failed: 0 };
  if (packageOf() !== undefined) return onNode(shipped, CORE);
  console.log(`– not on Node ${shipped}, which the Dockerfile names: npm has Node for Linux alone`);
  return { passed: 0, failed: 0 };
}

setUpOrExit();
const sums = [await runChecks([imageCheck, typeCheck, ...lintChecks])];
for (const project of PROJECTS) sums.push(await runProject(project));
sums.push(await onShippedNode());

const { passed, failed } = total(sums);
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
