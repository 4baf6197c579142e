import type { Random } from '../../support/random.ts';

/**
 * The meaning of schedules, worked out a second time without the code under test: every minute of a window is shown on
 * the clock of the zone (`Intl`, field by field), and asked whether it is one of the expression's. Slow and plain.
 */
export interface ClockMinute {
  readonly instant: number;
  readonly minute: number;
  readonly hour: number;
  readonly day: number;
  readonly month: number;
  readonly year: number;
}

const MINUTE = 60_000;

/** What the clocks of a zone show at every minute from `from` for so many days. */
export function clockMinutes(zone: string, from: number, days: number): ClockMinute[] {
  const format = new Intl.DateTimeFormat('en-GB', { timeZone: zone, dateStyle: 'short', timeStyle: 'short' });
  const shown: ClockMinute[] = [];
  for (let instant = from; instant < from + days * 1440 * MINUTE; instant += MINUTE) {
    // 21/11/2026, 03:05
    const [day, month, year, hour, minute] = format.format(instant).split(/\D+/).map(Number) as [
      number,
      number,
      number,
      number,
      number,
    ];
    shown.push({ instant, minute, hour, day, month, year });
  }
  return shown;
}

type Test = (value: number) => boolean;
type DayTest = (day: Pick<ClockMinute, 'day' | 'month' | 'year'>) => boolean;

export interface Expression {
  readonly text: string;
  readonly minute: Test;
  readonly hour: Test;
  readonly day: DayTest;
  /** Local times that come again count again. */
  readonly repeats: boolean;
  /** Every hour is named: the next one makes up for an hour that is not there. */
  readonly hourly: boolean;
}

interface Part {
  readonly text: string;
  readonly test: Test;
  readonly star?: boolean;
  readonly open?: boolean;
}

function numberPart(random: Random, min: number, max: number): Part {
  const low = random.whole(min, max);
  const high = random.whole(low, max);
  const step = random.whole(2, 20);
  const many = (start: number): boolean => start + step <= max;
  return random.pick<() => Part>([
    () => ({ text: `${low}`, test: (value) => value === low }),
    () => ({ text: `${low}-${high}`, test: (value) => value >= low && value <= high }),
    () => ({ text: `${low}-${high}/${step}`, test: (v) => v >= low && v <= high && (v - low) % step === 0 }),
    () => ({ text: `*/${step}`, test: (value) => (value - min) % step === 0, open: many(min) }),
    () => ({ text: `${low}/${step}`, test: (v) => v >= low && (v - low) % step === 0, open: many(low) }),
    () => ({ text: random.pick(['*', '?', '*/1']), test: () => true, star: true, open: true }),
  ])();
}

function list(random: Random, part: () => Part): Part {
  const parts = random.chance(0.3) ? [part(), part()] : [part()];
  return {
    text: parts.map(({ text }) => text).join(random.pick([',', ',,'])),
    test: (value) => parts.some(({ test }) => test(value)),
    star: parts.some(({ star }) => star === true),
    open: parts.some(({ open }) => open === true),
  };
}

const range = (low: number, high: number): number[] => Array.from({ length: high - low + 1 }, (_, i) => low + i);
const WEEKDAYS = ['sun', 'MON', 'Tue', 'wed', 'thu', 'fri', 'SAT'];

/** The weekday by Zeller's rule, and how long the month is: also not as the code under test finds them. */
export function weekdayOf({ day, month, year }: { day: number; month: number; year: number }): number {
  const [m, y] = month < 3 ? [month + 12, year - 1] : [month, year];
  const zeller =
    day + Math.floor((13 * (m + 1)) / 5) + y + Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400);
  return (zeller + 6) % 7;
}

