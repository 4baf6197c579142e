/**
 * The moves that several transitions share: stand, wait, run, resign, leave. Pure. Each returns the state entered and
 * the effects.
 */
import { stopInstants } from '../election/timing.ts';
import type { Plan } from './policy.ts';
import { note } from './note.ts';
import { leaseInstants, nextDeadline } from './runs.ts';
import type {
  Candidacy,
  Counts,
  Effect,
  In,
  LeaderRole,
  Leadership,
  Role,
  RunState,
  Runs,
  Sequel,
  Step,
} from './state.ts';

/**
 * A resignation ends by itself within its own deadlines; this is the last resort behind them, ms, on top of twice the
 * lease's duration.
 */
const RESIGN_LIMIT_MS = 15_000;

export function counts({ campaigns, runs, resignations, failedRuns }: Counts): Counts {
  return { campaigns, runs, resignations, failedRuns };
}

/** Puts effects in front of those of a step. */
export function after(effects: readonly Effect[], step: Step): Step {
  return { state: step.state, effects: [...effects, ...step.effects] };
}

/** Stands for election, anew. */
export function stand(base: Counts, plan: Plan, now: number): Step {
  return campaignNow(base, { campaign: 0, since: now, giveUpAt: giveUpAfter(now, plan), failures: 0, placed: false });
}

/** Starts the next campaign of a candidacy. */
export function campaignNow(base: Counts, candidacy: Candidacy): Step {
  const campaign = base.campaigns + 1;
  return {
    state: {
      ...counts(base),
      campaigns: campaign,
      name: 'campaigning',
      candidacy: { ...candidacy, campaign, placed: false },
      deadline: candidacy.giveUpAt,
    },
    effects: [{ kind: 'campaign', campaign, delay: 0 }],
  };
}

/** Stands for election after a delay. */
export function standLater(base: Counts, plan: Plan, now: number, delay: number): Step {
  if (delay <= 0) return stand(base, plan, now);
  const due = now + delay;
  const candidacy = { campaign: 0, since: due, giveUpAt: giveUpAfter(due, plan), failures: 0, placed: false };
  const later = waitToCampaign(base, candidacy, due);
  return base.failedRuns === 0 ? later : after([pauseNote(base, delay)], later);
}

