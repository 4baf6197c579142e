/**
 * The moves that several transitions share: stand, run, stop the run, resign, leave. Pure. Each returns the state entered and the effects.
 */
import { stopInstants } from '../election/lease.ts';
import { exitCodeOf, failuresAfter, policyAfter, restartDelay, type Plan, type Result } from './policy.ts';
import type { Candidacy, Counts, Effect, Leadership, Level, Role, Run, Sequel, Step, StopReason } from './state.ts';

/** A SIGKILLed group that is still there is killed again this often, ms: a member may have forked in between. */
const KILL_AGAIN_MS = 100;

/** A resignation ends by itself within its own deadlines; this is the last resort behind them, ms, on top of twice the lease's duration. */
const RESIGN_LIMIT_MS = 15_000;

export function note(
  level: Level,
  message: string,
  fields: Readonly<Record<string, string | number | undefined>> = {},
): Effect {
  const known = Object.entries(fields).filter((entry): entry is [string, string | number] => entry[1] !== undefined);
  return { kind: 'note', level, message, fields: Object.fromEntries(known) };
}

export function counts({ campaigns, runs, resignations, failedRuns }: Counts): Counts {
  return { campaigns, runs, resignations, failedRuns };
}

/** Puts effects in front of those of a step. */
export function after(effects: readonly Effect[], step: Step): Step {
  return { state: step.state, effects: [...effects, ...step.effects] };
}

/** Stands for election, anew. */
export function stand(base: Counts, plan: Plan, now: number): Step {
  const giveUpAt = plan.electionTimeout === undefined ? undefined : now + plan.electionTimeout;
  return campaignNow(base, { campaign: 0, since: now, giveUpAt, failures: 0 });
}

/** Starts the next campaign of a candidacy. */
export function campaignNow(base: Counts, candidacy: Candidacy): Step {
  const campaign = base.campaigns + 1;
  return {
    state: {
      ...counts(base),
      campaigns: campaign,
      name: 'campaigning',
      candidacy: { ...candidacy, campaign },
      deadline: candidacy.giveUpAt,
    },
    effects: [{ kind: 'campaign', campaign, delay: 0 }],
  };
}

/** Stands for election after a delay. */
export function standLater(base: Counts, plan: Plan, now: number, delay: number): Step {
  if (delay <= 0) return stand(base, plan, now);
  const due = now + delay;
  const giveUpAt = plan.electionTimeout === undefined ? undefined : due + plan.electionTimeout;
  const candidacy = { campaign: 0, since: due, giveUpAt, failures: 0 };
  return waitToCampaign(base, candidacy, due);
}

export function waitToCampaign(base: Counts, candidacy: Candidacy, due: number): Step {
  const deadline = Math.min(due, candidacy.giveUpAt ?? Infinity);
  return {
    state: {
      ...counts(base),
      name: 'backingOff',
      next: { kind: 'campaign', candidacy },
      due,
      confirmedSince: due,
      deadline,
    },
    effects: [],
  };
}

/** The last instant at which a run may start under this lease: from then on the keeper may have given it up, under either policy, should this process have stood still. */
function startBy({ deadline, leaseDuration }: Leadership, plan: Plan): number {
  return stopInstants(deadline, leaseDuration, plan.killAfter).termAt;
}

/** Whether a run may start: without leadership always, else under a lease that is known to be ours, by a renewal that was sent at `confirmedSince` or later. */
function mayStart(role: Role, confirmedSince: number, plan: Plan, now: number): boolean {
  if (role.kind !== 'leader') return true;
  const { deadline, leaseDuration } = role.leadership;
  return now < startBy(role.leadership, plan) && deadline - leaseDuration >= confirmedSince;
}

/**
 * Runs the command again at `due`. The keeper may have ended the run before and given the lease up, while this process stood still: so the lease has to be renewed once more
 * after that end (`confirmedSince`), and that is asked for at once.
 */
export function runAgain(base: Counts, role: Role, plan: Plan, now: number, due: number): Step {
  const renew: Effect[] = role.kind === 'leader' ? [{ kind: 'renew', term: role.leadership.term }] : [];
  return after(renew, runAt(base, role, plan, now, due, now));
}

/** Runs the command at `due`, or as soon as the lease allows it. */
export function runAt(base: Counts, role: Role, plan: Plan, now: number, due: number, confirmedSince: number): Step {
  if (role.kind === 'deposed') return standLater(base, plan, now, due - now);
  if (now >= due && mayStart(role, confirmedSince, plan, now)) return spawn(base, role, plan, now);
  const deadline = now < due ? due : undefined;
  return {
    state: { ...counts(base), name: 'backingOff', next: { kind: 'spawn', role }, due, confirmedSince, deadline },
    effects: [],
  };
}

function spawn(base: Counts, role: Role, plan: Plan, now: number): Step {
  const run: Run = { run: base.runs + 1, startedAt: now, role };
  const term = role.kind === 'leader' ? role.leadership.term : undefined;
  const by = role.kind === 'leader' ? startBy(role.leadership, plan) : Infinity;
  return {
    state: { ...counts(base), runs: run.run, name: 'running', run, deadline: runDeadline(run, plan) },
    effects: [{ kind: 'spawn', run: run.run, term, by }],
  };
}

