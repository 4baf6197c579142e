import { describe, expect, it } from 'vitest';
import { parseSchedule, type Schedule } from '../../../src/cron/expression.ts';
import { Random } from '../../support/random.ts';
import { clockMinutes, expectedTicks, randomExpression, weekdayOf } from '../schedule/oracle.ts';

const parse = (text: string, timezone: string): Schedule => parseSchedule(text, { timezone, seed: '/x' }).schedule;

/** All ticks in [from, until), or as many of the first. */
function ticksOf(schedule: Schedule, from: number, until: number, most = Infinity): number[] {
  const ticks: number[] = [];
  for (let tick = schedule.next(from - 1); tick !== undefined && tick < until; tick = schedule.next(tick)) {
    ticks.push(tick);
    if (ticks.length === most) break;
  }
  return ticks;
}

const readable = (ticks: readonly number[]): string[] => ticks.map((tick) => new Date(tick).toISOString());

/** Zone, and the day before which the window begins. */
const WINDOWS: readonly [zone: string, from: string, what: string][] = [
  ['UTC', '2026-02-27', 'no change'],
  ['America/New_York', '2026-03-06', 'an hour forward at 2'],
  ['America/New_York', '2026-10-30', 'an hour back at 2'],
  ['Australia/Lord_Howe', '2017-09-29', 'half an hour forward at 2'],
  ['Australia/Lord_Howe', '2017-03-31', 'half an hour back at 2'],
  ['America/Sao_Paulo', '2017-10-13', 'an hour forward at midnight'],
  ['America/Sao_Paulo', '2018-02-16', 'an hour back at midnight'],
  ['Europe/Dublin', '2026-03-27', 'an hour forward at 1, by the end of a negative daylight saving'],
  ['Europe/Dublin', '2026-10-23', 'an hour back at 2, by its beginning'],
  ['Pacific/Apia', '2011-12-28', 'a whole day left out'],
  ['Pacific/Kwajalein', '1969-09-29', 'a day lived twice, but for an hour'],
  ['Asia/Pyongyang', '2015-08-13', 'half an hour back at midnight, for good'],
  ['Africa/Casablanca', '2026-02-13', 'an hour back at 3, for Ramadan'],
];

describe('ticks are those of a clock on the wall, looked at every minute', () => {
  it.each(WINDOWS)('%s from %s: %s', (zone, day) => {
    const from = Date.parse(`${day}T00:00:00Z`);
    const minutes = clockMinutes(zone, from, 4);
    const until = from + minutes.length * 60_000;
    const random = new Random(20_261_121);
    for (let round = 0; round < 16; round += 1) {
      const expression = randomExpression(random, round % 2 === 1);
      const expected = expectedTicks(expression, minutes);
      const schedule = parse(expression.text, zone);
      expect(readable(ticksOf(schedule, from, until)), `${expression.text} in ${zone}`).toEqual(readable(expected));
      for (let look = 0; look < 10; look += 1) {
        const after = random.whole(from, until - 1);
        const end = random.whole(after, until - 1);
        const latest = expected.findLast((tick) => tick > after && tick <= end);
        expect(schedule.latest(after, end), `${expression.text} in ${zone}: latest in (${after}, ${end}]`).toBe(latest);
      }
    }
  });
});

describe('days', () => {
  it('match over years as they do in a calendar looked at day by day', () => {
    const random = new Random(7);
    const from = Date.UTC(2026, 0, 1);
    const days = Array.from({ length: 6 * 365 }, (_, i) => from + i * 86_400_000);
    for (let round = 0; round < 30; round += 1) {
      const { text, day } = randomExpression(random, true);
      const daily = `0 0 ${text.split(' ').slice(2).join(' ')}`;
      const expected = days.filter((at) => {
        const date = new Date(at);
        return day({ day: date.getUTCDate(), month: date.getUTCMonth() + 1, year: date.getUTCFullYear() });
      });
      const until = days.at(-1) ?? 0;
      const found = ticksOf(parse(daily, 'UTC'), from, until + 1, 30);
      expect(readable(found), daily).toEqual(readable(expected.slice(0, 30)));
    }
  });

  it('are weekdays by a rule that agrees with a known date', () => {
    expect(weekdayOf({ day: 21, month: 11, year: 2026 })).toBe(6);
    expect(weekdayOf({ day: 29, month: 2, year: 2000 })).toBe(2);
  });
});

