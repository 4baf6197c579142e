import { beforeAll, describe, expect, it } from 'vitest';
import { all, mutants, spare, type MutantName } from './mutants.ts';
import { perform, type Job } from './pool.ts';
import type { Mode } from './setting.ts';

type Trial = Extract<Job, { kind: 'mutant' }>;

/**
 * Each mutant has to be found out within so many histories; what has another safeguard behind it has to go well in so
 * many.
 */
const HISTORIES = 300;
const SPARE_HISTORIES: Readonly<Record<Mode, number>> = { once: 20, cron: 8 };
/** Of the search for those that name no later one. */
const FIRST_SEED = 1_000_001;

const MUTANTS = Object.keys(mutants) as (keyof typeof mutants)[];
const SPARE = Object.keys(spare) as (keyof typeof spare)[];

/** The seeds of its histories, in order. */
function* seeds(mutant: MutantName, count: number): Generator<number> {
  const { from = FIRST_SEED } = all[mutant];
  for (let index = 0; index < count; index += 1) yield from + index;
}

interface Finding {
  readonly seed: number;
  readonly problems: readonly string[];
}

/**
 * A simulation that finds nothing shows nothing. One safeguard is taken away at a time, by a part put in at a port; the
 * production code knows nothing of it. The same seeds must go wrong without the safeguard and well with it.
 */
describe('the simulation', () => {
  const found = new Map<MutantName, Finding>();
  const unmutated: string[] = [];

  const note = ({ mutant, seed }: Trial, problems: readonly string[]): void => {
    if (problems.length > 0 && seed < (found.get(mutant)?.seed ?? Infinity)) found.set(mutant, { seed, problems });
  };

  function* mutated(): Generator<Trial> {
    for (const mutant of MUTANTS)
      for (const seed of seeds(mutant, HISTORIES)) {
        if (found.has(mutant)) break;
        yield { kind: 'mutant', mutant, seed, mutated: true };
      }
    for (const mutant of SPARE)
      for (const seed of seeds(mutant, SPARE_HISTORIES[all[mutant].mode ?? 'once']))
        yield { kind: 'mutant', mutant, seed, mutated: true };
  }

  /** The same seeds about the same themes, once each. */
  function* whole(): Generator<Trial> {
    const told = new Set<string>();
    for (const [mutant, { seed: last }] of found)
      for (const seed of seeds(mutant, HISTORIES)) {
        const { theme, mode = 'once' } = all[mutant];
        const about = `${mode} ${theme} ${seed}`;
        if (seed > last || told.has(about)) continue;
        told.add(about);
        yield { kind: 'mutant', mutant, seed, mutated: false };
      }
  }

  beforeAll(async () => {
    await perform(mutated(), (trial, { problems }) => note(trial, problems));
    await perform(whole(), ({ mutant, seed }, { problems }) => {
      if (problems.length > 0) unmutated.push(`${all[mutant].theme}, seed ${seed}: ${problems.join('; ')}`);
    });
  }, 800_000);

  it.each(MUTANTS.map((name) => [mutants[name].what, name] as const))('misses %s', (_what, name) => {
    const finding = found.get(name);
    expect(finding, `nothing went wrong in ${HISTORIES} histories`).toBeDefined();
  });

  it.each(SPARE.map((name) => [spare[name].what, name] as const))('does not miss %s', (_what, name) => {
    expect(found.get(name)).toBeUndefined();
  });

  it('finds nothing wrong with the same seeds when nothing is taken away', () => {
    expect(unmutated).toEqual([]);
  });
});
