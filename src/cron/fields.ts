import { ScheduleError } from './errors.ts';

/** What a field of a cron expression may hold. */
export interface Bounds {
  /** As messages call it: `minute`. */
  readonly name: string;
  readonly min: number;
  /** Where `*` and `N/step` end. */
  readonly max: number;
  /** The highest number that may be written: 7 is another Sunday. */
  readonly highest: number;
  /** Where `H` ends: no month lacks the 28th. */
  readonly hashMax: number;
  /** Three letters each, the first stands for `min`. */
  readonly names: readonly string[];
  /** Whether `L` alone, `L` and `#` after a weekday, or neither, are known. */
  readonly special: 'none' | 'weekday' | 'last-day';
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

const plain = (name: string, min: number, max: number): Bounds => ({
  name,
  min,
  max,
  highest: max,
  hashMax: max,
  names: [],
  special: 'none',
});

/** The fields of an expression, seconds first. */
export const BOUNDS = {
  second: plain('second', 0, 59),
  minute: plain('minute', 0, 59),
  hour: plain('hour', 0, 23),
  dayOfMonth: { ...plain('day-of-month', 1, 31), hashMax: 28, special: 'last-day' },
  month: { ...plain('month', 1, 12), names: MONTHS },
  dayOfWeek: { ...plain('day-of-week', 0, 6), highest: 7, names: WEEKDAYS, special: 'weekday' },
} as const satisfies Record<string, Bounds>;

/** A field, read. */
export interface Field {
  /** The plain values, ascending, each once; Sunday is 0. */
  readonly values: readonly number[];
  /** A `*` or `?` without a step, or with the step 1, is among its items: the field restricts nothing. */
  readonly star: boolean;
  /** An item goes on to the end of the field, in steps, and names more than one value: `*`, `5/20`, `H/10`. */
  readonly interval: boolean;
  /** `L`: the last day of the month. */
  readonly lastDay: boolean;
  /** `5L`: the last such weekday of the month. */
  readonly lastWeekdays: readonly number[];
  /** `1#2`: the second such weekday of the month. */
  readonly nthWeekdays: readonly (readonly [weekday: number, nth: number])[];
  /** Warnings of what is allowed but probably a mistake. */
  readonly warnings: readonly string[];
  /** Features in use that robfig/cron does not know: `L`. */
  readonly extensions: readonly string[];
}

/** The fields of a cron expression. */
export interface Fields {
  readonly second: Field;
  readonly minute: Field;
  readonly hour: Field;
  readonly dayOfMonth: Field;
  readonly month: Field;
  readonly dayOfWeek: Field;
}

type Item = Partial<Omit<Field, 'warnings' | 'extensions'>> & {
  readonly warning?: string;
  readonly extension?: string | undefined;
};

/**
 * Reads a field as `getField` of robfig/cron v3 does: a list of `*`, `?`, numbers, names, ranges and steps, empty items
 * passed over, `N/step` going on to the field's end, a step of 2 or more taking `*` its star. Also knows `L`, `#` and
 * `H`, where `seed` says which value `H` stands for. Throws ScheduleError, which names the item.
 */
export function parseField(text: string, bounds: Bounds, seed: string): Field {
  const items = text
    .split(',')
    .filter((item) => item !== '')
    .map((item) => parseItem(item, bounds, seed));
  if (items.length === 0) throw refusal(bounds, text, `names no value: ${allowed(bounds)}`);
  return {
    values: [...new Set(items.flatMap(({ values = [] }) => values))].sort((a, b) => a - b),
    star: items.some(({ star }) => star === true),
    interval: items.some(({ interval }) => interval === true),
    lastDay: items.some(({ lastDay }) => lastDay === true),
    lastWeekdays: items.flatMap(({ lastWeekdays = [] }) => lastWeekdays),
    nthWeekdays: items.flatMap(({ nthWeekdays = [] }) => nthWeekdays),
    warnings: items.map(({ warning }) => warning).filter((warning) => warning !== undefined),
    extensions: items.map(({ extension }) => extension).filter((extension) => extension !== undefined),
  };
}

function parseItem(item: string, bounds: Bounds, seed: string): Item {
  if (/^h(\W|$)/i.test(item)) return { ...parseHashed(item, bounds, seed), extension: 'H' };
  if (item.includes('#')) return { ...parseNth(item, bounds), extension: '#' };
  if (LAST[bounds.special].test(item)) return { ...parseLast(item, bounds), extension: 'L' };
  return parseRange(item, bounds);
}

/** A use of `L`, right or wrong; not a name with that letter. */
const LAST = { none: /^\d*l$/i, weekday: /^l|l$/i, 'last-day': /l/i };

function parseRange(item: string, bounds: Bounds): Item {
  const [range = '', stepText, ...moreSteps] = item.split('/');
  const [first = '', last, ...moreHyphens] = range.split('-');
  if (moreSteps.length > 0) throw refusal(bounds, item, 'more than one /');
  const step = stepText === undefined ? 1 : parseStep(stepText, item, bounds);
  if (first === '*' || first === '?') {
    const whole = stepped(bounds.min, bounds.max, step, bounds, item);
    const star = step === 1;
    // robfig/cron looks at nothing between the star and the step.
    return last === undefined
      ? { ...whole, star }
      : { ...whole, star, warning: `${where(bounds, item)}: what follows the ${first} is passed over` };
  }
  if (moreHyphens.length > 0) throw refusal(bounds, item, 'more than one -');
  const from = parseValue(first, item, bounds);
  const to = last === undefined ? from : rangeEnd(from, last, item, bounds);
  if (from > to)
    throw refusal(bounds, item, `the range ends before it begins: write ${turned(first, last ?? '', bounds)}`);
  const sunday = NUMBER.test(last ?? first) ? '7 for Sunday' : 'a range that ends with sun';
  const extension = to > bounds.max ? sunday : undefined;
  if (last !== undefined) return { ...stepped(from, to, step, bounds, item), interval: false, extension };
  if (stepText === undefined) return { values: [from % (bounds.max + 1)], extension };
  // 7 is Sunday, from where the week goes on.
  return { ...stepped(from > bounds.max ? bounds.min : from, bounds.max, step, bounds, item), extension };
}

/** `mon-sun` is `1-7`: by name, the week goes on to the Sunday at its end. */
function rangeEnd(from: number, last: string, item: string, bounds: Bounds): number {
  const to = parseValue(last, item, bounds);
  const isSundayAtEnd = bounds.highest > bounds.max && to === bounds.min && from > to && !NUMBER.test(last);
  return isSundayAtEnd ? bounds.highest : to;
}

/** Every `step`th value from `from` to `to`. */
function stepped(from: number, to: number, step: number, bounds: Bounds, item: string): Item {
  const values: number[] = [];
  for (let value = from; value <= to; value += step) values.push(value % (bounds.max + 1));
  const lone = step > 1 && values.length === 1 && from < to;
  return {
    values,
    interval: values.length > 1,
    ...(lone ? { warning: `${where(bounds, item)}: the step is so long that it names ${values[0]} alone` } : {}),
  };
}

function parseHashed(item: string, bounds: Bounds, seed: string): Item {
  const match = /^h(?:\((\d+)-(\d+)\))?(?:\/(\d+))?$/i.exec(item);
  if (match === null) throw refusal(bounds, item, 'H stands alone, or as H/step, H(from-to) or H(from-to)/step');
  const [, fromText, toText, stepText] = match;
  const from = fromText === undefined ? bounds.min : parseValue(fromText, item, bounds);
  const to = toText === undefined ? bounds.hashMax : parseValue(toText, item, bounds);
  if (from > to) throw refusal(bounds, item, 'the range ends before it begins');
  const span = to - from + 1;
  const step = stepText === undefined ? span : parseStep(stepText, item, bounds);
  const start = from + (hash(`${seed}\0${bounds.name}`) % Math.min(step, span));
  const { values = [] } = stepped(start, to, step, bounds, item);
  return { values, interval: values.length > 1 && fromText === undefined };
}

/** The first 48 bits of the SHA-256 of the text: spread evenly, and the same on every host. */
function hash(text: string): number {
  // Loaded only now: an import would take 3 ms of every start, for a letter that few use.
  const { createHash } = process.getBuiltinModule('node:crypto');
  return createHash('sha256').update(text).digest().readUIntBE(0, 6);
}

function parseLast(item: string, bounds: Bounds): Item {
  const day = item.slice(0, -1);
  if (bounds.special === 'last-day' && day === '') return { lastDay: true };
  if (bounds.special === 'none') throw refusal(bounds, item, `L is for days: ${allowed(bounds)}`);
  if (bounds.special === 'last-day') throw refusal(bounds, item, 'L, the last day of the month, stands alone');
  if (day === '' || !/l$/i.test(item))
    throw refusal(bounds, item, 'L follows a weekday: 5L is the last Friday of the month');
  return { lastWeekdays: [parseValue(day, item, bounds) % 7] };
}

function parseNth(item: string, bounds: Bounds): Item {
  if (bounds.special !== 'weekday') throw refusal(bounds, item, `# is for weekdays: ${allowed(bounds)}`);
  const match = /^(\w+)#([1-5])$/.exec(item);
  if (match === null) throw refusal(bounds, item, '# stands between a weekday and 1 to 5: 1#2 is the second Monday');
  const [, weekday = '', nth] = match;
  return { nthWeekdays: [[parseValue(weekday, item, bounds) % 7, Number(nth)]] };
}

/** A sign is Go's `strconv.Atoi`. */
const NUMBER = /^\+?\d+$/;

function parseValue(text: string, item: string, bounds: Bounds): number {
  const named = bounds.names.indexOf(text.toLowerCase());
  if (named >= 0) return named + bounds.min;
  if (!NUMBER.test(text)) {
    const what = text === '' ? 'a number is missing' : `${JSON.stringify(text)} is no number`;
    throw refusal(bounds, item, `${text === item ? 'no number' : what}: ${allowed(bounds)}`);
  }
  const value = Number(text);
  if (value < bounds.min || value > bounds.highest) throw refusal(bounds, item, allowed(bounds));
  return value;
}

function parseStep(text: string, item: string, bounds: Bounds): number {
  if (!NUMBER.test(text)) throw refusal(bounds, item, `the step ${JSON.stringify(text)} is no number`);
  const step = Number(text);
  if (step === 0) throw refusal(bounds, item, 'the step must be 1 or more');
  return step;
}

/** A range that ends before it begins, as the two ranges that it stands for. */
function turned(first: string, last: string, bounds: Bounds): string {
  return `${first}-${bounds.names.at(-1) ?? bounds.max},${bounds.names[0] ?? bounds.min}-${last}`;
}

function allowed({ min, highest, names }: Bounds): string {
  return `${min} to ${highest}${names.length > 0 ? `, or ${names[0]} to ${names.at(-1)}` : ''}`;
}

function where({ name }: Bounds, item: string): string {
  return `${name} field ${JSON.stringify(item)}`;
}

function refusal(bounds: Bounds, item: string, why: string): ScheduleError {
  return new ScheduleError(`${where(bounds, item)}: ${why}`);
}

/** Longest months of a year. */
const LONGEST = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Whether there is a year with a day that the fields name. */
export function everFires(fields: Fields): boolean {
  const { dayOfMonth, dayOfWeek } = fields;
  return !dayOfWeek.star || dayOfMonth.star || dayOfMonth.lastDay || possibleDays(fields).length > 0;
}

/** The days of the month that one of the months can have: cron-parser refuses others. */
export function possibleDays({ dayOfMonth, month }: Fields): number[] {
  const longest = Math.max(...month.values.map((which) => LONGEST[which - 1] ?? 0));
  return dayOfMonth.values.filter((day) => day <= longest);
}
