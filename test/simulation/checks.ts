import type { Chronicle } from './chronicle.ts';
import type { SimulatedRun } from './command.ts';
import type { Impairment } from './faults.ts';
import type { Host } from './host.ts';
import type { Tenure } from './tenure.ts';
import { margin } from '../../src/election/timing.ts';
import type { Setting } from './setting.ts';

/** Two process groups of the command that lived at the same time. */
export interface Overlap {
  readonly older: SimulatedRun;
  readonly newer: SimulatedRun;
  readonly from: number;
  readonly to: number;
}

export function overlaps(runs: readonly SimulatedRun[], now: number): Overlap[] {
  const found: Overlap[] = [];
  for (const [index, older] of runs.entries()) {
    const end = older.endedAt ?? now;
    for (const newer of runs.slice(index + 1)) {
      if (newer.startedAt >= end) continue;
      found.push({ older, newer, from: newer.startedAt, to: Math.min(end, newer.endedAt ?? now) });
    }
  }
  return found;
}

/**
 * How long after the last impairment a candidate may need to learn that its lease is lost and to have its command dead.
 */
function reactionTime({ lease, sessionTimeout, plan }: Setting): number {
  const grace = Math.min(plan.killAfter, lease / 3);
  return ATTACH_MS + lease / 2 + sessionTimeout / 3 + grace;
}

/** Attaching again through a few addresses, the slow ones included. */
const ATTACH_MS = 4_000;

/** At most one command, or the reason why there were two. */
export function checkOverlaps(
  runs: readonly SimulatedRun[],
  impairments: readonly Impairment[],
  setting: Setting,
  now: number,
): string[] {
  return overlaps(runs, now).flatMap((overlap) => {
    const { older, newer, from, to } = overlap;
    // Runs of one term beside each other are what `allow` is for.
    const ofOneTerm = older.host === newer.host && older.fencingToken === newer.fencingToken;
    if (setting.cron?.concurrency === 'allow' && ofOneTerm) return [];
    // Who runs anyway asks nobody but itself.
    const isAnyway = older.fencingToken === undefined || newer.fencingToken === undefined;
    if (isAnyway && (older.host !== newer.host || setting.cron?.concurrency === 'allow')) return [];
    // A service manager that starts ballot again while the keeper of the one before still stops its run.
    const isRestarted = impairments.some(
      (it) => it.kind === 'dead' && it.host === newer.host && it.to > older.startedAt,
    );
    if (isAnyway && isRestarted) return [];
    const what = `runs ${older.runId} on ${older.host} and ${newer.runId} on ${newer.host} lived together from ${from.toFixed(1)} to ${to.toFixed(1)}`;
    // In `run cron` a leader that is cut off goes on with the schedule: the newer run may be its.
    const concerned = setting.cron === undefined ? [older] : [older, newer];
    const excuses = impairments.filter(
      (it) => concerned.some((run) => mayExcuse(it, run, setting)) && it.from < from && it.to > from - window(setting),
    );
    if (setting.theme === 'drift' && to - from <= driftOverlap(setting)) return [];
    // A message that takes longer than a heartbeat is waited for is reason enough under `keep`.
    const slow = setting.theme === 'keep' && setting.latency.spikes > 0;
    if (excuses.length === 0 && !slow) return [`${what}, without any reason`];
    const healed = Math.max(
      ...impairments
        .filter((it) => concerned.some(({ host }) => it.host === host) || it.host === 'everybody')
        .filter((it) => it.from < to && it.kind !== 'steered')
        .map((it) => it.to),
    );
    const late = to - Math.max(from, healed);
    return late > reactionTime(setting) ? [`${what}, for ${late.toFixed(0)} ms after every reason was gone`] : [];
  });
}

/** Scheduling on top of what clocks make, ms: timers that fire late, and the time that SIGKILL takes. */
const SCHEDULING_MS = 20;

/**
 * How long two commands may overlap when clocks differ by more than the margin is for: the older is dead by (D −
 * margin) of a clock that is slow by `rates`, the newer starts after D of one that is fast by as much.
 */
