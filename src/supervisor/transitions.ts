/** The ways into the states, as far as several states share them. Pure. Each returns the state entered and effects. */
import { stopInstants } from '../election/timing.ts';
import { ExitCode } from '../errors.ts';
import { seconds } from '../election/words.ts';
import {
  after,
  counts,
  type Candidacy,
  type Counts,
  type Effect,
  type Ending,
  type In,
  type LeaderRole,
  type Leadership,
  type On,
  type Plan,
  type Role,
  type Runs,
  type RunState,
  type Sequel,
  type Step,
} from './state.ts';
import { ledgerNote, note } from './note.ts';
import { each, leaseInstants, nextDeadline, stopRun } from './run-state.ts';

/** The last resort behind a resignation's own deadlines, ms, on top of twice the lease's duration. */
const RESIGN_LIMIT_MS = 15_000;

/** Stands for election, anew. */
export function stand(base: Counts, plan: Plan, now: number): Step {
  return campaignNow(base, newCandidacy(now, plan));
}

function newCandidacy(since: number, plan: Plan): Candidacy {
  return { campaign: 0, since, giveUpAt: giveUpAfter(since, plan), failures: 0, placed: false };
}

/** When a candidate that stands without a command since `since` gives up; `undefined`: never. */
function giveUpAfter(since: number, { electionTimeout }: Plan): number | undefined {
  return electionTimeout === undefined ? undefined : since + electionTimeout;
}

/** Starts the next campaign of a candidacy. */
export function campaignNow(base: Counts, standing: Candidacy): Step {
  const campaign = base.campaigns + 1;
  const candidacy = { ...standing, campaign, placed: false };
  return {
    state: { ...counts(base), campaigns: campaign, name: 'campaigning', candidacy, deadline: candidacy.giveUpAt },
    effects: [{ kind: 'campaign', campaign, delay: 0 }],
  };
}

/** Goes on standing after a run without leadership. `election-timeout` begins anew: it limits standing without one. */
export function goOnStanding(base: Counts, standing: Candidacy, plan: Plan, now: number): Step {
  const candidacy = { ...standing, since: now, giveUpAt: giveUpAfter(now, plan) };
  return { state: { ...counts(base), name: 'campaigning', candidacy, deadline: candidacy.giveUpAt }, effects: [] };
}

/** Contact is back, and it is the leader who serves the schedule: no more ticks without leadership. */
export function serveNoMore(base: Counts, candidacy: Candidacy, plan: Plan, now: number): Step {
  const why = note('info', 'standing in the queue again: no more ticks are served without leadership');
  return after([{ kind: 'unserve' }, why], goOnStanding(base, candidacy, plan, now));
}

/** Stands for election after a delay. Meanwhile it is in no queue: nothing else tells that it is there. */
export function standLater(base: Counts, plan: Plan, now: number, delay: number): Step {
  if (delay <= 0) return stand(base, plan, now);
  const later = waitToStand(base, newCandidacy(now + delay, plan), now + delay);
  if (base.failedRuns === 0) return later;
  const pausing = 'pausing after failed runs: out of the queue until this candidate stands again by itself';
  return after([note('info', pausing, { pauseMs: Math.round(delay), failures: base.failedRuns })], later);
}

