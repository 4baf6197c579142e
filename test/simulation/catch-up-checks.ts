import type { Launch } from './command.ts';
import type { CronSetting } from './cron.ts';
import type { Tenure } from './tenure.ts';
import type { LedgerChange } from './ledger-chronicle.ts';
import { time } from './ledger-checks.ts';
import type { TickWorld } from './tick-checks.ts';

/** The next leader serves a tick that fell into a handover, as if on time, if it is no older than this, ms. */
const HANDOVER_MS = 10_000;

/** How exactly an age is known: by which clock reading the leader went, nobody outside of it knows. Milliseconds. */
const SLACK_MS = 1_000;

/** What was missed when a term opened the ledger. Instants by the wall clock of its host. */
interface Missed {
  readonly opening: LedgerChange;
  readonly before: LedgerChange;
  readonly tenure: Tenure;
  /** The latest missed tick, and what it was when the term began: the leader may have looked at any time between. */
  readonly latest: number;
  readonly earliest: number;
  readonly electedAt: number;
  readonly age: number;
}

/**
 * What is made up, and that it is: the latest missed tick and no other, when the configuration or a handover says so.
 */
export function checkCatchUp(world: TickWorld, cron: CronSetting): string[] {
  return world.ledger.openings.flatMap((opening) => {
    const missed = missedBefore(world, cron, opening);
    if (missed === undefined) return [];
    return [...checkMadeUp(world, cron, missed), ...checkNotMissed(world, cron, missed)];
  });
}

function missedBefore(world: TickWorld, { schedule }: CronSetting, opening: LedgerChange): Missed | undefined {
  const { before, by, at } = opening;
  const tenure = world.tenures.findLast(
    ({ token, host, electedAt }) => token === opening.ledger.fencingToken && host === by && electedAt <= at,
  );
  const wall = world.hosts.find((host) => host.name === by)?.wall;
  if (before?.ledger.through === undefined || tenure === undefined || wall === undefined) return undefined;
  if (wall.stepsBetween(tenure.electedAt - SLACK_MS, at + SLACK_MS).length > 0) return undefined;
  const { through } = before.ledger;
  const latest = schedule.latest(through, wall.at(at));
  if (latest === undefined) return undefined;
  const electedAt = wall.at(tenure.electedAt);
  const earliest = schedule.latest(through, electedAt) ?? schedule.next(through) ?? latest;
  return { opening, before, tenure, latest, earliest, electedAt, age: wall.at(at) - latest };
}

/** What the term started of that which was missed. */
function madeUp(world: TickWorld, { opening, latest }: Missed): Launch[] {
  return launchesSince(world, opening).filter(({ tick = Infinity }) => tick <= latest);
}

/** What the term started. An ensemble that has lost its data gives tokens out again, to others or to the same host. */
function launchesSince({ launches, tenures }: TickWorld, { at, by, ledger }: LedgerChange): Launch[] {
  const { electedAt: end = Infinity } = tenures.find(({ host, electedAt }) => host === by && electedAt > at) ?? {};
  const isOfTerm = (launch: Launch): boolean => launch.fencingToken === ledger.fencingToken && launch.host === by;
  return launches.filter((launch) => isOfTerm(launch) && launch.at >= at && launch.at < end);
}

function checkMadeUp(world: TickWorld, cron: CronSetting, missed: Missed): string[] {
  const { setting } = world;
  const { opening, before, earliest, electedAt } = missed;
  return madeUp(world, missed).flatMap((launch) => {
    const tick = launch.tick as number;
    const what = `run ${launch.runId} on ${launch.host} makes up ${time(tick)}`;
    if (tick < earliest) return [`${what}, though ${time(earliest)} was missed after it`];
    // It fell into the term already.
    if (tick >= electedAt - SLACK_MS) return [];
    const age = electedAt - tick - SLACK_MS;
    // Who comes after itself knows of its own resignation also when the ledger could not be told.
    const resigned = before.ledger.handedOver !== undefined || before.by === opening.by;
    const sinceResigned = electedAt - (before.ledger.handedOver ?? -Infinity) - SLACK_MS;
    const handedOver = resigned && !setting.mixedFleet && Math.min(age, sinceResigned) <= HANDOVER_MS;
    const caughtUp = cron.catchUp === 'once' && age <= (cron.startDeadline ?? Infinity);
    if (handedOver || caughtUp) return [];
    return [`${what} at ${opening.at.toFixed(1)}, which nothing allows`];
  });
}

/**
 * The same host served the schedule at that time, and knows what the ledger was not told: that it has started this
 * tick or, when its clock was ahead, a later one; or that its command still ran.
 */
function wasPassedOver({ launches, hosts }: TickWorld, { opening, latest }: Missed): boolean {
  const wall = hosts.find(({ name }) => name === opening.by)?.wall;
  return launches.some(
    ({ host, tick = Infinity, at, run }) =>
      host === opening.by &&
      at < opening.at &&
      ((tick !== Infinity && tick >= latest) || (tick < latest && (wall?.at(run?.endedAt ?? at) ?? 0) >= latest)),
  );
}

function checkNotMissed(world: TickWorld, cron: CronSetting, missed: Missed): string[] {
  const { setting } = world;
  const { opening, before, tenure, latest, age } = missed;
  const { handedOver } = before.ledger;
  const served =
    handedOver !== undefined && latest > handedOver && !setting.mixedFleet && age <= HANDOVER_MS - SLACK_MS;
  const caughtUp = cron.catchUp === 'once' && age <= (cron.startDeadline ?? Infinity) - SLACK_MS;
  const until = opening.at + SLACK_MS + setting.lease;
  if ((!served && !caughtUp) || madeUp(world, missed).length > 0 || wasPassedOver(world, missed)) return [];
  // The next tick comes right behind it, and takes its place; or comes before the ledger has answered, and is the
  // latest then.
  const overtaken = cron.concurrency === 'replace' || setting.latency.spikes > 0;
  if (overtaken && launchesSince(world, opening).some((launch) => launch.at <= until)) return [];
  const hindered =
    (tenure.endedAt ?? Infinity) <= until ||
    world.impairments.some(
      (it) =>
        (it.host === opening.by || it.host === 'everybody') &&
        it.from < until &&
        it.to > tenure.electedAt - setting.lease,
    );
  if (hindered) return [];
  const why = served ? `handed over at ${time(handedOver)}` : 'to be caught up';
  return [
    `${opening.by} opened the ledger at ${opening.at.toFixed(1)} and has not made up ${time(latest)}, which was missed (${why}; settled through ${time(before.ledger.through)})`,
  ];
}
