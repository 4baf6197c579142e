/**
 * `npm run mutants` puts one fault after the other into a copy of the product, and runs the test that must notice it.
 * `--only PATTERN` takes those whose words, file or test match, `--sample N` takes N of them (`--seed S` others),
 * `--core` those whose test takes seconds, `--list` tells what there is. The last line is `N noticed, N unnoticed`.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Random } from '../support/random.ts';
import { mutants } from './list.ts';
import { describeCheck, isQuick, misfit, type Check, type Mutant } from './mutant.ts';
import { root, Workshop, type Outcome } from './workshop.ts';

/** After this a check is taken to hang, ms. */
const LIMIT_MS = 300_000;

/** With a fault in place it is taken to hang when it takes so many times as long as without, and this much more, ms. */
const SLOWER = { times: 5, ms: 60_000 };

interface Options {
  readonly only: RegExp | undefined;
  readonly sample: number | undefined;
  readonly seed: number;
  readonly core: boolean;
  readonly list: boolean;
  readonly jobs: number;
}

function optionsOf(): Options {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      sample: { type: 'string' },
      seed: { type: 'string', default: '1' },
      core: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      jobs: { type: 'string', default: String(Math.min(4, availableParallelism())) },
    },
  });
  const whole = (name: 'sample' | 'seed' | 'jobs', text: string): number => {
    if (!/^[1-9]\d*$/.test(text)) throw new Error(`--${name} ${text}: a whole number from 1 on`);
    return Number(text);
  };
  return {
    ...values,
    only: values.only === undefined ? undefined : new RegExp(values.only, 'i'),
    sample: values.sample === undefined ? undefined : whole('sample', values.sample),
    seed: whole('seed', values.seed),
    jobs: whole('jobs', values.jobs),
  };
}

function chosen({ only, sample, seed, core }: Options): Mutant[] {
  const fitting = mutants.filter(
    ({ what, file, noticedBy }) =>
      (!core || isQuick(noticedBy)) && (only?.test(`${what}\n${file}\n${describeCheck(noticedBy)}`) ?? true),
  );
  if (sample === undefined) return fitting;
  const random = new Random(seed);
  const left = [...fitting];
  while (left.length > sample) left.splice(random.whole(0, left.length - 1), 1);
  return left;
}

/** Does something with each, `jobs` at a time, each job in a workshop of its own. */
async function forEach<T>(
  things: readonly T[],
  workshops: readonly Workshop[],
  what: (thing: T, workshop: Workshop) => Promise<void>,
): Promise<void> {
  const waiting = [...things];
  const job = async (workshop: Workshop): Promise<void> => {
    for (let thing = waiting.shift(); thing !== undefined; thing = waiting.shift()) await what(thing, workshop);
  };
  await Promise.all(workshops.map(job));
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

function say(mark: '✓' | '✗', { what, file }: Mutant, how: string): void {
  console.log(`${mark} ${what} (${file}): ${how}`);
}

/** Mutants whose text stands in the source no more, of the whole list: those are told of, and fail. */
function outdated(): Map<Mutant, string> {
  const found = new Map<Mutant, string>();
  for (const mutant of mutants) {
    const why = misfit(mutant, readFileSync(join(root, 'src', mutant.file), 'utf8'));
    if (why === undefined) continue;
    found.set(mutant, why);
    say('✗', mutant, `the list of mutants is out of date: ${why}`);
  }
  return found;
}

/** Runs each check once as the product is: it has to pass, or its word on a mutant is worth nothing. */
async function tryChecks(checks: readonly Check[], workshops: readonly Workshop[]): Promise<Map<string, Outcome>> {
  const outcomes = new Map<string, Outcome>();
  const byWords = new Map(checks.map((check) => [describeCheck(check), check]));
  await forEach([...byWords], workshops, async ([words, check], workshop) => {
    const outcome = await workshop.check(check, LIMIT_MS);
    outcomes.set(words, outcome);
    if (outcome.verdict === 'passed') return;
    console.log(`✗ ${words} does not pass as the product is (${outcome.verdict}):`);
    console.log(outcome.output.trimEnd().slice(-4000).replace(/^/gm, '    '));
  });
  return outcomes;
}

/** How a mutant was found out, or not. */
function wordsOf({ verdict, ms }: Outcome, check: string): string {
  if (verdict === 'failed') return `noticed by ${check}, ${seconds(ms)}`;
  if (verdict === 'hung') return `noticed by ${check}, which hangs, ${seconds(ms)}`;
  if (verdict === 'broken') return `NOT NOTICED by a test: ${check} cannot be run with it, ${seconds(ms)}`;
  return `NOT NOTICED by ${check}, ${seconds(ms)}`;
}

/** Workshops for as long as `what` takes, whatever ends it. */
async function withWorkshops(count: number, what: (workshops: readonly Workshop[]) => Promise<void>): Promise<void> {
  const workshops = Array.from({ length: count }, () => new Workshop());
  const clean = (): void => {
    for (const workshop of workshops) workshop[Symbol.dispose]();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => {
      clean();
      process.exit(1);
    });
  try {
    await what(workshops);
  } finally {
    clean();
  }
}

/**
 * Puts the mutants in, one at a time in each workshop, and says what came of each. Resolves to how many were noticed.
 */
async function tryMutants(wanted: readonly Mutant[], workshops: readonly Workshop[]): Promise<number> {
  const checks = wanted.map(({ noticedBy }) => noticedBy);
  const usual = await tryChecks(checks, workshops);
  let noticed = 0;
  await forEach(wanted, workshops, async (mutant, workshop) => {
    const check = describeCheck(mutant.noticedBy);
    const before = usual.get(check);
    if (before?.verdict !== 'passed') return say('✗', mutant, `NOT NOTICED: ${check} does not pass without it either`);
    const outcome = await workshop.try(mutant, SLOWER.times * before.ms + SLOWER.ms);
    const isNoticed = outcome.verdict === 'failed' || outcome.verdict === 'hung';
    if (isNoticed) noticed += 1;
    say(isNoticed ? '✓' : '✗', mutant, wordsOf(outcome, check));
  });
  return noticed;
}

async function main(options: Options): Promise<boolean> {
  const old = outdated();
  const wanted = chosen(options);
  if (options.list) {
    for (const { what, file, noticedBy } of wanted) console.log(`${what} (${file}): ${describeCheck(noticedBy)}`);
    console.log(`${wanted.length} of ${mutants.length} mutants`);
    return old.size === 0;
  }
  const fitting = wanted.filter((mutant) => !old.has(mutant));
  let noticed = 0;
  await withWorkshops(options.jobs, async (workshops) => {
    noticed = await tryMutants(fitting, workshops);
  });
  const unnoticed = fitting.length - noticed + old.size;
  console.log(`\n${noticed} noticed, ${unnoticed} unnoticed`);
  return unnoticed === 0 && noticed > 0;
}

process.exitCode = (await main(optionsOf())) ? 0 : 1;
