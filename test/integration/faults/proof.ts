/** What the suite shows of each fault: a few rounds, and many elections side by side. */
import { beforeAll, describe, expect, it } from 'vitest';
import { asError } from '../../../src/errors.ts';
import type { SeriesOptions } from './series.ts';
import type { Verdict } from './trials.ts';

/** Rounds of each fault; `npm run faults` takes any number. */
const TIMES = 2;

/** Elections side by side: most of their time they wait. */
const PARALLEL = 8;

const LIMIT_MS = 1_800_000;

/** Holds all trials before the first test, and has a test for each. `where`: how their description begins. */
export function prove<T extends { readonly summary: string }>(
  where: string,
  trials: Readonly<Record<string, T>>,
  hold: (trial: T, options: SeriesOptions) => Promise<Verdict>,
): void {
  const seed = Date.now() % 1e9;
  const outcomes = new Map<string, Verdict | Error>();

  const holdAll = async (waiting: [string, T][]): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [name, trial] = next;
      outcomes.set(name, await hold(trial, { times: TIMES, seed }).catch(asError));
    }
  };

  beforeAll(async () => {
    // The long ones first.
    const waiting = Object.entries(trials).toReversed();
    await Promise.all(Array.from({ length: PARALLEL }, () => holdAll(waiting)));
  }, LIMIT_MS);

  describe(`${where}two commands never run at once, and nothing is left behind (seed ${seed})`, () => {
    it.each(Object.entries(trials).map(([name, { summary }]) => [name, summary]))('%s: %s', (name) => {
      const outcome = outcomes.get(name);
      if (outcome === undefined || outcome instanceof Error) throw outcome ?? new Error(`${name} was not tried`);
      const { figures, wrong, evidence } = outcome;
      expect(wrong, evidence.join('\n')).toEqual([]);
      expect(figures.overlap).toBe(0);
      expect(figures.n).toBe(TIMES);
    });
  });
}
