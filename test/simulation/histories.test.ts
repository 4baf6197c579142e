import { describe, expect, it } from 'vitest';
import { runHistory } from './history.ts';

/** Seeds in blocks, so that a failure names a small range and the report shows progress. */
const BLOCKS = 10;
const BLOCK = 30;

describe('histories of candidates on a failing ensemble', () => {
  for (let block = 0; block < BLOCKS; block += 1) {
    const first = 1 + block * BLOCK;
    it(`go well with seeds ${first} to ${first + BLOCK - 1}`, async () => {
      for (let seed = first; seed < first + BLOCK; seed += 1) {
        const history = await runHistory(seed);
        const whole =
          history.problems.length === 0 ? '' : `${JSON.stringify(history.setting)}\n${history.trace.toString()}\n`;
        expect(history.problems, `${whole}seed ${seed}; alone: npm run simulate -- --seed ${seed}`).toEqual([]);
      }
    });
  }

  it('are the same each time for the same seed', async () => {
    const [one, two] = [await runHistory(4711), await runHistory(4711)];
    expect(String(one.trace)).toBe(String(two.trace));
    expect(one.runs).toBeGreaterThan(0);
  });
});
