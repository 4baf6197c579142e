/** Transitions of a supervisor that waits before it stands for election again. Pure. */
import type { In, Row, Step } from '../state.ts';
import { campaignNow, notElected, stopIdle } from '../transitions.ts';

function waitOver(state: In<'waitingToStand'>, now: number): Step {
  const { candidacy } = state;
  return now >= (candidacy.giveUpAt ?? Infinity) ? notElected(state, candidacy, now) : campaignNow(state, candidacy);
}

export const waitingToStand: Row<'waitingToStand'> = {
  deadline: (state, _event, _plan, now) => waitOver(state, now),
  stopRequested: (state, event, _plan, now) => stopIdle(state, undefined, event, now),
};
