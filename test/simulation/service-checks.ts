import { EPOCH } from '../support/virtual-clock.ts';
import { CLOCKS_MS, type CronSetting } from './cron.ts';
import type { Launch } from './command.ts';
import { time } from './ledger-checks.ts';
import type { Setting } from './setting.ts';

/**
 * How long after its instant a tick may be served in calm times: handovers through a few round trips, a process that
 * wakes up late, a message that takes long; in an outage the ledger is waited for. Milliseconds.
 */
function lateness(setting: Setting): number {
  const { high, spikes, spike } = setting.latency;
  const delayed = spikes > 0 ? spike : 0;
  return 500 + 60 * high + delayed + (setting.theme === 'outages' ? heartbeat(setting) + HAND_OVER_MS : 0);
}

/** How long a leader that hands over waits for the ledger before it serves on, ms. */
const HAND_OVER_MS = 1_000;

/**
 * How long an entry in the ledger is waited for before the tick is started without it. The supervisor knows the session
 * timeout as its patience.
 */
function heartbeat({ patience, lease }: Setting): number {
  return Math.min(patience, lease) / 3;
}

/** A supervisor learns of a run's end a little later, and may be a little late itself, ms. */
const ABOUT_MS = 100;

/** True time. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** A time in which all is calm, true time. */
export interface Calm {
  readonly from: number;
  readonly to: number;
  /** By how much the clock by which the schedule is served is off, ms. */
  readonly offset?: number;
  /** Up to here ticks were settled when it began. */
  readonly through: number;
  /** From when to when each term lasted. */
  readonly terms: readonly Span[];
  /** When nobody could become leader. */
  readonly leaderless?: readonly Span[];
  /** Whether the ledger was settled far ahead of a tick that was due then: its leader's clock was fast once. */
  readonly isAhead?: (due: number) => boolean;
}

/**
 * In a mixed fleet nobody knows who has served a tick that falls between two leaders: none of them may. They take no
 * longer than this, ms.
 */
const BETWEEN_MS = 2_000;

/**
 * In calm times no tick is lost under any policy: each is served on time, or passed over because the command still ran,
 * and then a later one is served if the concurrency policy says so.
 */
export function checkService(launches: readonly Launch[], calm: Calm, setting: Setting, cron: CronSetting): string[] {
  const problems: string[] = [];
  const late = lateness(setting);
  const epoch = EPOCH + (calm.offset ?? 0);
  const first = Math.max(epoch + calm.from, calm.through);
  const last = epoch + calm.to - late - ABOUT_MS;
  for (let tick = cron.schedule.next(first); tick !== undefined && tick <= last; tick = cron.schedule.next(tick)) {
    const due = tick - epoch;
    const launch = launches.find((other) => other.tick === tick);
    if (launch !== undefined && launch.at <= due + late) continue;
    if (setting.theme === 'outages' && waitsForLedger(launches, due, setting, cron)) continue;
    if (calm.leaderless?.some(({ from, to }) => due > from - late && due < to) === true) continue;
    if (calm.isAhead?.(due) === true) continue;
    if (setting.mixedFleet && calm.terms.some(({ from }) => Math.abs(from - due) < BETWEEN_MS)) continue;
    if (restarts(setting) && isBetween(calm, due)) continue;
    const busy = runsBeside(setting, cron) ? undefined : busyUntil(launches, tick, due, setting, cron);
    if (busy === undefined) {
      const how = launch === undefined ? 'was lost' : `was served ${(launch.at - due).toFixed(0)} ms late`;
      problems.push(`the tick ${time(tick)} (${due}) ${how}, though all was calm`);
    } else if (
      isKept(cron) &&
      busy + late < calm.to &&
      !isFollowed(launches, tick, busy + late) &&
      !isDropped(calm, due, busy + late, setting)
    )
      problems.push(
        `the tick ${time(tick)} (${due}) waited, and neither it nor a later one was served by ${busy + late}`,
      );
  }
  return problems;
}

/**
 * In an outage a tick waits for its entry, a heartbeat at most; those that come meanwhile find that one before them, or
 * (`replace`) take its place.
 */
function waitsForLedger(
  launches: readonly Launch[],
  due: number,
  setting: Setting,
  { concurrency }: CronSetting,
): boolean {
  // A tick that waits for the delay after a run that failed is entered after that.
  const wait = lateness(setting) + (concurrency === 'queue' ? setting.plan.restartMaxDelay : 0);
  return launches.some((launch) => {
    const other = (launch.tick ?? NaN) - EPOCH;
    const waited = launch.at - Math.max(other, endBefore(launches, launch.at)) <= wait;
    if (other < due) return waited && due < launch.at + ABOUT_MS;
    return other > due && concurrency === 'replace' && launch.at - due <= wait;
  });
}

function endBefore(launches: readonly Launch[], at: number): number {
  const ends = launches.flatMap(({ run }) => (run?.endedAt !== undefined && run.endedAt <= at ? [run.endedAt] : []));
  return Math.max(-Infinity, ...ends);
}

/**
 * Whoever ends with its command is started again a second later: all may be away at once, and of the ticks that fall
 * then one is served.
 */
function restarts({ plan }: Setting): boolean {
  return plan.onChildSuccess === 'exit' || plan.onChildError === 'exit';
}

/** Nobody led at that time, nor long before it. */
function isBetween({ terms }: Calm, due: number): boolean {
  const before = Math.max(...terms.filter(({ from }) => from <= due).map(({ to }) => to));
  return due > before - ABOUT_MS && due - before < BETWEEN_MS;
}

/**
 * A tick that comes while the command runs is served at once; unless the first of several runs that ends takes the
 * others with it, and ballot itself.
 */
function runsBeside(setting: Setting, { concurrency }: CronSetting): boolean {
  return concurrency === 'allow' && !restarts(setting);
}

/** A tick that comes while the command runs is served later, or a later one is. */
function isKept({ concurrency }: CronSetting): boolean {
  return concurrency === 'queue' || concurrency === 'replace';
}

/**
 * Until when the command kept a tick from being served at its instant, with runs for ticks that waited before it;
 * `undefined` when it did not run then.
 */
function busyUntil(
  launches: readonly Launch[],
  served: number,
  due: number,
  setting: Setting,
  cron: CronSetting,
): number | undefined {
  const slack = CLOCKS_MS.near + ABOUT_MS;
  // A waiting tick waits a little longer after a run that failed, and others come meanwhile.
  const restart = cron.concurrency === 'queue' ? setting.plan.restartMaxDelay : 0;
  let until: number | undefined;
  for (const { run, tick = NaN, at } of launches) {
    const follows = until !== undefined && tick < served && at <= until + lateness(setting);
    // One that could not be started has failed as well.
    const end = (run === undefined ? at : (run.endedAt ?? Infinity)) + restart;
    if (follows || (at <= due + slack && end + slack >= due)) until = Math.max(until ?? 0, end);
  }
  return until;
}

/** In a mixed fleet nobody knows whether a tick that waited was served by another: the next leader lets it be. */
function isDropped({ terms }: Calm, due: number, by: number, { mixedFleet }: Setting): boolean {
  return mixedFleet && terms.some(({ from }) => from > due && from < by);
}

function isFollowed(launches: readonly Launch[], tick: number, by: number): boolean {
  return launches.some((launch) => (launch.tick ?? -Infinity) >= tick && launch.at <= by);
}
