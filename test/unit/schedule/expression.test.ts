import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseSchedule, ScheduleError } from '../../../src/schedule/expression.ts';
import { hostZone, Zone } from '../../../src/schedule/zone.ts';

const FROM = Date.parse('2026-11-21T09:00:00Z');

/** The next ticks after Saturday 2026-11-21 09:00 UTC, as the clock of the schedule's zone shows them. */
function nextFive(text: string, timezone = 'UTC', count = 5): string[] {
  const { schedule } = parseSchedule(text, { timezone, seed: '/ballot/election' });
  const zone = new Zone(schedule.timezone);
  const ticks: string[] = [];
  for (let at = schedule.next(FROM); at !== undefined && ticks.length < count; at = schedule.next(at))
    ticks.push(new Date(at + zone.offsetAt(at)).toISOString().slice(0, 19).replace(/T/, ' ').replace(/:00$/, ''));
  return ticks;
}

const warningsOf = (text: string): readonly string[] => parseSchedule(text, { timezone: 'UTC', seed: '/x' }).warnings;

function refused(text: string, timezone = 'UTC'): string {
  try {
    parseSchedule(text, { timezone, seed: '/x' });
  } catch (error) {
    expect(error).toBeInstanceOf(ScheduleError);
    expect((error as ScheduleError).exitCode).toBe(78);
    return (error as ScheduleError).message;
  }
  throw new Error(`${text} was accepted`);
}

const day = (date: string, ...times: string[]): string[] => times.map((time) => `${date} ${time}`);
const at = (time: string, ...dates: string[]): string[] => dates.map((date) => `${date} ${time}`);

