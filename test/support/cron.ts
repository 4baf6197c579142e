/** What the tests of `ballot run cron` share: schedules that fit the moment, and the ticks that commands were given. */
import { expect } from 'vitest';
import type { Arena, Candidate, Entry, Journal } from './candidate.ts';

/** A candidate of `ballot run cron` in this arena. */
type Start = Omit<Parameters<Arena['start']>[0] & object, 'mode'> & { readonly schedule: string };

const withSchedule = ({ schedule, flags, ...options }: Start): Parameters<Arena['start']>[0] => ({
  ...options,
  mode: 'cron',
  flags: { schedule, ...flags },
});

export function startCron(stage: Arena, options: Start): Candidate {
  return stage.start(withSchedule(options));
}

/** Resolves when it stands by, or leads: the order of calls is that of the queue. */
export function standCron(stage: Arena, options: Start): Promise<Candidate> {
  return stage.stand(withSchedule(options));
}

/** The instant that BALLOT_TICK told that command, ms since the Unix epoch. Throws when it is not written as it is promised. */
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

/** Every tick of `@every` was started, from the first that was to the last. */
export function expectEveryTick(journal: Journal, every: number): void {
  const ticks = ticksOf(journal);
  const first = ticks[0] ?? NaN;
  expect(ticks).toEqual(ticks.map((_, index) => first + index * every));
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

/** A schedule that has these whole seconds of one hour as its only ticks of the day, and a few more when they are of several minutes. */
export function dailyAtSeconds(...ticks: readonly number[]): string {
  const parts = (of: (at: Date) => number): string => [...new Set(ticks.map((tick) => of(new Date(tick))))].join(',');
  return `CRON_TZ=UTC ${parts((at) => at.getUTCSeconds())} ${parts((at) => at.getUTCMinutes())} ${parts((at) => at.getUTCHours())} * * *`;
}

/** Waits until the wall clock shows `at`, ms since the Unix epoch. */
export async function until(at: number): Promise<void> {
  for (let left = at - Date.now(); left > 0; left = at - Date.now())
    await new Promise((resolve) => setTimeout(resolve, left));
}

/** Waits until `before` ms before a tick of `@every`, and returns that tick. */
export async function beforeTick(every: number, before: number): Promise<number> {
  const tick = Math.ceil((Date.now() + before) / every) * every;
  await until(tick - before);
  return tick;
}
