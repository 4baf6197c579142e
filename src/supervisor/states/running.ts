/** Transitions of a supervisor whose command runs. Pure. */
import { formatInstant } from '../../ledger/record.ts';
import { campaignFailed, electedRole, isTickOf, ofTerm, placedRole, renewed, unconfirmed } from '../leadership.ts';
import { electedNote, ledgerNote, lossNote, note, runNote, skipNote, stepDownNote } from '../note.ts';
import { seconds } from '../../election/words.ts';
import { exitCodeOf, failuresAfter, policyAfter, restartDelay, type Result } from '../policy.ts';
import {
  after,
  stay,
  type In,
  type LeaderRole,
  type On,
  type Plan,
  type Role,
  type Row,
  type RunState,
  type Step,
  type TermCell,
} from '../state.ts';
import {
  ageOf,
  concluded,
  each,
  leaseInstants,
  nextDeadline,
  notEnteredEffects,
  ofRun,
  press,
  replaced,
  resultOf,
  startEffects,
  stopForLoss,
  stopRun,
  without,
} from '../run-state.ts';
import {
  atOnce,
  awaitAll,
  goOn,
  goOnStanding,
  handOver,
  leave,
  runAgain,
  runAt,
  runBeside,
  serveNoMore,
  standAgain,
  stopAll,
  waitForTick,
} from '../transitions.ts';

/** The runs go on in this role; a tick that waited for the lease (`allow`) may start now. */
function keepRunning(state: In<'running'>, role: Role, plan: Plan, now: number): Step {
  const { alive, waiting } = state;
  if (waiting !== undefined && plan.cron?.concurrency === 'allow')
    return runBeside(state, role, alive, waiting, plan, now);
  return goOn(state, role, alive, waiting, plan);
}

function elected(state: In<'running'>, event: On<'elected'>, plan: Plan, now: number): Step {
  const role = electedRole(state.role, event);
  if (role === undefined) return stay(state);
  const { term } = event.leadership;
  const adopted = electedNote(event, 'elected leader: the command that runs already is the leader’s from now on');
  const serve = plan.cron === undefined ? [] : [{ kind: 'serve', term } as const];
  return after([adopted, ...serve], keepRunning(state, role, plan, now));
}

function overdue(state: In<'running'>, plan: Plan, now: number): Step {
  const lease = leaseInstants(state.role, plan);
  if (lease !== undefined && now >= lease.termAt && state.alive.some(({ stop }) => stop === undefined)) {
    const expiring = note(
      'error',
      'the lease runs out without a renewal; stopping the command before anybody else may start it',
    );
    return after([expiring], stopAll(state, { kind: 'leaseExpiring' }, plan, now));
  }
  const { runs, effects } = each(state.alive, (run) => press(run, state.role, plan, now));
  return after(effects, goOn(state, state.role, runs, state.waiting, plan));
}

function commandEnded(state: In<'running'>, run: RunState, event: On<'commandEnded'>, plan: Plan, now: number): Step {
  if (run.stop !== undefined) return stay(state);
  const left = runNote('warn', 'the command has ended and left processes behind; stopping them', run, {
    processes: event.left,
  });
  const step = stopRun(run, { kind: 'leftovers' }, state.role, plan, now);
  return after([left, ...step.effects], goOn(state, state.role, replaced(state.alive, step.run), state.waiting, plan));
}

/** The term is over, and somebody else may be running the command already. */
function leaseLost(state: In<'running'>, role: LeaderRole, event: On<'leaseLost'>, plan: Plan, now: number): Step {
  const { runs, effects } = stopForLoss(state.alive, role, plan, now);
  const left = { role: undefined, alive: runs, ending: { kind: 'leaseLost' }, delay: 0 } as const;
  return after([lossNote(event), ...effects], awaitAll(state, left, plan, now));
}

function stopRequested(state: In<'running'>, event: On<'stopRequested'>, plan: Plan, now: number): Step {
  const { signal } = event;
  const [oldest] = state.alive;
  const stopping = note('info', 'stopping the command', { signal, ranFor: seconds(ageOf(oldest, now)) });
  return after([stopping], stopAll(state, { kind: 'requested', signal, at: now }, plan, now));
}

