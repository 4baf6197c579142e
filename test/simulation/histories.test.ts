import { describe, expect, it } from 'vitest';
import { runHistory } from './history.ts';
import { perform, type Job } from './pool.ts';

const HISTORIES = 2000;

/** Beyond the first: a supervisor that stood still while its keeper gave the lease up, and ran the command again. */
const FOUND_FAULTS = [15060, 21533];

function* histories(): Generator<Extract<Job, { kind: 'history' }>> {
  for (let seed = 1; seed <= HISTORIES; seed += 1) yield { kind: 'history', mode: 'once', seed };
  for (const seed of FOUND_FAULTS) yield { kind: 'history', mode: 'once', seed };
}

describe('histories of candidates on a failing ensemble', () => {
  it(`go well, ${HISTORIES} of them`, async () => {
    const wrong: [seed: number, what: string][] = [];
    let [done, runs, terms] = [0, 0, 0];
    await perform(histories(), ({ seed }, { about, problems, ...counts }) => {
      done += 1;
      runs += counts.runs;
      terms += counts.terms;
      if (problems.length > 0) wrong.push([seed, `seed ${seed} (${about}): ${problems.join('; ')}`]);
    });
    const seeds = wrong.map(([seed]) => seed);
    expect(
      wrong.map(([, what]) => what),
      `each alone: npm run simulate -- --seed ${seeds[0]}`,
    ).toEqual([]);
    expect(done).toBe(HISTORIES + FOUND_FAULTS.length);
    expect(terms).toBeGreaterThan(HISTORIES);
    expect(runs).toBeGreaterThan(HISTORIES);
  }, 120_000);

  it('are the same each time for the same seed', async () => {
    const [one, two] = [await runHistory(4711), await runHistory(4711)];
    expect(String(one.trace)).toBe(String(two.trace));
    expect(one.runs).toBeGreaterThan(0);
  });
});