/** Meanwhile this candidate is in no queue: nothing else tells that it is there. */
function pauseNote({ failedRuns }: Counts, delay: number): Effect {
  return note('info', 'pausing after failed runs: out of the queue until this candidate stands again by itself', {
    pauseMs: Math.round(delay),
    failures: failedRuns,
  });
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

/**
 * The last instant at which a run may start under this lease: from then on the keeper may have given it up, under
 * either policy, should this process have stood still. Under `keep` a leader with a schedule goes on without ZooKeeper,
 * for as long as its keeper leaves it to (`Term.safeUntil`).
 */
function startBy({ deadline, leaseDuration }: Leadership, plan: Plan): number {
  if (plan.cron !== undefined && plan.onLeaseLoss === 'keep') return Infinity;
  return stopInstants(deadline, leaseDuration, plan.killAfter).termAt;
}

/**
 * Whether a run may start: without leadership always, else under a lease that is known to be ours, by a renewal that
 * was sent at `confirmedSince` or later.
 */
function mayStart(role: Role, confirmedSince: number, plan: Plan, now: number): boolean {
  if (role.kind !== 'leader') return role.kind === 'standby';
  const { deadline, leaseDuration } = role.leadership;
  return now < startBy(role.leadership, plan) && deadline - leaseDuration >= confirmedSince;
}

/**
 * Runs the command again at `due`. The keeper may have ended the run before and given the lease up, while this process
 * stood still: so the lease has to be renewed once more after that end (`confirmedSince`), and that is asked for at
 * once.
 */
export function runAgain(base: Counts, role: Role, plan: Plan, now: number, due: number): Step {
  const renew: Effect[] = role.kind === 'leader' ? [{ kind: 'renew', term: role.leadership.term }] : [];
  return after(renew, runAt(base, { role, tick: undefined, due, confirmedSince: now }, plan, now));
}

/** A run to come. */
export interface Intent {
  readonly role: Role;
  readonly tick: number | undefined;
  readonly due: number;
  readonly confirmedSince: number;
}

/** A run that is due at once. The entry of a tick in the ledger confirms what a renewal of the lease would. */
export const atOnce = (role: Role, tick: number | undefined, now: number): Intent => ({
  role,
  tick,
  due: now,
  confirmedSince: -Infinity,
});

/** Runs the command when it is due, or as soon as the lease allows it. */
export function runAt(base: Counts, intent: Intent, plan: Plan, now: number): Step {
  const { role, tick, due, confirmedSince } = intent;
  if (role.kind === 'deposed') return standLater(base, plan, now, due - now);
  if (now >= due && mayStart(role, confirmedSince, plan, now)) return spawn(base, role, tick, [], plan, now);
  // Under `stop` the lease is given up before it runs out, also while nothing runs.
  const at = Math.min(now < due ? due : Infinity, leaseInstants(role, plan)?.termAt ?? Infinity);
  const deadline = at === Infinity ? undefined : at;
  return {
    state: { ...counts(base), name: 'backingOff', next: { kind: 'spawn', role, tick }, due, confirmedSince, deadline },
    effects: [],
  };
}

/** Starts a run beside those that live (`concurrency=allow`), or lets its tick wait until the lease allows it. */
export function runBeside(base: Counts, role: Role, runs: Runs, tick: number, plan: Plan, now: number): Step {
  if (mayStart(role, -Infinity, plan, now)) return spawn(base, role, tick, runs, plan, now);
  return goOn(base, role, runs, tick, plan);
}

function spawn(
  base: Counts,
  role: Role,
  tick: number | undefined,
  beside: readonly RunState[],
  plan: Plan,
  now: number,
): Step {
  const run: RunState = {
    run: base.runs + 1,
    startedAt: tick === undefined ? now : undefined,
    tick,
    skipped: 0,
    stop: undefined,
  };
  const term = role.kind === 'leader' ? role.leadership.term : undefined;
  const by = role.kind === 'leader' ? startBy(role.leadership, plan) : Infinity;
  const step = goOn({ ...base, runs: run.run }, role, [...beside, run] as unknown as Runs, undefined, plan);
  return after([{ kind: 'spawn', run: run.run, term, by, tick }], step);
}

/** The command runs, and nothing of it has changed but what is given. */
export function goOn(base: Counts, role: Role, alive: Runs, waiting: number | undefined, plan: Plan): Step {
  const deadline = nextDeadline(alive, role, plan);
  return { state: { ...counts(base), name: 'running', role, alive, waiting, deadline }, effects: [] };
}

/**
 * Goes on standing, with the campaign that is under way, after the command has run without leadership. What
 * `election-timeout` limits is standing without a command: it begins anew.
 */
export function goOnStanding(base: Counts, standing: Candidacy, plan: Plan, now: number): Step {
  const candidacy = { ...standing, since: now, giveUpAt: giveUpAfter(now, plan) };
  return {
    state: { ...counts(base), name: 'campaigning', candidacy, deadline: candidacy.giveUpAt },
    effects: [],
  };
}

/** When a candidate that stands without a command since `since` gives up; `undefined`: never. */
function giveUpAfter(since: number, { electionTimeout }: Plan): number | undefined {
  return electionTimeout === undefined ? undefined : since + electionTimeout;
}

/** Contact is back, and it is the leader who serves the schedule: no more ticks without leadership. */
export function serveNoMore(base: Counts, candidacy: Candidacy, plan: Plan, now: number): Step {
  const why = note('info', 'standing in the queue again: no more ticks are served without leadership');
  return after([{ kind: 'unserve' }, why], goOnStanding(base, candidacy, plan, now));
}

/**
 * Nothing runs until the next tick. Under `stop` the lease is given up before it runs out unrenewed. `handover`: it is
 * given up as soon as it is renewed again.
 */
export function waitForTick(base: Counts, role: Role, plan: Plan, handover = false): Step {
  const deadline = leaseInstants(role, plan)?.termAt;
  return { state: { ...counts(base), name: 'scheduled', role, handover, deadline }, effects: [] };
}

/** Serves the schedule from now on, in this role. */
export function serve(base: Counts, role: Role, plan: Plan): Step {
  const term = role.kind === 'leader' ? role.leadership.term : undefined;
  return after([{ kind: 'serve', term }], waitForTick(base, role, plan));
}

/** Gives up what is held, then `next`. `stays`: what goes on if nothing can be handed over. */
export function resign(
  base: Counts,
  leadership: Leadership | undefined,
  next: Sequel,
  now: number,
  stays?: In<'resigning'>['stays'],
): Step {
  const resignations = base.resignations + 1;
  const [leaving, orStay] = [next.kind === 'exit', stays !== undefined];
  const leaseDuration = leadership?.leaseDuration;
  const deadline = now + RESIGN_LIMIT_MS + 2 * (leaseDuration ?? 0);
  return {
    state: { ...counts(base), resignations, name: 'resigning', next, leaving, leaseDuration, stays, deadline },
    effects: [{ kind: 'resign', resignation: resignations, term: leadership?.term, leave: leaving, orStay }],
  };
}

/**
 * Hands the leadership over after the run of a tick, and stands again. Under `keep` not while ZooKeeper does not
 * answer: nobody could take over, and what was started and is not entered yet would be started again. The leader serves
 * on, and hands over when its lease is renewed again and the ledger holds all that it has started.
 */
export function handOver(base: Counts, role: LeaderRole, plan: Plan, now: number): Step {
  if (plan.onLeaseLoss === 'stop') return standAgain(base, role, plan, now, 0);
  if (!role.leadership.confirmed) return waitForTick(base, role, plan, true);
  return resign(base, role.leadership, { kind: 'stand', delay: 0 }, now, { role, tick: undefined });
}

/** Gives up the lease, if it is held, and stands again after `delay`. */
export function standAgain(base: Counts, role: Role, plan: Plan, now: number, delay: number): Step {
  return role.kind === 'leader'
    ? resign(base, role.leadership, { kind: 'stand', delay }, now)
    : standLater(base, plan, now, delay);
}

/** Gives up everything and ends. */
export function leave(base: Counts, role: Role | undefined, exitCode: number, now: number): Step {
  return resign(base, role?.kind === 'leader' ? role.leadership : undefined, { kind: 'exit', exitCode }, now);
}
