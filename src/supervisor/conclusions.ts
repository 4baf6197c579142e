/**
 * What follows the end of a run. Pure.
 */
import { runNote } from './note.ts';
import {
  describeResult,
  exitCodeOf,
  failuresAfter,
  outcomeOf,
  policyAfter,
  restartDelay,
  type Plan,
  type Result,
} from './policy.ts';
import { leadershipOf, lossNote, stay } from './roles.ts';
import { ageOf, each, hurry, lossGraceEnd, nextDeadline, runOf, stopEach, stopRun, without } from './runs.ts';
import type { Counts, Effect, Ending, In, Level, NotEntered, On, Role, RunState, Runs, State, Step } from './state.ts';
import {
  after,
  atOnce,
  counts,
  goOn,
  goOnStanding,
  handOver,
  leave,
  runAgain,
  runAt,
  serveNoMore,
  standAgain,
  waitForTick,
} from './steps.ts';

/** What follows the start of a run, whatever else is going on. */
export function startOf({ run, tick }: RunState, { term, pid }: On<'runStarted'>): Effect[] {
  const start: Effect = { kind: 'recordStart', run, tick };
  return pid === undefined ? [start] : [start, runNote('info', 'the command runs', { run }, { pid, term })];
}

/** Everything that runs is being stopped; `alive` are the ones that are left. */
export function awaitAll(
  base: Counts,
  { role, alive, ending, delay }: Pick<In<'stopping'>, 'role' | 'alive' | 'ending' | 'delay'>,
  plan: Plan,
  now: number,
): Step {
  const deadline = nextDeadline(alive, role, plan) ?? now;
  return { state: { ...counts(base), name: 'stopping', role, alive, ending, delay, deadline }, effects: [] };
}

/** Stops everything that runs. */
export function stopAll(state: In<'running'>, ending: Ending, plan: Plan, now: number): Step {
  const { runs, effects } = stopEach(state.alive, ending, state.role, plan, now);
  return after(effects, awaitAll(state, { role: state.role, alive: runs, ending, delay: 0 }, plan, now));
}

/**
 * The term is over, and somebody else may be running the command already: everything is stopped, and every grace is cut
 * short.
 */
export function deposed(state: In<'running' | 'stopping'>, event: On<'leaseLost'>, plan: Plan, now: number): Step {
  const leadership = leadershipOf(state.role, event);
  if (leadership === undefined) return stay(state);
  const graceEnd = lossGraceEnd(leadership, plan, now);
  const follows = state.name === 'stopping' ? state : { ending: { kind: 'leaseLost' } as const, delay: 0 };
  const { runs, effects } = each(state.alive, (run) => {
    const step = stopRun(run, { kind: 'leaseLost' }, state.role, plan, now);
    return { ...step, run: hurry(step.run, graceEnd) };
  });
  const left = { role: { kind: 'deposed' }, alive: runs, ending: follows.ending, delay: follows.delay } as const;
  return after([lossNote(event), ...effects], awaitAll(state, left, plan, now));
}

/** Nothing is left of a run. */
export function ended(state: In<'running' | 'stopping'>, event: On<'runEnded'>, plan: Plan, now: number): Step {
  const run = runOf(state.alive, event);
  if (run === undefined) return stay(state);
  const { outcome, exitCode } = event;
  const timedOut = run.stop?.reason.kind === 'runTimeout';
  const result: Result = { outcome, exitCode, timedOut, ranFor: ageOf(run, now) };
  const asAsked =
    run.stop?.reason.kind === 'replaced' || (state.name === 'stopping' && state.ending.kind === 'requested');
  const follows =
    state.name === 'running' ? afterRun(state, run, result, plan, now) : afterStop(state, run, result, plan, now);
  const over = runNote(exitCode === 0 || asAsked ? 'info' : 'error', 'the run is over', run, {
    outcome: describeResult(result),
    exitCode: exitCodeOf(result),
    durationMs: Math.round(result.ranFor),
    failures: follows.state.failedRuns || undefined,
    nextAttemptMs: nextAttemptIn(follows.state, now),
    skippedTicks: run.skipped || undefined,
  });
  return after([...recordOf(run, result), over], follows);
}

/** How long this candidate waits before it runs the command, or stands, again; `undefined`: it does not wait. */
function nextAttemptIn(state: State, now: number): number | undefined {
  const delay =
    state.name === 'backingOff'
      ? state.due - now
      : state.name === 'resigning' && state.next.kind === 'stand'
        ? state.next.delay
        : 0;
  return delay > 0 ? Math.round(delay) : undefined;
}

function recordOf(run: RunState, result: Result): Effect[] {
  const outcome = outcomeOf(result, run.stop?.reason.kind);
  return [{ kind: 'recordEnd', run: run.run, outcome, exitCode: exitCodeOf(result), skipped: run.skipped }];
}

