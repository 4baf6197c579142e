import { VirtualClock } from '../support/virtual-clock.ts';
import { checkOverlaps, checkQueue, checkTenures, checkTokens } from './checks.ts';
import { Commands } from './command.ts';
import { Ensemble } from './ensemble.ts';
import { Troubles } from './faults.ts';
import { Host, type Tenure } from './host.ts';
import { drawSetting, type Setting } from './setting.ts';
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
export async function runHistory(seed: number): Promise<History> {
  const clock = new VirtualClock(seed);
  const setting = drawSetting(clock.random.fork());
  const trace = new Trace(clock);
  const problems: string[] = [];
  const onRejection = (error: unknown): void => {
    problems.push(`unhandled rejection: ${error instanceof Error ? error.stack : String(error)}`);
  };
  process.on('unhandledRejection', onRejection);
  try {
    const world = build(clock, setting, trace);
    await live(world, problems);
    const { runs } = world.commands;
    return { seed, setting, problems, trace, runs: runs.length, terms: world.tenures.length, lasted: clock.time };
  } finally {
    process.off('unhandledRejection', onRejection);
  }
}

function build(clock: VirtualClock, setting: Setting, trace: Trace) {
  const { servers, tickTime, latency, lag } = setting;
  const log = (who: string, what: string): void => trace.log(who, what);
  const ensemble = new Ensemble(clock, { servers, tickTime, latency, lag, log });
  const commands = new Commands(clock, setting.habits, log);
  const tenures: Tenure[] = [];
  const surroundings = { clock, ensemble, commands, trace, setting };
  const hosts = Array.from(
    { length: setting.candidates },
    (_, index) => new Host(surroundings, `h${index + 1}`, tenures),
  );
  return { ...surroundings, tenures, hosts };
}

type World = ReturnType<typeof build>;

async function live(world: World, problems: string[]): Promise<void> {
  const { clock, setting, trace, hosts, ensemble, commands, tenures } = world;
  const endsAt = setting.troubles;
  for (const host of hosts) clock.after(clock.random.between(0, 2000), () => host.start());
  const troubles = new Troubles(clock, ensemble, hosts, setting, endsAt);
  if (setting.theme === 'outages') await clock.run(2 * setting.sessionTimeout + 5000);
  troubles.begin();
  await clock.run(endsAt + 1);

  trace.log('history', 'all faults are over');
  ensemble.latency = { ...setting.latency, spikes: 0 };
  for (const { connection } of ensemble.sessions.values()) if (connection) connection.breakAtWrite = undefined;
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
  problems.push(...checkQueue(ensemble.proposals('/ballot/election'), hosts));

  await end(world, problems);
  problems.push(...checkOverlaps(commands.runs, troubles.impairments, setting, clock.time));
  problems.push(...checkTenures(tenures, troubles.impairments));
  problems.push(...checkTokens(commands.runs, troubles.impairments));
}

/** Everybody is asked to stop, perhaps while the ensemble is gone. */
async function end(world: World, problems: string[]): Promise<void> {
  const { clock, setting, trace, hosts, ensemble, commands } = world;
  const inTheDark = clock.random.chance(0.2);
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
  const left = ensemble.proposals('/ballot/election').map(({ path }) => path);
  if (left.length > 0) problems.push(`after everybody left, ${left.join()} still stood in the queue`);
  const lease = ensemble.tree.get('/ballot/election')?.data ?? Buffer.alloc(0);
  if (lease.length > 0) problems.push('after everybody left, the lease was not empty');
}