export function driftOverlap({ lease, rates }: Pick<Setting, 'lease' | 'rates'>): number {
  return Math.max(0, (lease - margin(lease)) / (1 - rates) - lease / (1 + rates)) + SCHEDULING_MS;
}

/** How long before an overlap its cause may lie. */
function window({ lease, sessionTimeout }: Setting): number {
  return 2 * lease + sessionTimeout + ATTACH_MS;
}

/** Under `stop` only a machine that stood still for longer than the margin may be late, or one whose lease is gone. */
function mayExcuse(impairment: Impairment, run: SimulatedRun, { theme }: Setting): boolean {
  if (impairment.kind === 'wiped' || impairment.kind === 'tampered') return true;
  if (impairment.kind === 'spoiled' || impairment.kind === 'steered') return false;
  if (impairment.host !== run.host && impairment.host !== 'everybody') return false;
  if (theme === 'keep') return true;
  return theme === 'freezes' && impairment.kind === 'frozen';
}

/**
 * Whenever somebody is elected, every other lease must have run out, for its holder too (with clocks further apart than
 * is promised: not so). No two terms share a token, and a later one has a greater one.
 */
export function checkTenures(
  tenures: readonly Tenure[],
  impairments: readonly Impairment[],
  { theme, lease }: Setting,
): string[] {
  const problems: string[] = [];
  const wipedBetween = (from: number, to: number): boolean =>
    impairments.some((it) => it.kind === 'wiped' && it.to > from && it.from < to) ||
    // The reply to a claim may come after somebody has taken the lease away; and a candidate that is started after the
    // election was deleted by hand cannot know of a lease, which its holder has for as long as it lasts.
    impairments.some((it) => it.kind === 'tampered' && it.to > to - LONG_MS - lease && it.from < to);
  for (const [index, tenure] of tenures.entries()) {
    for (const earlier of tenures.slice(0, index)) {
      const { electedAt } = tenure;
      if (wipedBetween(earlier.electedAt, electedAt)) continue;
      if (earlier.token === tenure.token)
        problems.push(`${earlier.host} and ${tenure.host} were given the same token ${tenure.token}`);
      if (tenure.token < earlier.token && !stood(impairments, earlier.host) && !stood(impairments, tenure.host))
        problems.push(`${tenure.host} was elected after ${earlier.host} and has a smaller token`);
      // Who learns too late that it was elected, since it stood still, does not act on it.
      const acts = tenure.validAt(electedAt) > electedAt;
      if (theme !== 'drift' && acts && wasHeld(earlier, electedAt))
        problems.push(
          `${tenure.host} was elected at ${electedAt.toFixed(1)} while the lease of ${earlier.host} was valid until ${earlier.validAt(electedAt).toFixed(1)}`,
        );
    }
  }
  return problems;
}

/**
 * A run that starts later has no smaller token, unless its machine stood still between being elected and starting, or
 * (`isExcused`) it was started in the dark, as `keep` has it in `run cron`.
 */
export function checkTokens(
  runs: readonly SimulatedRun[],
  impairments: readonly Impairment[],
  isExcused: (run: SimulatedRun) => boolean = () => false,
): string[] {
  return runs.slice(1).flatMap((run, index) => {
    const before = runs[index] as SimulatedRun;
    // Who runs anyway has none.
    if (run.fencingToken === undefined || run.fencingToken >= (before.fencingToken ?? 0)) return [];
    if (stood(impairments, run.host) || isExcused(run)) return [];
    // Its lease was taken away by hand, and it does not know yet.
    if (
      impairments.some(({ kind, to }) => kind === 'tampered' && to < run.startedAt && to > before.startedAt - LONG_MS)
    )
      return [];
    return [`run ${run.runId} on ${run.host} has a smaller token than ${before.runId} on ${before.host} before it`];
  });
}

/** How long a leader may go on after somebody has taken its lease away, at most, ms. */
const LONG_MS = 10_000;

/** Its machine may have stood still between being elected and learning of it; or the ensemble counts anew. */
function stood(impairments: readonly Impairment[], host: string): boolean {
  return impairments.some(
    (it) => it.kind === 'wiped' || (it.host === host && (it.kind === 'frozen' || it.kind === 'paused')),
  );
}

