import { EPOCH } from '../support/virtual-clock.ts';
import { ghostTime, recoveryTime } from './bounds.ts';
import type { CronSetting } from './cron.ts';
import type { Impairment } from './faults.ts';
import type { World } from './history.ts';
import { checkService, type Span } from './service-checks.ts';
import { unnoticedFor } from './term-checks.ts';

/** How long it is watched that ticks are served, at least, ms. */
const WATCHED_MS = 8_000;

/** A ledger that is further ahead is not waited for, ms. */
const LONG_MS = 10_000;

/** Attaching again may take a second and more: with a shorter session the leader may be back too late, ms. */
const ATTACHED_MS = 1_500;

/**
 * When the faults are over, clocks are right again and somebody serves the schedule before long: then every tick, on
 * time.
 */
export async function settleCron(
  world: World,
  cron: CronSetting,
  impairments: readonly Impairment[],
  problems: string[],
): Promise<void> {
  const { clock, setting, hosts, commands, ledger } = world;
  const { launches } = commands;
  const begunAt = clock.time;
  for (const host of hosts) host.setClockRight(clock.random.between(-1, 1));
  // A leader whose clock was hours behind the ledger looks at it now and then only.
  if (cron.clocks === 'far') await clock.run(begunAt + unnoticedFor(setting));
  // A clock that was fast has settled ticks that are still to come: nobody may serve those.
  const ahead = (): number => Math.max(0, through(world) - EPOCH - clock.time);
  const recovery = recoveryTime(setting) + cron.gap + Math.min(ahead(), LONG_MS);
  const isServed = (): boolean => launches.some(({ at }) => at > begunAt);
  if (!(await clock.run(clock.time + recovery, () => isServed() || ahead() > LONG_MS)))
    problems.push(`no tick was served within ${recovery.toFixed(0)} ms after the faults`);
  await clock.run(clock.time + ghostTime(setting));
  for (const host of hosts) host.start();
  const steady = setting.theme === 'outages' && setting.sessionTimeout >= ATTACHED_MS;
  const from = steady ? (ledger.changes[0]?.at ?? 0) + ghostTime(setting) : clock.time;
  const begun = through(world, from);
  await clock.run(clock.time + Math.max(WATCHED_MS, 3 * cron.gap));
  const terms = world.tenures.map(({ electedAt, endedAt = Infinity }) => ({ from: electedAt, to: endedAt }));
  const leaderless = outagesWithoutLeader(world, impairments);
  // A leader remembers what it has started, also when the ledger was deleted meanwhile.
  const isAhead = (due: number): boolean => through(world, due) - EPOCH - due > LONG_MS;
  const calm = { from, to: clock.time, through: begun, terms, leaderless, isAhead };
  problems.push(...checkService(launches, calm, setting, cron));
  for (const { runId, host, at, fencingToken } of launches)
    if (fencingToken === undefined && at > from)
      problems.push(`run ${runId} on ${host} was started without leadership at ${at.toFixed(0)}, though all was calm`);
  const stays = setting.plan.onChildSuccess !== 'reelect' && setting.plan.onChildError !== 'reelect';
  if (steady && stays && world.tenures.length !== 1)
    problems.push(`an outage of the whole ensemble was not survived in role: ${world.tenures.length} terms`);
  const open = ledger.changes.at(-1)?.ledger.runs.filter(({ outcome }) => outcome === undefined) ?? [];
  for (const { runId, start } of open) {
    const run = commands.runs.findLast((other) => other.runId === runId);
    const over = run === undefined ? start - EPOCH : (run.endedAt ?? Infinity);
    if (over < clock.time - ABOUT_MS) problems.push(`run ${runId} is over, and the ledger has no end of it`);
  }
}

/**
 * An outage that begins between two leaders finds nobody who could serve on: from its begin to the next opening of the
 * ledger.
 */
function outagesWithoutLeader({ tenures, ledger }: World, impairments: readonly Impairment[]): Span[] {
  const openings = ledger.openings.map(({ at, by, ledger: { fencingToken } }) => ({ at, by, fencingToken }));
  const isServed = (at: number): boolean => {
    // The leader gives up its lease next, and may have done so already.
    if (ledger.asOf(at)?.ledger.handedOver !== undefined) return false;
    const opening = openings.findLast((other) => other.at + ANSWER_MS <= at);
    const tenure = tenures.findLast(({ host, token }) => host === opening?.by && token === opening.fencingToken);
    return tenure !== undefined && (tenure.endedAt ?? Infinity) > at;
  };
  return impairments
    .filter(({ host, from }) => host === 'everybody' && !isServed(from))
    .map(({ from }) => ({ from, to: Math.min(...openings.map(({ at }) => at).filter((at) => at > from)) }));
}

/** A leader serves once it knows that it has opened the ledger: the longest way of an answer, ms. */
const ANSWER_MS = 100;

/** The end of a run is written a little later, ms. */
const ABOUT_MS = 1_000;

function through({ ledger }: World, at = Infinity): number {
  return ledger.asOf(at)?.ledger.through ?? -Infinity;
}
