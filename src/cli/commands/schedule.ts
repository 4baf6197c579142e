import type { ScheduleConfig } from '../../config/config.ts';
import { beyondGo } from '../../config/schedule.ts';
import { formatDuration } from '../../duration.ts';
import { ExitCode, UsageError } from '../../errors.ts';
import { parseSchedule, type ParsedSchedule } from '../../cron/expression.ts';
import { Zone } from '../../cron/zone.ts';
import { align, print, warn } from '../report/print.ts';

/** What `ballot schedule` is asked. */
export interface ScheduleRequest {
  /** `undefined`: the schedule that is configured. */
  readonly given: string | undefined;
  /** Zone, the base path that `H` is spread by, and the schedule if none is given. */
  readonly config: ScheduleConfig;
  /** What the loading of the configuration has to say. */
  readonly warnings: readonly string[];
  /** How many ticks to show. */
  readonly count: number;
  readonly output: 'text' | 'json';
  /** Ticks after this instant, ms since the Unix epoch. */
  readonly now: number;
}

interface Shown {
  readonly tick: string;
  readonly local: string;
  readonly weekday: string;
  readonly inSeconds: number;
}

/**
 * `ballot schedule`: prints the next ticks in the schedule's zone, in UTC, and how far off they are. Asks no server.
 * Warnings go to stderr. Resolves with the exit code; throws UsageError when no schedule is given nor configured,
 * ScheduleError (78, as `ballot run cron` would end with for the same schedule).
 */
export async function showSchedule(request: ScheduleRequest): Promise<number> {
  const { given, config } = request;
  warn(request.warnings);
  const text = given ?? config.schedule;
  if (text === undefined)
    throw new UsageError('ballot schedule needs SPEC: no schedule is configured either', {
      hint: 'ballot schedule --help shows what there is',
    });
  const parsed = parseSchedule(text, { timezone: config.timezone, seed: config.zookeeperBasePath });
  // What is odd about a configured one has been said, with its source.
  if (given !== undefined) warn(oddities(parsed, config.mixedFleet));
  const { schedule } = parsed;
  const zone = new Zone(schedule.timezone);
  const ticks: Shown[] = [];
  for (let at = schedule.next(request.now); at !== undefined; at = schedule.next(at)) {
    ticks.push(show(at, zone, request.now));
    if (ticks.length === request.count) break;
  }
  await print(request.output === 'json' ? json(text, schedule.timezone, ticks) : table(schedule.timezone, ticks));
  return ExitCode.ok;
}

function oddities({ warnings, extensions }: ParsedSchedule, mixedFleet: boolean): string[] {
  return [...warnings, ...(mixedFleet ? beyondGo(extensions).map((doubt) => `schedule: ${doubt}`) : [])];
}

function show(at: number, zone: Zone, now: number): Shown {
  const offset = zone.offsetAt(at);
  const local = new Date(at + offset);
  return {
    tick: seconds(new Date(at)) + 'Z',
    local: seconds(local) + offsetText(offset),
    weekday: WEEKDAYS[local.getUTCDay()] ?? '',
    inSeconds: Math.round((at - now) / 1000),
  };
}

const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/** ISO 8601 to the second, without its zone. */
function seconds(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, '');
}

/** `+05:30`; with seconds for the local mean times of long ago. */
function offsetText(offset: number): string {
  const clock = new Date(Math.abs(offset)).toISOString().slice(11, 19).replace(/:00$/, '');
  return `${offset < 0 ? '-' : '+'}${clock}`;
}

function json(text: string, timezone: string, ticks: readonly Shown[]): string {
  const shown = ticks.map(({ tick, local, inSeconds }) => ({ tick, local, inSeconds }));
  return `${JSON.stringify({ schedule: text, timezone, ticks: shown }, null, 2)}\n`;
}

function table(timezone: string, ticks: readonly Shown[]): string {
  const rows = ticks.map(({ tick, local, weekday, inSeconds }) => [
    `${weekday} ${local.replace('T', ' ')}`,
    tick,
    `in ${distance(inSeconds)}`,
  ]);
  return `${align([[`LOCAL (${timezone})`, 'UTC', 'DISTANCE'], ...rows]).join('\n')}\n`;
}

const DAY_SECONDS = 86_400;

/** `3m20s`, from two days on `2d4h0m0s`: hours alone are hard to read there. */
function distance(inSeconds: number): string {
  const days = inSeconds < 2 * DAY_SECONDS ? 0 : Math.floor(inSeconds / DAY_SECONDS);
  return `${days > 0 ? `${days}d` : ''}${formatDuration((inSeconds - days * DAY_SECONDS) * 1000)}`;
}
