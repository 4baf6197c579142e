import type { Launch } from './command.ts';
import type { CronSetting } from './cron.ts';
import type { Impairment } from './faults.ts';
import type { Host } from './host.ts';
import type { Tenure } from './tenure.ts';
import type { LedgerChange, LedgerChronicle } from './ledger-chronicle.ts';
import { time } from './ledger-checks.ts';
import type { Setting } from './setting.ts';

/** What the checks of ticks look at. */
export interface TickWorld {
  readonly setting: Setting;
  readonly launches: readonly Launch[];
  readonly ledger: LedgerChronicle;
  readonly tenures: readonly Tenure[];
  readonly hosts: readonly Host[];
  readonly impairments: readonly Impairment[];
}

/** A launch that serves a tick. */
type Served = Launch & { readonly tick: number };

const name = ({ runId, host, tick, at }: Launch): string =>
  `run ${runId} on ${host} for ${time(tick)} at ${at.toFixed(1)}`;

/** Each tick at most once, each a tick of the schedule, each entered before it is started. */
export function checkTicks(world: TickWorld, cron: CronSetting): string[] {
  const problems: string[] = [];
  const served = world.launches.filter((launch): launch is Served => launch.tick !== undefined);
  for (const launch of world.launches) if (launch.tick === undefined) problems.push(`${name(launch)} is for no tick`);
  for (const launch of served) {
    if (cron.schedule.next(launch.tick - 1) !== launch.tick) problems.push(`${name(launch)} is not on the schedule`);
    problems.push(...checkEntry(world, launch));
  }
  const byTick = new Map<number, Served[]>();
  for (const later of served) {
    const others = byTick.get(later.tick) ?? [];
    for (const earlier of others)
      if (!mayRepeat(world, earlier, later)) problems.push(`${name(later)}: that tick was served by ${name(earlier)}`);
    byTick.set(later.tick, [...others, later]);
  }
  return problems;
}

/**
 * Nobody starts what it has started before, nor what it could know of by the ledger: only who started a tick without
 * the ledger is not known of.
 */
function mayRepeat(world: TickWorld, earlier: Served, later: Served): boolean {
  // Nobody was cut off: who served without the ledger still leads when it is back, and writes down what it owes.
  if (earlier.parent === later.parent || world.setting.theme === 'outages') return false;
  const since = Math.min(world.ledger.enteredAt(earlier) ?? Infinity, earlier.at);
  const isForgotten = ({ kind, from, to }: Impairment): boolean =>
    (kind === 'wiped' || kind === 'spoiled') && to > since && from < later.at;
  if (world.impairments.some(isForgotten)) return true;
  return !wasEntered(world, earlier) || !wasEntered(world, later);
}

function wasEntered({ ledger: chronicle }: TickWorld, launch: Served): boolean {
  return chronicle.isEntered(launch);
}

/** The ledger that a launch's term began with. */
function openingOf({ ledger: chronicle }: TickWorld, { fencingToken, host }: Served): LedgerChange | undefined {
  return chronicle.openings.find(({ ledger, by }) => ledger.fencingToken === fencingToken && by === host);
}

function checkEntry(world: TickWorld, launch: Served): string[] {
  const { setting, ledger: chronicle } = world;
  if (launch.fencingToken === undefined)
    return setting.plan.onElectionFailure === 'run-anyway' ? [] : [`${name(launch)} was started without leadership`];
  const opening = openingOf(world, launch);
  if (opening === undefined || opening.at > launch.at)
    return [`${name(launch)} was started before its term had opened the ledger`];
  const lost = chronicle.asOf(launch.at)?.ledger.runs.find((run) => run.tick === launch.tick && run.outcome === 'lost');
  if (lost !== undefined && !isExcused(world, launch)) return [`${name(launch)} makes up the lost run ${lost.runId}`];
  if (wasEntered(world, launch)) {
    if (chronicle.isOpen(launch) || isExcused(world, launch)) return [];
    return [`${name(launch)} was started though the ledger had it closed`];
  }
  // An ensemble that has lost its data gives tokens out again.
  const known = chronicle.changes.findLast(
    ({ at, by, ledger }) => at <= launch.at && by === launch.host && ledger.fencingToken === launch.fencingToken,
  );
  if ((known?.ledger.through ?? -Infinity) >= launch.tick)
    return [`${name(launch)} was started though its own term had settled that tick`];
  return setting.plan.onLeaseLoss === 'keep' && isExcused(world, launch)
    ? []
    : [`${name(launch)} was started without being entered in the ledger`];
}

/** Something kept the host from the ledger just then, or from acting in time. */
function isExcused({ setting, impairments }: TickWorld, { host, at }: Launch): boolean {
  const { theme, latency, lease, sessionTimeout } = setting;
  // Somebody took the lease away by hand: another has led, and taken the run for lost, before its host learned of that.
  if (impairments.some(({ kind, from, to }) => kind === 'tampered' && from < at && to > at - lease)) return true;
  const mine = impairments.filter(
    (it) => it.kind !== 'spoiled' && it.kind !== 'steered' && (it.host === host || it.host === 'everybody'),
  );
  const recent = mine.filter((it) => it.from < at && it.to > at - lease - sessionTimeout - 4_000);
  if (theme === 'freezes') return recent.some((it) => it.kind === 'frozen');
  return (theme === 'keep' || theme === 'outages') && (recent.length > 0 || latency.spikes > 0);
}
