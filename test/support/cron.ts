/** What the tests of `ballot run cron` share: schedules that fit the moment, and the ticks that commands were given. */
import { expect } from 'vitest';
import { parseLedger, type Ledger, type RunRecord } from '../../src/ledger/record.ts';
import { NoNodeError } from '../../src/zookeeper/session/errors.ts';
import type { Candidate, Entry, Journal } from './candidate.ts';
import { pass, poll } from './poll.ts';
import type { Observed, SharedZooKeeper, Stage } from './stage.ts';

/** A candidate of `ballot run cron` on this stage. */
type Start = Omit<Parameters<Stage['start']>[0] & object, 'mode'> & { readonly schedule: string };

const withSchedule = ({ schedule, flags, ...options }: Start): Parameters<Stage['start']>[0] => ({
  ...options,
  mode: 'cron',
  flags: { schedule, ...flags },
});

export function startCron(stage: Stage, options: Start): Candidate {
  return stage.start(withSchedule(options));
}

/** Resolves when it stands by, or leads: the order of calls is that of the queue. */
export function standCron(stage: Stage, options: Start): Promise<Candidate> {
  return stage.stand(withSchedule(options));
}

/**
 * The instant that BALLOT_TICK told that command, ms since the Unix epoch. Throws when it is not written as it is
 * promised.
 */
export function tickOf({ tick }: Pick<Entry, 'tick'>): number {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$/.test(tick)) throw new Error(`BALLOT_TICK is ${tick}`);
  return Date.parse(tick);
}

/** The ticks of all commands that were started, in that order. */
export function ticksOf(journal: Journal, candidate?: string): number[] {
  return journal.starts(candidate).map(tickOf);
}

/** No tick was started twice, and none before its time or after a later one. For wall clocks that nobody sets. */
export function expectEachTickOnce(journal: Journal): void {
  const starts = journal.starts();
  const ticks = starts.map(tickOf);
  expect(ticks).toEqual([...new Set(ticks)].toSorted((a, b) => a - b));
  for (const start of starts) expect(start.time * 1000).toBeGreaterThanOrEqual(tickOf(start));
}

/**
 * Ticks of `@every` that a leader found missed, said so, and gave up, when a later one had come as well: on a busy
 * machine a handover may take longer than the time between two ticks. The latest tick between two leaders is never
 * among them: it has to be served.
 */
export function cameTooLate(candidates: readonly Candidate[], every: number): number[] {
  return candidates
    .flatMap((candidate) => candidate.said('nobody served them, and they are not made up'))
    .map(({ from, to, time }) => [from, to, time].map((instant) => Date.parse(String(instant))))
    .flatMap(([from = NaN, to = NaN, time = NaN]) =>
      Array.from({ length: Math.round((to - from) / every) + 1 }, (_, index) => from + index * every).filter(
        (tick) => tick + every <= time,
      ),
    );
}

/**
 * Every tick of `@every` was started, from the first that was to the last; but for those during which the run of one
 * before them still lasted, by ballot's own log: a busy machine may take longer than the script; and for those that a
 * leader came too late for.
 */
export function expectEveryTick({ journal, candidates }: Stage, every: number): void {
  const ticks = ticksOf(journal);
  const busy = candidates.flatMap((candidate) =>
    candidate.said('the run is over').map(({ tick, time }) => ({
      from: Date.parse(String(tick)),
      to: Date.parse(String(time)),
    })),
  );
  const [first = NaN, last = NaN] = [ticks[0], ticks.at(-1)];
  const due = Array.from({ length: Math.round((last - first) / every) + 1 }, (_, index) => first + index * every);
  const givenUp = cameTooLate(candidates, every);
  const missing = due.filter(
    (tick) =>
      !ticks.includes(tick) && !givenUp.includes(tick) && !busy.some(({ from, to }) => from < tick && tick <= to),
  );
  const logs = candidates.map(({ id, log }) => [id, ...log.map((line) => JSON.stringify(line))].join('\n'));
  expect(
    missing.map((tick) => new Date(tick).toISOString()),
    logs.join('\n'),
  ).toEqual([]);
  expect(ticks).toEqual(due.filter((tick) => ticks.includes(tick)));
}

/** The whole second that lies `least` to `least + 1000` ms ahead, ms since the Unix epoch. */
export function secondAfter(least: number, now = Date.now()): number {
  return Math.ceil((now + least) / 1000) * 1000;
}

/** A schedule that has that instant, a whole second, as its only tick of the day. */
export function dailyAt(tick: number): string {
  const at = new Date(tick);
  return `CRON_TZ=UTC ${at.getUTCSeconds()} ${at.getUTCMinutes()} ${at.getUTCHours()} * * *`;
}

/** Waits until the wall clock shows `at`, ms since the Unix epoch. */
export async function until(at: number): Promise<void> {
  for (let left = at - Date.now(); left > 0; left = at - Date.now()) await pass(left);
}