/** What Go's ballot reads too. */
const COMMON: readonly [text: string, zone: string, expected: string[]][] = [
  ['* * * * *', 'UTC', day('2026-11-21', '09:01', '09:02', '09:03', '09:04', '09:05')],
  ['30 4 * * *', 'UTC', at('04:30', '2026-11-22', '2026-11-23', '2026-11-24', '2026-11-25', '2026-11-26')],
  ['  30   4\t* * *  ', 'UTC', at('04:30', '2026-11-22', '2026-11-23', '2026-11-24', '2026-11-25', '2026-11-26')],
  ['030 +4 * * *', 'UTC', at('04:30', '2026-11-22', '2026-11-23', '2026-11-24', '2026-11-25', '2026-11-26')],
  ['5,10,15-17 * * * *', 'UTC', day('2026-11-21', '09:05', '09:10', '09:15', '09:16', '09:17')],
  ['10,,5,10, * * * *', 'UTC', day('2026-11-21', '09:05', '09:10', '10:05', '10:10', '11:05')],
  ['*/20 * * * *', 'UTC', day('2026-11-21', '09:20', '09:40', '10:00', '10:20', '10:40')],
  ['5/20 * * * *', 'UTC', day('2026-11-21', '09:05', '09:25', '09:45', '10:05', '10:25')],
  ['10-30/10 * * * *', 'UTC', day('2026-11-21', '09:10', '09:20', '09:30', '10:10', '10:20')],
  ['*/70 * * * *', 'UTC', day('2026-11-21', '10:00', '11:00', '12:00', '13:00', '14:00')],
  ['*-5 */12 * * *', 'UTC', day('2026-11-21', '12:00', '12:01', '12:02', '12:03', '12:04')],
  [
    '0 9-17/4 ? * mon-FRI',
    'UTC',
    [...day('2026-11-23', '09:00', '13:00', '17:00'), ...day('2026-11-24', '09:00', '13:00')],
  ],
  ['0 0 1 Jan,jUl *', 'UTC', at('00:00', '2027-01-01', '2027-07-01', '2028-01-01', '2028-07-01', '2029-01-01')],
  ['0 0 1 nov/1 ?', 'UTC', at('00:00', '2026-12-01', '2027-11-01', '2027-12-01', '2028-11-01', '2028-12-01')],
  ['0 0 29 feb *', 'UTC', at('00:00', '2028-02-29', '2032-02-29', '2036-02-29', '2040-02-29', '2044-02-29')],
  ['0 0 31 * *', 'UTC', at('00:00', '2026-12-31', '2027-01-31', '2027-03-31', '2027-05-31', '2027-07-31')],
  // Both days restricted: either.
  ['0 0 1 * sun', 'UTC', at('00:00', '2026-11-22', '2026-11-29', '2026-12-01', '2026-12-06', '2026-12-13')],
  // A star with a step of 2 or more restricts: either, here too.
  ['0 0 */15 * sun', 'UTC', at('00:00', '2026-11-22', '2026-11-29', '2026-12-01', '2026-12-06', '2026-12-13')],
  ['0 0 25 * 1/3', 'UTC', at('00:00', '2026-11-23', '2026-11-25', '2026-11-26', '2026-11-30', '2026-12-03')],
  // A star with a step of 1 does not: both must match.
  ['0 0 1 * */1', 'UTC', at('00:00', '2026-12-01', '2027-01-01', '2027-02-01', '2027-03-01', '2027-04-01')],
  ['0 0 ? * sat', 'UTC', at('00:00', '2026-11-28', '2026-12-05', '2026-12-12', '2026-12-19', '2026-12-26')],
  // A star anywhere in a list is a star.
  ['0 0 1 * sun,*', 'UTC', at('00:00', '2026-12-01', '2027-01-01', '2027-02-01', '2027-03-01', '2027-04-01')],
  // All the days written out are a restriction: either.
  ['0 0 1-31 * sun', 'UTC', at('00:00', '2026-11-22', '2026-11-23', '2026-11-24', '2026-11-25', '2026-11-26')],
  ['0 0 31 4,6 mon', 'UTC', at('00:00', '2027-04-05', '2027-04-12', '2027-04-19', '2027-04-26', '2027-06-07')],
  ['@yearly', 'UTC', at('00:00', '2027-01-01', '2028-01-01', '2029-01-01', '2030-01-01', '2031-01-01')],
  ['@annually', 'UTC', at('00:00', '2027-01-01', '2028-01-01', '2029-01-01', '2030-01-01', '2031-01-01')],
  ['@monthly', 'UTC', at('00:00', '2026-12-01', '2027-01-01', '2027-02-01', '2027-03-01', '2027-04-01')],
  ['@weekly', 'UTC', at('00:00', '2026-11-22', '2026-11-29', '2026-12-06', '2026-12-13', '2026-12-20')],
  ['@daily', 'UTC', at('00:00', '2026-11-22', '2026-11-23', '2026-11-24', '2026-11-25', '2026-11-26')],
  ['@midnight', 'UTC', at('00:00', '2026-11-22', '2026-11-23', '2026-11-24', '2026-11-25', '2026-11-26')],
  ['@hourly', 'UTC', day('2026-11-21', '10:00', '11:00', '12:00', '13:00', '14:00')],
  ['@every 1h30m', 'UTC', [...day('2026-11-21', '10:30', '12:00', '13:30', '15:00', '16:30')]],
  ['@every +7s', 'UTC', day('2026-11-21', '09:00:05', '09:00:12', '09:00:19', '09:00:26', '09:00:33')],
  ['@every 7s', 'UTC', day('2026-11-21', '09:00:05', '09:00:12', '09:00:19', '09:00:26', '09:00:33')],
  ['@every 2.9s', 'UTC', day('2026-11-21', '09:00:02', '09:00:04', '09:00:06', '09:00:08', '09:00:10')],
  ['@every 10ms', 'UTC', day('2026-11-21', '09:00:01', '09:00:02', '09:00:03', '09:00:04', '09:00:05')],
  ['TZ=Asia/Tokyo 0 9 * * *', 'UTC', at('09:00', '2026-11-22', '2026-11-23', '2026-11-24', '2026-11-25', '2026-11-26')],
  [
    'CRON_TZ=Asia/Kolkata  @daily',
    'UTC',
    at('00:00', '2026-11-22', '2026-11-23', '2026-11-24', '2026-11-25', '2026-11-26'),
  ],
  ['TZ= 0 9 * * *', 'Asia/Tokyo', at('09:00', '2026-11-22', '2026-11-23', '2026-11-24', '2026-11-25', '2026-11-26')],
  ['0 9 * * *', 'Asia/Kathmandu', at('09:00', '2026-11-22', '2026-11-23', '2026-11-24', '2026-11-25', '2026-11-26')],
];

