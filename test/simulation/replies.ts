import { VirtualClock } from '../support/virtual-clock.ts';
import { checkQueue, checkStandstills } from './checks.ts';
import { scheduleOf, type CronSetting } from './cron.ts';
import type { Ensemble } from './ensemble.ts';
import { build, end, judge, type World } from './history.ts';
import { BASE } from './ledger-chronicle.ts';
import type { Fate, Request } from './server.ts';
import { checkService } from './service-checks.ts';
import { QUIET_SETTING, type Mode, type Setting } from './setting.ts';
import { Trace } from './trace.ts';

/**
 * One request of one candidate that does not go well, and whether the candidate is asked to stop in that very moment.
 */
export interface Incident {
  readonly mode: Mode;
  readonly host: string;
  /** Of the candidate's requests, from 1. */
  readonly ordinal: number;
  readonly fate: Fate;
  readonly stop: boolean;
}

export interface Replayed {
  readonly problems: readonly string[];
  readonly trace: Trace;
  /** What each candidate asked for, in order. */
  readonly requests: Readonly<Record<string, Request[]>>;
  /** The longest time without a command, once there was one, ms. */
  readonly longestGap: number;
}

const SESSION_MS = 1500;
const TICK_MS = 500;

/** Three candidates on a quiet ensemble: nothing fails but what the incident says. */
const SERVICE: Setting = {
  ...QUIET_SETTING,
  tickTime: TICK_MS,
  sessionTimeout: SESSION_MS,
  lease: SESSION_MS,
  patience: 2 * SESSION_MS,
};

/** Each tick has another leader. */
const CRON: CronSetting = {
  text: '@every 1s',
  schedule: scheduleOf('@every 1s'),
  gap: 1000,
  concurrency: 'skip',
  catchUp: 'once',
  startDeadline: undefined,
  clocks: 'near',
};

const SETTINGS: Readonly<Record<Mode, Setting>> = {
  once: SERVICE,
  cron: {
    ...SERVICE,
    cron: CRON,
    plan: { ...SERVICE.plan, cron: CRON },
    habits: { ...SERVICE.habits, lasts: [50, 50] },
  },
};

/** The leader is asked to stop at these times, and its host starts ballot again later, ms. */
const STOPS_AT = [3_500, 6_500];
const AGAIN_AFTER_MS = 1_000;
const ENDS_AT = 12_000;

/** A proposal of a session that has two of them may be on its way out for so long, ms. */
const DUPLICATE_MS = 1_500;

/**
 * Longest time without a command: a place is freed when its session expires, a lease when it has run out; then a
 * connection is made, and the rest is quick.
 */
export const GAP_MS = SESSION_MS + 2 * TICK_MS + SESSION_MS;

/** Tells the one scripted history, with an incident or without. */
export async function replay(mode: Mode, incident?: Incident): Promise<Replayed> {
  const clock = new VirtualClock(1);
  const trace = new Trace(clock);
  const problems: string[] = [];
  const onRejection = (error: unknown): void =>
    void problems.push(`unhandled rejection: ${error instanceof Error ? error.stack : String(error)}`);
  process.on('unhandledRejection', onRejection);
  try {
    const world = build(clock, SETTINGS[mode], trace, {}, problems);
    const requests: Record<string, Request[]> = Object.fromEntries(world.hosts.map(({ name }) => [name, []]));
    const strike = striker(world, requests, incident);
    world.ensemble.fateOf = strike;
    await (mode === 'once' ? play(world, problems) : playTicks(world, problems));
    world.ensemble.fateOf = strike;
    await end(world, problems, false);
    problems.push(...judge(world, []));
    return { problems, trace, requests, longestGap: longestGap(world) };
  } finally {
    process.off('unhandledRejection', onRejection);
  }
}

