import { describe, expect, it } from 'vitest';
import { parseSchedule, ScheduleError } from '../../../src/cron/expression.ts';
import { hostZone } from '../../../src/cron/host-zone.ts';

const FROM = Date.parse('2026-11-21T09:00:00Z');

const warningsOf = (text: string): readonly string[] => parseSchedule(text, { timezone: 'UTC', seed: '/x' }).warnings;

describe("what Go's ballot reads", () => {
  it('reads a prefix in the zone that it names, which is another instant', () => {
    const next = (text: string): number | undefined =>
      parseSchedule(text, { timezone: 'America/New_York', seed: '/x' }).schedule.next(FROM);
    expect(next('TZ=Asia/Tokyo 0 9 * * *')).toBe(Date.parse('2026-11-22T00:00Z'));
    expect(next('CRON_TZ=Asia/Tokyo 0 9 * * *')).toBe(Date.parse('2026-11-22T00:00Z'));
    expect(next('TZ= 0 12 * * *')).toBe(Date.parse('2026-11-21T12:00Z'));
    expect(next('0 9 * * *')).toBe(Date.parse('2026-11-21T14:00Z'));
  });

  it("takes the host's zone when none is named, and for Local", () => {
    const zone = hostZone().name;
    expect(parseSchedule('@daily', { seed: '/x' }).schedule.timezone).toBe(zone);
    expect(parseSchedule('TZ=Local @daily', { timezone: 'Asia/Tokyo', seed: '/x' }).schedule.timezone).toBe(zone);
  });

  // From the test of robfig/cron v3, spec_test.go, its seconds field and all.
  it.each([
    ['2012-07-09T14:59:59', '0 0/15 * * * *', '2012-07-09T15:00:00'],
    ['2012-07-09T15:45:00', '0 20-35/15 * * * *', '2012-07-09T16:20:00'],
    ['2012-07-09T23:46:00', '0 */15 * * * *', '2012-07-10T00:00:00'],
    ['2012-07-09T23:35:51', '15/35 20-35/15 * * * *', '2012-07-10T00:20:15'],
    ['2012-07-09T23:35:51', '15/35 20-35/15 1/2 * * *', '2012-07-10T01:20:15'],
    ['2012-07-09T23:35:51', '15/35 20-35/15 10-12 * * *', '2012-07-10T10:20:15'],
    ['2012-07-09T23:35:51', '15/35 20-35/15 1/2 */2 * *', '2012-07-11T01:20:15'],
    ['2012-07-09T23:35:51', '15/35 20-35/15 * 9-20 * *', '2012-07-10T00:20:15'],
    ['2012-07-09T23:35:51', '15/35 20-35/15 * 9-20 Jul *', '2012-07-10T00:20:15'],
    ['2012-07-09T23:35:00', '0 0 0 9 Apr-Oct ?', '2012-08-09T00:00:00'],
    ['2012-07-09T23:35:00', '0 0 0 */5 Apr,Aug,Oct Mon', '2012-08-01T00:00:00'],
    ['2012-07-09T23:35:00', '0 0 0 */5 Oct Mon', '2012-10-01T00:00:00'],
    ['2012-07-09T23:35:00', '0 0 0 * Feb Mon', '2013-02-04T00:00:00'],
    ['2012-07-09T23:35:00', '0 0 0 * Feb Mon/2', '2013-02-01T00:00:00'],
    ['2012-12-31T23:59:45', '0 * * * * *', '2013-01-01T00:00:00'],
    ['2012-07-09T23:35:00', '0 0 0 29 Feb ?', '2016-02-29T00:00:00'],
  ])('after %s, %s comes at %s', (after, text, expected) => {
    const { schedule } = parseSchedule(text, { timezone: 'UTC', seed: '/x' });
    expect(new Date(schedule.next(Date.parse(`${after}Z`)) ?? NaN).toISOString()).toBe(`${expected}.000Z`);
  });
});

