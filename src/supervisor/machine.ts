/**
 * The supervisor's state machine: `(state, event, plan, now) → state and effects`. Pure: it reads no clock, waits for
 * nothing, throws nothing. Every pair of state and event is written down in the rows, also those that do nothing.
 */
import type { Plan } from './policy.ts';
import { running } from './states/running.ts';
import { scheduled } from './states/scheduled.ts';
import { backingOff, campaigning } from './states/standing.ts';
import type { Event, Row, State, Step } from './state.ts';
import { stand } from './steps.ts';
import { done, resigning, stopping } from './states/stopping.ts';

const ROWS: { readonly [N in State['name']]: Row<N> } = {
  campaigning,
  backingOff,
  scheduled,
  running,
  stopping,
  resigning,
  done,
};

/** The first step: stand for election. */
export function start(plan: Plan, now: number): Step {
  return stand({ campaigns: 0, runs: 0, resignations: 0, failedRuns: 0 }, plan, now);
}

/** The next state, and what is to be done. An event of an earlier campaign, term or run changes nothing. */
export function transition(state: State, event: Event, plan: Plan, now: number): Step {
  // The row belongs to the state's name and the cell to the event's kind; the compiler cannot follow both at once.
  const cell = ROWS[state.name][event.kind] as (state: State, event: Event, plan: Plan, now: number) => Step;
  return cell(state, event, plan, now);
}
