import type { Clock } from '../clock.ts';
import { formatDuration } from '../duration.ts';
import type { Logger } from '../log/logger.ts';
import { isMadeUp, reckon, type CatchUpRules, type Past, type Reckoning } from '../ledger/catch-up.ts';
import { formatInstant } from '../ledger/record.ts';
import type { Found, RunLedger } from '../ledger/ledger.ts';
import type { Schedule } from '../cron/schedule.ts';
import { describeService, hasSameTicks, type Service } from '../ledger/service.ts';
import { countTicks, MOST_COUNTED, ON_TIME_MS, startTicks, type TickEvent } from '../cron/ticks.ts';

export interface SchedulerParts {
  readonly schedule: Schedule;
  readonly ledger: RunLedger;
  readonly rules: CatchUpRules;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A ledger that is further ahead of this host's clock than clocks of one fleet differ is worth a warning, ms. */
const AHEAD_MS = 60_000;

/** Serves one schedule's ticks over a candidate's terms: none twice, and as leader none before the ledger is open. */
export class Scheduler {
  readonly #parts: SchedulerParts;
  /** The latest tick that was started or passed over here, also without the ledger: it is not served again. */
  #settled = -Infinity;
  /** The latest tick that was reported. It may still wait. */
  #reported: number | undefined;

  constructor(parts: SchedulerParts) {
    this.#parts = parts;
  }

  /**
   * Reports each tick from now on until aborted. With a term the ledger is opened first, however long that takes, and
   * ticks of the past are reckoned with; without one (`run-anyway`) only what comes counts. Resolves when the ticks are
   * being watched.
   */
  async serve(term: number | undefined, onTick: (tick: number) => void, signal: AbortSignal): Promise<void> {
    const { schedule, clock } = this.#parts;
    const report = (tick: number): void => {
      if (signal.aborted) return;
      this.#reported = tick;
      onTick(tick);
    };
    const reckoning = term === undefined ? this.#fromNow() : await this.#open(term, signal);
    if (reckoning === undefined || signal.aborted) return;
    const { through, start } = reckoning;
    // Before any tick that has come while the ledger was being opened.
    if (start !== undefined) report(start);
    startTicks({
      schedule,
      clock,
      after: start ?? through,
      onEvent: (event) => this.#happened(event, report),
      signal,
    });
  }

  /** The tick is started, or passed over. One that was merely reported may come to nothing, and be served later. */
  settle(tick: number): void {
    this.#settled = Math.max(this.#settled, tick);
  }

