/**
 * `npm run test:busybox`: the tests of elections on one host, with the `flock` of busybox first in PATH. Debian builds
 * its busybox without that applet, so one that has it alone is built from Debian's source, and kept in a cache folder
 * (`ballot` in `$XDG_CACHE_HOME`, else in `~/.cache`, root's in `/var/cache`). Where it cannot be built, one sentence
 * says why.
 */
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CACHE } from './on-node.mjs';
import { setUpOrExit, TEST_TOOLS } from './setup.mjs';
import { conclude, runProject, total } from './suite.mjs';
import { onPath } from './zookeeper-home.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Each of apt's and make's steps is done in less, ms. */
const STEP_MS = 600_000;

/** What is asked of busybox: `flock -x 3`, as ballot says it, and `flock -n 9`, as the tests do. */
const PROJECTS = [
  { name: 'contract', timeout: 900_000, waits: true, filter: ['test/contract/port'], only: 'one host' },
  { name: 'integration', timeout: 1_800_000, waits: true, filter: ['test/integration/local'] },
];

/** Why there is no busybox, in one sentence. */
class BusyboxError extends Error {}

/**
 * Runs a command to its end, in a folder.
 * @param {string} cwd
 * @param {[command: string, ...args: string[]]} words
 * @returns {string} what it has said
 */
function run(cwd, [command, ...args]) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    timeout: STEP_MS,
    killSignal: 'SIGKILL',
    maxBuffer: 2 ** 26,
  });
  if (status === 0) return stdout;
  const said = (stderr ?? '').trim().split('\n').at(-1) ?? '';
  throw new BusyboxError(`${[command, ...args].join(' ')} failed: ${error?.message ?? (said || `status ${status}`)}`);
}

/**
 * The words of an apt-get that knows the sources of the packages that this host knows, and leaves the host's own lists
 * alone.
 * @param {string} folder for its files
 * @returns {[string, ...string[]]}
 */
function aptWithSources(folder) {
  const format = 'deb-src $(REPO_URI) $(RELEASE) $(COMPONENT)';
  const lines = run(folder, ['apt-get', 'indextargets', '--format', format, 'Created-By: Packages']).split('\n');
  const list = join(folder, 'sources.list');
  writeFileSync(list, [...new Set(lines)].join('\n'));
  for (const name of ['lists/partial', 'archives/partial']) mkdirSync(join(folder, name), { recursive: true });
  const settings = {
    'Dir::Etc::SourceList': list,
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::State::Lists': join(folder, 'lists'),
    'Dir::Cache': folder,
    // It may not look into root's folders.
    ...(process.getuid?.() === 0 && { 'APT::Sandbox::User': 'root' }),
  };
  return ['apt-get', '-qq', ...Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`])];
}

/** @param {string} folder an empty one @returns {string} the folder of the sources in it */
function fetchSources(folder) {
  const apt = aptWithSources(folder);
  console.log('fetching the source of busybox');
  run(folder, [...apt, 'update']);
  run(folder, [...apt, 'source', '--download-only', 'busybox']);
  const description = readdirSync(folder).find((name) => name.endsWith('.dsc'));
  if (description === undefined) throw new BusyboxError('apt-get source busybox gave no source package');
  run(folder, ['dpkg-source', '--no-check', '-x', description, 'busybox']);
  return join(folder, 'busybox');
}

/** @param {string} bin the folder that is to hold `flock` */
function build(bin) {
  const missing = ['apt-get', 'dpkg-source', 'make', 'cc'].filter((tool) => !onPath(tool));
  if (missing.length > 0) throw new BusyboxError(`there is no ${missing.join(', no ')} here`);
  const folder = mkdtempSync(join(tmpdir(), 'ballot-busybox-'));
  try {
    const sources = fetchSources(folder);
    console.log('building busybox with flock alone');
    run(sources, ['make', 'allnoconfig']);
    const config = join(sources, '.config');
    writeFileSync(config, readFileSync(config, 'utf8').replace('# CONFIG_FLOCK is not set', 'CONFIG_FLOCK=y'));
    run(sources, ['sh', '-c', 'yes "" | make oldconfig']);
    run(sources, ['make', '-j2', 'busybox']);
    const draft = `${bin}.${process.pid}`;
    mkdirSync(draft, { recursive: true });
    copyFileSync(join(sources, 'busybox'), join(draft, 'busybox'));
    symlinkSync('busybox', join(draft, 'flock'));
    rmSync(bin, { recursive: true, force: true });
    renameSync(draft, bin);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @returns {string} the folder with busybox's flock */
function busybox() {
  const bin = join(CACHE, `busybox-${process.arch}`);
  if (!existsSync(join(bin, 'flock'))) build(bin);
  const flock = join(bin, 'flock');
  const [, version] = /BusyBox v([\d.]+)/.exec(readFileSync(flock, 'latin1')) ?? [];
  if (version === undefined) throw new BusyboxError(`${flock} is not busybox's: delete ${bin}`);
  // A folder is a file that can be locked.
  const { status } = spawnSync(flock, ['-x', '3'], { stdio: ['ignore', 'ignore', 'ignore', openSync(bin, 'r')] });
  if (status !== 0) throw new BusyboxError(`${flock} cannot lock a descriptor (status ${status}): delete ${bin}`);
  console.log(`the flock of busybox ${version}: ${flock}`);
  return bin;
}

try {
  const bin = busybox();
  process.env.PATH = `${bin}${delimiter}${process.env.PATH ?? ''}`;
} catch (error) {
  if (!(error instanceof BusyboxError)) throw error;
  console.error(`busybox with flock cannot be built: ${error.message}`);
  process.exit(1);
}
setUpOrExit(TEST_TOOLS);
run(root, [process.execPath, join(root, 'scripts/build.mjs')]);
const sums = [];
for (const project of PROJECTS) sums.push(await runProject(project));
conclude(total(sums));
