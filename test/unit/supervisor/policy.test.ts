import { describe, expect, it } from 'vitest';
import {
  electionRetryDelay,
  exitCodeOf,
  failuresAfter,
  outcomeOf,
  policyAfter,
  restartDelay,
  type Result,
} from '../../../src/supervisor/policy.ts';
import type { Plan } from '../../../src/supervisor/state.ts';
import { DEFAULT_PLAN } from '../../support/transitions.ts';

const plan: Plan = { ...DEFAULT_PLAN, restartDelay: 100, restartMaxDelay: 1500 };

const result = (exitCode: number, ranFor = 10, timedOut = false): Result => ({
  outcome: { kind: 'exited', code: exitCode },
  exitCode,
  timedOut,
  ranFor,
});

describe('the pause after a failed election', () => {
  const longest = 1 - Number.EPSILON;

  it('doubles from failure to failure, up to 5 s', () => {
    const most = [1, 2, 3, 4, 5, 6, 7, 8, 50].map((failures) => Math.round(electionRetryDelay(failures, longest)));
    expect(most).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
  });

  it('is drawn from the upper half of that', () => {
    expect([0, 0.5, longest].map((jitter) => Math.round(electionRetryDelay(1, jitter)))).toEqual([50, 75, 100]);
    expect([0, 0.5, longest].map((jitter) => Math.round(electionRetryDelay(50, jitter)))).toEqual([2500, 3750, 5000]);
  });
});

describe('failures in a row', () => {
  it('are counted', () => {
    expect(failuresAfter(0, result(1), plan)).toBe(1);
    expect(failuresAfter(3, result(1), plan)).toBe(4);
    expect(failuresAfter(3, result(0, 10, true), plan)).toBe(4);
  });

  it('are none after a success', () => {
    expect(failuresAfter(3, result(0), plan)).toBe(0);
  });

  it('begin anew with a run that lasted as long as the longest pause', () => {
    expect(failuresAfter(3, result(1, 1499), plan)).toBe(4);
    expect(failuresAfter(3, result(1, 1500), plan)).toBe(1);
  });
});

describe('the pause before the next run', () => {
  it('is restart-delay after a failure, doubled by each further one up to restart-max-delay', () => {
    expect([1, 2, 3, 4, 5, 6, 99].map((failures) => restartDelay(failures, result(1), plan))).toEqual([
      100, 200, 400, 800, 1500, 1500, 1500,
    ]);
  });

  it('is what is missing to restart-delay after a success', () => {
    expect([0, 30, 100, 5000].map((ranFor) => restartDelay(0, result(0, ranFor), plan))).toEqual([100, 70, 0, 0]);
  });
});

describe('a run that was stopped for taking too long', () => {
  it('is an error with code 124, whatever the command said', () => {
    expect(exitCodeOf(result(0, 10, true))).toBe(124);
    expect(policyAfter(result(0, 10, true), { ...plan, onChildSuccess: 'rerun', onChildError: 'exit' })).toBe('exit');
    expect(outcomeOf(result(0, 10, true), 'runTimeout')).toBe('timed out');
  });
});
