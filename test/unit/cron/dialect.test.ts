import { describe, expect, it } from 'vitest';
import { parseSchedule, ScheduleError } from '../../../src/cron/expression.ts';
import { Zone } from '../../../src/cron/zone.ts';

/**
 * What is read, and as what: for each text the next five ticks after an instant, as the clock of a named zone shows
 * them, or the message with which it is refused.
 */
interface Rule {
  readonly rule: string;
  /** Default: Saturday 2026-11-21 09:00 UTC. */
  readonly from?: string;
  /** Warnings are without `schedule: `. */
  readonly cases: readonly (readonly [
    text: string,
    timezone: string,
    ticks: readonly string[],
    warnings?: readonly string[],
  ])[];
}

const FROM = '2026-11-21T09:00Z';
const SEED = '/ballot/election';

const day = (date: string, ...times: string[]): string[] => times.map((time) => `${date} ${time}`);
const at = (time: string, ...dates: string[]): string[] => dates.map((date) => `${date} ${time}`);

/** Every day of the next five at this time, from 2026-11-22. */
const daily = (time: string): string[] =>
  at(time, '2026-11-22', '2026-11-23', '2026-11-24', '2026-11-25', '2026-11-26');

const FORM = 'a number with a unit (h, m, s, ms, us, ns), such as 1m30s, 1.5h or 500ms';

