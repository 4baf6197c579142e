import { VirtualClock } from '../support/virtual-clock.ts';
import { ghostTime, recoveryTime, stopTime } from './bounds.ts';
import { checkCatchUp } from './catch-up-checks.ts';
import {
  checkEnds,
  checkKeepers,
  checkOverlaps,
  checkQueue,
  checkStandstills,
  checkStops,
  checkTenures,
  checkTokens,
} from './checks.ts';
import { Chronicle } from './chronicle.ts';
import { Commands } from './command.ts';
import { settleCron } from './cron-history.ts';
import { Ensemble } from './ensemble.ts';
import { Troubles, type Impairment } from './faults.ts';
import { Host } from './host.ts';
import type { Tenure } from './tenure.ts';
import { checkLedger, checkRecords } from './ledger-checks.ts';
import { BASE, LEDGER, LedgerChronicle } from './ledger-chronicle.ts';
import type { Parts } from './parts.ts';
import { drawSetting, type Mode, type Setting, type Theme } from './setting.ts';
import { checkTerms } from './term-checks.ts';
import { checkTicks } from './tick-checks.ts';
import { Trace } from './trace.ts';

export interface History {
  readonly seed: number;
  readonly setting: Setting;
  /** What must not be. Empty: all is well. */
  readonly problems: readonly string[];
  readonly trace: Trace;
  readonly runs: number;
  readonly terms: number;
  /** Virtual ms. */
  readonly lasted: number;
}

/** One history: faults for a while, then calm, in which everything has to come right; then the end. */
export async function runHistory(
  seed: number,
  { mode = 'once', theme, parts = {} }: { readonly mode?: Mode; readonly theme?: Theme; readonly parts?: Parts } = {},
): Promise<History> {
  const clock = new VirtualClock(seed);
  const setting = drawSetting(clock.random.fork(), mode, theme);
  const trace = new Trace(clock);
  const problems: string[] = [];
  const onRejection = (error: unknown): void => {
    problems.push(`unhandled rejection: ${error instanceof Error ? error.stack : String(error)}`);
  };
  process.on('unhandledRejection', onRejection);
  try {
    const world = build(clock, setting, trace, parts, problems);
    await live(world, problems);
    const { runs } = world.commands;
    return { seed, setting, problems, trace, runs: runs.length, terms: world.tenures.length, lasted: clock.time };
  } finally {
    process.off('unhandledRejection', onRejection);
  }
}

/** Everything that a history is made of. What goes wrong at one single moment is put into `problems`. */
export function build(clock: VirtualClock, setting: Setting, trace: Trace, parts: Parts, problems: string[]) {
  const { servers, tickTime, latency, lag } = setting;
  const log = (who: string, what: string): void => trace.log(who, what);
  const commands = new Commands(clock, setting.habits, log);
  const chronicle = new Chronicle(clock);
  const ledger = new LedgerChronicle(clock);
  const onSet = (host: string, path: string, data: Buffer, zxid: number): void => {
    if (path === LEDGER) ledger.note(host, data, ensemble.tree.get(LEDGER)?.version === 1);
    if (path !== BASE) return;
    const before = chronicle.changes.at(-1)?.token;
    const { token } = chronicle.note(host, data, zxid);
    const alive = commands.alive.find((run) => run.host === host && run.fencingToken === before);
    if (token === undefined && alive !== undefined)
      problems.push(`${host} gave the lease up at ${clock.time.toFixed(1)} while its run ${alive.runId} lived`);
  };
  const ensemble = new Ensemble(clock, { servers, tickTime, latency, lag, log, onSet });
  const tenures: Tenure[] = [];
  const surroundings = { clock, ensemble, commands, trace, setting, parts };
  const hosts = Array.from(
    { length: setting.candidates },
    (_, index) => new Host(surroundings, `h${index + 1}`, tenures),
  );
  return { ...surroundings, chronicle, ledger, tenures, hosts };
}

export type World = ReturnType<typeof build>;

async function live(world: World, problems: string[]): Promise<void> {
  const { clock, setting, trace, hosts, ensemble } = world;
  const endsAt = setting.troubles;
  for (const host of hosts) clock.after(clock.random.between(0, 2000), () => host.start());
  const troubles = new Troubles(clock, ensemble, hosts, setting, endsAt);
  if (setting.theme === 'outages') await clock.run(2 * setting.sessionTimeout + 5000);
  world.ledger.onWrite = (by) => troubles.ledgerWritten(by);
  troubles.onSpoilt = () => world.ledger.forget();
  troubles.begin();
  await clock.run(endsAt + 1);

  trace.log('history', 'all faults are over');
  ensemble.latency = { ...setting.latency, spikes: 0 };
  for (const { connection } of ensemble.sessions.values()) if (connection) connection.nextWrite = undefined;
  for (const host of hosts) host.start();
  const calmAt = clock.time;
  await (setting.cron === undefined
    ? settleOnce(world, problems)
    : settleCron(world, setting.cron, troubles.impairments, problems));
  problems.push(...checkQueue(ensemble.proposals(BASE), hosts), ...checkKeepers(hosts));

  const { chronicle } = world;
  // Whoever lost contact has it again by then, and a campaign that failed has been tried again.
  const settledAt = calmAt + setting.sessionTimeout + 2 * setting.tickTime + setting.patience + 6_000;
  // Who gives up before the lease runs out leaves it to others, who begin to watch it anew.
  const longest = 1.06 * setting.lease + 2_000 + 2 * (setting.plan.electionTimeout ?? 0);
  problems.push(...checkStandstills(chronicle, settledAt, clock.time, longest));

  await end(world, problems);
  problems.push(...judge(world, troubles.impairments));
}