describe("what Go's ballot reads", () => {
  it.each(COMMON)('%s in %s', (text, zone, expected) => {
    expect(nextFive(text, zone)).toEqual(expected);
  });

  it('reads a prefix in the zone that it names, which is another instant', () => {
    const next = (text: string): number | undefined =>
      parseSchedule(text, { timezone: 'America/New_York', seed: '/x' }).schedule.next(FROM);
    expect(next('TZ=Asia/Tokyo 0 9 * * *')).toBe(Date.parse('2026-11-22T00:00Z'));
    expect(next('CRON_TZ=Asia/Tokyo 0 9 * * *')).toBe(Date.parse('2026-11-22T00:00Z'));
    expect(next('TZ= 0 12 * * *')).toBe(Date.parse('2026-11-21T12:00Z'));
    expect(next('0 9 * * *')).toBe(Date.parse('2026-11-21T14:00Z'));
  });

  it("takes the host's zone when none is named, and for Local", () => {
    const zone = hostZone();
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

describe("the host's zone", () => {
  it.each([
    ['', 'UTC'],
    [':', 'UTC'],
    ['Asia/Tokyo', 'Asia/Tokyo'],
    [':Asia/Tokyo', 'Asia/Tokyo'],
    ['/usr/share/zoneinfo/Europe/Paris', 'Europe/Paris'],
    [':/usr/share/zoneinfo/posix/America/Argentina/Salta', 'America/Argentina/Salta'],
    ['Nowhere', 'Nowhere'],
    ['/no/such/file', '/no/such/file'],
  ])('of TZ=%s is %s', (TZ, name) => {
    expect(hostZone({ TZ })).toBe(name);
  });

  it('without TZ is what the system is set to', () => {
    expect(hostZone({})).toBe(new Intl.DateTimeFormat().resolvedOptions().timeZone);
  });

  it('of a link is that of its file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ballot-zone-'));
    const file = join(folder, 'zoneinfo', 'Asia', 'Tokyo');
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, '');
    await symlink(file, join(folder, 'localtime'));
    expect(hostZone({ TZ: `:${join(folder, 'localtime')}` })).toBe('Asia/Tokyo');
    await rm(folder, { recursive: true });
  });
});

