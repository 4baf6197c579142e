/**
 * Makes a fresh checkout ready for tests and demo: npm packages, ZooKeeper's client compiled for this Node where that
 * can be, a ZooKeeper server, a build. Needs Node and npm; installs what else is missing with apt where it may, and
 * says what to do where it may not. Silent and fast (tens of milliseconds) when there is nothing to do. Uses no
 * packages: it is what installs them.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mayCompile, nodeProblem } from './node-version.mjs';
import { findJava, findZooKeeper, onPath } from './zookeeper-home.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Something is missing that this script cannot install. The message says what to do. */
export class SetupError extends Error {}

/** @param {string} what */
const say = (what) => console.log(`set-up: ${what}`);

/**
 * Runs a command to its end. Its output goes to ours at once (`show`), only when it fails (`on failure`), or nowhere
 * (`hide`).
 * @param {string} command
 * @param {string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, output?: 'show' | 'on failure' | 'hide' }} [options]
 * @returns {boolean} whether it ended with 0
 */
function run(command, args, { env = process.env, output = 'show' } = {}) {
  const stdio = output === 'show' ? 'inherit' : 'pipe';
  const result = spawnSync(command, args, {
    cwd: root,
    env,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    stdio: ['ignore', stdio, stdio],
  });
  const ok = result.status === 0;
  if (!ok && output === 'on failure')
    console.error(`${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}`);
  return ok;
}

/**
 * Where the headers of this Node are, when they came with it: node-gyp would download them again otherwise.
 * @returns {string | undefined} the prefix that holds include/node
 */
function headersPrefix() {
  const prefix = dirname(dirname(process.execPath));
  const file = join(prefix, 'include/node/node_version.h');
  if (!existsSync(file)) return undefined;
  const text = readFileSync(file, 'utf8');
  const version = ['MAJOR', 'MINOR', 'PATCH']
    .map((part) => new RegExp(`NODE_${part}_VERSION (\\d+)`).exec(text)?.[1])
    .join('.');
  return version === process.versions.node ? prefix : undefined;
}

/**
 * `npm` started by npm knows where it is.
 * @param {string[]} args
 */
function npm(args) {
  const cli = process.env.npm_execpath;
  const flags = ['--no-audit', '--no-fund'];
  const prefix = headersPrefix();
  // The first is read by node-gyp since 11, the second by older ones (npm 11 warns of it).
  const headers =
    prefix === undefined ? {} : { npm_package_config_node_gyp_nodedir: prefix, npm_config_nodedir: prefix };
  const env = { ...process.env, ...headers };
  return cli?.endsWith('.js')
    ? run(process.execPath, [cli, ...args, ...flags], { env })
    : run('npm', [...args, ...flags], { env });
}

/** @typedef {{ package: string, why: string, missing: () => boolean }} SystemTool */

/** What compiles ZooKeeper's client, which comes as C and C++ source. @type {SystemTool[]} */
const COMPILER = [
  { package: 'g++', why: 'a C++ compiler', missing: () => !['c++', 'g++', 'clang++'].some(onPath) },
  { package: 'make', why: 'make', missing: () => onPath('make') === undefined },
  { package: 'python3', why: 'Python 3 (for node-gyp)', missing: () => !['python3', 'python'].some(onPath) },
];

/** What tests and demo start. @type {SystemTool[]} */
const SERVER = [
  { package: 'default-jre-headless', why: 'a Java runtime', missing: () => findJava() === undefined },
  { package: 'zookeeper', why: 'a ZooKeeper server', missing: () => findZooKeeper() === undefined },
  { package: 'procps', why: 'ps (procps)', missing: () => onPath('ps') === undefined },
];

/** What the tests of completion, manual page, units and TLS start besides. @type {SystemTool[]} */
export const TEST_TOOLS = [
  { package: 'openssl', why: 'openssl', missing: () => onPath('openssl') === undefined },
  { package: 'zsh', why: 'zsh', missing: () => onPath('zsh') === undefined },
  { package: 'mandoc', why: 'mandoc', missing: () => onPath('mandoc') === undefined },
  { package: 'systemd', why: 'systemd-analyze', missing: () => onPath('systemd-analyze') === undefined },
  // Debian's packages of Python are for Debian's own Python, wherever another one stands on the PATH.
  {
    package: 'python3-kazoo',
    why: 'kazoo, an independent client of ZooKeeper, for /usr/bin/python3',
    missing: () => !existsSync('/usr/lib/python3/dist-packages/kazoo/__init__.py'),
  },
];

/** @returns {string[] | undefined} what has to stand before `apt-get`, undefined when it cannot be used */
function aptPrefix() {
  if (onPath('apt-get') === undefined) return undefined;
  if (process.getuid?.() === 0) return [];
  return onPath('sudo') !== undefined && run('sudo', ['-n', 'true'], { output: 'hide' }) ? ['sudo', '-n'] : undefined;
}

