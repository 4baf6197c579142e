import { spawnSync } from 'node:child_process';
import { expect } from 'vitest';

/** What a bare Node needs to start and end on a quiet machine, ms. */
const QUIET_START_MS = 30;

/** How many times slower than a quiet machine this one is at present: by the slowest of three starts of a bare Node. */
function slowness(): number {
  const starts = [1, 2, 3].map(() => {
    const from = performance.now();
    spawnSync(process.execPath, ['-e', '0']);
    return performance.now() - from;
  });
  return Math.max(1, Math.max(...starts) / QUIET_START_MS);
}

/**
 * Expects that something took no longer than `bound` ms on a quiet machine. A busy one may take as many times longer as
 * it is slower, and twice that: its load comes and goes. It is measured only when the bound was missed.
 */
export function expectWithin(took: number, bound: number): void {
  if (took < bound) return;
  expect(took).toBeLessThan(2 * bound * slowness());
}
