import { describe, expect, it } from 'vitest';
import {
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
