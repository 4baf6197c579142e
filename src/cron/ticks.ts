import type { Clock } from '../clock.ts';
import type { Schedule } from './schedule.ts';

/** What a ticker reports. Instants are ms since the Unix epoch. */
export type TickEvent =
  /** It is time. */
  | { readonly kind: 'tick'; readonly at: number }
  /** Ticks that passed as the wall clock was set forward, or this process stood still. Counted up to MOST_COUNTED. */
  | { readonly kind: 'missed'; readonly latest: number; readonly count: number }
  /** The wall clock was set back by this many ms. Ticks that it passes a second time do not come again. */
  | { readonly kind: 'set-back'; readonly by: number };

export interface TicksOptions {
  readonly schedule: Schedule;
  readonly clock: Clock;
  /** Ticks come strictly after this instant; those between it and now are missed. */
  readonly after: number;
  /** Must not throw. */
  readonly onEvent: (event: TickEvent) => void;
  /** Ends the ticker. */
  readonly signal: AbortSignal;
}

/** The wall clock is looked at this often: how long a step of it can go unnoticed, ms. */
const LOOK_EVERY_MS = 30_000;

/** A tick that is noticed later is missed, ms: one look, and as much for a process that was held up. */
export const ON_TIME_MS = 2 * LOOK_EVERY_MS;

/** Missed ticks are counted up to here: a clock set forward by years must not keep the process busy. */
export const MOST_COUNTED = 1_000;

/** Smaller steps back are the adjustments of a time daemon, ms. */
const STEP_MS = 1_000;

/**
 * Reports the ticks of a schedule as the wall clock reaches them, each once, until `signal` is aborted or the schedule
 * has no more. Each wait is measured by the monotonic clock, but never longer than 30 s without a look at the wall
 * clock, and a tick's instant is the schedule's own: nothing adds up. The first events may come before this returns.
 */
export function startTicks({ schedule, clock, after, onEvent, signal }: TicksOptions): void {
  let done = after;
  let next = schedule.next(done);
  let highest = clock.wall();
  let cancel = (): void => undefined;

  const look = (): void => {
    const wall = clock.wall();
    if (wall < highest - STEP_MS) onEvent({ kind: 'set-back', by: highest - wall });
    if (wall > highest || wall < highest - STEP_MS) highest = wall;
    if (next !== undefined && wall >= next) {
      const latest = schedule.latest(done, wall) ?? next;
      const events = due(schedule, done, latest, wall);
      done = latest;
      next = schedule.next(done);
      for (const event of events) if (!signal.aborted) onEvent(event);
    }
    arm();
  };
  const arm = (): void => {
    if (signal.aborted || next === undefined) return;
    // When the wall clock is slower than the monotonic one, the wait is repeated, but never in ever smaller steps.
    const wait = Math.min(Math.max(next - clock.wall(), 1), LOOK_EVERY_MS);
    cancel = clock.at(clock.now() + wait, look);
  };

  if (signal.aborted) return;
  signal.addEventListener('abort', () => cancel(), { once: true });
  look();
}

/** What is to be said about the ticks in (done, latest] at this time. */
function due(schedule: Schedule, done: number, latest: number, wall: number): TickEvent[] {
  if (wall - latest > ON_TIME_MS) return [{ kind: 'missed', latest, count: countTicks(schedule, done, latest) }];
  const tick: TickEvent = { kind: 'tick', at: latest };
  const passed = schedule.latest(done, latest - 1);
  if (passed === undefined) return [tick];
  return [{ kind: 'missed', latest: passed, count: countTicks(schedule, done, passed) }, tick];
}

/** The number of ticks in (after, until], MOST_COUNTED at most. */
export function countTicks(schedule: Schedule, after: number, until: number): number {
  let counted = 0;
  for (let tick = schedule.next(after); tick !== undefined && tick <= until; tick = schedule.next(tick)) {
    counted += 1;
    if (counted === MOST_COUNTED) break;
  }
  return counted;
}
