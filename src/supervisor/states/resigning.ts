/** Transitions of a supervisor that gives up its leadership, and with `leaving` its place in the queue. Pure. */
import { STAND_BACK_MS } from '../../election/timing.ts';
import { seconds } from '../../election/words.ts';
import { ExitCode } from '../../errors.ts';
import { doubtful, isOfTerm, isTickOf, renewed } from '../leadership.ts';
import { lossNote, note, unconfirmedNote } from '../note.ts';
import { after, counts, stay, type Effect, type In, type On, type Plan, type Row, type Step } from '../state.ts';
import { atOnce, leave, runAt, standLater, waitForTick } from '../transitions.ts';

/** What a reader has to know: the command is over here, and how long nobody may run it elsewhere. */
function notReleased({ leaseDuration }: In<'resigning'>, why: string): Effect {
  if (leaseDuration === undefined) return note('error', 'leaving the queue failed; no command runs here', { why });
  const message = 'leadership not released: no command runs here, others take over when the lease has run out';
  return note('error', message, { leaseDuration: seconds(leaseDuration), why });
}

function resigned(state: In<'resigning'>, error: string | undefined, plan: Plan, now: number): Step {
  const { next } = state;
  const failed = error === undefined ? [] : [notReleased(state, error)];
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

/** The term goes on until the ledger is handed over: its role changes meanwhile. */
function leaseRenewed(state: In<'resigning'>, event: On<'leaseRenewed'>): Step {
  const { stays } = state;
  if (stays === undefined || !isOfTerm(stays.role, event)) return stay(state);
  return stay({ ...state, stays: { ...stays, role: renewed(stays.role, event) } });
}

function leaseUnconfirmed(state: In<'resigning'>, event: On<'leaseUnconfirmed'>, plan: Plan): Step {
  const { stays } = state;
  if (stays === undefined || !isOfTerm(stays.role, event)) return stay(state);
  const next = { ...state, stays: { ...stays, role: doubtful(stays.role) } };
  return { state: next, effects: [unconfirmedNote(state, event, plan)] };
}

/** There is nothing left to stay for. */
function leaseLost(state: In<'resigning'>, event: On<'leaseLost'>): Step {
  if (!isOfTerm(state.stays?.role, event)) return stay(state);
  return { state: { ...state, stays: undefined }, effects: [lossNote(event)] };
}

/** It is the next leader's, unless this one stays. */
function tickComes(state: In<'resigning'>, event: On<'tick'>): Step {
  const { stays } = state;
  if (stays === undefined || !isTickOf(stays.role, event)) return stay(state);
  return stay({ ...state, stays: { ...stays, tick: event.tick } });
}

/** The ledger does not answer: nobody is to lead who does not know what was started. */
function stayed(state: In<'resigning'>, plan: Plan, now: number): Step {
  const { next, stays } = state;
  if (stays === undefined) return resigned(state, undefined, plan, now);
  const { role, tick } = stays;
  if (next.kind === 'exit') return leave(state, role, next.exitCode, now);
  const why = note('warn', 'the ledger of runs does not answer; this leader stays, and hands over when it does');
  const follows =
    tick === undefined ? waitForTick(state, role, plan, true) : runAt(state, atOnce(role, tick, now), plan, now);
  return after([why], follows);
}

/** What was asked for while it stands again follows at once. */
function stopRequested(state: In<'resigning'>, { signal }: On<'stopRequested'>, now: number): Step {
  if (state.next.kind === 'exit') return stay(state);
  const next = { kind: 'exit', exitCode: ExitCode.ok } as const;
  return {
    state: { ...state, next, deadline: Math.max(now, state.deadline) },
    effects: [note('info', 'stopping', { signal })],
  };
}

export const resigning: Row<'resigning'> = {
  leaseRenewed,
  leaseUnconfirmed,
  leaseLost,
  tick: tickComes,
  deadline: (state, _event, plan, now) => resigned(state, 'no answer in time', plan, now),
  stopRequested: (state, event, _plan, now) => stopRequested(state, event, now),
  resigned: (state, event, plan, now) =>
    event.resignation === state.resignations ? resigned(state, event.error, plan, now) : stay(state),
  stayed: (state, event, plan, now) =>
    event.resignation === state.resignations ? stayed(state, plan, now) : stay(state),
};
