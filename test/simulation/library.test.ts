import { expect, it } from 'vitest';
import { runLibraryHistory } from './library.ts';
import { perform, type Job } from './pool.ts';

const HISTORIES = 80;

function* histories(): Generator<Extract<Job, { kind: 'library' }>> {
  for (let seed = 1; seed <= HISTORIES; seed += 1) yield { kind: 'library', seed };
}

it('programs that use the library never lead at once, by the signals of their terms', async () => {
  const wrong: string[] = [];
  let [done, terms] = [0, 0];
  await perform(histories(), ({ seed }, result) => {
    done += 1;
    terms += result.terms;
    if (result.problems.length > 0) wrong.push(`seed ${seed} (${result.about}): ${result.problems.join('; ')}`);
  });
  expect(wrong, 'each alone: npm run simulate -- --mode library --seed N').toEqual([]);
  expect(done).toBe(HISTORIES);
  expect(terms).toBeGreaterThan(5 * HISTORIES);
}, 800_000);

it('a history is the same each time for the same seed', async () => {
  const [one, two] = [await runLibraryHistory(4711), await runLibraryHistory(4711)];
  expect(String(one.trace)).toBe(String(two.trace));
  expect(one.terms).toBeGreaterThan(0);
});