const ACCEPTED: readonly Rule[] = [
  {
    rule: 'five fields: numbers, lists, ranges, steps',
    cases: [
      ['* * * * *', 'UTC', day('2026-11-21', '09:01', '09:02', '09:03', '09:04', '09:05')],
      ['30 4 * * *', 'UTC', daily('04:30')],
      ['  30   4\t* * *  ', 'UTC', daily('04:30')],
      ['030 +4 * * *', 'UTC', daily('04:30')],
      ['5,10,15-17 * * * *', 'UTC', day('2026-11-21', '09:05', '09:10', '09:15', '09:16', '09:17')],
      ['*/20 * * * *', 'UTC', day('2026-11-21', '09:20', '09:40', '10:00', '10:20', '10:40')],
      ['5/20 * * * *', 'UTC', day('2026-11-21', '09:05', '09:25', '09:45', '10:05', '10:25')],
      ['10-30/10 * * * *', 'UTC', day('2026-11-21', '09:10', '09:20', '09:30', '10:10', '10:20')],
      ['0 0 29 2 *', 'UTC', at('00:00', '2028-02-29', '2032-02-29', '2036-02-29', '2040-02-29', '2044-02-29')],
      ['0 0 31 * *', 'UTC', at('00:00', '2026-12-31', '2027-01-31', '2027-03-31', '2027-05-31', '2027-07-31')],
      ['0 9 * * *', 'Asia/Kathmandu', daily('09:00')],
      [
        '*-5 */12 * * *',
        'UTC',
        day('2026-11-21', '12:00', '12:01', '12:02', '12:03', '12:04'),
        ['minute field "*-5": what follows the * is passed over'],
      ],
    ],
  },
  {
    rule: 'names of months and weekdays, in any case',
    cases: [
      [
        '0 9-17/4 * * mon-FRI',
        'UTC',
        [...day('2026-11-23', '09:00', '13:00', '17:00'), ...day('2026-11-24', '09:00', '13:00')],
      ],
      ['0 0 * * mon-sun', 'UTC', daily('00:00')],
      ['0 0 * * Fri-SUN', 'UTC', at('00:00', '2026-11-22', '2026-11-27', '2026-11-28', '2026-11-29', '2026-12-04')],
      ['0 0 * * sat-sun', 'UTC', at('00:00', '2026-11-22', '2026-11-28', '2026-11-29', '2026-12-05', '2026-12-06')],
      ['0 0 * * wed-sun/2', 'UTC', at('00:00', '2026-11-22', '2026-11-25', '2026-11-27', '2026-11-29', '2026-12-02')],
      ['0 0 * * sun-sun', 'UTC', at('00:00', '2026-11-22', '2026-11-29', '2026-12-06', '2026-12-13', '2026-12-20')],
      ['0 0 1 Jan,jUl *', 'UTC', at('00:00', '2027-01-01', '2027-07-01', '2028-01-01', '2028-07-01', '2029-01-01')],
      ['0 0 1 nov/1 *', 'UTC', at('00:00', '2026-12-01', '2027-11-01', '2027-12-01', '2028-11-01', '2028-12-01')],
    ],
  },
  {
    rule: '? is *',
    cases: [
      ['0 0 ? * sat', 'UTC', at('00:00', '2026-11-28', '2026-12-05', '2026-12-12', '2026-12-19', '2026-12-26')],
      ['? 12 1 ? ?', 'UTC', day('2026-12-01', '12:00', '12:01', '12:02', '12:03', '12:04')],
      [
        '0 ?-x/12 * * *',
        'UTC',
        ['2026-11-21 12:00', ...['2026-11-22', '2026-11-23'].flatMap((date) => day(date, '00:00', '12:00'))],
        ['hour field "?-x/12": what follows the ? is passed over'],
      ],
    ],
  },
  {
    rule: 'descriptors',
    cases: [
      ['@yearly', 'UTC', at('00:00', '2027-01-01', '2028-01-01', '2029-01-01', '2030-01-01', '2031-01-01')],
      ['@annually', 'UTC', at('00:00', '2027-01-01', '2028-01-01', '2029-01-01', '2030-01-01', '2031-01-01')],
      ['@monthly', 'UTC', at('00:00', '2026-12-01', '2027-01-01', '2027-02-01', '2027-03-01', '2027-04-01')],
      ['@weekly', 'UTC', at('00:00', '2026-11-22', '2026-11-29', '2026-12-06', '2026-12-13', '2026-12-20')],
      ['@daily', 'UTC', daily('00:00')],
      ['@midnight', 'UTC', daily('00:00')],
      ['@hourly', 'UTC', day('2026-11-21', '10:00', '11:00', '12:00', '13:00', '14:00')],
    ],
  },
  {
    rule: '@every, in whole seconds, one at least, counted from the Unix epoch',
    cases: [
      ['@every 1h30m', 'UTC', day('2026-11-21', '10:30', '12:00', '13:30', '15:00', '16:30')],
      ['@every 7s', 'UTC', day('2026-11-21', '09:00:05', '09:00:12', '09:00:19', '09:00:26', '09:00:33')],
      ['@every +7s', 'UTC', day('2026-11-21', '09:00:05', '09:00:12', '09:00:19', '09:00:26', '09:00:33')],
      [
        '@every 2.9s',
        'UTC',
        day('2026-11-21', '09:00:02', '09:00:04', '09:00:06', '09:00:08', '09:00:10'),
        ['@every 2.9s is no whole seconds: every 2s is taken'],
      ],
      ...['10ms', '0s', '0'].map(
        (text) =>
          [
            `@every ${text}`,
            'UTC',
            day('2026-11-21', '09:00:01', '09:00:02', '09:00:03', '09:00:04', '09:00:05'),
            [`@every ${text} is less than a second: every 1s is taken`],
          ] as const,
      ),
      // Whatever the zone: 18:00 in Tokyo is 09:00 UTC.
      ['@every 24h', 'Asia/Tokyo', daily('09:00')],
    ],
  },
  {
    rule: '--timezone',
    cases: [
      // It is 04:00 in New York, 18:00 in Tokyo.
      ['0 9 * * *', 'America/New_York', ['2026-11-21 09:00', ...daily('09:00').slice(0, 4)]],
      ['0 9 * * *', 'Asia/Tokyo', daily('09:00')],
      ['@daily', 'Asia/Kolkata', daily('00:00')],
    ],
  },
  {
    rule: 'CRON_TZ= and TZ= before --timezone',
    cases: [
      ['CRON_TZ=Asia/Tokyo 0 9 * * *', 'America/New_York', daily('09:00')],
      ['TZ=America/New_York 0 9 * * *', 'Asia/Tokyo', ['2026-11-21 09:00', ...daily('09:00').slice(0, 4)]],
      ['CRON_TZ=Asia/Kolkata  @daily', 'UTC', daily('00:00')],
      ['TZ= 0 9 * * *', 'Asia/Tokyo', daily('09:00'), ['TZ= names no time zone: UTC is taken']],
    ],
  },
  {
    rule: 'empty items and repetitions in lists',
    cases: [
      ['10,,5, * * * *', 'UTC', day('2026-11-21', '09:05', '09:10', '10:05', '10:10', '11:05')],
      ['10,5,10,5-5 * * * *', 'UTC', day('2026-11-21', '09:05', '09:10', '10:05', '10:10', '11:05')],
    ],
  },
  {
    rule: 'steps that are longer than the field',
    cases: [
      [
        '*/70 * * * *',
        'UTC',
        day('2026-11-21', '10:00', '11:00', '12:00', '13:00', '14:00'),
        ['minute field "*/70": the step is so long that it names 0 alone'],
      ],
      [
        '0 20/10 * * *',
        'UTC',
        ['2026-11-21 20:00', ...daily('20:00').slice(0, 4)],
        ['hour field "20/10": the step is so long that it names 20 alone'],
      ],
    ],
  },
  {
    rule: 'both day fields restricted: either matches; a star, also with the step 1, does not restrict',
    cases: [
      ['0 0 1 * sun', 'UTC', at('00:00', '2026-11-22', '2026-11-29', '2026-12-01', '2026-12-06', '2026-12-13')],
      ['0 0 */15 * sun', 'UTC', at('00:00', '2026-11-22', '2026-11-29', '2026-12-01', '2026-12-06', '2026-12-13')],
      ['0 0 25 * 1/3', 'UTC', at('00:00', '2026-11-23', '2026-11-25', '2026-11-26', '2026-11-30', '2026-12-03')],
      ['0 0 1-31 * sun', 'UTC', daily('00:00')],
      ['0 0 31 4,6 mon', 'UTC', at('00:00', '2027-04-05', '2027-04-12', '2027-04-19', '2027-04-26', '2027-06-07')],
      ['0 0 1 * */1', 'UTC', at('00:00', '2026-12-01', '2027-01-01', '2027-02-01', '2027-03-01', '2027-04-01')],
      ['0 0 */1 * sun', 'UTC', at('00:00', '2026-11-22', '2026-11-29', '2026-12-06', '2026-12-13', '2026-12-20')],
      ['0 0 1 * sun,*', 'UTC', at('00:00', '2026-12-01', '2027-01-01', '2027-02-01', '2027-03-01', '2027-04-01')],
    ],
  },
  {
    rule: 'beyond Go: 7 for Sunday',
    cases: [
      ['0 0 * * 7', 'UTC', at('00:00', '2026-11-22', '2026-11-29', '2026-12-06', '2026-12-13', '2026-12-20')],
      ['0 0 * * 6-7', 'UTC', at('00:00', '2026-11-22', '2026-11-28', '2026-11-29', '2026-12-05', '2026-12-06')],
      ['0 0 * * 7/3', 'UTC', at('00:00', '2026-11-22', '2026-11-25', '2026-11-28', '2026-11-29', '2026-12-02')],
    ],
  },
  {
    rule: 'beyond Go: L, the last',
    cases: [
      ['0 0 L * *', 'UTC', at('00:00', '2026-11-30', '2026-12-31', '2027-01-31', '2027-02-28', '2027-03-31')],
      ['0 0 15,l * *', 'UTC', at('00:00', '2026-11-30', '2026-12-15', '2026-12-31', '2027-01-15', '2027-01-31')],
      ['0 0 * * 5L', 'UTC', at('00:00', '2026-11-27', '2026-12-25', '2027-01-29', '2027-02-26', '2027-03-26')],
      ['0 0 * * friL', 'UTC', at('00:00', '2026-11-27', '2026-12-25', '2027-01-29', '2027-02-26', '2027-03-26')],
      ['0 0 * * thul,7L', 'UTC', at('00:00', '2026-11-26', '2026-11-29', '2026-12-27', '2026-12-31', '2027-01-28')],
    ],
  },
  {
    rule: 'beyond Go: #, the first to fifth',
    cases: [
      ['0 0 * * 1#2', 'UTC', at('00:00', '2026-12-14', '2027-01-11', '2027-02-08', '2027-03-08', '2027-04-12')],
      ['0 0 * * mon#2,7#1', 'UTC', at('00:00', '2026-12-06', '2026-12-14', '2027-01-03', '2027-01-11', '2027-02-07')],
      ['0 0 L * 1#1', 'UTC', at('00:00', '2026-11-30', '2026-12-07', '2026-12-31', '2027-01-04', '2027-01-31')],
      ['0 0 * * 0#5', 'UTC', at('00:00', '2026-11-29', '2027-01-31', '2027-05-30', '2027-08-29', '2027-10-31')],
    ],
  },
  {
    // SHA-256 of "/ballot/election\0minute" modulo 60 is 56, of "…\0hour" modulo 24 is 1, and 56 modulo 15 is 11.
    rule: 'beyond Go: H, a value spread by the base path',
    cases: [
      ['H H * * *', 'UTC', daily('01:56')],
      ['h 4 * * *', 'UTC', daily('04:56')],
      ['H/15 * * * *', 'UTC', day('2026-11-21', '09:11', '09:26', '09:41', '09:56', '10:11')],
    ],
  },
  {
    rule: 'beyond Go: a seconds field in front',
    cases: [
      ['*/20 * * * * *', 'UTC', day('2026-11-21', '09:00:20', '09:00:40', '09:01', '09:01:20', '09:01:40')],
      ['5 0 12 * * *', 'UTC', at('12:00:05', '2026-11-21', '2026-11-22', '2026-11-23', '2026-11-24', '2026-11-25')],
    ],
  },
];

