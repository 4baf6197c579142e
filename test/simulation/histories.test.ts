import { describe, expect, it } from 'vitest';
import { runHistory } from './history.ts';
import { triesAll } from '../support/depth.ts';
import { perform, type Job } from './pool.ts';
import type { Mode } from './setting.ts';

/** How many of each are told, beginning with the first seed. */
const HISTORIES: Readonly<Record<Mode, number>> = triesAll ? { once: 200, cron: 40 } : { once: 100, cron: 20 };

function* histories(mode: Mode): Generator<Extract<Job, { kind: 'history' }>> {
  for (let seed = 1; seed <= HISTORIES[mode]; seed += 1) yield { kind: 'history', mode, seed };
}

describe('histories of candidates on a failing ensemble', () => {
  it.each(['once', 'cron'] as const)(
    'go well under run %s',
    async (mode) => {
      const wrong: [seed: number, what: string][] = [];
      let [done, runs, terms] = [0, 0, 0];
      await perform(histories(mode), ({ seed }, { about, problems, ...counts }) => {
        done += 1;
        runs += counts.runs;
        terms += counts.terms;
        if (problems.length > 0) wrong.push([seed, `seed ${seed} (${about}): ${problems.join('; ')}`]);
      });
      const seeds = wrong.map(([seed]) => seed);
      expect(
        wrong.map(([, what]) => what),
        `each alone: npm run simulate -- --mode ${mode} --seed ${seeds[0]}`,
      ).toEqual([]);
      expect(done).toBe(HISTORIES[mode]);
      expect(terms).toBeGreaterThan(HISTORIES[mode]);
      expect(runs).toBeGreaterThan(HISTORIES[mode]);
    },
    800_000,
  );

  it.each(['once', 'cron'] as const)('are the same each time for the same seed, under run %s', async (mode) => {
    const [one, two] = [await runHistory(4711, { mode }), await runHistory(4711, { mode })];
    expect(String(one.trace)).toBe(String(two.trace));
    expect(one.runs).toBeGreaterThan(0);
  });
});
