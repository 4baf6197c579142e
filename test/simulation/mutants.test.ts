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
const SPARE_HISTORIES: Readonly<Record<Mode, number>> = { once: 60, cron: 20 };
const FIRST_SEED = 1_000_001;

const MUTANTS = Object.keys(mutants) as (keyof typeof mutants)[];
const SPARE = Object.keys(spare) as (keyof typeof spare)[];

interface Finding {
  /** How many histories it took. */
  readonly after: number;
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
    const after = seed - FIRST_SEED + 1;
    if (problems.length > 0 && after < (found.get(mutant)?.after ?? Infinity)) found.set(mutant, { after, problems });
  };

  function* mutated(): Generator<Trial> {
    for (const mutant of MUTANTS)
      for (let count = 0; count < HISTORIES && !found.has(mutant); count += 1)
        yield { kind: 'mutant', mutant, seed: FIRST_SEED + count, mutated: true };
    for (const mutant of SPARE)
      for (let count = 0; count < SPARE_HISTORIES[all[mutant].mode ?? 'once']; count += 1)
        yield { kind: 'mutant', mutant, seed: FIRST_SEED + count, mutated: true };
  }

  /** The same seeds about the same themes, once each. */
  function* whole(): Generator<Trial> {
    const needed = new Map<string, [MutantName, number]>();
    for (const mutant of MUTANTS) {
      const { theme, mode = 'once' } = all[mutant];
      const { after } = found.get(mutant) ?? { after: 0 };
      const about = `${mode} ${theme}`;
      if (after > (needed.get(about)?.[1] ?? 0)) needed.set(about, [mutant, after]);
    }
    for (const [mutant, after] of needed.values())
      for (let count = 0; count < after; count += 1)
        yield { kind: 'mutant', mutant, seed: FIRST_SEED + count, mutated: false };
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
