/** The life of single runs: what is said and written of each, when it is to be stopped, how its stop goes on. Pure. */
import { stopInstants, type StopInstants } from '../election/timing.ts';
import { runNote } from './note.ts';
import { seconds } from '../election/words.ts';
import { describeResult, exitCodeOf, outcomeOf, type Result } from './policy.ts';
import {
  after,
  stay,
  type Effect,
  type In,
  type LeaderRole,
  type Level,
  type NotEntered,
  type On,
  type Plan,
  type Role,
  type Runs,
  type RunState,
  type State,
  type Step,
  type StopReason,
} from './state.ts';

/** A SIGKILLed group that is still there is killed again this often, ms: a member may have forked in between. */
const KILL_AGAIN_MS = 100;

/** A run after something was done to it, and the effects of that. */
export interface RunStep {
  readonly run: RunState;
  readonly effects: readonly Effect[];
}

/** When the lease ends every run; `undefined` when it does not (`on-lease-loss=keep`, or no lease). */
export function leaseInstants(role: Role | undefined, plan: Plan): StopInstants | undefined {
  if (role?.kind !== 'leader' || plan.onLeaseLoss === 'keep') return undefined;
  const { deadline, leaseDuration } = role.leadership;
  return stopInstants(deadline, leaseDuration, plan.killAfter);
}

/** When a run needs something next: its time, lease or grace is over, or SIGKILL is due again. Infinity: never. */
function dueAt(run: RunState, lease: StopInstants | undefined, plan: Plan): number {
  const { stop } = run;
  switch (stop?.phase) {
    case undefined:
      return Math.min(lateAt(run, plan), lease?.termAt ?? Infinity);
    case 'terminating':
      return Math.min(stop.graceEnd, lease?.killAt ?? Infinity);
    case 'killing':
      return stop.again;
  }
}

/** The next instant of all runs; `undefined`: none. */
export function nextDeadline(runs: Runs, role: Role | undefined, plan: Plan): number | undefined {
  const lease = leaseInstants(role, plan);
  const at = Math.min(...runs.map((run) => dueAt(run, lease, plan)));
  return at === Infinity ? undefined : at;
}

function lateAt({ startedAt }: RunState, { runTimeout }: Plan): number {
  return startedAt === undefined || runTimeout === undefined ? Infinity : startedAt + runTimeout;
}

/** How long a run has lasted, ms. */
export function ageOf({ startedAt }: RunState, now: number): number {
  return startedAt === undefined ? 0 : now - startedAt;
}

/** SIGKILL, again and again until the group is gone. */
export function kill(run: RunState, reason: StopReason, now: number): RunStep {
  return {
    run: { ...run, stop: { phase: 'killing', reason, again: now + KILL_AGAIN_MS } },
    effects: [{ kind: 'signal', run: run.run, signal: 'SIGKILL' }],
  };
}

/**
 * Sends the first signal of a stop; SIGKILL follows at the end of the grace, or when the lease demands it. A run that
 * is being stopped already goes on with that.
 */
export function stopRun(run: RunState, reason: StopReason, role: Role | undefined, plan: Plan, now: number): RunStep {
  if (run.stop !== undefined) return { run, effects: [] };
  const graceEnd = now + plan.killAfter;
  if (now >= Math.min(graceEnd, leaseInstants(role, plan)?.killAt ?? Infinity)) return kill(run, reason, now);
  return {
    run: { ...run, stop: { phase: 'terminating', reason, graceEnd } },
    effects: [{ kind: 'signal', run: run.run, signal: firstSignal(reason, plan) }],
  };
}

/** SIGTERM is how a service manager says stop: the command gets its own stop signal. Others are passed on as such. */
function firstSignal(reason: StopReason, plan: Plan): NodeJS.Signals {
  return reason.kind === 'requested' && reason.signal !== 'SIGTERM' ? reason.signal : plan.stopSignal;
}

/**
 * Stops the runs of a term that is lost. Somebody else may hold the lease already: every grace is cut to what a stop
 * before the lease's end would have left. Under `stop` the next leader still waits for that end, so the instant of
 * SIGKILL before it stands.
 */
export function stopForLoss(runs: Runs, role: LeaderRole, plan: Plan, now: number): ReturnType<typeof each> {
  const { leaseDuration } = role.leadership;
  const killAt = leaseInstants(role, plan)?.killAt ?? Infinity;
  const graceEnd = Math.min(now + Math.min(plan.killAfter, leaseDuration / 3), killAt);
  return each(runs, (run) => {
    const step = stopRun(run, { kind: 'leaseLost' }, role, plan, now);
    return { ...step, run: hurry(step.run, graceEnd) };
  });
}

/** Cuts the grace of a run that is being stopped. */
function hurry(run: RunState, graceEnd: number): RunState {
  const { stop } = run;
  if (stop?.phase !== 'terminating' || stop.graceEnd <= graceEnd) return run;
  return { ...run, stop: { ...stop, graceEnd } };
}