/** Waits until `before` ms before a tick of `@every`, and returns that tick. */
export async function beforeTick(every: number, before: number): Promise<number> {
  const tick = Math.ceil((Date.now() + before) / every) * every;
  await until(tick - before);
  return tick;
}

/** The ledger of an election. `undefined`: none has been written yet. Throws when it cannot be read. */
export async function ledgerAt({ basePath, observer }: Observed): Promise<Ledger | undefined> {
  try {
    const { data } = await observer.get(`${basePath}/runs`, { timeout: 5000 });
    const parsed = parseLedger(data);
    if (parsed.kind === 'unreadable') throw new Error(`the ledger cannot be read: ${parsed.why}: ${parsed.excerpt}`);
    return parsed.kind === 'ledger' ? parsed.ledger : undefined;
  } catch (error) {
    if (error instanceof NoNodeError) return undefined;
    throw error;
  }
}

/** Waits until the ledger is such that `look` finds what it wants in it. */
export function ledgerWith<T>(
  stage: Observed,
  what: string,
  look: (ledger: Ledger) => T | undefined | false,
): Promise<Exclude<T, undefined | null | false | 0 | ''>> {
  return poll(
    async () => {
      const ledger = await ledgerAt(stage);
      return ledger && look(ledger);
    },
    { what: `a ledger with ${what}` },
  ).catch(async (error: unknown) => {
    throw new Error(`${String(error)}\n${JSON.stringify(await ledgerAt(stage), undefined, 1)}`, {
      cause: error,
    });
  });
}

/** Waits until the record of that tick has an outcome. */
export function recordOf(stage: Observed, tick: number): Promise<RunRecord> {
  const what = `an outcome of ${new Date(tick).toISOString()}`;
  return ledgerWith(stage, what, ({ runs }) => runs.find((run) => run.tick === tick && run.outcome !== undefined));
}

/** Waits until the leader with that token has opened the ledger: from then on ticks are its to serve. */
export function opened(stage: Observed, token: number): Promise<Ledger> {
  return ledgerWith(stage, `the token ${token}`, (ledger) => ledger.fencingToken === token && ledger);
}

/** Waits until that candidate leads and has opened the ledger. */
export async function serves(stage: Observed, candidate: Candidate): Promise<void> {
  const { term } = await candidate.says('elected leader');
  await opened(stage, term as number);
}

/** Between two ticks of a pair, ms: longer than a take-over takes. */
const PAIR_EVERY = 10_000;

/**
 * A leader that has opened the ledger, another candidate next in line, and a tick that is to come. Earlier ones may
 * have been served, for a machine may be busy.
 */
export interface Pair extends AsyncDisposable {
  readonly stage: Stage;
  readonly leader: Candidate;
  readonly next: Candidate;
  readonly tick: number;
  /** The commands that were started for that tick. */
  starts(): Entry[];
}

/**
 * The tick is in `ahead` ms, and no command runs. The leader stays leader. `leaderServers`: its own way to the servers.
 */
export async function pairBefore(
  zookeeper: SharedZooKeeper,
  {
    ahead = 1500,
    flags = {},
    script = 'stay 0.2; exit 0',
    leaderServers = zookeeper.connectString,
  }: { ahead?: number; flags?: Record<string, string>; script?: string; leaderServers?: string },
): Promise<Pair> {
  const stage = zookeeper.stage();
  try {
    const first = secondAfter(ahead + 3000);
    const seconds = Array.from({ length: 6 }, (_, index) => new Date(first + index * PAIR_EVERY).getUTCSeconds());
    const schedule = `${seconds.join(',')} * * * * *`;
    const options = { schedule, flags: { 'on-child-success': 'rerun', ...flags }, script };
    const leader = await standCron(stage, { id: 'leader', servers: leaderServers, ...options });
    const next = await standCron(stage, { id: 'next', ...options });
    await serves(stage, leader);
    await next.says('next in line');
    const passed = Math.max(0, Math.ceil((Date.now() + ahead - first) / PAIR_EVERY));
    const tick = first + passed * PAIR_EVERY;
    await until(tick - ahead);
    const starts = (): Entry[] => stage.journal.starts().filter((start) => tickOf(start) === tick);
    return { stage, leader, next, tick, starts, [Symbol.asyncDispose]: () => stage[Symbol.asyncDispose]() };
  } catch (error) {
    await stage[Symbol.asyncDispose]();
    throw error;
  }
}

/** Waits until the tick was started, and returns that. */
export async function startedFor({ starts, tick }: Pick<Pair, 'starts' | 'tick'>): Promise<Entry> {
  await poll(() => starts().length > 0, { what: `a start for ${new Date(tick).toISOString()}` });
  return starts()[0] as Entry;
}

/** The record of that tick; `undefined`: there is none. */
export async function recordAt({ stage, tick }: Pair): Promise<RunRecord | undefined> {
  return (await ledgerAt(stage))?.runs.find((run) => run.tick === tick);
}