describe('H', () => {
  const minutes = (text: string, seed: string): number[] => {
    const { schedule } = parseSchedule(text, { timezone: 'UTC', seed });
    const found: number[] = [];
    for (let tick = schedule.next(FROM - 1); tick !== undefined && tick < FROM + 3_600_000; tick = schedule.next(tick))
      found.push((tick - FROM) / 60_000);
    return found;
  };
  const seeds = Array.from({ length: 600 }, (_, i) => `/team/job-${i}`);

  it('is the same for the same election, on every host and for ever', () => {
    const { schedule } = parseSchedule('H H * * *', { timezone: 'UTC', seed: '/ballot/election' });
    expect(schedule.next(FROM)).toBe(Date.parse('2026-11-22T01:56Z'));
    expect(minutes('H * * * *', '/a')).toEqual(minutes('h * * * *', '/a'));
  });

  it('spreads elections evenly', () => {
    const counts = Array<number>(60).fill(0);
    for (const seed of seeds)
      for (const minute of minutes('H * * * *', seed)) counts[minute] = (counts[minute] ?? 0) + 1;
    expect(counts.reduce((a, b) => a + b)).toBe(600);
    // Ten each are expected; with a variance of about ten, 0 or 30 would be six standard deviations off.
    expect(Math.min(...counts)).toBeGreaterThan(0);
    expect(Math.max(...counts)).toBeLessThan(30);
  });

  it('with a step begins somewhere within it, and keeps the interval', () => {
    const starts = new Set(
      seeds.map((seed) => {
        const [first = NaN, ...rest] = minutes('H/15 * * * *', seed);
        expect(rest).toEqual([first + 15, first + 30, first + 45]);
        return first;
      }),
    );
    expect([...starts].sort((a, b) => a - b)).toEqual(Array.from({ length: 15 }, (_, i) => i));
    for (const seed of seeds.slice(0, 20)) expect(minutes('H/70 * * * *', seed)).toHaveLength(1);
  });

  it('with a range stays within it', () => {
    const found = new Set(seeds.slice(0, 100).flatMap((seed) => minutes('H(10-14) * * * *', seed)));
    expect([...found].sort((a, b) => a - b)).toEqual([10, 11, 12, 13, 14]);
    for (const seed of seeds.slice(0, 50)) {
      const [first = NaN, second] = minutes('H(0-29)/15 * * * *', seed);
      expect([first < 15, second]).toEqual([true, first + 15]);
    }
  });

  it('as a day is one that every month has, and differs from field to field', () => {
    const days = seeds.slice(0, 250).map((seed) => {
      const { schedule } = parseSchedule('0 0 H * *', { timezone: 'UTC', seed });
      return new Date(schedule.next(FROM) ?? NaN).getUTCDate();
    });
    expect([Math.min(...days), Math.max(...days)]).toEqual([1, 28]);
    const same = seeds.slice(0, 250).filter((seed) => {
      const tick = new Date(parseSchedule('H H * * *', { timezone: 'UTC', seed }).schedule.next(FROM) ?? NaN);
      return tick.getUTCHours() === Math.floor(tick.getUTCMinutes() * 0.4);
    });
    expect(same.length).toBeLessThan(50);
  });
});

describe('@every of more than a human life', () => {
  it('comes to its end a hundred years ahead', () => {
    const { schedule } = parseSchedule('@every 1000000h', { timezone: 'UTC', seed: '/x' });
    expect(schedule.next(FROM)).toBe(1_000_000 * 3_600_000);
    expect(schedule.next(1_000_000 * 3_600_000)).toBeUndefined();
    expect(schedule.latest(FROM, FROM + 1)).toBeUndefined();
  });
});

describe('warnings', () => {
  it.each(['* * * * *', '@every 90s', '*/15 2,4 L * 5L', 'TZ=UTC 5-5/2 * * * 1#1', 'H/70 H H(1-3) * *'])(
    'none for %s',
    (text) => {
      expect(warningsOf(text)).toEqual([]);
    },
  );
});

describe('a zone that is set beside the schedule', () => {
  it('has to be known where it counts', () => {
    const parse = (text: string): string => parseSchedule(text, { timezone: 'Nowhere', seed: '' }).schedule.timezone;
    expect(() => parse('@daily')).toThrow(/^timezone: unknown time zone "Nowhere"$/);
    expect(() => parse('@daily')).toThrow(ScheduleError);
    expect(parse('TZ=UTC @daily')).toBe('UTC');
  });
});
