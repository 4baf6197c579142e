/** Transitions of a supervisor that ends something: the run, its leadership, itself. Pure. */
import { ExitCode } from '../errors.ts';
import type { Plan } from './policy.ts';
import {
  depose,
  electedRole,
  ended,
  failedRole,
  inRole,
  leadershipOf,
  lossNote,
  renewedRole,
  stay,
  unconfirmed,
} from './roles.ts';
import type { In, On, Role, Row, Step } from './state.ts';
import { after, awaitDeath, counts, kill, leave, lossGrace, note, standLater } from './steps.ts';

/** Who has just resigned leaves the ensemble to the one that takes over for a moment, ms, before it stands again at the end of the queue. */
const STAND_BACK_MS = 20;

/** The first stop request while the run is being stopped decides what follows; another one skips the grace. */
function stopHarder(state: In<'terminating'>, event: On<'stopRequested'>, plan: Plan, now: number): Step {
  const { run, reason } = state;
  if (reason.kind === 'requested') {
    return after(
      [note('warn', 'a second signal: killing the command', { signal: event.signal })],
      kill(state, run, reason, now),
    );
  }
  return awaitDeath(state, run, { kind: 'requested', signal: event.signal }, state.graceEnd, plan, now);
}

/** The run that is being stopped changes its role; the deadline follows. */
function keepStopping(state: In<'terminating'>, role: Role | undefined, plan: Plan, now: number): Step {
  return role === undefined
    ? stay(state)
    : awaitDeath(state, inRole(state.run, role), state.reason, state.graceEnd, plan, now);
}

/** Somebody else may be running the command already: the grace is cut short. */
function lostWhileTerminating(state: In<'terminating'>, event: On<'leaseLost'>, plan: Plan, now: number): Step {
  const leadership = leadershipOf(state.run.role, event);
  if (leadership === undefined) return stay(state);
  const graceEnd = Math.min(state.graceEnd, now + lossGrace(leadership, plan));
  return after([lossNote(event)], depose(awaitDeath(state, state.run, state.reason, graceEnd, plan, now)));
}

function stillThere(state: In<'terminating'>, now: number): Step {
  return after([note('warn', 'the command is still there; killing it')], kill(state, state.run, state.reason, now));
}

function resigned(state: In<'resigning'>, error: string | undefined, plan: Plan, now: number): Step {
  const { next } = state;
  const failed = error === undefined ? [] : [note('error', 'resigning failed', { why: error })];
  // The stop was asked for while the lease was being given up: the place in the queue is still held.
  if (next.kind === 'exit' && !state.leaving) return after(failed, leave(state, undefined, next.exitCode, now));
  if (next.kind === 'exit') {
    const exitCode = error !== undefined && next.exitCode === 0 ? ExitCode.unavailable : next.exitCode;
    return {
      state: { ...counts(state), name: 'done', exitCode, deadline: undefined },
      effects: [...failed, { kind: 'finish', exitCode }],
    };
  }
  if (error !== undefined && plan.onElectionFailure === 'exit')
    return after(failed, leave(state, undefined, ExitCode.unavailable, now));
  return after(failed, standLater(state, plan, now, Math.max(next.delay, STAND_BACK_MS)));
}

export const terminating: Row<'terminating'> = {
  elected: (state, event, plan, now) => keepStopping(state, electedRole(state.run.role, event), plan, now),
  electionFailed: (state, event, plan, now) => {
    const failed = failedRole(state, state.run.role, event);
    return failed === undefined
      ? stay(state)
      : after([failed.effect], keepStopping({ ...state, campaigns: failed.campaigns }, failed.role, plan, now));
  },
  leaseRenewed: (state, event, plan, now) => keepStopping(state, renewedRole(state.run.role, event), plan, now),
  leaseUnconfirmed: (state, event, plan) => unconfirmed(state.run.role, state, event, plan),
  leaseLost: lostWhileTerminating,
  commandEnded: stay,
  runEnded: ended,
  deadline: (state, _event, _plan, now) => stillThere(state, now),
  stopRequested: stopHarder,
  resigned: stay,
};

export const killing: Row<'killing'> = {
  elected: (state, event) => {
    const role = electedRole(state.run.role, event);
    return stay(role === undefined ? state : { ...state, run: inRole(state.run, role) });
  },
  electionFailed: (state, event) => {
    const failed = failedRole(state, state.run.role, event);
    if (failed === undefined) return stay(state);
    return {
      state: { ...state, campaigns: failed.campaigns, run: inRole(state.run, failed.role) },
      effects: [failed.effect],
    };
  },
  leaseRenewed: (state, event) => {
    const role = renewedRole(state.run.role, event);
    return stay(role === undefined ? state : { ...state, run: inRole(state.run, role) });
  },
  leaseUnconfirmed: (state, event, plan) => unconfirmed(state.run.role, state, event, plan),
  leaseLost: (state, event) =>
    leadershipOf(state.run.role, event) === undefined ? stay(state) : depose({ state, effects: [lossNote(event)] }),
  commandEnded: stay,
  runEnded: ended,
  deadline: (state, _event, _plan, now) => kill(state, state.run, state.reason, now),
  stopRequested: (state, event) =>
    stay(state.reason.kind === 'requested' ? state : { ...state, reason: { kind: 'requested', signal: event.signal } }),
  resigned: stay,
};

export const resigning: Row<'resigning'> = {
  elected: stay,
  electionFailed: stay,
  leaseRenewed: stay,
  leaseUnconfirmed: stay,
  leaseLost: stay,
  commandEnded: stay,
  runEnded: stay,
  deadline: (state, _event, plan, now) => resigned(state, 'no answer in time', plan, now),
  stopRequested: (state, event, _plan, now) => {
    if (state.next.kind === 'exit') return stay(state);
    return after(
      [note('info', 'stopping', { signal: event.signal })],
      stay({ ...state, next: { kind: 'exit', exitCode: ExitCode.ok }, deadline: Math.max(now, state.deadline) }),
    );
  },
  resigned: (state, event, plan, now) =>
    event.resignation === state.resignations ? resigned(state, event.error, plan, now) : stay(state),
};

export const done: Row<'done'> = {
  elected: stay,
  electionFailed: stay,
  leaseRenewed: stay,
  leaseUnconfirmed: stay,
  leaseLost: stay,
  commandEnded: stay,
  runEnded: stay,
  deadline: stay,
  stopRequested: stay,
  resigned: stay,
};
