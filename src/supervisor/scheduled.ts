/** Transitions of a supervisor that waits for the next tick of its schedule. Pure. */
import { note } from './note.ts';
import type { Plan } from './policy.ts';
import {
  electedRole,
  failedRole,
  isTickOf,
  leadershipOf,
  lossNote,
  placedRole,
  renewedRole,
  stay,
  unconfirmed,
} from './roles.ts';
import { stopIdle, withoutLedger } from './standing.ts';
import type { In, On, Row, Step } from './state.ts';
import { after, atOnce, leave, runAt, serve, serveNoMore, stand, standAgain, waitForTick } from './steps.ts';

function electionFailed(state: In<'scheduled'>, event: On<'electionFailed'>, now: number): Step {
  const failed = failedRole(state, state.role, event);
  if (failed === undefined) return stay(state);
  const { failure } = event;
  const why = note('warn', 'the election failed; the schedule is served without leadership', { why: failure.message });
  if (failure.kind === 'bug') return after([why], leave(state, undefined, failure.exitCode, now));
  return {
    state: { ...state, campaigns: failed.campaigns, role: failed.role },
    effects: [why, failed.effect],
  };
}

function elected(state: In<'scheduled'>, event: On<'elected'>, plan: Plan): Step {
  const role = electedRole(state.role, event);
  if (role === undefined) return stay(state);
  const adopted = note('info', 'elected leader: the schedule is served as leader from now on', {
    term: event.leadership.term,
  });
  return after([adopted], serve(state, role, plan));
}

/** The lease was not renewed in time (`on-lease-loss=stop`): nothing runs that would have to be stopped first. */
function expiring(state: In<'scheduled'>, plan: Plan, now: number): Step {
  const why = note('error', 'the lease runs out without a renewal; giving it up');
  return after([why], standAgain(state, state.role, plan, now, 0));
}

export const scheduled: Row<'scheduled'> = {
  elected,
  placed: (state, event) => {
    const role = placedRole(state.role, event);
    return role === undefined ? stay(state) : serveNoMore(state, role.candidacy);
  },
  electionFailed: (state, event, _plan, now) => electionFailed(state, event, now),
  leaseRenewed: (state, event, plan) => {
    const role = renewedRole(state.role, event);
    return role === undefined ? stay(state) : waitForTick(state, role, plan);
  },
  leaseUnconfirmed: (state, event, plan) => unconfirmed(state.role, state, event, plan),
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
  deadline: (state, _event, plan, now) => expiring(state, plan, now),
  stopRequested: (state, event, _plan, now) => stopIdle(state, state.role, event, now),
  resigned: stay,
};