/** Where clocks change, the instants in UTC say more than the clock on the wall. */
const CHANGES: readonly Rule[] = [
  {
    rule: 'New York, 2026-03-08: no 02:00 to 03:00',
    from: '2026-03-08T06:15Z',
    cases: [
      ['30 2 * * *', 'America/New_York', ['03-08T07:00', '03-09T06:30', '03-10T06:30', '03-11T06:30', '03-12T06:30']],
      ['0,30 2 * * *', 'America/New_York', ['03-08T07:00', '03-09T06:00', '03-09T06:30', '03-10T06:00', '03-10T06:30']],
      ['0 2,3 * * *', 'America/New_York', ['03-08T07:00', '03-09T06:00', '03-09T07:00', '03-10T06:00', '03-10T07:00']],
      ['*/15 * * * *', 'America/New_York', ['03-08T06:30', '03-08T06:45', '03-08T07:00', '03-08T07:15', '03-08T07:30']],
      ['@hourly', 'America/New_York', ['03-08T07:00', '03-08T08:00', '03-08T09:00', '03-08T10:00', '03-08T11:00']],
      ['@every 45m', 'America/New_York', ['03-08T06:45', '03-08T07:30', '03-08T08:15', '03-08T09:00', '03-08T09:45']],
    ],
  },
  {
    rule: 'New York, 2026-11-01: 01:00 to 02:00 twice',
    from: '2026-11-01T04:45Z',
    cases: [
      ['30 1 * * *', 'America/New_York', ['11-01T05:30', '11-02T06:30', '11-03T06:30', '11-04T06:30', '11-05T06:30']],
      ['0,30 1 * * *', 'America/New_York', ['11-01T05:00', '11-01T05:30', '11-02T06:00', '11-02T06:30', '11-03T06:00']],
      ['*/30 1 * * *', 'America/New_York', ['11-01T05:00', '11-01T05:30', '11-01T06:00', '11-01T06:30', '11-02T06:00']],
      ['0 */2 * * *', 'America/New_York', ['11-01T07:00', '11-01T09:00', '11-01T11:00', '11-01T13:00', '11-01T15:00']],
      ['0 * * * *', 'America/New_York', ['11-01T05:00', '11-01T06:00', '11-01T07:00', '11-01T08:00', '11-01T09:00']],
      ['@every 45m', 'America/New_York', ['11-01T05:15', '11-01T06:00', '11-01T06:45', '11-01T07:30', '11-01T08:15']],
    ],
  },
  {
    rule: 'Lord Howe, 2017-10-01: no 02:00 to 02:30',
    from: '2017-09-30T15:05Z',
    cases: [
      [
        '15 2 * * *',
        'Australia/Lord_Howe',
        ['09-30T15:30', '10-01T15:15', '10-02T15:15', '10-03T15:15', '10-04T15:15'],
      ],
      [
        '45 2 * * *',
        'Australia/Lord_Howe',
        ['09-30T15:45', '10-01T15:45', '10-02T15:45', '10-03T15:45', '10-04T15:45'],
      ],
      [
        '*/15 * * * *',
        'Australia/Lord_Howe',
        ['09-30T15:15', '09-30T15:30', '09-30T15:45', '09-30T16:00', '09-30T16:15'],
      ],
      ['@hourly', 'Australia/Lord_Howe', ['09-30T15:30', '09-30T16:00', '09-30T17:00', '09-30T18:00', '09-30T19:00']],
    ],
  },
  {
    rule: 'Lord Howe, 2017-04-02: 01:30 to 02:00 twice',
    from: '2017-04-01T14:25Z',
    cases: [
      [
        '45 1 * * *',
        'Australia/Lord_Howe',
        ['04-01T14:45', '04-02T15:15', '04-03T15:15', '04-04T15:15', '04-05T15:15'],
      ],
      [
        '*/15 * * * *',
        'Australia/Lord_Howe',
        ['04-01T14:30', '04-01T14:45', '04-01T15:00', '04-01T15:15', '04-01T15:30'],
      ],
      ['@hourly', 'Australia/Lord_Howe', ['04-01T15:30', '04-01T16:30', '04-01T17:30', '04-01T18:30', '04-01T19:30']],
    ],
  },
  {
    rule: 'São Paulo, 2017-10-15: no midnight',
    from: '2017-10-14T12:00Z',
    cases: [
      ['@daily', 'America/Sao_Paulo', ['10-15T03:00', '10-16T02:00', '10-17T02:00', '10-18T02:00', '10-19T02:00']],
      ['@weekly', 'America/Sao_Paulo', ['10-15T03:00', '10-22T02:00', '10-29T02:00', '11-05T02:00', '11-12T02:00']],
      ['30 0 * * *', 'America/Sao_Paulo', ['10-15T03:00', '10-16T02:30', '10-17T02:30', '10-18T02:30', '10-19T02:30']],
      ['0 1 * * *', 'America/Sao_Paulo', ['10-15T03:00', '10-16T03:00', '10-17T03:00', '10-18T03:00', '10-19T03:00']],
    ],
  },
  {
    rule: 'São Paulo, 2017-02-19: 23:00 to midnight twice',
    from: '2017-02-18T12:00Z',
    cases: [
      ['30 23 * * *', 'America/Sao_Paulo', ['02-19T01:30', '02-20T02:30', '02-21T02:30', '02-22T02:30', '02-23T02:30']],
      ['@daily', 'America/Sao_Paulo', ['02-19T03:00', '02-20T03:00', '02-21T03:00', '02-22T03:00', '02-23T03:00']],
    ],
  },
  {
    rule: 'Dublin, 2026-03-29: no 01:00 to 02:00, by the end of a negative daylight saving',
    from: '2026-03-28T12:00Z',
    cases: [
      ['30 1 * * *', 'Europe/Dublin', ['03-29T01:00', '03-30T00:30', '03-31T00:30', '04-01T00:30', '04-02T00:30']],
      ['0 */6 * * *', 'Europe/Dublin', ['03-28T18:00', '03-29T00:00', '03-29T05:00', '03-29T11:00', '03-29T17:00']],
    ],
  },
  {
    rule: 'Dublin, 2026-10-25: 01:00 to 02:00 twice, by its beginning',
    from: '2026-10-24T12:00Z',
    cases: [
      ['30 1 * * *', 'Europe/Dublin', ['10-25T00:30', '10-26T01:30', '10-27T01:30', '10-28T01:30', '10-29T01:30']],
      ['0 */6 * * *', 'Europe/Dublin', ['10-24T17:00', '10-24T23:00', '10-25T06:00', '10-25T12:00', '10-25T18:00']],
    ],
  },
];

