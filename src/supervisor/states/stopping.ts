/** Transitions of a supervisor that stops everything that runs. Pure. */
import { campaignFailed, electedRole, ofTerm, renewed, unconfirmed } from '../leadership.ts';
import { lossNote, note } from '../note.ts';
import { exitCodeOf, failuresAfter, policyAfter, restartDelay, type Result } from '../policy.ts';
import {
  after,
  stay,
  type Ending,
  type In,
  type LeaderRole,
  type On,
  type Plan,
  type Row,
  type RunState,
  type Step,
} from '../state.ts';
import {
  concluded,
  each,
  kill,
  notEnteredEffects,
  ofRun,
  press,
  resultOf,
  startEffects,
  stopForLoss,
  without,
} from '../run-state.ts';
import { awaitAll, handOver, leave, standAgain } from '../transitions.ts';

/**
 * A stop request that comes this long after the first one repeats it, ms. One decision often sends several signals at
 * once: `SendSIGHUP` of systemd, a closed terminal, Ctrl-C under a wrapper that passes it on.
 */
const REPEATED_AFTER_MS = 1000;

/** The first stop request while all is being stopped decides what follows; one that repeats it skips the grace. */
function stopRequested(state: In<'stopping'>, event: On<'stopRequested'>, plan: Plan, now: number): Step {
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

/** After a failure that is final this candidate does not stand again. */
function electionFailed(state: In<'stopping'>, event: On<'electionFailed'>, plan: Plan, now: number): Step {
  return campaignFailed(state, event, 'the command is being stopped', (exitCode) => {
    const ending = state.ending.kind === 'requested' ? state.ending : ({ kind: 'leaving', exitCode } as const);
    return awaitAll(state, { ...state, ending }, plan, now);
  });
}

/** The term is over, and somebody else may be running the command already. */
function leaseLost(state: In<'stopping'>, role: LeaderRole, event: On<'leaseLost'>, plan: Plan, now: number): Step {
  const { runs, effects } = stopForLoss(state.alive, role, plan, now);
  const left = awaitAll(state, { ...state, role: undefined, alive: runs }, plan, now);
  return after([lossNote(event), ...effects], left);
}

function overdue(state: In<'stopping'>, plan: Plan, now: number): Step {
  const { runs, effects } = each(state.alive, (run) => press(run, state.role, plan, now));
  return after(effects, awaitAll(state, { ...state, alive: runs }, plan, now));
}

/** Nothing is left of a run. */
function runEnded(state: In<'stopping'>, run: RunState, event: On<'runEnded'>, plan: Plan, now: number): Step {
  const result = resultOf(run, event, now);
  const { kind } = state.ending;
  const asAsked = run.stop?.reason.kind === 'replaced' || kind === 'requested' || kind === 'stepDown';
  const follows = oneLess(underItsPolicy(state, run, result, plan), run, result.exitCode, plan, now);
  return concluded(run, result, asAsked, follows, now);
}

/** A run that was being stopped for itself still has its policy, unless this candidate leaves anyway. */
function underItsPolicy(state: In<'stopping'>, run: RunState, result: Result, plan: Plan): In<'stopping'> {
  const own = run.stop?.reason.kind;
  const staying: readonly Ending['kind'][] = ['leaseLost', 'leaseExpiring', 'stepDown'];
  if (!staying.includes(state.ending.kind) || (own !== 'runTimeout' && own !== 'leftovers')) return state;
  const failedRuns = failuresAfter(state.failedRuns, result, plan);
  const policy = policyAfter(result, plan);
  const leaves = policy === 'exit' || (policy === 'ignore' && plan.cron === undefined);
  const exitCode = policy === 'exit' ? exitCodeOf(result) : 0;
  const ending = leaves ? ({ kind: 'leaving', exitCode } as const) : state.ending;
  const delay = plan.cron === undefined ? restartDelay(failedRuns, result, plan) : 0;
  return { ...state, failedRuns, ending, delay };
}

/** One run less of those that are being stopped. `exitCode`: of that run, for a stop that was asked for. */
function oneLess(state: In<'stopping'>, run: RunState, exitCode: number, plan: Plan, now: number): Step {
  const { role, ending, delay } = state;
  const left = without(state.alive, run);
  if (left !== undefined) return awaitAll(state, { ...state, alive: left }, plan, now);
  switch (ending.kind) {
    case 'requested':
      return leave(state, role, exitCode, now);
    case 'leaving':
      return leave(state, role, ending.exitCode, now);
    case 'leaseLost':
    case 'leaseExpiring':
      return standAgain(state, role, plan, now, delay);
    case 'stepDown':
      // The next leader of a schedule has to find in the ledger what was started here.
      return role?.kind === 'leader' && plan.cron !== undefined
        ? handOver(state, role, plan, now)
        : standAgain(state, role, plan, now, delay);
  }
}

/** A run was not started since its term is over, or is about to be: there is no role to stay in. */
function termEnds(state: In<'stopping'>): In<'stopping'> {
  return state.ending.kind === 'stepDown' ? { ...state, ending: { kind: 'leaseExpiring' } } : state;
}

export const stopping: Row<'stopping'> = {
  elected: (state, event, plan, now) => {
    const role = electedRole(state.role, event);
    return role === undefined ? stay(state) : awaitAll(state, { ...state, role }, plan, now);
  },
  electionFailed,
  leaseRenewed: ofTerm((state, role, event, plan, now) =>
    awaitAll(state, { ...state, role: renewed(role, event) }, plan, now),
  ),
  leaseUnconfirmed: unconfirmed,
  leaseLost: ofTerm(leaseLost),
  runStarted: ofRun((state, run, event) => ({ state, effects: startEffects(run, event) })),
  runEnded: ofRun(runEnded),
  notEntered: ofRun((state, run, event, plan, now) =>
    after(notEnteredEffects(run, event), oneLess(event.why === 'fenced' ? termEnds(state) : state, run, 0, plan, now)),
  ),
  tooLate: ofRun((state, run, _event, plan, now) => oneLess(termEnds(state), run, 0, plan, now)),
  deadline: (state, _event, plan, now) => overdue(state, plan, now),
  stopRequested,
};
