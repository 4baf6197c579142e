/**
 * Lets this Node compile the built program, and keeps what it has compiled beside it: ballot starts in half the time
 * then. `src/cli/compiled.ts` loads it. Part of the build, and what npm runs behind an installation. Where that is not
 * allowed, or nothing can be written, ballot starts without: this never fails. Uses no packages.
 */
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import Module, { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';

/** What V8 keeps is what was called until then: the way of a candidate on this host, and of who asks about it. */
const WORDS = [
  [
    ...['run', 'once', '--on-child-success=ignore', '--on-child-error=ignore', '--election-timeout=5s'],
    ...['--log-format=json', '--', 'true'],
  ],
  ['info'],
  ['history'],
];

/** An installation does not wait any longer, ms: ballot starts without. */
const GIVEN_UP_AFTER_MS = 60_000;

const dist = join(dirname(dirname(fileURLToPath(import.meta.url))), 'dist');

/** @returns {string | undefined} the program that `main.js` loads */
function programPath() {
  const main = join(dist, 'main.js');
  const [name] = (existsSync(main) && /chunks\/program-\w+\.js/.exec(readFileSync(main, 'utf8'))) || [];
  return name && join(dist, name);
}

/** @param {string} path */
async function compile(path) {
  const script = new Script(Module.wrap(readFileSync(path, 'utf8')), { filename: path });
  /** @type {{ exports: { runProgram?: (surroundings: object) => Promise<number> } }} */
  const module = { exports: {} };
  /** @type {(...names: unknown[]) => void} */
  const run = script.runInThisContext();
  run(module.exports, createRequire(path), module, path, dirname(path));
  const stateDir = mkdtempSync(join(tmpdir(), 'ballot-compile-'));
  const place = ['--coordinator=local', `--state-dir=${stateDir}`];
  liveIn(stateDir);
  try {
    for (const words of WORDS) {
      const argv = [...place, ...words];
      await module.exports.runProgram?.({ argv, version: '0', keeperPath: join(dist, 'keeper.js'), ...surroundings });
    }
  } finally {
    process.chdir('/');
    rmSync(stateDir, { recursive: true, force: true });
  }
  // A flag that the program sets: V8 takes what it has compiled for another V8's otherwise.
  setFlagsFromString('--flush-bytecode');
  return script.createCachedData();
}

/** What ballot is configured with where it is installed is not meant for this. @param {string} folder */
function liveIn(folder) {
  for (const name of Object.keys(process.env))
    if (/^(BALLOT_|NOTIFY_SOCKET$|WATCHDOG_)/.test(name)) delete process.env[name];
  Object.assign(process.env, { HOME: folder, XDG_CONFIG_HOME: folder });
  process.chdir(folder);
}

/** What a process around the program offers. */
const surroundings = {
  secrets: {},
  takeKeeper: () => {
    throw new Error('nobody asks ZooKeeper here');
  },
  dropKeeper: () => undefined,
  takeSignals: () => ({ answerWith: () => undefined }),
};

/** @param {string} name @param {Buffer} data */
function keep(name, data) {
  const draft = `${name}.${process.pid}.draft`;
  writeFileSync(draft, data);
  renameSync(draft, name);
}

/** Whatever the program writes is of no interest: open(2) takes the lowest descriptor that is free. */
function silence() {
  for (const output of [1, 2]) {
    closeSync(output);
    openSync('/dev/null', 'w');
  }
}

setTimeout(() => process.exit(0), GIVEN_UP_AFTER_MS);
const path = programPath();
const suffix = `.${process.version}-${process.arch}`;
// What is there was compiled of the same code.
if (path !== undefined && !existsSync(path + suffix))
  try {
    const earlier = readdirSync(dirname(path)).filter((name) => name.endsWith(suffix));
    silence();
    keep(path + suffix, await compile(path));
    for (const name of earlier) rmSync(join(dirname(path), name), { force: true });
  } catch {
    // Ballot starts without.
  }
process.exit(0);
