/** Transitions of a supervisor whose command runs. Pure. */
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
  seconds,
  stay,
  unconfirmed,
} from './roles.ts';
import type { In, On, Role, Row, Step } from './state.ts';
import { after, leaseInstants, note, runDeadline, stopRun } from './steps.ts';

function keepRunning(state: In<'running'>, role: Role | undefined, plan: Plan): Step {
  if (role === undefined) return stay(state);
  const run = inRole(state.run, role);
  return stay({ ...state, run, deadline: runDeadline(run, plan) });
}

function lostWhileRunning(state: In<'running'>, event: On<'leaseLost'>, plan: Plan, now: number): Step {
  if (leadershipOf(state.run.role, event) === undefined) return stay(state);
  const step = stopRun(state, state.run, { kind: 'leaseLost' }, plan, now);
  return after([lossNote(event)], depose(step));
}

function runOverdue(state: In<'running'>, plan: Plan, now: number): Step {
  const lease = leaseInstants(state.run, plan);
  if (lease !== undefined && now >= lease.termAt) {
    const expiring = note(
      'error',
      'the lease runs out without a renewal; stopping the command before anybody else may start it',
    );
    return after([expiring], stopRun(state, state.run, { kind: 'leaseExpiring' }, plan, now));
  }
  const late = note('error', 'the run takes longer than run-timeout; stopping it', {
    ranFor: seconds(now - state.run.startedAt),
  });
  return after([late], stopRun(state, state.run, { kind: 'runTimeout' }, plan, now));
}

function leftBehind(state: In<'running'>, event: On<'commandEnded'>, plan: Plan, now: number): Step {
  if (event.run !== state.run.run) return stay(state);
  const left = note('warn', 'the command has ended and left processes of its group behind; stopping them');
  return after([left], stopRun(state, state.run, { kind: 'leftovers' }, plan, now));
}

function stopRunning(state: In<'running'>, event: On<'stopRequested'>, plan: Plan, now: number): Step {
  const { signal } = event;
  const stopping = note('info', 'stopping the command', { signal, ranFor: seconds(now - state.run.startedAt) });
  return after([stopping], stopRun(state, state.run, { kind: 'requested', signal }, plan, now));
}

export const running: Row<'running'> = {
  elected: (state, event, plan) => {
    const role = electedRole(state.run.role, event);
    const adopted = note('info', 'elected leader: the command that runs already is the leader’s from now on', {
      term: event.leadership.term,
    });
    return role === undefined ? stay(state) : after([adopted], keepRunning(state, role, plan));
  },
  electionFailed: (state, event, plan, now) => {
    const failed = failedRole(state, state.run.role, event);
    if (failed === undefined) return stay(state);
    const why = note('warn', 'the election failed; the command goes on without leadership', {
      why: event.failure.message,
    });
    if (event.failure.kind === 'bug')
      return after([why], stopRun(state, state.run, { kind: 'failed', exitCode: event.failure.exitCode }, plan, now));
    return {
      state: { ...state, campaigns: failed.campaigns, run: inRole(state.run, failed.role) },
      effects: [why, failed.effect],
    };
  },
  leaseRenewed: (state, event, plan) => keepRunning(state, renewedRole(state.run.role, event), plan),
  leaseUnconfirmed: (state, event, plan) => unconfirmed(state.run.role, state, event, plan),
  leaseLost: lostWhileRunning,
  commandEnded: leftBehind,
  runEnded: ended,
  deadline: (state, _event, plan, now) => runOverdue(state, plan, now),
  stopRequested: stopRunning,
  resigned: stay,
};
