/** How Java is started for a ZooKeeper server, and the archive of its classes. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { findJava, findZooKeeper, onPath } from '../../scripts/zookeeper-home.mjs';

/**
 * Apache's own releases log with Logback, which without a file says everything. (Debian's takes slf4j-simple and a
 * flag.)
 */
const LOGBACK = `<configuration>
  <appender name="OUT" class="ch.qos.logback.core.ConsoleAppender"><encoder><pattern>%d %p %c: %m%n</pattern></encoder></appender>
  <root level="WARN"><appender-ref ref="OUT" /></root>
</configuration>
`;

const CACHE = join(import.meta.dirname, '../../node_modules/.cache/ballot');

/** Program and arguments of a server with that `zoo.cfg`, in the folder of which its other files are put. */
export function serverCommand(configFile: string, more: readonly string[]): [string, string[]] {
  const { java, classPath } = installed();
  const logback = join(dirname(configFile), 'logback.xml');
  writeFileSync(logback, LOGBACK);
  const archive = classArchive();
  const flags = [
    '-Xmx64m',
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    '-Xshare:auto',
    ...(existsSync(archive) ? [`-XX:SharedArchiveFile=${archive}`] : []),
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
    `-Dlogback.configurationFile=${logback}`,
    ...more,
  ];
  const main = 'org.apache.zookeeper.server.quorum.QuorumPeerMain';
  const command = [java, ...flags, '-cp', classPath, main, configFile];
  // The kernel ends the server with us even when we are killed. setpriv turns into Java: the process id is the
  // server's.
  const setpriv = process.platform === 'linux' ? onPath('setpriv') : undefined;
  const [file = java, ...args] = setpriv === undefined ? command : [setpriv, '--pdeathsig', 'KILL', ...command];
  return [file, args];
}

/**
 * Where Java keeps the classes of a server, ready to be used: with it a server starts in 0.45 s of processor time
 * instead of 0.7. There may be none yet. Java passes over one that does not fit.
 */
export function classArchive(): string {
  const { java, classPath } = installed();
  const stamps = [java, ...classPath.split(delimiter).filter((path) => existsSync(path))].map((path) => statSync(path));
  const seen = [java, classPath, ...stamps.map(({ size, mtimeMs }) => `${size} ${mtimeMs}`)].join('\n');
  mkdirSync(CACHE, { recursive: true });
  return join(CACHE, `zookeeper-${createHash('sha256').update(seen).digest('hex').slice(0, 16)}.jsa`);
}

function installed(): { java: string; classPath: string } {
  const java = findJava();
  const classPath = findZooKeeper();
  if (java === undefined || classPath === undefined)
    throw new Error('no ZooKeeper server on this machine: `node scripts/setup.mjs` installs one, or says how');
  return { java, classPath };
}