/** The next instant at which a run has to be stopped: it takes too long, or (`on-lease-loss=stop`) its lease runs out. */
export function runDeadline(run: Run, plan: Plan): number | undefined {
  const timeout = plan.runTimeout === undefined ? Infinity : run.startedAt + plan.runTimeout;
  const at = Math.min(timeout, leaseInstants(run, plan)?.termAt ?? Infinity);
  return at === Infinity ? undefined : at;
}

/** When the lease ends a run; `undefined` when it does not (`on-lease-loss=keep`, or no lease). */
export function leaseInstants(run: Run, plan: Plan): { readonly termAt: number; readonly killAt: number } | undefined {
  if (run.role.kind !== 'leader' || plan.onLeaseLoss === 'keep') return undefined;
  const { deadline, leaseDuration } = run.role.leadership;
  return stopInstants(deadline, leaseDuration, plan.killAfter);
}

/** Sends the first signal of a stop. SIGKILL follows at the end of the grace, or when the lease demands it. */
export function stopRun(base: Counts, run: Run, reason: StopReason, plan: Plan, now: number): Step {
  const graceEnd = now + grace(run, reason, plan);
  const step = awaitDeath(base, run, reason, graceEnd, plan, now);
  if (step.state.name === 'killing') return step;
  return after([{ kind: 'signal', run: run.run, signal: firstSignal(reason, plan) }], step);
}

/** SIGTERM to ballot is the service manager's way of saying stop, so the command gets its own stop signal; what else a person sent is passed on as it is. */
function firstSignal(reason: StopReason, plan: Plan): NodeJS.Signals {
  return reason.kind === 'requested' && reason.signal !== 'SIGTERM' ? reason.signal : plan.stopSignal;
}

function grace(run: Run, reason: StopReason, plan: Plan): number {
  return reason.kind === 'leaseLost' && run.role.kind === 'leader'
    ? lossGrace(run.role.leadership, plan)
    : plan.killAfter;
}

/** Somebody else holds the lease already: the grace is cut to what a stop before the lease's end would have left. */
export function lossGrace({ leaseDuration }: Leadership, plan: Plan): number {
  return Math.min(plan.killAfter, leaseDuration / 3);
}

/** Waits for the group's end until the grace is over, or until the lease demands it. */
export function awaitDeath(
  base: Counts,
  run: Run,
  reason: StopReason,
  graceEnd: number,
  plan: Plan,
  now: number,
): Step {
  const deadline = Math.min(graceEnd, leaseInstants(run, plan)?.killAt ?? Infinity);
  if (now >= deadline) return kill(base, run, reason, now);
  return { state: { ...counts(base), name: 'terminating', run, reason, graceEnd, deadline }, effects: [] };
}

/** SIGKILL, again and again until the group is gone. */
export function kill(base: Counts, run: Run, reason: StopReason, now: number): Step {
  return {
    state: { ...counts(base), name: 'killing', run, reason, deadline: now + KILL_AGAIN_MS },
    effects: [{ kind: 'signal', run: run.run, signal: 'SIGKILL' }],
  };
}

/** Gives up what is held, then `next`. */
export function resign(base: Counts, leadership: Leadership | undefined, next: Sequel, now: number): Step {
  const resignations = base.resignations + 1;
  const deadline = now + RESIGN_LIMIT_MS + 2 * (leadership?.leaseDuration ?? 0);
  return {
    state: { ...counts(base), resignations, name: 'resigning', next, leaving: next.kind === 'exit', deadline },
    effects: [{ kind: 'resign', resignation: resignations, term: leadership?.term, leave: next.kind === 'exit' }],
  };
}

/** Gives up everything and ends. */
export function leave(base: Counts, role: Role | undefined, exitCode: number, now: number): Step {
  return resign(base, role?.kind === 'leader' ? role.leadership : undefined, { kind: 'exit', exitCode }, now);
}

/** What follows a run of which nothing is left. */
export function conclude(
  base: Counts,
  run: Run,
  reason: StopReason | undefined,
  result: Result,
  plan: Plan,
  now: number,
): Step {
  switch (reason?.kind) {
    case 'requested':
      return leave(base, run.role, result.exitCode, now);
    case 'failed':
      return leave(base, run.role, reason.exitCode, now);
    case 'leaseLost':
    case 'leaseExpiring':
      return run.role.kind === 'leader'
        ? resign(base, run.role.leadership, { kind: 'stand', delay: 0 }, now)
        : stand(base, plan, now);
    default:
      return byPolicy(base, run, result, plan, now);
  }
}

function byPolicy(base: Counts, { role }: Run, result: Result, plan: Plan, now: number): Step {
  const failedRuns = failuresAfter(base.failedRuns, result, plan);
  const next = { ...base, failedRuns };
  const delay = restartDelay(failedRuns, result, plan);
  switch (policyAfter(result, plan)) {
    case 'exit':
      return leave(next, role, exitCodeOf(result), now);
    case 'ignore':
      return leave(next, role, 0, now);
    case 'rerun':
      return runAgain(next, role, plan, now, now + delay);
    case 'reelect':
      if (role.kind === 'leader') return resign(next, role.leadership, { kind: 'stand', delay }, now);
      if (role.kind === 'deposed') return standLater(next, plan, now, delay);
      // Without leadership there is nothing to resign, and this candidate has been standing all the while.
      return {
        state: { ...counts(next), name: 'campaigning', candidacy: role.candidacy, deadline: role.candidacy.giveUpAt },
        effects: [],
      };
  }
}
