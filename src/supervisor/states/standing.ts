/** Transitions of a supervisor that runs nothing: standing for election, or waiting to. Pure. */
import { ExitCode } from '../../errors.ts';
import { note, seconds } from '../note.ts';
import { electionRetryDelay, type Plan } from '../policy.ts';
import {
  campaignLater,
  electedNote,
  electedRole,
  failedRole,
  failureNote,
  isStale,
  isTickOf,
  leadershipOf,
  ledgerNote,
  lossNote,
  placedRole,
  renewedRole,
  skipNote,
  stay,
  unconfirmed,
} from '../roles.ts';
import { leaseInstants } from '../runs.ts';
import type { Candidacy, Counts, In, On, Role, Row, State, Step } from '../state.ts';
import {
  after,
  atOnce,
  campaignNow,
  goOnStanding,
  leave,
  runAt,
  serve,
  serveNoMore,
  standAgain,
  standLater,
  waitToCampaign,
} from '../steps.ts';

/** The role is there: run the command, or serve its schedule. */
function begin(base: Counts, role: Role, plan: Plan, now: number): Step {
  return plan.cron === undefined ? runAt(base, atOnce(role, undefined, now), plan, now) : serve(base, role, plan);
}

function electedToRun(state: In<'campaigning'>, event: On<'elected'>, plan: Plan, now: number): Step {
  if (isStale(state.candidacy, event)) return stay(state);
  const elected = electedNote(event, 'elected leader', { stoodFor: seconds(now - state.candidacy.since) });
  return after([elected], begin(state, { kind: 'leader', leadership: event.leadership }, plan, now));
}

function campaignFailed(state: In<'campaigning'>, event: On<'electionFailed'>, plan: Plan, now: number): Step {
  if (isStale(state.candidacy, event)) return stay(state);
  const { failure } = event;
  const fields = { why: failure.message, policy: plan.onElectionFailure };
  const failed = note(failure.kind === 'unavailable' ? 'warn' : 'error', 'the election failed', fields);
  if (failure.kind === 'bug') return after([failed], leave(state, undefined, failure.exitCode, now));
  if (plan.onElectionFailure === 'run-anyway') {
    const [candidacy, again] = campaignLater(state.candidacy, state.campaigns, event.jitter);
    const base = { ...state, campaigns: candidacy.campaign };
    const anyway = note('warn', 'running the command without leadership, and standing for election meanwhile');
    return after([failed, anyway, again], begin(base, { kind: 'standby', candidacy }, plan, now));
  }
  if (plan.onElectionFailure === 'exit' || failure.kind === 'refused')
    return after([failed], leave(state, undefined, failure.exitCode, now));
  const failures = state.candidacy.failures + 1;
  const due = now + electionRetryDelay(failures, event.jitter);
  return after([failed], waitToCampaign(state, { ...state.candidacy, failures }, due));
}

function notElected(state: State, candidacy: Candidacy, now: number): Step {
  const gaveUp = note('error', 'not elected within election-timeout', { stoodFor: seconds(now - candidacy.since) });
  return after([{ ...gaveUp, outlook: true }], leave(state, undefined, ExitCode.notElected, now));
}

export function stopIdle(state: State, role: Role | undefined, event: On<'stopRequested'>, now: number): Step {
  return after(
    [note('info', 'stopping: no command is running', { signal: event.signal })],
    leave(state, role, ExitCode.ok, now),
  );
}

/** Nothing can be served in this term: `unavailable` is what another term may mend. */
export function withoutLedger(base: Counts, role: Role, event: On<'ledgerFailed'>, plan: Plan, now: number): Step {
  const { kind, exitCode } = event.failure;
  const follows = kind === 'unavailable' ? standAgain(base, role, plan, now, 0) : leave(base, role, exitCode, now);
  return after([ledgerNote(event)], follows);
}

/**
 * The lease was not renewed in time (`on-lease-loss=stop`): nothing runs that would have to be stopped first. `delay`:
 * before this candidate stands again, ms.
 */
export function expiring(base: Counts, role: Role, plan: Plan, now: number, delay: number): Step {
  const why = note('error', 'the lease runs out without a renewal; giving it up');
  return after([why], standAgain(base, role, plan, now, delay));
}

function backoffOver(state: In<'backingOff'>, plan: Plan, now: number): Step {
  const { next, due } = state;
  if (next.kind === 'spawn') {
    const lease = leaseInstants(next.role, plan);
    const delay = plan.cron === undefined ? Math.max(0, due - now) : 0;
    if (lease !== undefined && now >= lease.termAt) return expiring(state, next.role, plan, now, delay);
    return runAt(state, { ...state, ...next }, plan, now);
  }
  if (now >= (next.candidacy.giveUpAt ?? Infinity)) return notElected(state, next.candidacy, now);
  return campaignNow(state, next.candidacy);
}