const REFUSED: readonly (readonly [rule: string, cases: readonly (readonly [text: string, message: string])[]])[] = [
  [
    'what is no five or six fields',
    [
      ['', 'schedule: "" is empty, not 5 or 6 fields'],
      ['  ', 'schedule: "" is empty, not 5 or 6 fields'],
      ['5', 'schedule: "5" is 1 field, not 5 or 6'],
      ['5 4', 'schedule: "5 4" is 2 fields, not 5 or 6'],
      ['5 4 *', 'schedule: "5 4 *" is 3 fields, not 5 or 6'],
      ['* * * *', 'schedule: "* * * *" is 4 fields, not 5 or 6'],
      ['0 0 * * * * 2027', 'schedule: "0 0 * * * * 2027" is 7 fields, not 5 or 6'],
    ],
  ],
  [
    'a value that the field has not',
    [
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
      ['1.5 * * * *', 'schedule: minute field "1.5": no number: 0 to 59'],
    ],
  ],
  [
    'what is no list, range or step',
    [
      ['5-2 * * * *', 'schedule: minute field "5-2": the range ends before it begins: write 5-59,0-2'],
      [
        '* * * * fri-mon',
        'schedule: day-of-week field "fri-mon": the range ends before it begins: write fri-sat,sun-mon',
      ],
      ['* * * * 5-0', 'schedule: day-of-week field "5-0": the range ends before it begins: write 5-sat,sun-0'],
      ['* * * dec-jan *', 'schedule: month field "dec-jan": the range ends before it begins: write dec-dec,jan-jan'],
      ['1-2-3 * * * *', 'schedule: minute field "1-2-3": more than one -'],
      ['1/2/3 * * * *', 'schedule: minute field "1/2/3": more than one /'],
      ['*/0 * * * *', 'schedule: minute field "*/0": the step must be 1 or more'],
      ['*/x * * * *', 'schedule: minute field "*/x": the step "x" is no number'],
      ['5/ * * * *', 'schedule: minute field "5/": the step "" is no number'],
      ['5- * * * *', 'schedule: minute field "5-": a number is missing: 0 to 59'],
      ['-5 * * * *', 'schedule: minute field "-5": a number is missing: 0 to 59'],
      ['** * * * *', 'schedule: minute field "**": no number: 0 to 59'],
      ['5-* * * * *', 'schedule: minute field "5-*": "*" is no number: 0 to 59'],
      [',, * * * *', 'schedule: minute field ",,": names no value: 0 to 59'],
    ],
  ],
  [
    'what never fires',
    [
      ['0 0 30 2 *', 'schedule: day-of-month field "30": no month of "2" has such a day: it would never fire'],
      ['0 0 31 4,6 *', 'schedule: day-of-month field "31": no month of "4,6" has such a day: it would never fire'],
      [
        '0 0 31 feb-jun/2 ?',
        'schedule: day-of-month field "31": no month of "feb-jun/2" has such a day: it would never fire',
      ],
    ],
  ],
  [
    'L, # and H in the wrong place or shape',
    [
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
      [
        '* * * * 1#',
        'schedule: day-of-week field "1#": # stands between a weekday and 1 to 5: 1#2 is the second Monday',
      ],
      ['* * * * 8#1', 'schedule: day-of-week field "8#1": 0 to 7, or sun to sat'],
      ['H-5 * * * *', 'schedule: minute field "H-5": H stands alone, or as H/step, H(from-to) or H(from-to)/step'],
      ['H(9-5) * * * *', 'schedule: minute field "H(9-5)": the range ends before it begins'],
      ['H(0-60) * * * *', 'schedule: minute field "H(0-60)": 0 to 59'],
      ['H/0 * * * *', 'schedule: minute field "H/0": the step must be 1 or more'],
    ],
  ],
  [
    'descriptors that are none',
    [
      ['@reboot', 'schedule: "@reboot" is unknown'],
      ['@Daily', 'schedule: "@Daily" is unknown'],
      ['@daily 5', 'schedule: "@daily 5" is unknown'],
      ['@every', 'schedule: "@every" is unknown'],
      ['@every 10', `schedule: @every "10": the unit is missing: a duration is ${FORM}`],
      ['@every -5m', `schedule: @every "-5m": a duration cannot be negative: a duration is ${FORM}`],
      ['@every ++5m', `schedule: @every "++5m": no sign is allowed: a duration is ${FORM}`],
      ['@every 1 h', `schedule: @every "1 h": no spaces are allowed: a duration is ${FORM}`],
    ],
  ],
  [
    'zones that are none, or stand alone',
    [
      ['TZ=UTC', 'schedule: "TZ=UTC" is a time zone without a schedule after it'],
      ['CRON_TZ= ', 'schedule: "CRON_TZ=" is a time zone without a schedule after it'],
      ['TZ=Mars/Base @daily', 'schedule: unknown time zone "Mars/Base"'],
      ['TZ=+05:00 @daily', 'schedule: unknown time zone "+05:00"'],
      ['TZ=UTC CRON_TZ=UTC @daily', 'schedule: "CRON_TZ=UTC @daily" is 2 fields, not 5 or 6'],
      ['TZ=UTC 60 * * * *', 'schedule: minute field "60": 0 to 59'],
    ],
  ],
];