/** Goes on with a candidacy when it is due. */
export function waitToStand(base: Counts, candidacy: Candidacy, due: number): Step {
  const deadline = Math.min(due, candidacy.giveUpAt ?? Infinity);
  return { state: { ...counts(base), name: 'waitingToStand', candidacy, due, deadline }, effects: [] };
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

/** Whether a run may start: without leadership, or with a renewal of the lease sent at `confirmedSince` or later. */
function mayStart(role: Role, confirmedSince: number, plan: Plan, now: number): boolean {
  if (role.kind === 'standby') return true;
  const { deadline, leaseDuration } = role.leadership;
  return now < startBy(role.leadership, plan) && deadline - leaseDuration >= confirmedSince;
}

/** A run to come. */
type Intent = Pick<In<'waitingToRun'>, 'role' | 'tick' | 'due' | 'confirmedSince'>;

/** A run that is due at once. The entry of a tick in the ledger confirms what a renewal of the lease would. */
export const atOnce = (role: Role, tick: number | undefined, now: number): Intent => ({
  role,
  tick,
  due: now,
  confirmedSince: -Infinity,
});

/**
 * Runs the command again at `due`. The keeper may have ended the run before and given the lease up, while this process
 * stood still: so the lease has to be renewed once more after that end (`confirmedSince`), and that is asked for at
 * once.
 */
export function runAgain(base: Counts, role: Role, plan: Plan, now: number, due: number): Step {
  const renew: Effect[] = role.kind === 'leader' ? [{ kind: 'renew', term: role.leadership.term }] : [];
  return after(renew, runAt(base, { role, tick: undefined, due, confirmedSince: now }, plan, now));
}

/** Runs the command when it is due, or as soon as the lease allows it. */
export function runAt(base: Counts, { role, tick, due, confirmedSince }: Intent, plan: Plan, now: number): Step {
  if (now >= due && mayStart(role, confirmedSince, plan, now)) return spawn(base, role, tick, [], plan, now);
  // Under `stop` the lease is given up before it runs out, also while nothing runs.
  const at = Math.min(now < due ? due : Infinity, leaseInstants(role, plan)?.termAt ?? Infinity);
  const deadline = at === Infinity ? undefined : at;
  return {
    state: { ...counts(base), name: 'waitingToRun', role, tick, due, confirmedSince, deadline },
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
  const run = base.runs + 1;
  const startedAt = tick === undefined ? now : undefined;
  const alive = [...beside, { run, startedAt, tick, skipped: 0, stop: undefined }] as unknown as Runs;
  const term = role.kind === 'leader' ? role.leadership.term : undefined;
  const by = role.kind === 'leader' ? startBy(role.leadership, plan) : Infinity;
  return after([{ kind: 'spawn', run, term, by, tick }], goOn({ ...base, runs: run }, role, alive, undefined, plan));
}

/** The command runs, and nothing of it has changed but what is given. */
export function goOn(base: Counts, role: Role, alive: Runs, waiting: number | undefined, plan: Plan): Step {
  const deadline = nextDeadline(alive, role, plan);
  return { state: { ...counts(base), name: 'running', role, alive, waiting, deadline }, effects: [] };
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
  const { role } = state;
  const { runs, effects } = each(state.alive, (run) => stopRun(run, ending, role, plan, now));
  return after(effects, awaitAll(state, { role, alive: runs, ending, delay: 0 }, plan, now));
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
 * Hands the leadership over after the run of a tick, or when asked to, and stands again. `tick`: one that waits, and
 * that this leader serves should it stay. Under `keep` not while ZooKeeper does not answer: nobody could take over, and
 * what was started and is not entered yet would be started again. The leader serves on until the ledger holds it all.
 */
export function handOver(base: Counts, role: LeaderRole, plan: Plan, now: number, tick?: number): Step {
  if (plan.onLeaseLoss === 'stop') return standAgain(base, role, plan, now, 0);
  if (!role.leadership.confirmed) return waitForTick(base, role, plan, true);
  return resign(base, role.leadership, { kind: 'stand', delay: 0 }, now, { role, tick });
}

/** Gives up the lease, if it is held, and stands again after `delay`. */
export function standAgain(base: Counts, role: Role | undefined, plan: Plan, now: number, delay: number): Step {
  return role?.kind === 'leader'
    ? resign(base, role.leadership, { kind: 'stand', delay }, now)
    : standLater(base, plan, now, delay);
}

/** Gives up everything and ends. */
export function leave(base: Counts, role: Role | undefined, exitCode: number, now: number): Step {
  return resign(base, role?.kind === 'leader' ? role.leadership : undefined, { kind: 'exit', exitCode }, now);
}

/** Leaves without a command that would have to be stopped first. */
export function stopIdle(base: Counts, role: Role | undefined, { signal }: On<'stopRequested'>, now: number): Step {
  return after([note('info', 'stopping: no command is running', { signal })], leave(base, role, ExitCode.ok, now));
}

/** Was not elected within `election-timeout`. */
export function notElected(base: Counts, { since }: Candidacy, now: number): Step {
  const gaveUp = note('error', 'not elected within election-timeout', { stoodFor: seconds(now - since) });
  return after([{ ...gaveUp, outlook: true }], leave(base, undefined, ExitCode.notElected, now));
}

/** The lease was not renewed in time (`stop`), and nothing runs. `delay`: before this candidate stands again, ms. */
export function expiring(base: Counts, role: Role, plan: Plan, now: number, delay: number): Step {
  const why = note('error', 'the lease runs out without a renewal; giving it up');
  return after([why], standAgain(base, role, plan, now, delay));
}

/** Nothing can be served in this term: `unavailable` is what another term may mend. */
export function withoutLedger(base: Counts, role: Role, event: On<'ledgerFailed'>, plan: Plan, now: number): Step {
  const { kind, exitCode } = event.failure;
  const follows = kind === 'unavailable' ? standAgain(base, role, plan, now, 0) : leave(base, role, exitCode, now);
  return after([ledgerNote(event)], follows);
}