/** Applies an event to the role that a run waits with. */
function waitWith(state: In<'backingOff'>, role: Role | undefined, plan: Plan, now: number): Step {
  if (role === undefined || state.next.kind !== 'spawn') return stay(state);
  return runAt(state, { ...state, ...state.next, role }, plan, now);
}

/** Who begins to lead while a tick waits serves the schedule as leader. */
function electedWhileWaiting(state: In<'backingOff'>, event: On<'elected'>, plan: Plan, now: number): Step {
  const role = state.next.kind === 'spawn' ? electedRole(state.next.role, event) : undefined;
  const step = waitWith(state, role, plan, now);
  return role === undefined || plan.cron === undefined
    ? step
    : after([{ kind: 'serve', term: event.leadership.term }], step);
}

/** The tick that waits was not started: a later one takes its place. */
function laterTick(state: In<'backingOff'>, event: On<'tick'>): Step {
  const { next } = state;
  if (next.kind !== 'spawn' || !isTickOf(next.role, event)) return stay(state);
  return {
    state: { ...state, next: { ...next, tick: event.tick } },
    effects: next.tick === undefined ? [] : [skipNote(next.tick, 'it waited, and a later tick has come')],
  };
}

/** Contact is back: what was about to run without leadership is the leader's business. */
function placedWhileWaiting(state: In<'backingOff'>, event: On<'placed'>, plan: Plan, now: number): Step {
  const role = state.next.kind === 'spawn' ? placedRole(state.next.role, event) : undefined;
  if (role === undefined) return stay(state);
  const follows = plan.cron === undefined ? goOnStanding : serveNoMore;
  return follows(state, role.candidacy, plan, now);
}

function failedWhileWaiting(state: In<'backingOff'>, event: On<'electionFailed'>, _plan: Plan, now: number): Step {
  const failed = state.next.kind === 'spawn' ? failedRole(state, state.next.role, event) : undefined;
  if (failed === undefined || state.next.kind !== 'spawn') return stay(state);
  const why = failureNote(event, 'the command is about to run without leadership');
  if (event.failure.kind === 'bug') return after([why], leave(state, undefined, event.failure.exitCode, now));
  return {
    state: { ...state, campaigns: failed.campaigns, next: { ...state.next, role: failed.role } },
    effects: [why, failed.effect],
  };
}

function unconfirmedWhileWaiting(state: In<'backingOff'>, event: On<'leaseUnconfirmed'>, plan: Plan): Step {
  const { next } = state;
  if (next.kind !== 'spawn') return stay(state);
  return unconfirmed(state, next.role, event, plan, (role) => ({ ...state, next: { ...next, role } }));
}

function lostWhileWaiting(state: In<'backingOff'>, event: On<'leaseLost'>, plan: Plan, now: number): Step {
  if (state.next.kind !== 'spawn' || leadershipOf(state.next.role, event) === undefined) return stay(state);
  const delay = plan.cron === undefined ? state.due - now : 0;
  return after([lossNote(event)], standLater(state, plan, now, delay));
}

export const campaigning: Row<'campaigning'> = {
  elected: electedToRun,
  placed: stay,
  electionFailed: campaignFailed,
  leaseRenewed: stay,
  leaseUnconfirmed: stay,
  leaseLost: stay,
  commandEnded: stay,
  runEnded: stay,
  runStarted: stay,
  notEntered: stay,
  tooLate: stay,
  tick: stay,
  ledgerFailed: stay,
  deadline: (state, _event, _plan, now) => notElected(state, state.candidacy, now),
  stopRequested: (state, event, _plan, now) => stopIdle(state, undefined, event, now),
  resigned: stay,
  stayed: stay,
};

export const backingOff: Row<'backingOff'> = {
  elected: electedWhileWaiting,
  placed: placedWhileWaiting,
  electionFailed: failedWhileWaiting,
  leaseRenewed: (state, event, plan, now) =>
    state.next.kind === 'spawn' ? waitWith(state, renewedRole(state.next.role, event), plan, now) : stay(state),
  leaseUnconfirmed: unconfirmedWhileWaiting,
  leaseLost: lostWhileWaiting,
  commandEnded: stay,
  runEnded: stay,
  runStarted: stay,
  notEntered: stay,
  tooLate: stay,
  tick: laterTick,
  ledgerFailed: (state, event, plan, now) =>
    state.next.kind === 'spawn' && leadershipOf(state.next.role, event) !== undefined
      ? withoutLedger(state, state.next.role, event, plan, now)
      : stay(state),
  deadline: (state, _event, plan, now) => backoffOver(state, plan, now),
  stopRequested: (state, event, _plan, now) =>
    stopIdle(state, state.next.kind === 'spawn' ? state.next.role : undefined, event, now),
  resigned: stay,
  stayed: stay,
};
