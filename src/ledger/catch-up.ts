import type { Schedule } from '../cron/schedule.ts';

/** What a new leader does with ticks that passed since the last settled one. Pure: ms since the Unix epoch. */
export interface CatchUpRules {
  readonly catchUp: 'none' | 'once';
  /** A missed tick that is older, ms, is not caught up. `undefined`: no limit. */
  readonly startDeadline: number | undefined;
  /** Leaders that write no ledger may have run ticks since: nothing that has passed is started. */
  readonly mixedFleet: boolean;
}

/** What is known of the ticks so far. */
export interface Past {
  /** Every tick up to here is settled. `undefined`: nobody has ever led. */
  readonly through: number | undefined;
  /** When the leader before resigned in order; `undefined`: it did not. */
  readonly handedOver: number | undefined;
  /** `through` holds for another schedule, or another zone: it says nothing of this one's ticks. */
  readonly isOfAnother: boolean;
}

export interface Reckoning {
  /** Ticks up to here are settled from now on. The one to be started is not, until it is entered. */
  readonly through: number;
  /** The tick of the past that is to be started now. */
  readonly start: number | undefined;
  /** Why: it fell between two leaders of which the first resigned in order, or it was missed and is caught up. */
  readonly why: 'handed over' | 'made up' | undefined;
  /** The latest tick that is given up, with all before it back to the last settled one. */
  readonly givenUp: number | undefined;
}

/**
 * A tick that an orderly resignation left, or that fell between it and the next leader, counts as on time when the next
 * leader leads within this time after both, ms. A handover takes milliseconds; when it takes longer than this, the tick
 * counts as missed.
 */
export const HANDOVER_MS = 10_000;

/** Whether a missed tick is to be caught up. */
export function isMadeUp(tick: number, now: number, { catchUp, startDeadline, mixedFleet }: CatchUpRules): boolean {
  return catchUp === 'once' && !mixedFleet && now - tick <= (startDeadline ?? Infinity);
}

/**
 * Decides about the ticks that have passed until `now`. Of several, only the latest is ever started. After a change of
 * the schedule none is: everything up to now belongs to the old schedule.
 */
export function reckon(schedule: Schedule, past: Past, now: number, rules: CatchUpRules): Reckoning {
  const known = past.isOfAnother ? Math.max(past.through ?? now, now) : (past.through ?? now);
  const latest = schedule.latest(known, now);
  if (latest === undefined) return { through: known, start: undefined, why: undefined, givenUp: undefined };
  const { handedOver } = past;
  // A resignation settles all earlier ticks except one that waits. That one may be old; its time counts from the
  // resignation.
  const onTime = handedOver !== undefined && !rules.mixedFleet && now - Math.max(latest, handedOver) <= HANDOVER_MS;
  const why = onTime ? 'handed over' : isMadeUp(latest, now, rules) ? 'made up' : undefined;
  if (why === undefined) return { through: latest, start: undefined, why, givenUp: latest };
  const givenUp = schedule.latest(known, latest - 1);
  return { through: givenUp ?? known, start: latest, why, givenUp };
}
