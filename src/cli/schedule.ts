import { formatDuration } from '../duration.ts';
import { ExitCode } from '../errors.ts';
import { parseSchedule } from '../schedule/expression.ts';
import { Zone } from '../schedule/zone.ts';
import { print } from './print.ts';

/** What `ballot schedule` is asked. */
export interface ScheduleRequest {
  readonly text: string;
  /** `undefined`: the host's zone, unless the text names one. */
  readonly timezone: string | undefined;
  /** How many ticks to show. */
  readonly count: number;
  readonly output: 'text' | 'json';
  /** The base path of the election: what `H` is spread by. */
  readonly seed: string;
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
 * `ballot schedule`: prints the next ticks in the schedule's zone, in UTC, and how far off they are. Asks no server. Warnings go to stderr.
 * Resolves with the exit code; throws ScheduleError (78, as `ballot run cron` would end with for the same schedule).
 */
export async function showSchedule(request: ScheduleRequest): Promise<number> {
  const { schedule, warnings } = parseSchedule(request.text, request);
  for (const warning of warnings) process.stderr.write(`ballot: warning: ${warning}\n`);
  const zone = new Zone(schedule.timezone);
  const ticks: Shown[] = [];
  for (let at = schedule.next(request.now); at !== undefined; at = schedule.next(at)) {
    ticks.push(show(at, zone, request.now));
    if (ticks.length === request.count) break;
  }
  await print(request.output === 'json' ? json(request, schedule.timezone, ticks) : table(schedule.timezone, ticks));
  return ExitCode.ok;
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

function json({ text }: ScheduleRequest, timezone: string, ticks: readonly Shown[]): string {
  const shown = ticks.map(({ tick, local, inSeconds }) => ({ tick, local, inSeconds }));
  return `${JSON.stringify({ schedule: text, timezone, ticks: shown }, null, 2)}\n`;
}

function table(timezone: string, ticks: readonly Shown[]): string {
  const rows = ticks.map(({ tick, local, weekday, inSeconds }) => [
    `${weekday} ${local.replace('T', ' ')}`,
    tick,
    `in ${distance(inSeconds)}`,
  ]);
  const lines = [[`LOCAL (${timezone})`, 'UTC', 'DISTANCE'], ...rows];
  const widths = [0, 1].map((column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines.map((line) => `${line.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')}\n`).join('');
}

const DAY_SECONDS = 86_400;

/** `3m20s`, from two days on `2d4h0m0s`: hours alone are hard to read there. */
function distance(inSeconds: number): string {
  const days = inSeconds < 2 * DAY_SECONDS ? 0 : Math.floor(inSeconds / DAY_SECONDS);
  return `${days > 0 ? `${days}d` : ''}${formatDuration((inSeconds - days * DAY_SECONDS) * 1000)}`;
}