/**
 * Under `stop` nothing of a run is left when its lease runs out, whether or not anybody claims it then. A machine that
 * stands still for longer than the margin cannot be stopped, and clocks further apart than the margin is for do not
 * measure it.
 */
export function checkEnds(
  runs: readonly SimulatedRun[],
  chronicle: Chronicle,
  impairments: readonly Impairment[],
  { plan, lease, theme }: Setting,
  now: number,
): string[] {
  if (plan.onLeaseLoss === 'keep' || theme === 'drift') return [];
  return runs.flatMap((run) => {
    const last = chronicle.lastOf(run.fencingToken ?? 0);
    // Who rewrites a claim as it is, while its reply is waited for, makes the transaction that is its token.
    if (last === undefined && impairments.some(({ kind, to }) => kind === 'tampered' && to < run.startedAt)) return [];
    if (last === undefined) return [`run ${run.runId} on ${run.host} has a token that no lease had`];
    const limit = last + lease;
    const end = run.endedAt ?? now;
    const frozen = impairments.some(
      (it) => theme === 'freezes' && it.kind === 'frozen' && it.host === run.host && it.from < end && it.to > last,
    );
    if (end <= limit || frozen) return [];
    return [`run ${run.runId} on ${run.host} outlived its lease by ${(end - limit).toFixed(1)} ms`];
  });
}

/** A lease that nobody renews is somebody else's, or nobody's, once it has run out. `since`: when all is calm. */
export function checkStandstills(chronicle: Chronicle, since: number, now: number, longest: number): string[] {
  return chronicle
    .standstills(since, now)
    .filter(({ from, to }) => to - from > longest)
    .map(
      ({ from, to, token }) =>
        `the lease of term ${token} stood unchanged from ${from.toFixed(0)} to ${to.toFixed(0)}, longer than ${longest.toFixed(0)} ms`,
    );
}

/** Whoever was asked to stop has ended in time, whatever else went on; while it stands still it cannot. */
export function checkStops(hosts: readonly Host[], impairments: readonly Impairment[], within: number): string[] {
  return hosts.flatMap(({ name, incarnations }) =>
    incarnations.flatMap(({ stopRequestedAt: from, endedAt }) => {
      if (from === undefined || endedAt === undefined) return [];
      const still = impairments
        .filter((it) => it.host === name && (it.kind === 'paused' || it.kind === 'frozen') && it.to > from)
        .reduce((sum, it) => sum + it.to - Math.max(from, it.from), 0);
      const took = endedAt - from - still;
      return took > within ? [`ballot on ${name} took ${took.toFixed(0)} ms to end after it was asked to`] : [];
    }),
  );
}

function wasHeld(tenure: Tenure, at: number): boolean {
  return (tenure.endedAt ?? Infinity) > at && tenure.validAt(at) > at;
}

/** No candidate leaves anything in the queue that is not its own present place. */
export function checkQueue(
  proposals: readonly { readonly path: string; readonly owner: string }[],
  hosts: readonly Host[],
): string[] {
  const owners = new Map<string, number>();
  const living = new Set(hosts.flatMap((host) => (host.current ? [host.current.sessions.sessionId] : [])));
  const problems = proposals.flatMap(({ path, owner }) => {
    owners.set(owner, (owners.get(owner) ?? 0) + 1);
    return living.has(owner) ? [] : [`${path} belongs to session ${owner}, of no living candidate`];
  });
  for (const [owner, count] of owners) if (count > 1) problems.push(`session ${owner} has ${count} proposals`);
  return problems;
}

/**
 * One keeper at most for a candidate that lives, none for one that has ended: a search for a server gives back the
 * keeper that it has not used, or ends it.
 */
export function checkKeepers(hosts: readonly Host[]): string[] {
  return hosts.flatMap(({ name, incarnations, current }) =>
    incarnations.flatMap((incarnation, index) => {
      const { length } = incarnation.sessions.keepers;
      const start = `start ${index + 1} of ballot on ${name}`;
      return length > (incarnation === current ? 1 : 0) ? [`${length} keepers live that ${start} has forked`] : [];
    }),
  );
}
