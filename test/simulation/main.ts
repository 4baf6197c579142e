/**
 * `npm run simulate -- --histories 2000 [--first 1]` runs many histories and prints those that went wrong; `--seed 17` tells one, whole.
 */
import { parseArgs } from 'node:util';
import { runHistory, type History } from './history.ts';

function headline({ seed, setting, problems }: History): string {
  const { theme, candidates, servers } = setting;
  return [`seed ${seed} (${theme}, ${candidates} candidates, ${servers} servers):`, ...problems].join('\n  ');
}

async function tell(seed: number): Promise<boolean> {
  const history = await runHistory(seed);
  process.stdout.write(`${JSON.stringify(history.setting)}\n${history.trace.toString()}\n`);
  process.stdout.write(history.problems.length === 0 ? `seed ${seed}: all is well\n` : `${headline(history)}\n`);
  return history.problems.length === 0;
}

async function tellMany(first: number, count: number): Promise<boolean> {
  const begun = process.hrtime.bigint();
  const failed: number[] = [];
  let [runs, terms, lasted] = [0, 0, 0];
  for (let seed = first; seed < first + count; seed += 1) {
    const history = await runHistory(seed);
    runs += history.runs;
    terms += history.terms;
    lasted += history.lasted;
    if (history.problems.length === 0) continue;
    failed.push(seed);
    process.stdout.write(`${headline(history)}\n`);
  }
  const seconds = Number(process.hrtime.bigint() - begun) / 1e9;
  const hours = (lasted / 3_600_000).toFixed(1);
  process.stdout.write(
    `${count} histories in ${seconds.toFixed(1)} s (${((count / seconds) * 60).toFixed(0)} a minute): ` +
      `${terms} terms, ${runs} runs, ${hours} h of virtual time; ${failed.length} went wrong\n`,
  );
  if (failed.length > 0) process.stdout.write(`tell one whole: npm run simulate -- --seed ${failed[0]}\n`);
  return failed.length === 0;
}

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    histories: { type: 'string', default: '1000' },
    first: { type: 'string', default: '1' },
  },
});

// Most errors of a history are looked at by code alone; their stacks would take a tenth of the time.
if (values.seed === undefined) Error.stackTraceLimit = 0;
const well =
  values.seed === undefined
    ? await tellMany(Number(values.first), Number(values.histories))
    : await tell(Number(values.seed));
process.exitCode = well ? 0 : 1;
