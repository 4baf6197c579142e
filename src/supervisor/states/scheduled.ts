/** Transitions of a supervisor that waits for the next tick of its schedule. Pure. */
import { campaignFailed, electedRole, isTickOf, ofTerm, placedRole, renewed, unconfirmed } from '../leadership.ts';
import { electedNote, lossNote, stepDownNote } from '../note.ts';
import { after, stay, type In, type On, type Plan, type Row, type Step, type TermCell } from '../state.ts';
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

const leaseRenewed: TermCell<'scheduled', 'leaseRenewed'> = (state, role, event, plan, now) => {
  const leader = renewed(role, event);
  return state.handover ? handOver(state, leader, plan, now) : waitForTick(state, leader, plan);
};

export const scheduled: Row<'scheduled'> = {
  elected,
  placed,
  electionFailed: (state, event, _plan, now) =>
    campaignFailed(state, event, 'the schedule is served without leadership', (exitCode) =>
      leave(state, undefined, exitCode, now),
    ),
  leaseRenewed: ofTerm(leaseRenewed),
  leaseUnconfirmed: unconfirmed,
  leaseLost: ofTerm((state, _role, event, plan, now) => after([lossNote(event)], stand(state, plan, now))),
  stepDownAsked: ofTerm((state, role, event, plan, now) =>
    after([stepDownNote(event, 'no command is running')], handOver(state, role, plan, now)),
  ),
  tick: (state, event, plan, now) =>
    isTickOf(state.role, event) ? runAt(state, atOnce(state.role, event.tick, now), plan, now) : stay(state),
  ledgerFailed: ofTerm(withoutLedger),
  deadline: (state, _event, plan, now) => expiring(state, state.role, plan, now, 0),
  stopRequested: (state, event, _plan, now) => stopIdle(state, state.role, event, now),
};
