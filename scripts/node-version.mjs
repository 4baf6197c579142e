/**
 * Which versions of Node ballot can be installed on. The set-up asks before it runs npm. npm runs this file as
 * `preinstall`. Uses no packages and nothing that an old Node does not know.
 */
import { fileURLToPath } from 'node:url';

const WHAT_WORKS = 'use Node 24 (22, 26, and 20.19 or newer work too)';

/**
 * @param {string} node the version of Node, or its beginning: the newest of those
 * @returns {string | undefined} one sentence: why ballot cannot be installed on this Node, and on which it can
 */
export function nodeProblem(node) {
  const [major = 0, minor = Infinity] = node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return undefined;
  return `ballot does not run on Node ${node}: ${WHAT_WORKS}`;
}

/** These and older ones need `v8::DEFAULT`, which Node 26 no longer has. A newer one is given the chance to compile. */
const LAST_ZOOKEEPER_BEFORE_NODE_26 = '7.3.0';

/**
 * @param {string} node the version of Node
 * @param {string | undefined} zookeeper the version of the npm package zookeeper, if known
 * @returns {boolean} whether that package may compile on that Node
 */
export function mayCompile(node, zookeeper) {
  return Number(node.split('.')[0]) < 26 || zookeeper !== LAST_ZOOKEEPER_BEFORE_NODE_26;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const problem = nodeProblem(process.versions.node);
  if (problem !== undefined) {
    console.error(problem);
    process.exitCode = 1;
  }
}
