/**
 * Which versions of Node ballot can be installed on. The set-up asks before it runs npm. npm runs this file as
 * `preinstall`, before it compiles what ballot depends on. Uses no packages and nothing that an old Node does not know.
 */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/** These and older ones need `v8::DEFAULT`, which Node 26 no longer has. A newer one is given the chance to compile. */
const LAST_ZOOKEEPER_BEFORE_NODE_26 = '7.3.0';

const WHAT_WORKS = 'use Node 24 (22 and 20.19 or newer work too)';

/**
 * @param {string} node the version of Node, or its beginning: the newest of those
 * @param {string | undefined} zookeeper the version of the npm package zookeeper, if known
 * @returns {string | undefined} one sentence: why ballot cannot be installed on this Node, and on which it can
 */
export function nodeProblem(node, zookeeper) {
  const [major = 0, minor = Infinity] = node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) return `ballot does not run on Node ${node}: ${WHAT_WORKS}`;
  if (major >= 26 && zookeeper === LAST_ZOOKEEPER_BEFORE_NODE_26)
    return `zookeeper ${zookeeper}, which ballot needs, does not compile on Node ${major}: ${WHAT_WORKS}`;
  return undefined;
}

/** npm has put the packages in their places when it calls `preinstall`. @returns {string | undefined} */
function installedZooKeeper() {
  try {
    /** @type {{ version: string }} */
    const { version } = createRequire(import.meta.url)('zookeeper/package.json');
    return version;
  } catch {
    return undefined;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const problem = nodeProblem(process.versions.node, installedZooKeeper());
  if (problem !== undefined) {
    console.error(problem);
    process.exitCode = 1;
  }
}