/** The next five ticks. Found again by `latest`, one after the other. */
function nextFive(
  text: string,
  timezone: string,
  from: string,
): { ticks: number[]; zone: Zone; warnings: readonly string[] } {
  const { schedule, warnings } = parseSchedule(text, { timezone, seed: SEED });
  const ticks: number[] = [];
  let after = Date.parse(from);
  for (let i = 0; i < 5; i += 1) {
    const tick = schedule.next(after) ?? NaN;
    expect(schedule.latest(after, tick)).toBe(tick);
    ticks.push(tick);
    after = tick;
  }
  return { ticks, zone: new Zone(schedule.timezone), warnings };
}

function onTheWall(tick: number, zone: Zone): string {
  return new Date(tick + zone.offsetAt(tick)).toISOString().slice(0, 19).replace('T', ' ').replace(/:00$/, '');
}

/** The cases under names, for the titles. */
function named({
  cases,
  from = FROM,
}: Rule): { text: string; timezone: string; from: string; expected: readonly string[]; doubts: readonly string[] }[] {
  return cases.map(([text, timezone, expected, doubts = []]) => ({ text, timezone, from, expected, doubts }));
}

describe.each(ACCEPTED)('accepted: $rule', (rule) => {
  it.each(named(rule))('$text, in $timezone', ({ text, timezone, from, expected, doubts }) => {
    const { ticks, zone, warnings } = nextFive(text, timezone, from);
    expect(ticks.map((tick) => onTheWall(tick, zone))).toEqual(expected);
    const [, prefix = timezone] = /^(?:CRON_)?TZ=(\S*)/.exec(text) ?? [];
    expect(zone.name).toBe(prefix || 'UTC');
    expect(warnings).toEqual(doubts.map((doubt) => `schedule: ${doubt}`));
  });
});

describe.each(CHANGES)('where the clocks change: $rule', (rule) => {
  it.each(named(rule))('$text, in $timezone', ({ text, timezone, from, expected }) => {
    const { ticks, warnings } = nextFive(text, timezone, from);
    const year = from.slice(0, 4);
    expect(ticks.map((tick) => new Date(tick).toISOString())).toEqual(
      expected.map((tick) => `${year}-${tick}:00.000Z`),
    );
    expect(warnings).toEqual([]);
  });
});

describe.each(REFUSED)('refused: %s', (_, cases) => {
  it.each(cases)('%j: %s', (text, message) => {
    const read = (): unknown => parseSchedule(text, { timezone: 'UTC', seed: SEED });
    expect(read).toThrow(ScheduleError);
    expect(read).toThrow(expect.objectContaining({ message, exitCode: 78 }));
  });
});