function afterRun(state: In<'running'>, run: RunState, result: Result, plan: Plan, now: number): Step {
  const { role, waiting } = state;
  const left = without(state.alive, run);
  const wasReplaced = run.stop?.reason.kind === 'replaced';
  const failedRuns = wasReplaced ? state.failedRuns : failuresAfter(state.failedRuns, result, plan);
  const base = { ...state, failedRuns };
  if (plan.cron === undefined) return onceOver(base, role, result, plan, now);
  const policy = wasReplaced ? 'rerun' : policyAfter(result, plan);
  if (policy === 'exit') {
    if (left === undefined) return leave(base, role, exitCodeOf(result), now);
    return stopAll({ ...base, alive: left }, { kind: 'leaving', exitCode: exitCodeOf(result) }, plan, now);
  }
  if (left !== undefined) return goOn(base, role, left, waiting, plan);
  if (role.kind === 'standby' && role.candidacy.placed) return serveNoMore(base, role.candidacy, plan, now);
  if (waiting !== undefined) {
    // The schedule sets the pace, but for a tick that has waited and would follow at once on a run that failed.
    const held = failedRuns > 0 && plan.cron.concurrency !== 'replace';
    const due = now + (held ? restartDelay(failedRuns, result, plan) : 0);
    return runAt(base, { ...atOnce(role, waiting, now), due }, plan, now);
  }
  return policy === 'reelect' && role.kind === 'leader'
    ? handOver(base, role, plan, now)
    : waitForTick(base, role, plan);
}

function onceOver(base: Counts, role: Role, result: Result, plan: Plan, now: number): Step {
  const delay = restartDelay(base.failedRuns, result, plan);
  switch (policyAfter(result, plan)) {
    case 'exit':
      return leave(base, role, exitCodeOf(result), now);
    case 'ignore':
      return leave(base, role, 0, now);
    case 'rerun':
      // Contact is back, so somebody leads or is about to: a command that has ended is not run without leadership
      // again.
      if (role.kind === 'standby' && role.candidacy.placed) return goOnStanding(base, role.candidacy, plan, now);
      return runAgain(base, role, plan, now, now + delay);
    case 'reelect':
      if (role.kind !== 'standby') return standAgain(base, role, plan, now, delay);
      // Without leadership there is nothing to resign, and this candidate has been standing all the while.
      return goOnStanding(base, role.candidacy, plan, now);
  }
}

/**
 * A run has ended while everything is being stopped. One that was being stopped for itself still has its policy, unless
 * this candidate leaves anyway.
 */
function afterStop(state: In<'stopping'>, run: RunState, result: Result, plan: Plan, now: number): Step {
  const own = run.stop?.reason.kind;
  const staying = state.ending.kind === 'leaseLost' || state.ending.kind === 'leaseExpiring';
  if (!staying || (own !== 'runTimeout' && own !== 'leftovers'))
    return stopped(state, without(state.alive, run), result.exitCode, plan, now);
  const failedRuns = failuresAfter(state.failedRuns, result, plan);
  const policy = policyAfter(result, plan);
  const leaves = policy === 'exit' || (policy === 'ignore' && plan.cron === undefined);
  const exitCode = policy === 'exit' ? exitCodeOf(result) : 0;
  const ending: Ending = leaves ? { kind: 'leaving', exitCode } : state.ending;
  const delay = plan.cron === undefined ? restartDelay(failedRuns, result, plan) : 0;
  return stopped({ ...state, failedRuns, ending, delay }, without(state.alive, run), result.exitCode, plan, now);
}

/** One run less of those that are being stopped. `exitCode`: of that run, for a stop that was asked for. */
function stopped(state: In<'stopping'>, left: Runs | undefined, exitCode: number, plan: Plan, now: number): Step {
  const { role, ending, delay } = state;
  if (left !== undefined) return awaitAll(state, { ...state, alive: left }, plan, now);
  switch (ending.kind) {
    case 'requested':
      return leave(state, role, exitCode, now);
    case 'leaving':
      return leave(state, role, ending.exitCode, now);
    case 'leaseLost':
    case 'leaseExpiring':
      return standAgain(state, role, plan, now, delay);
  }
}

const WHY_NOT: Readonly<Record<NotEntered, readonly [Level, string] | undefined>> = {
  taken: ['info', 'the tick has been started already; nothing is started here'],
  fenced: [
    'warn',
    'a later leader writes the ledger of runs; nothing is started here, and this candidate stands again',
  ],
  unanswered: ['error', 'ZooKeeper unreachable: the tick could not be recorded in time, so it is not started'],
  withdrawn: undefined,
};

/**
 * A run was not started, and its keeper may have begun to give the lease up: nothing more is started in this term. What
 * runs beside it is stopped first, the lease is given up after that.
 */
export function tooLate(state: In<'running' | 'stopping'>, event: On<'tooLate'>, plan: Plan, now: number): Step {
  const run = runOf(state.alive, event);
  if (run === undefined) return stay(state);
  const left = without(state.alive, run);
  if (state.name === 'stopping') return stopped(state, left, 0, plan, now);
  const why = runNote(
    'error',
    'the lease ran out before the command could be started; nothing more is started in this term',
    run,
  );
  if (left === undefined) return after([why], standAgain(state, state.role, plan, now, 0));
  return after([why], stopAll({ ...state, alive: left }, { kind: 'leaseExpiring' }, plan, now));
}

/** A run was not started after all. */
export function notEntered(state: In<'running' | 'stopping'>, event: On<'notEntered'>, plan: Plan, now: number): Step {
  const run = runOf(state.alive, event);
  if (run === undefined) return stay(state);
  const left = without(state.alive, run);
  const follows = (): Step => {
    if (state.name === 'stopping') return stopped(state, left, 0, plan, now);
    const { role, waiting } = state;
    if (left !== undefined) return goOn(state, role, left, waiting, plan);
    // Somebody has claimed since, or the ledger was written by hand: a new term will tell.
    if (event.why === 'fenced') return standAgain(state, role, plan, now, 0);
    return waiting === undefined ? waitForTick(state, role, plan) : runAt(state, atOnce(role, waiting, now), plan, now);
  };
  const said = WHY_NOT[event.why];
  return after(said === undefined ? [] : [runNote(...said, run)], follows());
}
