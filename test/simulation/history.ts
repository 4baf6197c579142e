import { VirtualClock } from '../support/virtual-clock.ts';
import {
  checkEnds,
  checkOverlaps,
  checkQueue,
  checkStandstills,
  checkStops,
  checkTenures,
  checkTokens,
} from './checks.ts';
import { Chronicle } from './chronicle.ts';
import { Commands } from './command.ts';
import { Ensemble } from './ensemble.ts';
import { Troubles, type Impairment } from './faults.ts';
import { Host, type Tenure } from './host.ts';
import type { Parts } from './parts.ts';
import { drawSetting, type Setting, type Theme } from './setting.ts';
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

/** How long everything that has to happen between the end of all faults and a command that runs may take. */
function recoveryTime({ sessionTimeout, tickTime, lease, plan, patience }: Setting): number {
  const expiry = sessionTimeout + 2 * tickTime;
  // A lease waits for its own end once; a campaign may fail once more and back off for up to 5 s; the command of before has to go.
  return 2 * expiry + 3 * lease + patience + plan.killAfter + plan.restartMaxDelay + 15_000;
}

/** After so long in calm, nothing is left of sessions that died in the troubles, and the queue is what it should be. */
function ghostTime({ sessionTimeout, tickTime, lease, plan }: Setting): number {
  return sessionTimeout + 2 * tickTime + lease + plan.killAfter + 2_000;
}

/** How long an orderly end may take at most: grace, resignation, leaving the queue. */
function stopTime({ lease, plan }: Setting): number {
  return 1.1 * (plan.killAfter + 2 * lease) + 10_000;
}

/** One history: faults for a while, then calm, in which everything has to come right; then the end. */
export async function runHistory(
  seed: number,
  { theme, parts = {} }: { readonly theme?: Theme; readonly parts?: Parts } = {},
): Promise<History> {
  const clock = new VirtualClock(seed);
  const setting = drawSetting(clock.random.fork(), theme);
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

/** Where every election of a history is held. */
export const BASE = '/ballot/election';

/** Everything that a history is made of. What goes wrong at one single moment is put into `problems`. */
export function build(clock: VirtualClock, setting: Setting, trace: Trace, parts: Parts, problems: string[]) {
  const { servers, tickTime, latency, lag } = setting;
  const log = (who: string, what: string): void => trace.log(who, what);
  const commands = new Commands(clock, setting.habits, log);
  const chronicle = new Chronicle(clock);
  const onSet = (host: string, path: string, data: Buffer, zxid: number): void => {
    if (path !== BASE) return;
    const { token } = chronicle.note(host, data, zxid);
    const alive = commands.alive.find((run) => run.host === host);
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
  return { ...surroundings, chronicle, tenures, hosts };
}

export type World = ReturnType<typeof build>;

async function live(world: World, problems: string[]): Promise<void> {
  const { clock, setting, trace, hosts, ensemble, commands } = world;
  const endsAt = setting.troubles;
  for (const host of hosts) clock.after(clock.random.between(0, 2000), () => host.start());
  const troubles = new Troubles(clock, ensemble, hosts, setting, endsAt);
  if (setting.theme === 'outages') await clock.run(2 * setting.sessionTimeout + 5000);
  troubles.begin();
  await clock.run(endsAt + 1);

  trace.log('history', 'all faults are over');
  ensemble.latency = { ...setting.latency, spikes: 0 };
  for (const { connection } of ensemble.sessions.values()) if (connection) connection.nextWrite = undefined;
  for (const host of hosts) host.start();
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
  problems.push(...checkQueue(ensemble.proposals(BASE), hosts));

  const { chronicle } = world;
  // Whoever lost contact has it again by then, and a campaign that failed has been tried again.
  const settledAt = calmAt + setting.sessionTimeout + 2 * setting.tickTime + setting.patience + 6_000;
  problems.push(...checkStandstills(chronicle, settledAt, clock.time, 1.06 * setting.lease + 2_000));

  await end(world, problems);
  problems.push(...judge(world, troubles.impairments));
}

/** What must hold over a whole history. */
export function judge(world: World, impairments: readonly Impairment[]): string[] {
  const { clock, setting, hosts, commands, tenures, chronicle } = world;
  const { runs } = commands;
  return [
    ...checkOverlaps(runs, impairments, setting, clock.time),
    ...checkTenures(tenures, impairments, setting),
    ...checkTokens(runs, impairments),
    ...checkEnds(runs, chronicle, impairments, setting, clock.time),
    ...checkStops(hosts, impairments, stopTime(setting) + RESIGN_LIMIT_MS),
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
  for (const run of commands.alive) problems.push(`run ${run.runId} on ${run.host} outlived its ballot`);
  if (inTheDark) return;
  const left = ensemble.proposals(BASE).map(({ path }) => path);
  if (left.length > 0) problems.push(`after everybody left, ${left.join()} still stood in the queue`);
  const lease = ensemble.tree.get(BASE)?.data ?? Buffer.alloc(0);
  if (lease.length > 0) problems.push('after everybody left, the lease was not empty');
}