/** Whatever the policy says: the command is stopped in order, then the lease is given up. */
const stepDownAsked: TermCell<'running', 'stepDownAsked'> = (state, _role, event, plan, now) => {
  const [oldest] = state.alive;
  const stopping = stepDownNote(event, 'stopping the command', { ranFor: seconds(ageOf(oldest, now)) });
  return after([stopping], stopAll(state, { kind: 'stepDown' }, plan, now));
};

/** The time of a run that was being entered begins to count. */
function runStarted(state: In<'running'>, run: RunState, event: On<'runStarted'>, plan: Plan, now: number): Step {
  if (run.startedAt !== undefined) return { state, effects: startEffects(run, event) };
  const alive = replaced(state.alive, { ...run, startedAt: now });
  return after(startEffects(run, event), goOn(state, state.role, alive, state.waiting, plan));
}

/** A tick comes while the command runs. */
function tickComes(state: In<'running'>, event: On<'tick'>, plan: Plan, now: number): Step {
  if (!isTickOf(state.role, event)) return stay(state);
  switch (plan.cron?.concurrency) {
    case undefined:
      return stay(state);
    case 'skip': {
      const [oldest] = state.alive;
      const why = oldest.startedAt === undefined ? 'the tick before is being entered' : 'the command still runs';
      const step = skipped(state, event.tick, why, plan);
      return after([{ kind: 'skip', tick: event.tick }], step);
    }
    case 'queue':
      return waits(state, event.tick, 'the tick waits: the command still runs', plan);
    case 'allow': {
      const { state: base, effects } = passedOver(state, plan);
      return after(effects, runBeside(base, base.role, base.alive, event.tick, plan, now));
    }
    case 'replace': {
      const { runs, effects } = each(state.alive, (run) => stopRun(run, { kind: 'replaced' }, state.role, plan, now));
      const stopping = { ...state, alive: runs };
      return after(effects, waits(stopping, event.tick, 'the next tick has come: stopping the command', plan));
    }
  }
}

/** The tick comes next. At most one waits: an earlier one is passed over, and settled with this one. */
function waits(state: In<'running'>, tick: number, why: string, plan: Plan): Step {
  const { state: base, effects } = passedOver(state, plan);
  const said = note('info', why, { tick: formatInstant(tick) });
  return after([...effects, said], goOn(base, base.role, base.alive, tick, plan));
}

interface StillRunning extends Step {
  readonly state: In<'running'>;
}

function passedOver(state: In<'running'>, plan: Plan): StillRunning {
  if (state.waiting === undefined) return { state, effects: [] };
  return skipped(state, state.waiting, 'it waited, and a later tick has come', plan);
}

/** A tick is not started; the oldest run counts it. */
function skipped(state: In<'running'>, tick: number, why: string, plan: Plan): StillRunning {
  const [oldest] = state.alive;
  const run: RunState = { ...oldest, skipped: oldest.skipped + 1 };
  const said = skipNote(tick, why, { skipped: run.skipped });
  const alive = replaced(state.alive, run);
  return { state: { ...state, alive, deadline: nextDeadline(alive, state.role, plan) }, effects: [said] };
}

/** Without a ledger no tick can be served in this term; `unavailable` is what another term may mend. */
const ledgerFailed: TermCell<'running', 'ledgerFailed'> = (state, _role, event, plan, now) => {
  const { kind, exitCode } = event.failure;
  const ending =
    kind === 'unavailable' ? ({ kind: 'leaseExpiring' } as const) : ({ kind: 'leaving', exitCode } as const);
  return after([ledgerNote(event)], stopAll(state, ending, plan, now));
};

/** Nothing is left of a run. */
function runEnded(state: In<'running'>, run: RunState, event: On<'runEnded'>, plan: Plan, now: number): Step {
  const result = resultOf(run, event, now);
  const wasReplaced = run.stop?.reason.kind === 'replaced';
  const failedRuns = wasReplaced ? state.failedRuns : failuresAfter(state.failedRuns, result, plan);
  const base = { ...state, failedRuns };
  const follows =
    plan.cron === undefined ? onceOver(base, result, plan, now) : tickOver(base, run, wasReplaced, result, plan, now);
  return concluded(run, result, wasReplaced, follows, now);
}