/** Local times on the day of a change, as instants. */
const CHANGES: readonly [what: string, zone: string, text: string, from: string, expected: string[]][] = [
  [
    'New York, not there',
    'America/New_York',
    '30 2 * * *',
    '2026-03-08T00:00Z',
    ['2026-03-08T07:00Z', '2026-03-09T06:30Z'],
  ],
  [
    'New York, not there, several',
    'America/New_York',
    '0,10,50 2 * * *',
    '2026-03-08T00:00Z',
    ['2026-03-08T07:00Z', '2026-03-09T06:00Z'],
  ],
  [
    'New York, not there, in steps',
    'America/New_York',
    '*/15 2 * * *',
    '2026-03-08T00:00Z',
    ['2026-03-08T07:00Z', '2026-03-09T06:00Z'],
  ],
  [
    'New York, not there, but the next one is',
    'America/New_York',
    '0 2,3 * * *',
    '2026-03-08T00:00Z',
    ['2026-03-08T07:00Z', '2026-03-09T06:00Z'],
  ],
  [
    'New York, twice',
    'America/New_York',
    '30 1 * * *',
    '2026-11-01T00:00Z',
    ['2026-11-01T05:30Z', '2026-11-02T06:30Z'],
  ],
  ['New York, twice, asked in between', 'America/New_York', '30 1 * * *', '2026-11-01T06:10Z', ['2026-11-02T06:30Z']],
  [
    'New York, twice, a step of two hours',
    'America/New_York',
    '0 1/2 * * *',
    '2026-11-01T04:30Z',
    ['2026-11-01T05:00Z', '2026-11-01T08:00Z'],
  ],
  [
    'New York, hourly, forward',
    'America/New_York',
    '30 * * * *',
    '2026-03-08T06:00Z',
    ['2026-03-08T06:30Z', '2026-03-08T07:30Z', '2026-03-08T08:30Z'],
  ],
  [
    'New York, hourly, back',
    'America/New_York',
    '@hourly',
    '2026-11-01T04:30Z',
    ['2026-11-01T05:00Z', '2026-11-01T06:00Z', '2026-11-01T07:00Z'],
  ],
  [
    'New York, every 30 minutes at 1, back',
    'America/New_York',
    '*/30 1 * * *',
    '2026-11-01T04:30Z',
    ['2026-11-01T05:00Z', '2026-11-01T05:30Z', '2026-11-01T06:00Z', '2026-11-01T06:30Z', '2026-11-02T06:00Z'],
  ],
  [
    'New York, two times at 1, back',
    'America/New_York',
    '0,30 1 * * *',
    '2026-11-01T04:30Z',
    ['2026-11-01T05:00Z', '2026-11-01T05:30Z', '2026-11-02T06:00Z'],
  ],
  [
    'Lord Howe, not there',
    'Australia/Lord_Howe',
    '15 2 * * *',
    '2017-09-30T14:00Z',
    ['2017-09-30T15:30Z', '2017-10-01T15:15Z'],
  ],
  [
    'Lord Howe, there',
    'Australia/Lord_Howe',
    '45 2 * * *',
    '2017-09-30T14:00Z',
    ['2017-09-30T15:45Z', '2017-10-01T15:45Z'],
  ],
  [
    'Lord Howe, twice',
    'Australia/Lord_Howe',
    '45 1 * * *',
    '2017-04-01T12:00Z',
    ['2017-04-01T14:45Z', '2017-04-02T15:15Z'],
  ],
  [
    'Lord Howe, every 15 minutes, forward',
    'Australia/Lord_Howe',
    '*/15 * * * *',
    '2017-09-30T15:00Z',
    ['2017-09-30T15:15Z', '2017-09-30T15:30Z', '2017-09-30T15:45Z', '2017-09-30T16:00Z'],
  ],
  [
    'Lord Howe, every 15 minutes, back',
    'Australia/Lord_Howe',
    '*/15 * * * *',
    '2017-04-01T14:30Z',
    ['2017-04-01T14:45Z', '2017-04-01T15:00Z', '2017-04-01T15:15Z', '2017-04-01T15:30Z'],
  ],
  [
    'Lord Howe, hourly, forward',
    'Australia/Lord_Howe',
    '0 * * * *',
    '2017-09-30T14:00Z',
    ['2017-09-30T14:30Z', '2017-09-30T15:30Z', '2017-09-30T16:00Z', '2017-09-30T17:00Z'],
  ],
  [
    'Lord Howe, hourly at a minute that is there, forward',
    'Australia/Lord_Howe',
    '40 * * * *',
    '2017-09-30T15:00Z',
    ['2017-09-30T15:10Z', '2017-09-30T15:40Z', '2017-09-30T16:40Z'],
  ],
  [
    'Lord Howe, hourly, back',
    'Australia/Lord_Howe',
    '0 * * * *',
    '2017-04-01T13:30Z',
    ['2017-04-01T14:00Z', '2017-04-01T15:30Z', '2017-04-01T16:30Z'],
  ],
  [
    'São Paulo, no midnight',
    'America/Sao_Paulo',
    '@daily',
    '2017-10-14T12:00Z',
    ['2017-10-15T03:00Z', '2017-10-16T02:00Z'],
  ],
  [
    'São Paulo, no midnight on a Sunday',
    'America/Sao_Paulo',
    '@weekly',
    '2017-10-14T12:00Z',
    ['2017-10-15T03:00Z', '2017-10-22T02:00Z'],
  ],
  [
    'São Paulo, 23:30 twice',
    'America/Sao_Paulo',
    '30 23 * * *',
    '2018-02-17T12:00Z',
    ['2018-02-18T01:30Z', '2018-02-19T02:30Z'],
  ],
  ['Dublin, not there', 'Europe/Dublin', '30 1 * * *', '2026-03-28T12:00Z', ['2026-03-29T01:00Z', '2026-03-30T00:30Z']],
  ['Dublin, twice', 'Europe/Dublin', '30 1 * * *', '2026-10-24T12:00Z', ['2026-10-25T00:30Z', '2026-10-26T01:30Z']],
  [
    'Dublin, every minute, back',
    'Europe/Dublin',
    '* * * * *',
    '2026-10-25T00:59Z',
    ['2026-10-25T01:00Z', '2026-10-25T01:01Z'],
  ],
  [
    'Apia, a day left out',
    'Pacific/Apia',
    '0 12 * * *',
    '2011-12-29T12:00Z',
    ['2011-12-29T22:00Z', '2011-12-30T10:00Z', '2011-12-30T22:00Z'],
  ],
  [
    'Kwajalein, late in a day that comes twice',
    'Pacific/Kwajalein',
    '0 12 * * *',
    '1969-09-30T20:00Z',
    ['1969-10-02T00:00Z', '1969-10-03T00:00Z'],
  ],
  [
    'Any zone, @every',
    'America/New_York',
    '@every 40m',
    '2026-11-01T04:40Z',
    ['2026-11-01T05:20Z', '2026-11-01T06:00Z', '2026-11-01T06:40Z'],
  ],
];