describe('what ballot reads besides', () => {
  it.each([
    ['*/20 * * * * *', [...day('2026-11-21', '09:00:20', '09:00:40', '09:01', '09:01:20', '09:01:40')]],
    ['5 0 12 * * *', at('12:00:05', '2026-11-21', '2026-11-22', '2026-11-23', '2026-11-24', '2026-11-25')],
    ['0 0 * * 7', at('00:00', '2026-11-22', '2026-11-29', '2026-12-06', '2026-12-13', '2026-12-20')],
    ['0 0 * * 6-7', at('00:00', '2026-11-22', '2026-11-28', '2026-11-29', '2026-12-05', '2026-12-06')],
    ['0 0 * * 7/3', at('00:00', '2026-11-22', '2026-11-25', '2026-11-28', '2026-11-29', '2026-12-02')],
    ['0 0 L * *', at('00:00', '2026-11-30', '2026-12-31', '2027-01-31', '2027-02-28', '2027-03-31')],
    ['0 0 15,l * *', at('00:00', '2026-11-30', '2026-12-15', '2026-12-31', '2027-01-15', '2027-01-31')],
    ['0 0 * * 5L', at('00:00', '2026-11-27', '2026-12-25', '2027-01-29', '2027-02-26', '2027-03-26')],
    ['0 0 * * friL', at('00:00', '2026-11-27', '2026-12-25', '2027-01-29', '2027-02-26', '2027-03-26')],
    ['0 0 * * thul,7L', at('00:00', '2026-11-26', '2026-11-29', '2026-12-27', '2026-12-31', '2027-01-28')],
    ['0 0 * * 1#2', at('00:00', '2026-12-14', '2027-01-11', '2027-02-08', '2027-03-08', '2027-04-12')],
    ['0 0 * * mon#2,7#1', at('00:00', '2026-12-06', '2026-12-14', '2027-01-03', '2027-01-11', '2027-02-07')],
    ['0 0 L * 1#1', at('00:00', '2026-11-30', '2026-12-07', '2026-12-31', '2027-01-04', '2027-01-31')],
    ['0 0 * * 0#5', at('00:00', '2026-11-29', '2027-01-31', '2027-05-30', '2027-08-29', '2027-10-31')],
  ])('%s', (text, expected) => {
    expect(nextFive(text)).toEqual(expected);
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
    expect(nextFive('H H * * *', 'UTC', 2)).toEqual(['2026-11-22 01:56', '2026-11-23 01:56']);
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
  it.each([
    ['@every 2.9s', 'schedule: @every 2.9s is no whole seconds: every 2s is taken'],
    ['@every 10ms', 'schedule: @every 10ms is less than a second: every 1s is taken'],
    ['@every 0s', 'schedule: @every 0s is less than a second: every 1s is taken'],
    ['*/70 * * * *', 'schedule: minute field "*/70": the step is so long that it names 0 alone'],
    ['0 20/10 * * *', 'schedule: hour field "20/10": the step is so long that it names 20 alone'],
    ['0 ?-x/2 * * *', 'schedule: hour field "?-x/2": what follows the ? is passed over'],
    ['TZ= @daily', 'schedule: TZ= names no time zone: UTC is taken'],
  ])('%s', (text, warning) => {
    expect(warningsOf(text)).toEqual([warning]);
  });

  it.each(['* * * * *', '@every 90s', '*/15 2,4 L * 5L', 'TZ=UTC 5-5/2 * * * 1#1', 'H/70 H H(1-3) * *'])(
    'none for %s',
    (text) => {
      expect(warningsOf(text)).toEqual([]);
    },
  );
});

describe('what is refused', () => {
  it.each([
    ['', 'schedule: "" is empty, not 5 or 6 fields'],
    ['  ', 'schedule: "" is empty, not 5 or 6 fields'],
    ['5', 'schedule: "5" is 1 field, not 5 or 6'],
    ['* * * *', 'schedule: "* * * *" is 4 fields, not 5 or 6'],
    ['0 0 * * * * 2027', 'schedule: "0 0 * * * * 2027" is 7 fields, not 5 or 6'],
    ['60 * * * *', 'schedule: minute field "60": 0 to 59'],
    ['0,60 * * * *', 'schedule: minute field "60": 0 to 59'],
    ['60 * * * * *', 'schedule: second field "60": 0 to 59'],
    ['* 24 * * *', 'schedule: hour field "24": 0 to 23'],
    ['* 20-24 * * *', 'schedule: hour field "20-24": 0 to 23'],
    ['* * 0 * *', 'schedule: day-of-month field "0": 1 to 31'],
    ['* * 32 * *', 'schedule: day-of-month field "32": 1 to 31'],
    ['* * * 0 *', 'schedule: month field "0": 1 to 12, or jan to dec'],
    ['* * * 13 *', 'schedule: month field "13": 1 to 12, or jan to dec'],
    ['* * * january *', 'schedule: month field "january": no number: 1 to 12, or jan to dec'],
    ['* * * * 8', 'schedule: day-of-week field "8": 0 to 7, or sun to sat'],
    ['* * * * jan', 'schedule: day-of-week field "jan": no number: 0 to 7, or sun to sat'],
    ['jan * * * *', 'schedule: minute field "jan": no number: 0 to 59'],
    ['5-2 * * * *', 'schedule: minute field "5-2": the range ends before it begins: write 5-59,0-2'],
    [
      '* * * * fri-mon',
      'schedule: day-of-week field "fri-mon": the range ends before it begins: write fri-sat,sun-mon',
    ],
    ['1-2-3 * * * *', 'schedule: minute field "1-2-3": more than one -'],
    ['1/2/3 * * * *', 'schedule: minute field "1/2/3": more than one /'],
    ['*/0 * * * *', 'schedule: minute field "*/0": the step must be 1 or more'],
    ['*/x * * * *', 'schedule: minute field "*/x": the step "x" is no number'],
    ['5/ * * * *', 'schedule: minute field "5/": the step "" is no number'],
    ['5- * * * *', 'schedule: minute field "5-": a number is missing: 0 to 59'],
    ['-5 * * * *', 'schedule: minute field "-5": a number is missing: 0 to 59'],
    ['1.5 * * * *', 'schedule: minute field "1.5": no number: 0 to 59'],
    ['** * * * *', 'schedule: minute field "**": no number: 0 to 59'],
    ['5-* * * * *', 'schedule: minute field "5-*": "*" is no number: 0 to 59'],
    [',, * * * *', 'schedule: minute field ",,": names no value: 0 to 59'],
    ['0 0 30 2 *', 'schedule: day-of-month field "30": no month of "2" has such a day: it would never fire'],
    ['0 0 31 4,6 *', 'schedule: day-of-month field "31": no month of "4,6" has such a day: it would never fire'],
    [
      '0 0 31 feb-jun/2 ?',
      'schedule: day-of-month field "31": no month of "feb-jun/2" has such a day: it would never fire',
    ],
    ['* L * * *', 'schedule: hour field "L": L is for days: 0 to 23'],
    ['* * 5L * *', 'schedule: day-of-month field "5L": L, the last day of the month, stands alone'],
    ['* * L-3 * *', 'schedule: day-of-month field "L-3": L, the last day of the month, stands alone'],
    ['* * LW * *', 'schedule: day-of-month field "LW": L, the last day of the month, stands alone'],
    ['* * 15W * *', 'schedule: day-of-month field "15W": no number: 1 to 31'],
    ['* * * * L', 'schedule: day-of-week field "L": L follows a weekday: 5L is the last Friday of the month'],
    ['* * * * 8L', 'schedule: day-of-week field "8L": 0 to 7, or sun to sat'],
    ['* * 1#2 * *', 'schedule: day-of-month field "1#2": # is for weekdays: 1 to 31'],
    [
      '* * * * 1#6',
      'schedule: day-of-week field "1#6": # stands between a weekday and 1 to 5: 1#2 is the second Monday',
    ],
    ['* * * * 1#', 'schedule: day-of-week field "1#": # stands between a weekday and 1 to 5: 1#2 is the second Monday'],
    ['* * * * 8#1', 'schedule: day-of-week field "8#1": 0 to 7, or sun to sat'],
    ['H-5 * * * *', 'schedule: minute field "H-5": H stands alone, or as H/step, H(from-to) or H(from-to)/step'],
    ['H(9-5) * * * *', 'schedule: minute field "H(9-5)": the range ends before it begins'],
    ['H(0-60) * * * *', 'schedule: minute field "H(0-60)": 0 to 59'],
    ['H/0 * * * *', 'schedule: minute field "H/0": the step must be 1 or more'],
    ['@reboot', 'schedule: "@reboot" is unknown'],
    ['@Daily', 'schedule: "@Daily" is unknown'],
    ['@every', 'schedule: "@every" is unknown'],
    ['@daily 5', 'schedule: "@daily 5" is unknown'],
    ['TZ=UTC', 'schedule: "TZ=UTC" is a time zone without a schedule after it'],
    ['CRON_TZ= ', 'schedule: "CRON_TZ=" is a time zone without a schedule after it'],
    ['TZ=Mars/Base @daily', 'schedule: unknown time zone "Mars/Base"'],
    ['TZ=+05:00 @daily', 'schedule: unknown time zone "+05:00"'],
    ['TZ=UTC CRON_TZ=UTC @daily', 'schedule: "CRON_TZ=UTC @daily" is 2 fields, not 5 or 6'],
  ])('%j', (text, message) => {
    expect(refused(text)).toBe(message);
  });

  it.each([
    ['@every 10', /^schedule: @every "10": the unit is missing: a duration is /],
    ['@every -5m', /^schedule: @every "-5m": a duration cannot be negative: /],
    ['@every 1 h', /^schedule: @every "1 h": no spaces are allowed: /],
  ])('%s, with what a duration looks like', (text, message) => {
    expect(refused(text)).toMatch(message);
  });

  it('a zone that is set beside the schedule', () => {
    expect(refused('@daily', 'Nowhere')).toBe('timezone: unknown time zone "Nowhere"');
    expect(parseSchedule('TZ=UTC @daily', { timezone: 'Nowhere', seed: '' }).schedule.timezone).toBe('UTC');
  });
});