/** Counts the requests, and makes the incident happen. */
function striker(
  { hosts, clock, trace }: World,
  requests: Record<string, Request[]>,
  incident: Incident | undefined,
): NonNullable<Ensemble['fateOf']> {
  return (name, request) => {
    const ordinal = requests[name]?.push(request);
    if (incident?.host !== name || incident.ordinal !== ordinal) return undefined;
    trace.log('net', `${request.kind} ${request.path} of ${name}, its request ${ordinal}, is ${incident.fate}`);
    const host = hosts.find((it) => it.name === name);
    if (incident.stop) {
      clock.after(0, () => host?.stop('SIGTERM'));
      clock.after(2 * AGAIN_AFTER_MS, () => host?.start());
    }
    return incident.fate;
  };
}

async function play(world: World, problems: string[]): Promise<void> {
  const { clock, hosts, ensemble, chronicle, commands } = world;
  for (const [index, host] of hosts.entries()) clock.schedule(400 * index, () => host.start());
  for (const at of STOPS_AT)
    clock.schedule(at, () => {
      const leader = hosts.find((host) => host.runsCommand);
      leader?.stop('SIGTERM');
      clock.after(AGAIN_AFTER_MS, () => leader?.start());
    });
  watchQueue(world, problems);
  await clock.run(ENDS_AT);
  // Nothing goes wrong from here until everybody is asked to stop. What went wrong in the last moment is given as long
  // as everything before, and dead sessions their time to expire.
  ensemble.fateOf = undefined;
  await clock.run(ENDS_AT + GAP_MS, () => commands.alive.length === 1);
  await clock.run(clock.time + SESSION_MS + 2 * TICK_MS);
  if (commands.alive.length !== 1) problems.push(`${commands.alive.length} commands run at the end`);
  problems.push(...checkQueue(ensemble.proposals(BASE), hosts));
  problems.push(...checkStandstills(chronicle, 0, clock.time, GAP_MS));
  const gap = longestGap(world);
  if (gap > GAP_MS) problems.push(`nobody ran the command for ${gap.toFixed(0)} ms`);
}

/** When incidents of `run cron` are over, and for how long it is watched then that every tick is served, ms. */
const TICKS_UNTIL = 4_000;
const WATCHED_MS = 2_500;

async function playTicks(world: World, problems: string[]): Promise<void> {
  const { clock, hosts, ensemble, commands, ledger, tenures } = world;
  for (const [index, host] of hosts.entries()) clock.schedule(400 * index, () => host.start());
  watchQueue(world, problems);
  await clock.run(TICKS_UNTIL);
  ensemble.fateOf = undefined;
  await clock.run(TICKS_UNTIL + GAP_MS);
  const from = clock.time;
  const through = ledger.changes.at(-1)?.ledger.through ?? -Infinity;
  await clock.run(from + WATCHED_MS);
  const terms = tenures.map(({ electedAt, endedAt = Infinity }) => ({ from: electedAt, to: endedAt }));
  problems.push(...checkService(commands.launches, { from, to: clock.time, through, terms }, SETTINGS.cron, CRON));
  problems.push(...checkQueue(ensemble.proposals(BASE), hosts));
}

/** No session has two places in the queue, but for the moment that it takes to notice. */
function watchQueue({ clock, ensemble }: World, problems: string[]): void {
  const LOOK_MS = 100;
  let since: number | undefined;
  const look = (): void => {
    const owners = ensemble.proposals(BASE).map(({ owner }) => owner);
    const twice = owners.length > new Set(owners).size;
    since = twice ? (since ?? clock.time) : undefined;
    if (since !== undefined && clock.time - since === DUPLICATE_MS)
      problems.push(`a session has had two proposals for ${DUPLICATE_MS} ms at ${clock.time}`);
    if (clock.time < ENDS_AT) clock.after(LOOK_MS, look);
  };
  clock.after(LOOK_MS, look);
}

function longestGap({ commands, clock }: World): number {
  const { runs } = commands;
  const gaps = runs.slice(1).map(({ startedAt }, index) => startedAt - (runs[index]?.endedAt ?? startedAt));
  const last = runs.at(-1)?.endedAt;
  return Math.max(0, ...gaps, last === undefined ? 0 : clock.time - last);
}
