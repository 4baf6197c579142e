/**
 * `npm run simulate -- --histories 100000 [--first 1] [--mode cron|library]` runs many histories, on all cores, and
 * prints those that went wrong; `--seed 17` tells one, whole.
 */
import { parseArgs } from 'node:util';
import { runHistory } from './history.ts';
import { runLibraryHistory } from './library.ts';
import { perform, type Job } from './pool.ts';
import type { Mode } from './setting.ts';

/** What is told: candidates with a command, or programs that use the library. */
type Told = Mode | 'library';

async function tell(seed: number, mode: Told): Promise<boolean> {
  const { setting, trace, problems } =
    mode === 'library' ? await runLibraryHistory(seed) : await runHistory(seed, { mode });
  process.stdout.write(`${JSON.stringify(setting)}\n${trace.toString()}\n`);
  process.stdout.write(
    problems.length === 0 ? `seed ${seed}: all is well\n` : `seed ${seed}:\n  ${problems.join('\n  ')}\n`,
  );
  return problems.length === 0;
}

function* histories(first: number, count: number, mode: Told): Generator<Extract<Job, { readonly seed: number }>> {
  for (let seed = first; seed < first + count; seed += 1)
    yield mode === 'library' ? { kind: 'library', seed } : { kind: 'history', mode, seed };
}

/** How often it is said how far it has got, ms. */
const PROGRESS_MS = 5_000;

async function tellMany(first: number, count: number, mode: Told): Promise<boolean> {
  const begun = performance.now();
  const failed: number[] = [];
  let [done, runs, terms, lasted, said] = [0, 0, 0, 0, begun];
  const soFar = (): string => {
    const seconds = (performance.now() - begun) / 1000;
    const pace = ((done / seconds) * 60).toFixed(0);
    return `${done} of ${count} histories in ${seconds.toFixed(0)} s (${pace} a minute), ${failed.length} went wrong`;
  };
  await perform(histories(first, count, mode), ({ seed }, result) => {
    done += 1;
    runs += result.runs;
    terms += result.terms;
    lasted += result.lasted;
    if (result.problems.length > 0) {
      failed.push(seed);
      process.stdout.write(`${[`seed ${seed} (${result.about}):`, ...result.problems].join('\n  ')}\n`);
    }
    if (performance.now() - said < PROGRESS_MS) return;
    said = performance.now();
    process.stderr.write(`${soFar()}\n`);
  });
  process.stdout.write(
    `${soFar()}: ${terms} terms, ${runs} runs, ${(lasted / 3_600_000).toFixed(1)} h of virtual time\n`,
  );
  if (failed.length > 0)
    process.stdout.write(`tell one whole: npm run simulate -- --mode ${mode} --seed ${Math.min(...failed)}\n`);
  return failed.length === 0;
}

function modeOf(text: string): Told {
  if (text === 'once' || text === 'cron' || text === 'library') return text;
  throw new Error(`--mode ${text}: once, cron or library`);
}

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    histories: { type: 'string', default: '1000' },
    first: { type: 'string', default: '1' },
    mode: { type: 'string', default: 'once' },
  },
});
const mode = modeOf(values.mode);
const well =
  values.seed === undefined
    ? await tellMany(Number(values.first), Number(values.histories), mode)
    : await tell(Number(values.seed), mode);
process.exitCode = well ? 0 : 1;
