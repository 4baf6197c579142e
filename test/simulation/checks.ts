import type { SimulatedRun } from './command.ts';
import type { Impairment } from './faults.ts';
import type { Host, Tenure } from './host.ts';
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

/** How long after the last impairment a candidate may need to learn that its lease is lost and to have its command dead. */
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
    const what = `runs ${older.runId} on ${older.host} and ${newer.runId} on ${newer.host} lived together from ${from.toFixed(1)} to ${to.toFixed(1)}`;
    const excuses = impairments.filter(
      (it) => mayExcuse(it, older, setting) && it.from < from && it.to > from - window(setting),
    );
    if (excuses.length === 0) return [`${what}, without any reason`];
    const healed = Math.max(
      ...impairments
        .filter((it) => it.host === older.host || it.host === 'everybody')
        .filter((it) => it.from < to)
        .map((it) => it.to),
    );
    const late = to - Math.max(from, healed);
    return late > reactionTime(setting) ? [`${what}, for ${late.toFixed(0)} ms after every reason was gone`] : [];
  });
}

/** How long before an overlap its cause may lie. */
function window({ lease, sessionTimeout }: Setting): number {
  return 2 * lease + sessionTimeout + ATTACH_MS;
}

/** Under `stop` only a machine that stood still for longer than the margin may be late, or one whose ensemble lost its memory. */
function mayExcuse(impairment: Impairment, older: SimulatedRun, { theme }: Setting): boolean {
  if (impairment.kind === 'wiped') return true;
  if (impairment.host !== older.host && impairment.host !== 'everybody') return false;
  if (theme === 'keep') return true;
  return theme === 'freezes' && impairment.kind === 'frozen';
}

/** Whenever somebody is elected, every other lease must have run out, for its holder too. No two terms share a token. */
export function checkTenures(tenures: readonly Tenure[], impairments: readonly Impairment[]): string[] {
  const problems: string[] = [];
  const wipedBetween = (from: number, to: number): boolean =>
    impairments.some((it) => it.kind === 'wiped' && it.to > from && it.from < to);
  for (const [index, tenure] of tenures.entries()) {
    for (const earlier of tenures.slice(0, index)) {
      const { electedAt } = tenure;
      if (wipedBetween(earlier.electedAt, electedAt)) continue;
      if (earlier.token === tenure.token)
        problems.push(`${earlier.host} and ${tenure.host} were given the same token ${tenure.token}`);
      if (wasHeld(earlier, electedAt))
        problems.push(
          `${tenure.host} was elected at ${electedAt.toFixed(1)} while the lease of ${earlier.host} was valid until ${earlier.validAt(electedAt).toFixed(1)}`,
        );
    }
  }
  return problems;
}

/** A run that starts later has no smaller token, unless its machine stood still between being elected and starting. */
export function checkTokens(runs: readonly SimulatedRun[], impairments: readonly Impairment[]): string[] {
  const stood = (host: string): boolean =>
    impairments.some((it) => it.kind === 'wiped' || (it.kind === 'frozen' && it.host === host));
  return runs.slice(1).flatMap((run, index) => {
    const before = runs[index] as SimulatedRun;
    if ((run.fencingToken ?? 0) >= (before.fencingToken ?? 0) || stood(run.host)) return [];
    return [`run ${run.runId} on ${run.host} has a smaller token than ${before.runId} on ${before.host} before it`];
  });
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
