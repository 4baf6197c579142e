/** Transitions of a supervisor whose command runs. Pure. */
import { formatInstant } from '../../ledger/record.ts';
import { deposed, ended, notEntered, startOf, stopAll, tooLate } from '../conclusions.ts';
import { note, runNote, seconds } from '../note.ts';
import type { Plan } from '../policy.ts';
import {
  electedNote,
  electedRole,
  failedRole,
  failureNote,
  isTickOf,
  leadershipOf,
  ledgerNote,
  placedRole,
  renewedRole,
  skipNote,
  stay,
  unconfirmed,
} from '../roles.ts';
import { ageOf, each, leaseInstants, nextDeadline, press, replaced, runOf, stopRun } from '../runs.ts';
import type { In, On, Role, Row, RunState, Step } from '../state.ts';
import { after, goOn, runBeside } from '../steps.ts';

/** The runs go on in this role; a tick that waited for the lease (`allow`) may start now. */
function keepRunning(state: In<'running'>, role: Role | undefined, plan: Plan, now: number): Step {
  if (role === undefined) return stay(state);
  const { alive, waiting } = state;
  if (waiting !== undefined && plan.cron?.concurrency === 'allow')
    return runBeside(state, role, alive, waiting, plan, now);
  return goOn(state, role, alive, waiting, plan);
}

function electedWhileRunning(state: In<'running'>, event: On<'elected'>, plan: Plan, now: number): Step {
  const role = electedRole(state.role, event);
  if (role === undefined) return stay(state);
  const { term } = event.leadership;
  const adopted = electedNote(event, 'elected leader: the command that runs already is the leader’s from now on');
  const serve = plan.cron === undefined ? [] : [{ kind: 'serve', term } as const];
  return after([adopted, ...serve], keepRunning(state, role, plan, now));
}

function electionFailed(state: In<'running'>, event: On<'electionFailed'>, plan: Plan, now: number): Step {
  const failed = failedRole(state, state.role, event);
  if (failed === undefined) return stay(state);
  const { failure } = event;
  const why = failureNote(event, 'the command goes on without leadership');
  if (failure.kind === 'bug')
    return after([why], stopAll(state, { kind: 'leaving', exitCode: failure.exitCode }, plan, now));
  return { state: { ...state, campaigns: failed.campaigns, role: failed.role }, effects: [why, failed.effect] };
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

function leftBehind(state: In<'running'>, event: On<'commandEnded'>, plan: Plan, now: number): Step {
  const run = runOf(state.alive, event);
  if (run === undefined || run.stop !== undefined) return stay(state);
  const left = runNote('warn', 'the command has ended and left processes behind; stopping them', run, {
    processes: event.left,
  });
  const step = stopRun(run, { kind: 'leftovers' }, state.role, plan, now);
  return after([left, ...step.effects], goOn(state, state.role, replaced(state.alive, step.run), state.waiting, plan));
}

function stopRunning(state: In<'running'>, event: On<'stopRequested'>, plan: Plan, now: number): Step {
  const { signal } = event;
  const [oldest] = state.alive;
  const stopping = note('info', 'stopping the command', { signal, ranFor: seconds(ageOf(oldest, now)) });
  return after([stopping], stopAll(state, { kind: 'requested', signal, at: now }, plan, now));
}

/** The time of a run that was being entered begins to count. */
function started(state: In<'running'>, event: On<'runStarted'>, plan: Plan, now: number): Step {
  const run = runOf(state.alive, event);
  if (run === undefined) return stay(state);
  if (run.startedAt !== undefined) return { state, effects: startOf(run, event) };
  const alive = replaced(state.alive, { ...run, startedAt: now });
  return after(startOf(run, event), goOn(state, state.role, alive, state.waiting, plan));
}

/** A tick comes while the command runs. */
function tickWhileRunning(state: In<'running'>, event: On<'tick'>, plan: Plan, now: number): Step {
  if (!isTickOf(state.role, event)) return stay(state);
  const { tick } = event;
  switch (plan.cron?.concurrency) {
    case undefined:
      return stay(state);
    case 'skip': {
      const [oldest] = state.alive;
      const why = oldest.startedAt === undefined ? 'the tick before is being entered' : 'the command still runs';
      const step = skipped(state, tick, why, plan);
      return after([{ kind: 'skip', tick }], step);
    }
    case 'queue':
      return waits(state, tick, 'the tick waits: the command still runs', plan);
    case 'allow': {
      const { state: base, effects } = passedOver(state, plan);
      return after(effects, runBeside(base, base.role, base.alive, tick, plan, now));
    }
    case 'replace': {
      const { runs, effects } = each(state.alive, (run) => stopRun(run, { kind: 'replaced' }, state.role, plan, now));
      const stopping = { ...state, alive: runs };
      return after(effects, waits(stopping, tick, 'the next tick has come: stopping the command', plan));
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
function ledgerFailed(state: In<'running'>, event: On<'ledgerFailed'>, plan: Plan, now: number): Step {
  if (leadershipOf(state.role, event) === undefined) return stay(state);
  const { kind, exitCode } = event.failure;
  const ending =
    kind === 'unavailable' ? ({ kind: 'leaseExpiring' } as const) : ({ kind: 'leaving', exitCode } as const);
  return after([ledgerNote(event)], stopAll(state, ending, plan, now));
}

export const running: Row<'running'> = {
  elected: electedWhileRunning,
  placed: (state, event) => {
    const role = placedRole(state.role, event);
    return stay(role === undefined ? state : { ...state, role });
  },
  electionFailed,
  leaseRenewed: (state, event, plan, now) => keepRunning(state, renewedRole(state.role, event), plan, now),
  leaseUnconfirmed: (state, event, plan) => unconfirmed(state, state.role, event, plan, (role) => ({ ...state, role })),
  leaseLost: deposed,
  commandEnded: leftBehind,
  runEnded: ended,
  runStarted: started,
  notEntered,
  tooLate,
  tick: tickWhileRunning,
  ledgerFailed,
  deadline: (state, _event, plan, now) => overdue(state, plan, now),
  stopRequested: stopRunning,
  resigned: stay,
  stayed: stay,
};
