import { describe, expect, it } from 'vitest';
import { start, transition } from '../../../src/supervisor/machine.ts';
import type { Plan } from '../../../src/supervisor/state.ts';
import type { Effect, Event, State } from '../../../src/supervisor/state.ts';
import { DEFAULT_PLAN } from '../../support/transitions.ts';

const plan: Plan = { ...DEFAULT_PLAN, restartDelay: 200 };

/** Runs the command as leader `codes.length` times, 50 ms each; what is said after each resignation. */
function pausesAfter(codes: readonly number[]): Extract<Effect, { kind: 'note' }>[][] {
  let now = 0;
  let { state }: { state: State } = start(plan, now);
  let effects: readonly Effect[] = [];
  const step = (event: Event): void => void ({ state, effects } = transition(state, event, plan, now));
  return codes.map((exitCode, index) => {
    if (state.name === 'waitingToStand') {
      now = state.deadline;
      step({ kind: 'deadline' });
    }
    const [term, leaseDuration] = [index + 1, 5000];
    const leadership = { term, deadline: now + leaseDuration, leaseDuration, confirmed: true };
    step({ kind: 'elected', campaign: state.campaigns, leadership });
    now += 50;
    step({ kind: 'runEnded', run: state.runs, outcome: { kind: 'exited', code: exitCode }, exitCode });
    step({ kind: 'resigned', resignation: state.resignations, error: undefined });
    return effects.filter((effect) => effect.kind === 'note');
  });
}

describe('a candidate that stands again after a pause', () => {
  it('says so, with the length of the pause and the number of failures', () => {
    const said = pausesAfter([1, 1, 1]).map((notes) => notes.map(({ level, fields }) => ({ level, ...fields })));
    expect(said).toEqual([
      [{ level: 'info', pauseMs: 200, failures: 1 }],
      [{ level: 'info', pauseMs: 400, failures: 2 }],
      [{ level: 'info', pauseMs: 800, failures: 3 }],
    ]);
  });

  it('says nothing of the moment that it waits after a success', () => {
    expect(pausesAfter([0, 0])).toEqual([[], []]);
  });
});
