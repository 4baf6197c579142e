/** Where ZooKeeper's server is on this machine, for the set-up, the tests and the demo alike. */
import { accessSync, constants, existsSync, readdirSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

/**
 * The file that the shell would run for `name`, or undefined.
 * @param {string} name
 * @returns {string | undefined}
 */
export function onPath(name) {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const file = join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not here: the next folder.
    }
  }
  return undefined;
}

/** @param {string} folder @returns {boolean} whether ZooKeeper's jars are in it */
function hasJars(folder) {
  return existsSync(folder) && readdirSync(folder).some((name) => /^zookeeper(-\d[\w.-]*)?\.jar$/.test(name));
}

/** @returns {string | undefined} */
export function findJava() {
  const home = process.env.JAVA_HOME;
  const inHome = home === undefined ? undefined : join(home, 'bin', 'java');
  return inHome !== undefined && existsSync(inHome) ? inHome : onPath('java');
}

/**
 * The class path of ZooKeeper's server: `ZOOKEEPER_HOME` first, then the Debian package, then `zkServer.sh` (Homebrew:
 * `zkServer`) on the PATH. Undefined when there is none. Throws when `ZOOKEEPER_HOME` is set and holds no server:
 * somebody meant that one.
 * @returns {string | undefined}
 */
export function findZooKeeper() {
  const home = process.env.ZOOKEEPER_HOME;
  if (home !== undefined && home !== '') {
    const folder = [join(home, 'lib'), join(home, 'libexec', 'lib'), home].find(hasJars);
    if (folder === undefined)
      throw new Error(`ZOOKEEPER_HOME is ${home}, but no zookeeper jar is in its lib folder: correct it or unset it`);
    return join(folder, '*');
  }
  // Debian's jar names the jars it needs in its manifest, but none that logs, nor what Netty needs for TLS.
  const debian = '/usr/share/java/zookeeper.jar';
  const beside = ['slf4j-simple.jar', 'netty-codec.jar'].map((name) => join(dirname(debian), name));
  if (existsSync(debian)) return [debian, ...beside.filter((jar) => existsSync(jar))].join(delimiter);
  for (const name of ['zkServer.sh', 'zkServer']) {
    const script = onPath(name);
    if (script === undefined) continue;
    const parent = dirname(dirname(realpathSync(script)));
    const folder = [join(parent, 'lib'), join(parent, 'libexec', 'lib')].find(hasJars);
    if (folder !== undefined) return join(folder, '*');
  }
  return undefined;
}
