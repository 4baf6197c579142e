/** Transitions of a supervisor that waits before it runs the command, again or for a tick. Pure. */
import { campaignFailed, electedRole, isTickOf, ofTerm, placedRole, renewed, unconfirmed } from '../leadership.ts';
import { lossNote, skipNote, stepDownNote } from '../note.ts';
import { after, stay, type In, type On, type Plan, type Row, type Step, type TermCell } from '../state.ts';
import { leaseInstants } from '../run-state.ts';
import {
  expiring,
  goOnStanding,
  handOver,
  leave,
  runAt,
  serveNoMore,
  standAgain,
  standLater,
  stopIdle,
  withoutLedger,
} from '../transitions.ts';

/** Who begins to lead while a tick waits serves the schedule as leader. */
function elected(state: In<'waitingToRun'>, event: On<'elected'>, plan: Plan, now: number): Step {
  const role = electedRole(state.role, event);
  if (role === undefined) return stay(state);
  const step = runAt(state, { ...state, role }, plan, now);
  return plan.cron === undefined ? step : after([{ kind: 'serve', term: event.leadership.term }], step);
}

/** Contact is back: what was about to run without leadership is the leader's business. */
function placed(state: In<'waitingToRun'>, event: On<'placed'>, plan: Plan, now: number): Step {
  const role = placedRole(state.role, event);
  if (role === undefined) return stay(state);
  const follows = plan.cron === undefined ? goOnStanding : serveNoMore;
  return follows(state, role.candidacy, plan, now);
}

const leaseLost: TermCell<'waitingToRun', 'leaseLost'> = (state, _role, event, plan, now) => {
  const delay = plan.cron === undefined ? state.due - now : 0;
  return after([lossNote(event)], standLater(state, plan, now, delay));
};

/**
 * A tick that waits is the next leader's: it stays open in the ledger. While the lease is not confirmed the ledger may
 * not be reached either; the request comes again with the next renewal.
 */
const stepDownAsked: TermCell<'waitingToRun', 'stepDownAsked'> = (state, role, event, plan, now) => {
  const said = stepDownNote(event, 'no command is running');
  if (plan.cron === undefined) {
    const delay = Math.max(0, state.due - now);
    return after([said], standAgain(state, role, plan, now, delay));
  }
  if (plan.onLeaseLoss === 'keep' && !role.leadership.confirmed) return stay(state);
  return after([said], handOver(state, role, plan, now, state.tick));
};

/** The tick that waits was not started: a later one takes its place. */
function tickComes(state: In<'waitingToRun'>, event: On<'tick'>): Step {
  if (!isTickOf(state.role, event)) return stay(state);
  const passed = state.tick === undefined ? [] : [skipNote(state.tick, 'it waited, and a later tick has come')];
  return { state: { ...state, tick: event.tick }, effects: passed };
}

function waitOver(state: In<'waitingToRun'>, plan: Plan, now: number): Step {
  const lease = leaseInstants(state.role, plan);
  if (lease === undefined || now < lease.termAt) return runAt(state, state, plan, now);
  return expiring(state, state.role, plan, now, plan.cron === undefined ? Math.max(0, state.due - now) : 0);
}

export const waitingToRun: Row<'waitingToRun'> = {
  elected,
  placed,
  electionFailed: (state, event, _plan, now) =>
    campaignFailed(state, event, 'the command is about to run without leadership', (exitCode) =>
      leave(state, undefined, exitCode, now),
    ),
  leaseRenewed: ofTerm((state, role, event, plan, now) =>
    runAt(state, { ...state, role: renewed(role, event) }, plan, now),
  ),
  leaseUnconfirmed: unconfirmed,
  leaseLost: ofTerm(leaseLost),
  stepDownAsked: ofTerm(stepDownAsked),
  tick: tickComes,
  ledgerFailed: ofTerm(withoutLedger),
  deadline: (state, _event, plan, now) => waitOver(state, plan, now),
  stopRequested: (state, event, _plan, now) => stopIdle(state, state.role, event, now),
};