  /**
   * Hands the ledger over, within `timeout` ms: everything up to now is settled, but for a tick that waits. That one is
   * the next leader's. With `orStay` the term goes on if that fails. Resolves to whether it is done.
   */
  handOver(timeout: number, orStay: boolean): Promise<boolean> {
    const { ledger, clock } = this.#parts;
    return ledger.handOver(this.#settledBy(clock.wall()), timeout, orStay);
  }

  #settledBy(now: number): number {
    const { schedule, ledger, rules } = this.#parts;
    const left = schedule.latest(laterOf(ledger.through, this.#settled) ?? now, now);
    if (left === undefined) return now;
    // One that has not been reported yet has just become due, unless the clock was set forward over it.
    const waits = left === this.#reported || now - left <= ON_TIME_MS || isMadeUp(left, now, rules);
    return waits ? left - 1 : now;
  }

  #fromNow(): Reckoning {
    const through = Math.max(this.#settled, this.#parts.clock.wall());
    return { through, start: undefined, why: undefined, givenUp: undefined };
  }

  /** `undefined`: aborted. Throws FencedError when the ledger belongs to a later term, RefusedError. */
  async #open(term: number, signal: AbortSignal): Promise<Reckoning | undefined> {
    const { schedule, ledger, rules, clock, logger } = this.#parts;
    let said: (() => void) | undefined;
    let reckoning: Reckoning | undefined;
    const settle = ({ through, handedOver, service }: Found): number => {
      const now = clock.wall();
      const isOfAnother = service !== undefined && !hasSameTicks(service, ledger.service);
      const past = { through: laterOf(through, this.#settled), handedOver, isOfAnother };
      const decided = reckon(schedule, past, now, rules);
      said = () => {
        if (isOfAnother) this.#sayChange(service, decided);
        this.#say(past, decided, now);
      };
      reckoning = decided;
      return decided.through;
    };
    try {
      const { lost } = await ledger.open(term, settle, signal);
      for (const { runId, tick, candidateId, start } of lost)
        logger.warn('a run was lost with its leader; it is not run again', {
          runId,
          tick: tick === undefined ? undefined : formatInstant(tick),
          candidate: candidateId,
          started: formatInstant(start),
        });
      said?.();
      return reckoning;
    } catch (error) {
      if (signal.aborted) return undefined;
      throw error;
    }
  }

  #sayChange(before: Service, { through }: Reckoning): void {
    const { ledger, logger } = this.#parts;
    logger.warn('another schedule is served from now on; nothing that passed before is started', {
      before: describeService(before),
      now: describeService(ledger.service),
      settled: formatInstant(through),
      next: this.#nextAfter(through),
      hint: 'if nobody has changed it, give all candidates of this election the same schedule and timezone',
    });
  }

  /** The tick before which nothing is started. */
  #nextAfter(settled: number): string {
    const next = this.#parts.schedule.next(settled);
    return next === undefined ? 'never' : formatInstant(next);
  }

  #say({ through, handedOver }: Past, { start, why, givenUp, ...reckoning }: Reckoning, now: number): void {
    const { schedule, logger } = this.#parts;
    if (givenUp !== undefined && through !== undefined) {
      const counted = countTicks(schedule, through, givenUp);
      const count = counted === MOST_COUNTED ? `${counted} or more` : counted;
      const missed = count === 1 ? '1 tick missed' : `${count} ticks missed`;
      const from = schedule.next(through) ?? givenUp;
      logger[why === undefined ? 'warn' : 'info'](`${missed}: nobody served them, and they are not made up`, {
        count,
        from: formatInstant(from),
        to: formatInstant(givenUp),
        ...(handedOver === undefined ? {} : { handedOver: formatInstant(handedOver) }),
      });
    }
    if (start !== undefined)
      logger.info(
        why === 'made up' ? 'making up the latest missed tick' : 'serving the tick that fell between two leaders',
        {
          tick: formatInstant(start),
          late: formatDuration(Math.round(now - start)),
        },
      );
    if (reckoning.through > now + AHEAD_MS)
      logger.error(
        'the ledger of runs is ahead of this host’s clock: ' +
          'ticks up to then count as started, and are not started here',
        {
          ledger: formatInstant(reckoning.through),
          clock: formatInstant(now),
          next: this.#nextAfter(reckoning.through),
          hint:
            'set the clock right; if the ledger is wrong, ' +
            'stop all candidates, delete its znode (runs, under the base path), start them',
        },
      );
  }

  #happened(event: TickEvent, report: (tick: number) => void): void {
    const { ledger, rules, clock, logger } = this.#parts;
    switch (event.kind) {
      case 'tick':
        return report(event.at);
      case 'set-back':
        logger.warn('the clock was set back; ticks that it shows again are not served again', {
          by: formatDuration(Math.round(event.by)),
          next: this.#nextAfter(laterOf(ledger.through, this.#settled) ?? clock.wall()),
        });
        return;
      case 'missed': {
        const { latest, count } = event;
        const now = clock.wall();
        const alone = now - latest > ON_TIME_MS;
        const makeUp = alone && isMadeUp(latest, now, rules);
        logger.warn('ticks were missed: the clock was set forward, or this process stood still', {
          latest: formatInstant(latest),
          count: count === MOST_COUNTED ? `${count} or more` : count,
          ...(makeUp ? { madeUp: formatInstant(latest) } : {}),
          next: this.#nextAfter(latest),
        });
        if (makeUp) return report(latest);
        this.settle(latest);
        ledger.skip(latest);
      }
    }
  }
}

function laterOf(a: number | undefined, b: number): number | undefined {
  if (b === -Infinity) return a;
  return a === undefined ? b : Math.max(a, b);
}