describe('where the clocks change', () => {
  it.each(CHANGES)('%s: %s, %s', (_, zone, text, from, expected) => {
    const schedule = parse(text, zone);
    const found: number[] = [];
    let at = Date.parse(from);
    for (const _ of expected) {
      const next = schedule.next(at);
      found.push(next ?? NaN);
      at = next ?? Infinity;
    }
    expect(readable(found)).toEqual(readable(expected.map(Date.parse)));
    const last = found.at(-1) ?? NaN;
    expect(schedule.latest(Date.parse(from), last)).toBe(last);
    expect(schedule.latest(Date.parse(from), last - 1)).toBe(found.at(-2));
  });
});

describe('rare ticks', () => {
  it('are found however far off', () => {
    expect(readable(ticksOf(parse('0 0 29 2 *', 'UTC'), Date.UTC(2093, 0), Date.UTC(2105, 0)))).toEqual([
      '2096-02-29T00:00:00.000Z',
      '2104-02-29T00:00:00.000Z',
    ]);
    const fifthMonday = parse('0 0 * 2 1#5', 'Europe/Paris');
    expect(fifthMonday.next(Date.UTC(2026, 0))).toBe(Date.UTC(2044, 1, 28, 23));
    expect(fifthMonday.latest(Date.UTC(1999, 0), Date.UTC(2026, 0))).toBe(Date.UTC(2016, 1, 28, 23));
    expect(fifthMonday.latest(Date.UTC(2017, 0), Date.UTC(2026, 0))).toBeUndefined();
  });
});
