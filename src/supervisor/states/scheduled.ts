/** Transitions of a supervisor that waits for the next tick of its schedule. Pure. */
import type { Plan } from '../policy.ts';
import {
  electedNote,
  electedRole,
  failedRole,
  failureNote,
  isTickOf,
  leadershipOf,
  lossNote,
  placedRole,
  renewedRole,
  stay,
  unconfirmed,
} from '../roles.ts';
import { expiring, stopIdle, withoutLedger } from './standing.ts';
import type { In, On, Row, Step } from '../state.ts';
import { after, atOnce, handOver, leave, runAt, serve, serveNoMore, stand, waitForTick } from '../steps.ts';

function electionFailed(state: In<'scheduled'>, event: On<'electionFailed'>, now: number): Step {
  const failed = failedRole(state, state.role, event);
  if (failed === undefined) return stay(state);
  const { failure } = event;
  const why = failureNote(event, 'the schedule is served without leadership');
  if (failure.kind === 'bug') return after([why], leave(state, undefined, failure.exitCode, now));
  return {
    state: { ...state, campaigns: failed.campaigns, role: failed.role },
    effects: [why, failed.effect],
  };
}

function elected(state: In<'scheduled'>, event: On<'elected'>, plan: Plan): Step {
  const role = electedRole(state.role, event);
  if (role === undefined) return stay(state);
  const adopted = electedNote(event, 'elected leader: the schedule is served as leader from now on');
  return after([adopted], serve(state, role, plan));
}

export const scheduled: Row<'scheduled'> = {
  elected,
  placed: (state, event, plan, now) => {
    const role = placedRole(state.role, event);
    return role === undefined ? stay(state) : serveNoMore(state, role.candidacy, plan, now);
  },
  electionFailed: (state, event, _plan, now) => electionFailed(state, event, now),
  leaseRenewed: (state, event, plan, now) => {
    const role = renewedRole(state.role, event);
    if (role === undefined) return stay(state);
    return state.handover ? handOver(state, role, plan, now) : waitForTick(state, role, plan);
  },
  leaseUnconfirmed: (state, event, plan) => unconfirmed(state, state.role, event, plan, (role) => ({ ...state, role })),
  leaseLost: (state, event, plan, now) =>
    leadershipOf(state.role, event) === undefined ? stay(state) : after([lossNote(event)], stand(state, plan, now)),
  commandEnded: stay,
  runEnded: stay,
  runStarted: stay,
  notEntered: stay,
  tooLate: stay,
  tick: (state, event, plan, now) =>
    isTickOf(state.role, event) ? runAt(state, atOnce(state.role, event.tick, now), plan, now) : stay(state),
  ledgerFailed: (state, event, plan, now) =>
    leadershipOf(state.role, event) === undefined ? stay(state) : withoutLedger(state, state.role, event, plan, now),
  deadline: (state, _event, plan, now) => expiring(state, state.role, plan, now, 0),
  stopRequested: (state, event, _plan, now) => stopIdle(state, state.role, event, now),
  resigned: stay,
  stayed: stay,
};
