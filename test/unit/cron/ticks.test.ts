import { describe, expect, it } from 'vitest';
import { parseSchedule } from '../../../src/cron/expression.ts';
import { MOST_COUNTED, startTicks, type TickEvent } from '../../../src/cron/ticks.ts';
import { VirtualClock, type VirtualProcess, type VirtualProcessOptions } from '../../support/virtual-clock.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** What the wall clock of a process shows at the beginning. */
const START = Date.UTC(2026, 10, 21);

interface Ticking {
  readonly clock: VirtualClock;
  readonly process: VirtualProcess;
  readonly abort: AbortController;
  /** Each event, with the true time at which it came. */
  readonly events: (TickEvent & { readonly time: number })[];
}

function ticking(text: string, options: VirtualProcessOptions = {}, after = START): Ticking {
  const clock = new VirtualClock(1);
  const process = clock.process(options);
  const abort = new AbortController();
  const events: Ticking['events'] = [];
  const { schedule } = parseSchedule(text, { timezone: 'UTC', seed: '/x' });
  const onEvent = (event: TickEvent): void => void events.push({ ...event, time: clock.time });
  startTicks({ schedule, clock: process, after, onEvent, signal: abort.signal });
  return { clock, process, abort, events };
}

const ticks = ({ events }: Ticking): number[] =>
  events.flatMap((event) => (event.kind === 'tick' ? [(event.at - START) / MINUTE] : []));
const others = ({ events }: Ticking): object[] =>
  events.flatMap((event) => (event.kind === 'tick' ? [] : [{ ...event, time: undefined }]));

describe('ticks', () => {
  it.each([0.95, 1, 1.05])('come at their time, each once, with a monotonic clock of rate %d', async (rate) => {
    const it = ticking('*/10 * * * *', { rate });
    await it.clock.run(24 * HOUR + 2_000);
    expect(ticks(it)).toEqual(Array.from({ length: 144 }, (_, i) => (i + 1) * 10));
    expect(others(it)).toEqual([]);
    // Never early, and what a slow or fast clock adds to the last wait of 30 s at most is all that there is: no drift.
    const late = it.events.map(({ time }, i) => time - (i + 1) * 10 * MINUTE);
    expect(Math.min(...late)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...late)).toBeLessThan(30_000 * 0.06);
  });

  it('come within a millisecond or two with a true clock', async () => {
    const it = ticking('@every 7s');
    await it.clock.run(HOUR + 10);
    expect(it.events).toHaveLength(Math.floor((START + HOUR) / 7000) - Math.floor(START / 7000));
    for (const event of it.events) expect(event).toMatchObject({ kind: 'tick' });
    const late = it.events.map((event) => (event.kind === 'tick' ? START + event.time - event.at : NaN));
    expect(Math.max(...late)).toBeLessThan(2);
  });

  it('of an hour are not lost nor doubled by timers that are late', async () => {
    const it = ticking('* * * * *', { lateness: 5000 });
    await it.clock.run(HOUR + 10_000);
    expect(ticks(it)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
    expect(others(it)).toEqual([]);
  });

  it('far off are waited for with no more than a look every 30 s, and no event', async () => {
    const it = ticking('0 0 1 12 *');
    await it.clock.run(9 * 24 * HOUR);
    expect(it.events).toEqual([]);
    await it.clock.run(10 * 24 * HOUR + 1);
    expect(ticks(it)).toEqual([10 * 24 * 60]);
  });

  it('before the beginning are missed, the latest is named and the others are counted', async () => {
    const it = ticking('0 */2 * * *', {}, START - 10.5 * HOUR + 1);
    await it.clock.run(HOUR);
    expect(it.events).toMatchObject([
      { kind: 'missed', latest: START - 2 * HOUR, count: 5 },
      { kind: 'tick', at: START, time: 0 },
    ]);
  });

  it('missed are counted up to a bound', async () => {
    const it = ticking('@every 1s', {}, START - 365 * 24 * HOUR);
    expect(it.events).toMatchObject([
      { kind: 'missed', latest: START - 1000, count: MOST_COUNTED },
      { kind: 'tick', at: START },
    ]);
    it.abort.abort();
  });
});

describe('the wall clock set forward', () => {
  it('over ticks: they are missed, and the next one comes at its time', async () => {
    const it = ticking('*/10 * * * *');
    await it.clock.run(25 * MINUTE);
    it.process.stepWall(38 * MINUTE);
    await it.clock.run(25 * MINUTE + 30_000);
    // 01:03 by the clock: 00:30 to 01:00 were passed over, and the last of them three minutes ago.
    expect(others(it)).toEqual([{ kind: 'missed', latest: START + HOUR, count: 4 }]);
    await it.clock.run(45 * MINUTE);
    expect(ticks(it)).toEqual([10, 20, 70, 80]);
    expect(it.events.at(-2)?.time).toBeCloseTo(32 * MINUTE, -1);
  });

  it('just over a tick: it comes, as the one that is due', async () => {
    const it = ticking('*/10 * * * *');
    await it.clock.run(9 * MINUTE + 50_000);
    it.process.stepWall(25_000);
    await it.clock.run(20 * MINUTE);
    expect(ticks(it)).toEqual([10, 20]);
    expect(others(it)).toEqual([]);
  });

  it('to just after the last of several: that one comes, the others are missed', async () => {
    const it = ticking('*/10 * * * *');
    await it.clock.run(5 * MINUTE);
    it.process.stepWall(35 * MINUTE - 5_000);
    await it.clock.run(6 * MINUTE);
    expect(it.events).toMatchObject([
      { kind: 'missed', latest: START + 30 * MINUTE, count: 3 },
      { kind: 'tick', at: START + 40 * MINUTE },
    ]);
  });

  it('while no tick is passed: nothing is lost, nothing said', async () => {
    const it = ticking('*/10 * * * *');
    await it.clock.run(2 * MINUTE);
    it.process.stepWall(5 * MINUTE);
    await it.clock.run(6 * MINUTE);
    expect(ticks(it)).toEqual([10]);
    expect(it.events[0]?.time).toBeLessThan(5 * MINUTE + 10);
    expect(others(it)).toEqual([]);
  });
});