/** @param {SystemTool[]} tools */
function installSystemTools(tools) {
  const missing = tools.filter((tool) => tool.missing());
  if (missing.length === 0) return;
  const what = missing.map((tool) => tool.why).join(', ');
  const packages = missing.map((tool) => tool.package);
  const prefix = aptPrefix();
  if (prefix === undefined) {
    throw new SetupError(
      [
        `missing on this machine: ${what}. One of these lines helps:`,
        `  Debian, Ubuntu:  sudo apt-get update && sudo apt-get install -y ${packages.join(' ')}`,
        '  macOS:           xcode-select --install; brew install zookeeper',
        '  Docker:          docker run --rm -it -v "$PWD":/ballot -w /ballot node:24 npm test',
        '  by hand:         unpack a release of Apache ZooKeeper and set ZOOKEEPER_HOME (with Java on the PATH)',
      ].join('\n'),
    );
  }
  say(`installing ${what} (apt-get install ${packages.join(' ')})`);
  /** @param {string[]} args */
  const apt = (args) => {
    const [command = 'env', ...rest] = [
      ...prefix,
      'env',
      'DEBIAN_FRONTEND=noninteractive',
      'apt-get',
      '-qq',
      '-o',
      'DPkg::Lock::Timeout=300',
      '-o',
      'Dpkg::Use-Pty=0',
      ...args,
    ];
    return run(command, rest, { output: 'on failure' });
  };
  // An update that failed for one of several sources may still be enough.
  apt(['update']);
  const installed = apt(['install', '-y', '--no-install-recommends', ...packages]);
  const still = missing.filter((tool) => tool.missing()).map((tool) => tool.why);
  if (!installed || still.length > 0)
    throw new SetupError(`apt-get could not install ${still.join(', ') || what}: its own message is above`);
}

/** @typedef {{ packages: Record<string, { version?: string, integrity?: string, optional?: boolean }> }} Lock */

/** @param {string} path @returns {Lock} */
const readLock = (path) => JSON.parse(readFileSync(join(root, path), 'utf8'));

/** Whether node_modules holds what package-lock.json asks for; packages of other platforms may be absent. */
function dependenciesAreCurrent() {
  if (!existsSync(join(root, 'node_modules/.package-lock.json'))) return false;
  const installed = readLock('node_modules/.package-lock.json').packages;
  return Object.entries(readLock('package-lock.json').packages).every(([path, wanted]) => {
    if (path === '') return true;
    const found = installed[path];
    return found === undefined
      ? wanted.optional === true
      : found.version === wanted.version && existsSync(join(root, path));
  });
}

function installDependencies() {
  if (dependenciesAreCurrent()) return;
  say('installing npm packages (npm ci)');
  // What has to be compiled is compiled by itself: that may fail.
  if (!npm(['ci', '--ignore-scripts'])) throw new SetupError('npm ci failed: its own message is above');
}

/**
 * Compiled code belongs to one version of Node's interface; this file says for which one it was last seen to load, or
 * that it cannot be compiled here.
 */
const SEEN = join(root, 'node_modules/.ballot-client');
const CLIENT = join(root, 'node_modules/zookeeper/build/Release/zookeeper.node');

/** ballot has a client of its own for where this one does not compile. */
function compileClient() {
  const built = () => (existsSync(CLIENT) ? statSync(CLIENT).mtimeMs : 'none');
  const stamp = () => `${process.platform} ${process.arch} ${process.versions.modules} ${built()}`;
  if (existsSync(SEEN) && readFileSync(SEEN, 'utf8') === stamp()) return;
  const loads = () => run(process.execPath, ['-e', 'require("zookeeper")'], { output: 'hide' });
  const why = loads() ? undefined : (tryToCompile() ?? (loads() ? undefined : 'does not load after it was compiled'));
  if (why !== undefined)
    say(`the package zookeeper ${why}: ballot's own client is used. \`npm rebuild zookeeper\` tries again`);
  writeFileSync(SEEN, stamp());
}

/** @returns {string | undefined} why that was not even begun */
function tryToCompile() {
  const { node } = process.versions;
  if (!mayCompile(node, readLock('package-lock.json').packages['node_modules/zookeeper']?.version))
    return `does not compile on Node ${node}`;
  try {
    installSystemTools(COMPILER);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    return `cannot be compiled (${error.message.split(/\. |\n/, 1)[0]})`;
  }
  say(`compiling the ZooKeeper client for Node ${node} (npm rebuild zookeeper, about half a minute)`);
  npm(['rebuild', 'zookeeper', '--ignore-scripts=false', '--foreground-scripts']);
  return undefined;
}

/** @param {string} folder @returns {number} when the newest file under it was written */
function newest(folder) {
  const files = readdirSync(join(root, folder), { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return Math.max(...files.map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs));
}

function buildIfOutdated() {
  const built = join(root, 'dist/main.js');
  const sources = Math.max(
    newest('src'),
    ...['package.json', 'scripts/build.mjs'].map((file) => statSync(join(root, file)).mtimeMs),
  );
  if (existsSync(built) && statSync(built).mtimeMs > sources) return;
  say('building (npm run build)');
  if (!run(process.execPath, [join(root, 'scripts/build.mjs')]))
    throw new SetupError('the build failed: its own message is above');
}

function checkNode() {
  const problem = nodeProblem(process.versions.node);
  if (problem !== undefined) throw new SetupError(problem);
}

/** Does what coordinator local needs: no ZooKeeper, no compiler, nothing that only root may install. */
function setUpBallot() {
  checkNode();
  installDependencies();
  buildIfOutdated();
}

/**
 * Does all of it. Throws a SetupError that says what a person has to do.
 * @param {SystemTool[]} [more] to be there as well
 */
function setUp(more = []) {
  checkNode();
  installDependencies();
  compileClient();
  installSystemTools([...SERVER, ...more]);
  buildIfOutdated();
}

/**
 * `setUp` for a program: on failure the message goes to stderr and the process ends with 1.
 * @param {SystemTool[]} [more] to be there as well
 */
export function setUpOrExit(more = []) {
  orExit(() => setUp(more));
}

/** The same for a program that needs no ZooKeeper. */
export function setUpBallotOrExit() {
  orExit(setUpBallot);
}

/** @param {() => void} perform */
function orExit(perform) {
  try {
    perform();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(`set-up: ${error.message}`);
    process.exit(1);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) setUpOrExit();
