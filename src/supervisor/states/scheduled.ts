/** Transitions of a supervisor that waits for the next tick of its schedule. Pure. */
import {
  campaignFailed,
  electedRole,
  isTickOf,
  leadershipOf,
  placedRole,
  renewedRole,
  unconfirmed,
} from '../leadership.ts';
import { electedNote, lossNote } from '../note.ts';
import type { Plan } from '../policy.ts';
import { after, stay, type In, type On, type Row, type Step } from '../state.ts';
import {
  atOnce,
  expiring,
  handOver,
  leave,
  runAt,
  serve,
  serveNoMore,
  stand,
  stopIdle,
  waitForTick,
  withoutLedger,
} from '../transitions.ts';

function elected(state: In<'scheduled'>, event: On<'elected'>, plan: Plan): Step {
  const role = electedRole(state.role, event);
  if (role === undefined) return stay(state);
  const adopted = electedNote(event, 'elected leader: the schedule is served as leader from now on');
  return after([adopted], serve(state, role, plan));
}

function placed(state: In<'scheduled'>, event: On<'placed'>, plan: Plan, now: number): Step {
  const role = placedRole(state.role, event);
  return role === undefined ? stay(state) : serveNoMore(state, role.candidacy, plan, now);
}

function leaseRenewed(state: In<'scheduled'>, event: On<'leaseRenewed'>, plan: Plan, now: number): Step {
  const role = renewedRole(state.role, event);
  if (role === undefined) return stay(state);
  return state.handover ? handOver(state, role, plan, now) : waitForTick(state, role, plan);
}

export const scheduled: Row<'scheduled'> = {
  elected,
  placed,
  electionFailed: (state, event, _plan, now) =>
    campaignFailed(state, event, 'the schedule is served without leadership', (exitCode) =>
      leave(state, undefined, exitCode, now),
    ),
  leaseRenewed,
  leaseUnconfirmed: unconfirmed,
  leaseLost: (state, event, plan, now) =>
    leadershipOf(state.role, event) === undefined ? stay(state) : after([lossNote(event)], stand(state, plan, now)),
  tick: (state, event, plan, now) =>
    isTickOf(state.role, event) ? runAt(state, atOnce(state.role, event.tick, now), plan, now) : stay(state),
  ledgerFailed: (state, event, plan, now) =>
    leadershipOf(state.role, event) === undefined ? stay(state) : withoutLedger(state, state.role, event, plan, now),
  deadline: (state, _event, plan, now) => expiring(state, state.role, plan, now, 0),
  stopRequested: (state, event, _plan, now) => stopIdle(state, state.role, event, now),
};
