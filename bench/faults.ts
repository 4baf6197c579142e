/**
 * Proof by fault that two commands never run at once. `npm run faults [-- --coordinator zookeeper|local]
 * [--fault NAME…] [--times N] [--parallel N] [--seed N] [--json FILE] [--no-build]`.
 *
 * Real servers or this host, real candidates; the journal that the commands write themselves is the only judge
 * (test/support/journal.ts). The faults are those of catalogue.ts in test/integration/faults and its folder local. Exit
 * code 1 when there was an overlap, something left behind, or a run or term ended by a fault that does not reach it.
 */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { row, type Figures } from '../test/integration/faults/report.ts';
import { LOCAL_TRIALS, TRIALS, type LocalTrial } from '../test/integration/faults/trials.ts';
import build from '../test/support/built.ts';
import { startZooKeeper, type Ensemble } from '../test/support/zookeeper.ts';
import { surroundings } from './support/report.ts';

const { values } = parseArgs({
  options: {
    coordinator: { type: 'string', default: 'zookeeper' },
    fault: { type: 'string', multiple: true },
    times: { type: 'string', default: '5' },
    parallel: { type: 'string', default: '3' },
    seed: { type: 'string', default: String(Date.now() % 1e9) },
    json: { type: 'string' },
    'no-build': { type: 'boolean', default: false },
  },
});
const times = positive('times', values.times);
const parallel = positive('parallel', values.parallel);
const seed = positive('seed', values.seed);
if (values.coordinator !== 'zookeeper' && values.coordinator !== 'local')
  throw new Error(`--coordinator ${values.coordinator}: zookeeper or local`);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));

if (!values['no-build']) await build();
const shared = values.coordinator === 'local' ? undefined : await startZooKeeper();
const trials = shared === undefined ? LOCAL_TRIALS : trialsOn(shared);
const names = (values.fault ?? Object.keys(trials)).flatMap((list) => list.split(','));
const waiting = names.map((name) => [name, trialOf(name)] as const);
const version = shared && (/version: ([\d.]+)/.exec(await shared.server.ask('srvr'))?.[1] ?? 'unknown');
const around = surroundings(join(import.meta.dirname, '..'), version ?? 'none');
console.log(`${times} rounds each, ${parallel} elections side by side, seed ${seed}; ${JSON.stringify(around)}`);

const found: Figures[] = [];
try {
  await Promise.all(Array.from({ length: parallel }, work));
} finally {
  await shared?.close();
}
found.sort((a, b) => names.indexOf(a.fault) - names.indexOf(b.fault));
console.table(Object.fromEntries(found.map((each) => [each.fault, row(each)])));
const line = JSON.stringify({ surroundings: around, faults: found });
if (values.json === undefined) console.log(line);
else appendFileSync(values.json, `${line}\n`);

async function work(): Promise<void> {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await hold(...next);
}

async function hold(name: string, trial: LocalTrial): Promise<void> {
  try {
    const { figures, wrong, evidence } = await trial.hold({ times, seed });
    found.push(figures);
    console.log(`${wrong.length === 0 ? '✓' : '✗'} ${name}: ${trial.summary}`);
    if (wrong.length === 0) return;
    process.exitCode = 1;
    for (const line of [...wrong, ...evidence]) console.log(`  ${line}`);
  } catch (error) {
    process.exitCode = 1;
    console.log(`✗ ${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function trialsOn(ensemble: Ensemble): Readonly<Record<string, LocalTrial>> {
  const held = Object.entries(TRIALS).map(([name, { summary, hold: holdOn }]) => {
    const trial: LocalTrial = { summary, hold: (options) => holdOn(ensemble, options) };
    return [name, trial] as const;
  });
  return Object.fromEntries(held);
}

function trialOf(name: string): LocalTrial {
  const trial = trials[name];
  if (trial === undefined) throw new Error(`no fault is called ${name}: there are ${Object.keys(trials).join(', ')}`);
  return trial;
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new Error(`--${option} ${text}: a positive whole number is needed`);
  return value;
}
