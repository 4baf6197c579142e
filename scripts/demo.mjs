/**
 * `npm run demo`: three candidates, one command. The leader's supervisor is killed, another candidate is asked to stop,
 * and the timeline shows who ran the command when. They stand on this host alone (`coordinator: local`), which needs no
 * server; with `npm run demo -- --zookeeper` on a throw-away ensemble of three ZooKeeper servers. Takes about ten
 * seconds and leaves nothing behind, also on Ctrl-C.
 */
import { spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { setUpBallotOrExit, setUpOrExit } from './setup.mjs';

const onZooKeeper = process.argv.includes('--zookeeper');
const unknown = process.argv.slice(2).filter((word) => word !== '--zookeeper');
if (unknown.length > 0) refuse(`unknown: ${unknown.join(' ')}. npm run demo, or npm run demo -- --zookeeper`, 64);
if (onZooKeeper) setUpOrExit();
else setUpBallotOrExit();
if (!onZooKeeper && process.platform !== 'linux')
  refuse('without ZooKeeper it runs on Linux alone: npm run demo -- --zookeeper', 1);
// Only now: it needs a package.
await import('./run-ts.mjs');
const { poll } = await import('../test/support/poll.ts');

/**
 * @param {string} why
 * @param {number} code
 * @returns {never}
 */
function refuse(why, code) {
  console.error(`demo: ${why}`);
  process.exit(code);
}

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const SESSION_TIMEOUT = '2s';
/** A step that takes longer has failed. */
const STEP_MS = 15_000;

/**
 * The command that must never run twice: it writes when it starts, ten times a second while it works, and when it is
 * asked to stop.
 */
const JOB = `
echo "$BALLOT_CANDIDATE_ID starts $BALLOT_FENCING_TOKEN $$" >> "$JOURNAL"
trap 'echo "$BALLOT_CANDIDATE_ID stops" >> "$JOURNAL"; exit 0' TERM
while :; do echo "$BALLOT_CANDIDATE_ID works" >> "$JOURNAL"; sleep 0.1; done
`;

const folder = mkdtempSync(join(tmpdir(), 'ballot-demo-'));
const journal = join(folder, 'journal');
const stateDir = join(folder, 'state');
mkdirSync(stateDir, { mode: 0o700 });
const job = join(folder, 'job.sh');
writeFileSync(journal, '');
writeFileSync(job, JOB);

const began = performance.now();
/** @param {string} who @param {string} what */
const tell = (who, what) =>
  console.log(`${String(Math.round(performance.now() - began)).padStart(7)} ms  ${who.padEnd(7)} ${what}`);

/** @typedef {{ name: string, process: import('node:child_process').ChildProcess, ended: Promise<string> }} Candidate */
/** @type {Map<string, Candidate>} */
const candidates = new Map();
/** Those whose end is part of the story. @type {Set<string>} */
const leaving = new Set();
/** @type {import('../test/support/zookeeper.ts').Ensemble | undefined} */
let zookeeper;

/** @typedef {{ who: string, what: string, token: string, pid: number }} Entry */

/** @returns {Entry[]} what the command has written so far */
function entries() {
  const lines = readFileSync(journal, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => {
    const [who = '', what = '', token = '', pid = ''] = line.split(' ');
    return { who, what, token, pid: Number(pid) };
  });
}
const starts = () => entries().filter(({ what }) => what === 'starts');

/** @returns {string[]} what says to a candidate where the election is */
function place() {
  if (zookeeper === undefined) return ['--coordinator', 'local', '--state-dir', stateDir, '--election', 'demo'];
  const session = ['--zookeeper-session-timeout', SESSION_TIMEOUT];
  return ['--zookeeper-servers', zookeeper.connectString, '--zookeeper-base-path', '/demo', ...session];
}

/** @param {string} name */
function start(name) {
  const flags = [...place(), '--candidate-id', name, '--log-format', 'json'];
  // What this shell has configured for ballot is not meant for the demo.
  const own = Object.entries(process.env).filter(([variable]) => !variable.startsWith('BALLOT_'));
  const env = { ...Object.fromEntries(own), HOME: folder, XDG_CONFIG_HOME: folder, JOURNAL: journal };
  // A group of its own: Ctrl-C is for the demo, which stops its candidates itself.
  const child = spawn(process.execPath, [join(root, 'dist/main.js'), 'run', 'once', ...flags, '--', 'sh', job], {
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (/** @type {Buffer} */ data) => appendFileSync(join(folder, `${name}.log`), data));
  /** @type {Promise<string>} */
  const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`)));
  candidates.set(name, { name, process: child, ended });
}

/**
 * Waits until the command starts for the `count`th time; fails at once when a candidate ends that should not.
 * @param {number} count
 */
async function startOf(count) {
  const early = [...candidates.values()].map(async ({ name, ended }) => {
    const how = await ended;
    return leaving.has(name) ? new Promise(() => undefined) : Promise.reject(new Error(`${name} has ended (${how})`));
  });
  const started = poll(() => starts()[count - 1], {
    timeout: STEP_MS,
    interval: 2,
    what: `start ${count} of the command`,
  });
  await Promise.race([started, ...early]);
  return started;
}

/** @param {string} name @returns {Candidate} */
function candidate(name) {
  const found = candidates.get(name);
  if (found === undefined)
    throw new Error(`the journal speaks of ${JSON.stringify(name)}, which is no candidate of this demo`);
  return found;
}

/** @param {number} pid a process, or minus a process group */
function kill(pid, signal = 'SIGKILL') {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ESRCH') throw error;
  }
}

async function story() {
  console.log('Three candidates, one command. The numbers are milliseconds since the start.\n');
  if (onZooKeeper) {
    const { startZooKeeper } = await import('../test/support/zookeeper.ts');
    zookeeper = await startZooKeeper({ members: 3 });
    tell('', `three ZooKeeper servers listen on ${zookeeper.connectString}`);
  }
  for (const name of ['alice', 'bob', 'carol']) start(name);
  const how = onZooKeeper ? `--zookeeper-session-timeout ${SESSION_TIMEOUT}` : '--coordinator local';
  tell('', `alice, bob and carol: ballot run once ${how} -- sh job.sh`);

  const first = await startOf(1);
  tell(first.who, `is elected and runs the command (fencing token ${first.token}); the others stand by`);
  await sleep(1_500);

  leaving.add(first.who);
  const killedAt = performance.now();
  kill(Number(candidate(first.who).process.pid));
  tell(
    first.who,
    `kill -9 of its supervisor: its keeper stops the command${onZooKeeper ? ', then gives up the lease' : ''}`,
  );
  const second = await startOf(2);
  tell(second.who, `takes over ${Math.round(performance.now() - killedAt)} ms later (fencing token ${second.token})`);
  leaving.delete(first.who);
  start(first.who);
  tell(first.who, 'is started again and goes to the end of the queue');
  await sleep(1_500);

  leaving.add(second.who);
  const askedAt = performance.now();
  kill(Number(candidate(second.who).process.pid), 'SIGTERM');
  tell(second.who, 'SIGTERM: stop the command, resign, end');
  const third = await startOf(3);
  tell(
    third.who,
    `takes over ${Math.round(performance.now() - askedAt)} ms later, at once (fencing token ${third.token})`,
  );
  tell(second.who, `has ended (${await candidate(second.who).ended})`);
  await sleep(500);

  for (const { process: child } of candidates.values()) kill(Number(child.pid), 'SIGTERM');
  tell('', 'SIGTERM to everybody');
  await Promise.all([...candidates.values()].map(({ ended }) => ended));
  tell('', 'all have ended');
  verdict();
}

/** Says from the journal whether the command ever ran twice at a time. */
function verdict() {
  const lines = entries();
  /** @type {string[]} */
  const overlaps = [];
  let runner = '';
  for (const { who, what } of lines) {
    if (what === 'starts') runner = who;
    else if (who !== runner) overlaps.push(`${who} ${what} after ${runner} had started`);
  }
  if (overlaps.length > 0) throw new Error(`two commands at a time: ${overlaps.join('; ')}`);
  console.log(`\nThe command's own journal: ${starts().length} runs, ${lines.length} lines, never two runs at a time.`);
}

/** Nothing stays: candidates get two seconds to stop their command themselves. */
async function cleanUp() {
  const all = [...candidates.values()];
  for (const { process: child } of all)
    if (child.exitCode === null && child.signalCode === null) kill(Number(child.pid), 'SIGTERM');
  await Promise.race([Promise.all(all.map(({ ended }) => ended)), sleep(2_000, undefined, { ref: false })]);
  for (const { process: child } of all)
    if (child.exitCode === null && child.signalCode === null) kill(Number(child.pid));
  const last = starts().at(-1);
  if (last !== undefined && !entries().some(({ who, what }) => who === last.who && what === 'stops')) kill(-last.pid);
  await zookeeper?.close();
  rmSync(folder, { recursive: true, force: true });
}

/** Ends the demo from outside; `story` may be waiting for anything. @type {Promise<number>} */
const interrupted = new Promise((resolve) => {
  process.once('SIGINT', () => resolve(130));
  process.once('SIGTERM', () => resolve(143));
});

try {
  process.exitCode = await Promise.race([interrupted, story().then(() => 0)]);
} catch (error) {
  console.error(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`);
  for (const { name } of candidates.values())
    console.error(`\n${name}'s log:\n${readFileSync(join(folder, `${name}.log`), 'utf8').slice(-4_000)}`);
  process.exitCode = 1;
} finally {
  await cleanUp();
  process.exit();
}