function lengthOf(month: number, year: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

function dayPart(random: Random): { text: string; star: boolean; test: DayTest } {
  if (random.chance(0.4)) return { text: '*', star: true, test: () => true };
  if (random.chance(0.2))
    return { text: 'L', star: false, test: ({ day, month, year }) => day === lengthOf(month, year) };
  const { text, test, star = false } = list(random, () => numberPart(random, 1, 31));
  return { text, star, test: ({ day }) => test(day) };
}

function weekdayPart(random: Random): { text: string; star: boolean; test: DayTest } {
  const which = random.whole(0, 6);
  const nth = random.whole(1, 5);
  const name = random.pick([`${which}`, WEEKDAYS[which] ?? '', which === 0 ? '7' : `${which}`]);
  const is: DayTest = (date) => weekdayOf(date) === which;
  return random.pick<() => { text: string; star: boolean; test: DayTest }>([
    () => ({ text: random.pick(['*', '?']), star: true, test: () => true }),
    () => ({ text: name, star: false, test: is }),
    () => ({ text: `${name},wed`, star: false, test: (date) => is(date) || weekdayOf(date) === 3 }),
    () => ({
      text: `${name}L`,
      star: false,
      test: (date) => is(date) && date.day + 7 > lengthOf(date.month, date.year),
    }),
    () => ({ text: `${name}#${nth}`, star: false, test: (date) => is(date) && Math.ceil(date.day / 7) === nth }),
    () => ({
      text: `tue,${name}#${nth}`,
      star: false,
      test: (date) => weekdayOf(date) === 2 || (is(date) && Math.ceil(date.day / 7) === nth),
    }),
    () => ({ text: '5-7', star: false, test: (date) => [5, 6, 0].includes(weekdayOf(date)) }),
  ])();
}

/** January among them, which has all days, so that there is always a tick. */
function someMonths(random: Random): Part {
  const { text, test } = numberPart(random, 1, 12);
  return { text: `${text},Jan`, test: (month) => month === 1 || test(month) };
}

/** A random expression of five fields, with what it means. `days`: whether it may restrict days and months. */
export function randomExpression(random: Random, days: boolean): Expression {
  const minute = list(random, () => numberPart(random, 0, 59));
  const hour = list(random, () => numberPart(random, 0, 23));
  const any = { text: '*', star: true, test: (): boolean => true };
  const dayOfMonth = days ? dayPart(random) : any;
  const weekday = days ? weekdayPart(random) : any;
  const month = days && random.chance(0.3) ? someMonths(random) : { text: '*', test: (): boolean => true };
  const hourly = range(0, 23).every(hour.test);
  return {
    text: [minute.text, hour.text, dayOfMonth.text, month.text, weekday.text].join(' '),
    minute: minute.test,
    hour: hour.test,
    day: (date) => {
      if (!month.test(date.month)) return false;
      const [a, b] = [dayOfMonth.test(date), weekday.test(date)];
      return dayOfMonth.star || weekday.star ? a && b : a || b;
    },
    repeats: hourly || minute.open === true,
    hourly,
  };
}

const localOf = ({ year, month, day, hour, minute }: ClockMinute): number =>
  Date.UTC(year, month - 1, day, hour, minute);

function names(expression: Expression, local: number): boolean {
  const date = new Date(local);
  const day = { day: date.getUTCDate(), month: date.getUTCMonth() + 1, year: date.getUTCFullYear() };
  return expression.minute(date.getUTCMinutes()) && expression.hour(date.getUTCHours()) && expression.day(day);
}

/** The ticks within the minutes. The first minutes must lie before any change of the clocks. */
export function expectedTicks(expression: Expression, minutes: readonly ClockMinute[]): number[] {
  const ticks: number[] = [];
  let seenUpTo = -Infinity;
  let previous: number | undefined;
  for (const shown of minutes) {
    const local = localOf(shown);
    const again = local <= seenUpTo;
    let due = names(expression, local) && (!again || expression.repeats);
    const gap = previous === undefined ? 0 : local - previous - MINUTE;
    if (previous !== undefined && !(expression.hourly && gap % (60 * MINUTE) === 0)) {
      for (let skipped = previous + MINUTE; skipped < local; skipped += MINUTE) due ||= names(expression, skipped);
    }
    if (due) ticks.push(shown.instant);
    seenUpTo = Math.max(seenUpTo, local);
    previous = local;
  }
  return ticks;
}
