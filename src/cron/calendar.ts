import { CronExpressionParser, type CronExpression } from 'cron-parser';
import { orUndefined } from '../errors.ts';
import { possibleDays, type Field, type Fields } from './fields.ts';

/**
 * The local times that the fields name, as a calendar without zones: a local time is the ms since the epoch that it
 * would be in UTC.
 *
 * cron-parser walks the calendar. It is given UTC, because its own answers to daylight saving are not ballot's, and one
 * expression for each way in which a day can match, because it takes no lists with `#` and has other rules for which
 * field restricts.
 */
export class Calendar {
  readonly #walkers: readonly Walker[];

  constructor(fields: Fields) {
    const list = ({ values }: Field): string => values.join(',');
    const times = [fields.second, fields.minute, fields.hour].map(list).join(' ');
    this.#walkers = dayRules(fields).map(
      ([dayOfMonth, dayOfWeek]) => new Walker(`${times} ${dayOfMonth} ${list(fields.month)} ${dayOfWeek}`),
    );
  }

  /** The first local time after this one. `undefined`: none for so long that cron-parser stops looking. */
  next(after: number): number | undefined {
    return extreme(
      this.#walkers.map((walker) => walker.next(after)),
      Math.min,
    );
  }

  /** The last local time up to this one. */
  latest(until: number): number | undefined {
    return extreme(
      this.#walkers.map((walker) => walker.latest(until)),
      Math.max,
    );
  }
}

function extreme(found: readonly (number | undefined)[], pick: (...values: number[]) => number): number | undefined {
  const values = found.filter((value) => value !== undefined);
  return values.length === 0 ? undefined : pick(...values);
}

/** Day-of-month and day-of-week as cron-parser writes them: a day matches when any of these pairs does. */
function dayRules(fields: Fields): [dayOfMonth: string, dayOfWeek: string][] {
  const { dayOfMonth, dayOfWeek } = fields;
  const rules: [string, string][] = [];
  if (!dayOfMonth.star) {
    const days = possibleDays(fields);
    if (days.length > 0) rules.push([days.join(','), '*']);
    if (dayOfMonth.lastDay) rules.push(['L', '*']);
  }
  if (!dayOfWeek.star) {
    if (dayOfWeek.values.length > 0) rules.push(['*', dayOfWeek.values.join(',')]);
    for (const weekday of dayOfWeek.lastWeekdays) rules.push(['*', `${weekday}L`]);
    for (const [weekday, nth] of dayOfWeek.nthWeekdays) rules.push(['*', `${weekday}#${nth}`]);
  }
  return rules.length === 0 ? [['*', '*']] : rules;
}

/** One expression of cron-parser and its last answers: a rare tick is looked for once, not at each change of clocks. */
class Walker {
  readonly #expression: CronExpression;
  #ahead = { from: 0, to: 0 };
  #behind = { from: 0, to: 0 };

  constructor(expression: string) {
    this.#expression = CronExpressionParser.parse(expression, { tz: 'UTC', currentDate: 0 });
  }

  next(after: number): number | undefined {
    const from = Math.floor(after / 1000) * 1000;
    if (from < this.#ahead.from || from >= this.#ahead.to) {
      const to = this.#walk(from, 'next');
      if (to === undefined) return undefined;
      this.#ahead = { from, to };
    }
    return this.#ahead.to;
  }

  latest(until: number): number | undefined {
    const to = Math.floor(until / 1000) * 1000;
    if (to > this.#behind.to || to < this.#behind.from) {
      const from = this.#walk(to + 1000, 'prev');
      if (from === undefined) return undefined;
      this.#behind = { from, to };
    }
    return this.#behind.from;
  }

  #walk(from: number, direction: 'next' | 'prev'): number | undefined {
    this.#expression.reset(new Date(from));
    // The only error left at this point is that it has looked at ten thousand days and months.
    return orUndefined(() => this.#expression[direction]().getTime());
  }
}
