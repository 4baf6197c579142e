/**
 * The supervisor's state machine: `(state, event, plan, now) → state and effects`. Pure: it reads no clock, waits for
 * nothing, throws nothing. The rows are in `states/`; a pair of state and event that is not written down there changes
 * nothing.
 */
import { stay, type Event, type Plan, type Row, type State, type Step } from './state.ts';
import { campaigning } from './states/campaigning.ts';
import { resigning } from './states/resigning.ts';
import { running } from './states/running.ts';
import { scheduled } from './states/scheduled.ts';
import { stopping } from './states/stopping.ts';
import { waitingToRun } from './states/waiting-to-run.ts';
import { waitingToStand } from './states/waiting-to-stand.ts';
import { stand } from './transitions.ts';

const ROWS: { readonly [N in State['name']]: Row<N> } = {
  campaigning,
  waitingToStand,
  waitingToRun,
  scheduled,
  running,
  stopping,
  resigning,
  done: {},
};

type Cell = (state: State, event: Event, plan: Plan, now: number) => Step;

/** The first step: stand for election. */
export function start(plan: Plan, now: number): Step {
  return stand({ campaigns: 0, runs: 0, resignations: 0, failedRuns: 0 }, plan, now);
}

/** The next state, and what is to be done. An event of an earlier campaign, term or run changes nothing. */
export function transition(state: State, event: Event, plan: Plan, now: number): Step {
  // The row belongs to the state's name and the cell to the event's kind; the compiler cannot follow both at once.
  const cell = ROWS[state.name][event.kind] as Cell | undefined;
  return cell === undefined ? stay(state) : cell(state, event, plan, now);
}