/** When the faults are over, somebody runs the command before long, and goes on doing so. */
async function settleOnce({ clock, setting, hosts, commands }: World, problems: string[]): Promise<void> {
  const calmAt = clock.time;
  const recovery = recoveryTime(setting);
  const led = (): boolean => commands.runs.some((run) => (run.endedAt ?? Infinity) > calmAt);
  if (!(await clock.run(calmAt + recovery, led)))
    problems.push(`nobody ran the command within ${recovery.toFixed(0)} ms after the faults`);
  await clock.run(clock.time + ghostTime(setting));
  for (const host of hosts) host.start();
  const idle = clock.time - Math.max(calmAt, ...commands.runs.map((run) => run.endedAt ?? clock.time));
  if (idle > setting.plan.restartMaxDelay + recovery / 2)
    problems.push(`nobody has run the command for ${idle.toFixed(0)} ms`);
  if (setting.theme === 'outages' && commands.runs.length !== 1)
    problems.push(`an outage of the whole ensemble was not survived in role: ${commands.runs.length} runs`);
}

/** What must hold over a whole history. */
export function judge(world: World, impairments: readonly Impairment[]): string[] {
  const { clock, setting, hosts, commands, tenures, chronicle, ledger } = world;
  const { runs } = commands;
  return [
    ...judgeTicks(world, impairments),
    ...checkOverlaps(runs, impairments, setting, clock.time),
    ...checkTenures(tenures, impairments, setting),
    ...checkTokens(
      runs,
      impairments,
      (run) => setting.cron !== undefined && !ledger.isEntered({ ...run, at: run.startedAt }),
    ),
    ...checkEnds(runs, chronicle, impairments, setting, clock.time),
    ...checkStops(hosts, impairments, stopTime(setting) + RESIGN_LIMIT_MS),
  ];
}

function judgeTicks(world: World, impairments: readonly Impairment[]): string[] {
  const { clock, setting, commands, ledger, tenures, hosts, ensemble } = world;
  const { launches } = commands;
  const { cron } = setting;
  if (cron === undefined) return [];
  const wipes = impairments.filter(({ kind }) => kind === 'wiped' || kind === 'spoiled').map(({ to }) => to);
  const ticks = { setting, launches, ledger, tenures, hosts, impairments };
  return [
    ...checkLedger(ledger, tenures, launches, wipes),
    ...checkRecords(ledger, launches, ensemble.up),
    ...checkTicks(ticks, cron),
    ...checkCatchUp(ticks, cron),
    ...checkTerms(ticks, cron, clock.time),
  ];
}

/** In troubles, giving up the lease and leaving may last until their own last resorts. */
const RESIGN_LIMIT_MS = 15_000;

/** Everybody is asked to stop, perhaps while the ensemble is gone. */
export async function end(world: World, problems: string[], inTheDark = world.clock.random.chance(0.2)): Promise<void> {
  const { clock, setting, trace, hosts, ensemble, commands } = world;
  if (inTheDark) ensemble.goDown();
  trace.log('history', 'everybody is asked to stop');
  const within = stopTime(setting);
  for (const host of hosts) host.retired = true;
  for (const host of hosts) clock.after(clock.random.between(0, 100), () => host.stop('SIGTERM'));
  await clock.run(clock.time + 101);
  await clock.run(clock.time + within, () => hosts.every((host) => host.current === undefined));
  for (const host of hosts) {
    if (host.current !== undefined)
      problems.push(`ballot on ${host.name} was asked to stop and is still there after ${within.toFixed(0)} ms`);
    for (const { exitCode } of host.incarnations)
      if (exitCode === 70) problems.push(`ballot on ${host.name} ended with exit code 70: a bug`);
  }
  // The keeper of a ballot that was killed may still grant its run the grace.
  const isOver = (): boolean => commands.alive.length === 0 && checkKeepers(hosts).length === 0;
  if (!isOver()) await clock.run(clock.time + setting.plan.killAfter + 1_000, isOver);
  for (const run of commands.alive) problems.push(`run ${run.runId} on ${run.host} outlived its ballot`);
  problems.push(...checkKeepers(hosts));
  if (inTheDark) return;
  const left = ensemble.proposals(BASE).map(({ path }) => path);
  if (left.length > 0) problems.push(`after everybody left, ${left.join()} still stood in the queue`);
  const lease = ensemble.tree.get(BASE)?.data ?? Buffer.alloc(0);
  if (lease.length > 0) problems.push('after everybody left, the lease was not empty');
}