/** Does what is due for a run: it has taken longer than it may, its grace is over, or it is to be killed again. */
export function press(run: RunState, role: Role | undefined, plan: Plan, now: number): RunStep {
  const { stop } = run;
  if (now < dueAt(run, leaseInstants(role, plan), plan)) return { run, effects: [] };
  if (stop === undefined) {
    const fields = { ranFor: seconds(ageOf(run, now)) };
    const late = runNote('error', 'the run takes longer than run-timeout; stopping it', run, fields);
    return withNote(late, stopRun(run, { kind: 'runTimeout' }, role, plan, now));
  }
  const killed = kill(run, stop.reason, now);
  if (stop.phase === 'killing') return killed;
  return withNote(runNote('warn', 'the command is still there; killing it', run), killed);
}

function withNote(first: Effect, { run, effects }: RunStep): RunStep {
  return { run, effects: [first, ...effects] };
}

/** Does the same to every run. */
export function each(
  runs: Runs,
  what: (run: RunState) => RunStep,
): { readonly runs: Runs; readonly effects: Effect[] } {
  const steps = runs.map(what);
  const changed = steps.some(({ run }, index) => run !== runs[index]);
  return {
    runs: changed ? (steps.map(({ run }) => run) as unknown as Runs) : runs,
    effects: steps.flatMap(({ effects }) => effects),
  };
}

/** The runs without one of them; `undefined`: nothing is left. */
export function without(runs: Runs, run: RunState): Runs | undefined {
  const left = runs.filter((other) => other !== run);
  return left.length === 0 ? undefined : (left as unknown as Runs);
}

/** The same runs, one of them changed. */
export function replaced(runs: Runs, run: RunState): Runs {
  return runs.map((other) => (other.run === run.run ? run : other)) as unknown as Runs;
}

/** What a state does on an event of one of its runs; one of a run that is gone changes nothing. */
export const ofRun =
  <S extends In<'running' | 'stopping'>, E extends { readonly run: number }>(
    cell: (state: S, run: RunState, event: E, plan: Plan, now: number) => Step,
  ) =>
  (state: S, event: E, plan: Plan, now: number): Step => {
    const run = state.alive.find((other) => other.run === event.run);
    return run === undefined ? stay(state) : cell(state, run, event, plan, now);
  };

/** What follows the start of a run, whatever else is going on. */
export function startEffects({ run, tick }: RunState, { term, pid }: On<'runStarted'>): Effect[] {
  const start: Effect = { kind: 'recordStart', run, tick };
  return pid === undefined ? [start] : [start, runNote('info', 'the command runs', { run }, { pid, term })];
}

/** How a run ended. */
export function resultOf(run: RunState, { outcome, exitCode }: On<'runEnded'>, now: number): Result {
  return { outcome, exitCode, timedOut: run.stop?.reason.kind === 'runTimeout', ranFor: ageOf(run, now) };
}

/** Writes down and logs how a run ended, before what follows. `asAsked`: on purpose, so no exit code is an error. */
export function concluded(run: RunState, result: Result, asAsked: boolean, follows: Step, now: number): Step {
  const exitCode = exitCodeOf(result);
  const outcome = outcomeOf(result, run.stop?.reason.kind);
  const over = runNote(result.exitCode === 0 || asAsked ? 'info' : 'error', 'the run is over', run, {
    outcome: describeResult(result),
    exitCode,
    durationMs: Math.round(result.ranFor),
    failures: follows.state.failedRuns || undefined,
    nextAttemptMs: nextAttemptIn(follows.state, now),
    skippedTicks: run.skipped || undefined,
  });
  return after([{ kind: 'recordEnd', run: run.run, outcome, exitCode, skipped: run.skipped }, over], follows);
}

/** How long this candidate waits before it runs the command, or stands, again; `undefined`: it does not wait. */
function nextAttemptIn(state: State, now: number): number | undefined {
  const isWaiting = state.name === 'waitingToRun' || state.name === 'waitingToStand';
  const stands = state.name === 'resigning' && state.next.kind === 'stand';
  const delay = isWaiting ? state.due - now : stands ? state.next.delay : 0;
  return delay > 0 ? Math.round(delay) : undefined;
}

const WHY_NOT: Readonly<Record<NotEntered, readonly [Level, string] | undefined>> = {
  taken: ['info', 'the tick has been started already; nothing is started here'],
  fenced: [
    'warn',
    'a later leader writes the ledger of runs; nothing is started here, and this candidate stands again',
  ],
  unanswered: [
    'error',
    'the ledger of runs cannot be written: the tick could not be recorded in time, so it is not started',
  ],
  withdrawn: undefined,
};

/** Says why a run was not started, unless it was called off. */
export function notEnteredEffects(run: RunState, { why }: On<'notEntered'>): Effect[] {
  const said = WHY_NOT[why];
  return said === undefined ? [] : [runNote(...said, run)];
}