describe('the wall clock set back', () => {
  it('over ticks: they have been, and do not come again', async () => {
    const it = ticking('*/10 * * * *');
    await it.clock.run(31 * MINUTE);
    it.process.stepWall(-25 * MINUTE);
    await it.clock.run(61 * MINUTE);
    // True 01:01 is 00:36 by the clock.
    expect(ticks(it)).toEqual([10, 20, 30]);
    expect(others(it)).toEqual([{ kind: 'set-back', by: expect.closeTo(25 * MINUTE, -5) as number }]);
    await it.clock.run(86 * MINUTE);
    expect(ticks(it)).toEqual([10, 20, 30, 40, 50, 60]);
    expect(it.events.at(-3)?.time).toBeCloseTo(65 * MINUTE, -1);
  });

  it('over no tick: the next one waits for its time', async () => {
    const it = ticking('*/10 * * * *');
    await it.clock.run(15 * MINUTE);
    it.process.stepWall(-4 * MINUTE);
    await it.clock.run(23 * MINUTE);
    expect(ticks(it)).toEqual([10]);
    await it.clock.run(24 * MINUTE + 10);
    expect(ticks(it)).toEqual([10, 20]);
  });

  it('by the adjustments of a time daemon: not worth a word', async () => {
    const it = ticking('* * * * *');
    for (let minute = 1; minute <= 30; minute += 1) {
      await it.clock.run(minute * MINUTE + 500);
      it.process.stepWall(minute % 2 === 0 ? 900 : -900);
    }
    await it.clock.run(30.5 * MINUTE);
    expect(ticks(it)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
    expect(others(it)).toEqual([]);
  });
});

describe('any steps', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'no tick comes twice, and each is either ticked or missed (seed %d)',
    async (seed) => {
      const clock = new VirtualClock(seed);
      const process = clock.process({
        rate: clock.random.pick([0.95, 1, 1.05]),
        lateness: clock.random.pick([0, 2000]),
      });
      const abort = new AbortController();
      const { schedule } = parseSchedule('*/3 * * * *', { timezone: 'UTC', seed: '/x' });
      let fired = START;
      let accounted = 0;
      const onEvent = (event: TickEvent): void => {
        if (event.kind === 'set-back') return;
        const at = event.kind === 'tick' ? event.at : event.latest;
        expect(at).toBeGreaterThan(fired);
        expect(at).toBeLessThanOrEqual(process.wall());
        fired = at;
        accounted += event.kind === 'tick' ? 1 : event.count;
      };
      startTicks({ schedule, clock: process, after: START, onEvent, signal: abort.signal });
      let highest = START;
      for (let step = 0; step < 60; step += 1) {
        await clock.run(clock.time + clock.random.whole(1, 10 * MINUTE));
        highest = Math.max(highest, process.wall());
        process.stepWall(clock.random.whole(-20 * MINUTE, 20 * MINUTE));
      }
      await clock.run(clock.time + MINUTE);
      // Nobody may have looked while the clock stood highest: what was reached then may still be to come.
      expect(fired).toBeLessThanOrEqual(Math.max(highest, process.wall()));
      expect(accounted).toBe((fired - START) / (3 * MINUTE));
      expect(schedule.latest(fired, process.wall() - 32_000)).toBeUndefined();
      abort.abort();
    },
  );
});

describe('a process that stood still', () => {
  it('has missed what is long past', async () => {
    const it = ticking('*/10 * * * *');
    await it.clock.run(5 * MINUTE);
    it.process.pause();
    await it.clock.run(38 * MINUTE);
    it.process.resume();
    await it.clock.run(41 * MINUTE);
    expect(it.events).toMatchObject([
      { kind: 'missed', latest: START + 30 * MINUTE, count: 3 },
      { kind: 'tick', at: START + 40 * MINUTE },
    ]);
  });
});

describe('the end', () => {
  it('comes with the signal: no timer is left', async () => {
    const it = ticking('* * * * *');
    await it.clock.run(2.5 * MINUTE);
    it.abort.abort();
    await it.clock.run(HOUR);
    expect(ticks(it)).toEqual([1, 2]);
  });

  it('may come from within a tick', async () => {
    const clock = new VirtualClock(1);
    const abort = new AbortController();
    const { schedule } = parseSchedule('* * * * *', { timezone: 'UTC', seed: '/x' });
    const seen: TickEvent[] = [];
    const onEvent = (event: TickEvent): void => {
      seen.push(event);
      abort.abort();
    };
    startTicks({ schedule, clock: clock.process(), after: START, onEvent, signal: abort.signal });
    await clock.run(HOUR);
    expect(seen).toHaveLength(1);
  });

  it('was before the beginning: nothing happens', async () => {
    const clock = new VirtualClock(1);
    const { schedule } = parseSchedule('* * * * *', { timezone: 'UTC', seed: '/x' });
    const seen: TickEvent[] = [];
    startTicks({
      schedule,
      clock: clock.process(),
      after: START - HOUR,
      onEvent: (event) => void seen.push(event),
      signal: AbortSignal.abort(),
    });
    await clock.run(HOUR);
    expect(seen).toEqual([]);
  });
});
