/** Transitions of a supervisor that runs nothing: standing for election, or waiting to. Pure. */
import { ExitCode } from '../errors.ts';
import { electionRetryDelay, type Plan } from './policy.ts';
import {
  campaignLater,
  electedRole,
  failedRole,
  isStale,
  leadershipOf,
  lossNote,
  renewedRole,
  seconds,
  stay,
  unconfirmed,
} from './roles.ts';
import type { Candidacy, In, On, Role, Row, State, Step } from './state.ts';
import { after, campaignNow, leave, note, runAt, standLater, waitToCampaign } from './steps.ts';

function electedToRun(state: In<'campaigning'>, event: On<'elected'>, plan: Plan, now: number): Step {
  if (isStale(state.candidacy, event)) return stay(state);
  const { term } = event.leadership;
  const elected = note('info', 'elected leader', { term, stoodFor: seconds(now - state.candidacy.since) });
  return after([elected], runAt(state, { kind: 'leader', leadership: event.leadership }, plan, now, now, -Infinity));
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
    return after([failed, anyway, again], runAt(base, { kind: 'standby', candidacy }, plan, now, now, -Infinity));
  }
  if (plan.onElectionFailure === 'exit' || failure.kind === 'refused')
    return after([failed], leave(state, undefined, failure.exitCode, now));
  const failures = state.candidacy.failures + 1;
  const due = now + electionRetryDelay(failures, event.jitter);
  return after([failed], waitToCampaign(state, { ...state.candidacy, failures }, due));
}

function notElected(state: State, candidacy: Candidacy, now: number): Step {
  const gaveUp = note('error', 'not elected within election-timeout', { stoodFor: seconds(now - candidacy.since) });
  return after([gaveUp], leave(state, undefined, ExitCode.notElected, now));
}

function stopStanding(state: State, role: Role | undefined, event: On<'stopRequested'>, now: number): Step {
  return after(
    [note('info', 'stopping: no command is running', { signal: event.signal })],
    leave(state, role, ExitCode.ok, now),
  );
}

function backoffOver(state: In<'backingOff'>, plan: Plan, now: number): Step {
  const { next } = state;
  if (next.kind === 'spawn') return runAt(state, next.role, plan, now, state.due, state.confirmedSince);
  if (now >= (next.candidacy.giveUpAt ?? Infinity)) return notElected(state, next.candidacy, now);
  return campaignNow(state, next.candidacy);
}

/** Applies an event to the role that a run waits with. */
function waitWith(state: In<'backingOff'>, role: Role | undefined, plan: Plan, now: number): Step {
  return role === undefined ? stay(state) : runAt(state, role, plan, now, state.due, state.confirmedSince);
}

export const campaigning: Row<'campaigning'> = {
  elected: electedToRun,
  electionFailed: campaignFailed,
  leaseRenewed: stay,
  leaseUnconfirmed: stay,
  leaseLost: stay,
  commandEnded: stay,
  runEnded: stay,
  deadline: (state, _event, _plan, now) => notElected(state, state.candidacy, now),
  stopRequested: (state, event, _plan, now) => stopStanding(state, undefined, event, now),
  resigned: stay,
};

export const backingOff: Row<'backingOff'> = {
  elected: (state, event, plan, now) =>
    state.next.kind === 'spawn' ? waitWith(state, electedRole(state.next.role, event), plan, now) : stay(state),
  electionFailed: (state, event) => {
    const failed = state.next.kind === 'spawn' ? failedRole(state, state.next.role, event) : undefined;
    if (failed === undefined) return stay(state);
    return {
      state: { ...state, campaigns: failed.campaigns, next: { kind: 'spawn', role: failed.role } },
      effects: [failed.effect],
    };
  },
  leaseRenewed: (state, event, plan, now) =>
    state.next.kind === 'spawn' ? waitWith(state, renewedRole(state.next.role, event), plan, now) : stay(state),
  leaseUnconfirmed: (state, event, plan) =>
    state.next.kind === 'spawn' ? unconfirmed(state.next.role, state, event, plan) : stay(state),
  leaseLost: (state, event, plan, now) =>
    state.next.kind === 'spawn' && leadershipOf(state.next.role, event) !== undefined
      ? after([lossNote(event)], standLater(state, plan, now, state.due - now))
      : stay(state),
  commandEnded: stay,
  runEnded: stay,
  deadline: (state, _event, plan, now) => backoffOver(state, plan, now),
  stopRequested: (state, event, _plan, now) =>
    stopStanding(state, state.next.kind === 'spawn' ? state.next.role : undefined, event, now),
  resigned: stay,
};