function onceOver(state: In<'running'>, result: Result, plan: Plan, now: number): Step {
  const { role } = state;
  const delay = restartDelay(state.failedRuns, result, plan);
  switch (policyAfter(result, plan)) {
    case 'exit':
      return leave(state, role, exitCodeOf(result), now);
    case 'ignore':
      return leave(state, role, 0, now);
    case 'rerun':
      // Contact is back, so somebody leads or is about to: a command that has ended is not run without leadership
      // again.
      if (role.kind === 'standby' && role.candidacy.placed) return goOnStanding(state, role.candidacy, plan, now);
      return runAgain(state, role, plan, now, now + delay);
    case 'reelect':
      if (role.kind === 'leader') return standAgain(state, role, plan, now, delay);
      // Without leadership there is nothing to resign, and this candidate has been standing all the while.
      return goOnStanding(state, role.candidacy, plan, now);
  }
}

function tickOver(
  state: In<'running'>,
  run: RunState,
  wasReplaced: boolean,
  result: Result,
  plan: Plan,
  now: number,
): Step {
  const { role, waiting, failedRuns } = state;
  const left = without(state.alive, run);
  const policy = wasReplaced ? 'rerun' : policyAfter(result, plan);
  if (policy === 'exit') {
    if (left === undefined) return leave(state, role, exitCodeOf(result), now);
    return stopAll({ ...state, alive: left }, { kind: 'leaving', exitCode: exitCodeOf(result) }, plan, now);
  }
  if (left !== undefined) return goOn(state, role, left, waiting, plan);
  if (role.kind === 'standby' && role.candidacy.placed) return serveNoMore(state, role.candidacy, plan, now);
  if (waiting !== undefined) {
    // The schedule sets the pace, but for a tick that has waited and would follow at once on a run that failed.
    const held = failedRuns > 0 && plan.cron?.concurrency !== 'replace';
    const due = now + (held ? restartDelay(failedRuns, result, plan) : 0);
    return runAt(state, { ...atOnce(role, waiting, now), due }, plan, now);
  }
  return policy === 'reelect' && role.kind === 'leader'
    ? handOver(state, role, plan, now)
    : waitForTick(state, role, plan);
}

/** A run was not started after all. */
function notEntered(state: In<'running'>, run: RunState, event: On<'notEntered'>, plan: Plan, now: number): Step {
  const { role, waiting } = state;
  const left = without(state.alive, run);
  const follows = (): Step => {
    if (left !== undefined) return goOn(state, role, left, waiting, plan);
    // Somebody has claimed since, or the ledger was written by hand: a new term will tell.
    if (event.why === 'fenced') return standAgain(state, role, plan, now, 0);
    return waiting === undefined ? waitForTick(state, role, plan) : runAt(state, atOnce(role, waiting, now), plan, now);
  };
  return after(notEnteredEffects(run, event), follows());
}

/**
 * A run was not started, and its keeper may have begun to give the lease up: nothing more is started in this term. What
 * runs beside it is stopped first, the lease is given up after that.
 */
function tooLate(state: In<'running'>, run: RunState, _event: On<'tooLate'>, plan: Plan, now: number): Step {
  const left = without(state.alive, run);
  const message = 'the lease ran out before the command could be started; nothing more is started in this term';
  const follows =
    left === undefined
      ? standAgain(state, state.role, plan, now, 0)
      : stopAll({ ...state, alive: left }, { kind: 'leaseExpiring' }, plan, now);
  return after([runNote('error', message, run)], follows);
}

export const running: Row<'running'> = {
  elected,
  placed: (state, event) => {
    const role = placedRole(state.role, event);
    return stay(role === undefined ? state : { ...state, role });
  },
  electionFailed: (state, event, plan, now) =>
    campaignFailed(state, event, 'the command goes on without leadership', (exitCode) =>
      stopAll(state, { kind: 'leaving', exitCode }, plan, now),
    ),
  leaseRenewed: ofTerm((state, role, event, plan, now) => keepRunning(state, renewed(role, event), plan, now)),
  leaseUnconfirmed: unconfirmed,
  leaseLost: ofTerm(leaseLost),
  stepDownAsked: ofTerm(stepDownAsked),
  commandEnded: ofRun(commandEnded),
  runStarted: ofRun(runStarted),
  runEnded: ofRun(runEnded),
  notEntered: ofRun(notEntered),
  tooLate: ofRun(tooLate),
  tick: tickComes,
  ledgerFailed: ofTerm(ledgerFailed),
  deadline: (state, _event, plan, now) => overdue(state, plan, now),
  stopRequested,
};
