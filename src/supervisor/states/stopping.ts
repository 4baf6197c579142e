/** Transitions of a supervisor that ends something: everything that runs, its leadership, itself. Pure. */
import { ExitCode } from '../../errors.ts';
import { awaitAll, deposed, ended, notEntered, startOf, tooLate } from '../conclusions.ts';
import { note, seconds } from '../note.ts';
import type { Plan } from '../policy.ts';
import {
  electedRole,
  failedRole,
  failureNote,
  isTickOf,
  leadershipOf,
  lossNote,
  renewedRole,
  stay,
  unconfirmed,
} from '../roles.ts';
import { each, kill, press, runOf } from '../runs.ts';
import type { Effect, Ending, In, On, Role, Row, Step } from '../state.ts';
import { after, atOnce, counts, leave, runAt, standLater, waitForTick } from '../steps.ts';

/**
 * Who has just resigned leaves the ensemble to the one that takes over for a moment, ms, before it stands again at the
 * end of the queue.
 */
const STAND_BACK_MS = 20;

/**
 * A stop request that comes this long after the first one repeats it, ms. One decision often sends several signals at
 * once: `SendSIGHUP` of systemd, a closed terminal, Ctrl-C under a wrapper that passes it on.
 */
const REPEATED_AFTER_MS = 1000;

/**
 * The first stop request while everything is being stopped decides what follows; one that repeats it skips the grace.
 */
function stopHarder(state: In<'stopping'>, event: On<'stopRequested'>, plan: Plan, now: number): Step {
  const { signal } = event;
  if (state.ending.kind !== 'requested') {
    const first = note('info', 'ballot ends when the command has stopped', { signal });
    return after([first], stay({ ...state, ending: { kind: 'requested', signal, at: now } }));
  }
  // A terminal or a service manager sends SIGHUP beside another signal: nobody repeats a stop with it.
  if (signal === 'SIGHUP' || now - state.ending.at < REPEATED_AFTER_MS) {
    return after(
      [note('debug', 'the stop is under way already; this signal changes nothing', { signal })],
      stay(state),
    );
  }
  const { runs, effects } = each(state.alive, (run) =>
    run.stop?.phase === 'terminating' ? kill(run, run.stop.reason, now) : { run, effects: [] },
  );
  if (runs === state.alive) return stay(state);
  const second = note('warn', 'a second signal: killing the command', { signal });
  return after([second, ...effects], awaitAll(state, { ...state, alive: runs }, plan, now));
}

/** The role changes while everything is being stopped; the deadline follows. */
function keepStopping(state: In<'stopping'>, role: Role | undefined, plan: Plan, now: number): Step {
  return role === undefined ? stay(state) : awaitAll(state, { ...state, role }, plan, now);
}

/** A campaign beside the runs that are being stopped has failed. After a bug this candidate does not stand again. */
function electionFailed(state: In<'stopping'>, event: On<'electionFailed'>, plan: Plan, now: number): Step {
  const failed = failedRole(state, state.role, event);
  if (failed === undefined) return stay(state);
  const { failure } = event;
  const why = failureNote(event, 'the command is being stopped');
  if (failure.kind !== 'bug')
    return after([why, failed.effect], keepStopping({ ...state, campaigns: failed.campaigns }, failed.role, plan, now));
  const ending = state.ending.kind === 'requested' ? state.ending : leavingWith(failure.exitCode);
  return after([why], awaitAll(state, { ...state, ending }, plan, now));
}

const leavingWith = (exitCode: number): Ending => ({ kind: 'leaving', exitCode });

function stillThere(state: In<'stopping'>, plan: Plan, now: number): Step {
  const { runs, effects } = each(state.alive, (run) => press(run, state.role, plan, now));
  return after(effects, awaitAll(state, { ...state, alive: runs }, plan, now));
}

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
function renewedWhileHandingOver(state: In<'resigning'>, event: On<'leaseRenewed'>): Step {
  const { stays } = state;
  const role = stays && renewedRole(stays.role, event);
  return stays === undefined || role === undefined ? stay(state) : stay({ ...state, stays: { ...stays, role } });
}

function unconfirmedWhileHandingOver(state: In<'resigning'>, event: On<'leaseUnconfirmed'>, plan: Plan): Step {
  const { stays } = state;
  if (stays === undefined) return stay(state);
  return unconfirmed(state, stays.role, event, plan, (role) => ({ ...state, stays: { ...stays, role } }));
}

/** There is nothing left to stay for. */
function lostWhileHandingOver(state: In<'resigning'>, event: On<'leaseLost'>): Step {
  const { stays } = state;
  if (stays === undefined || leadershipOf(stays.role, event) === undefined) return stay(state);
  return after([lossNote(event)], stay({ ...state, stays: undefined }));
}

/** It is the next leader's, unless this one stays. */
function tickWhileHandingOver(state: In<'resigning'>, event: On<'tick'>): Step {
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

export const stopping: Row<'stopping'> = {
  elected: (state, event, plan, now) => keepStopping(state, electedRole(state.role, event), plan, now),
  placed: stay,
  electionFailed,
  leaseRenewed: (state, event, plan, now) => keepStopping(state, renewedRole(state.role, event), plan, now),
  leaseUnconfirmed: (state, event, plan) => unconfirmed(state, state.role, event, plan, (role) => ({ ...state, role })),
  leaseLost: deposed,
  commandEnded: stay,
  runEnded: ended,
  runStarted: (state, event) => {
    const run = runOf(state.alive, event);
    return run === undefined ? stay(state) : { state, effects: startOf(run, event) };
  },
  notEntered,
  tooLate,
  tick: stay,
  ledgerFailed: stay,
  deadline: (state, _event, plan, now) => stillThere(state, plan, now),
  stopRequested: stopHarder,
  resigned: stay,
  stayed: stay,
};

export const resigning: Row<'resigning'> = {
  elected: stay,
  placed: stay,
  electionFailed: stay,
  leaseRenewed: renewedWhileHandingOver,
  leaseUnconfirmed: unconfirmedWhileHandingOver,
  leaseLost: lostWhileHandingOver,
  commandEnded: stay,
  runEnded: stay,
  runStarted: stay,
  notEntered: stay,
  tooLate: stay,
  tick: tickWhileHandingOver,
  ledgerFailed: stay,
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
  stayed: (state, event, plan, now) =>
    event.resignation === state.resignations ? stayed(state, plan, now) : stay(state),
};

export const done: Row<'done'> = {
  elected: stay,
  placed: stay,
  electionFailed: stay,
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
  deadline: stay,
  stopRequested: stay,
  resigned: stay,
  stayed: stay,
};
