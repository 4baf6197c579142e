import { BallotError, ExitCode } from './errors.ts';

/** The text is not a duration. The message says why, and what a duration looks like. */
export class DurationError extends BallotError {
  constructor(message: string) {
    super('DURATION', ExitCode.configuration, message);
  }
}

/** Nanoseconds of each unit, as Go's `time.ParseDuration` knows them (both spellings of the micro sign). */
const UNIT_NS: ReadonlyMap<string, bigint> = new Map([
  ['ns', 1n],
  ['us', 1_000n],
  ['µs', 1_000n],
  ['μs', 1_000n],
  ['ms', 1_000_000n],
  ['s', 1_000_000_000n],
  ['m', 60_000_000_000n],
  ['h', 3_600_000_000_000n],
]);

/** Go keeps a duration in an int64 of nanoseconds: about 292 years. */
const MAX_NS = 2n ** 63n - 1n;

/** What a duration looks like, for messages and help. */
export const DURATION_FORM = 'a number with a unit (h, m, s, ms, us, ns), such as 1m30s, 1.5h or 500ms';

/**
 * Parses a duration in Go's syntax (`1m30s`, `500ms`, `1.5h`, `0`) and returns milliseconds, exact to the nanosecond as
 * far as a double holds it. Stricter than Go in one way: a sign is refused, no duration of ballot is negative. Throws
 * DurationError.
 */
export function parseDuration(text: string): number {
  if (text === '0') return 0;
  const bad = (why: string): DurationError => new DurationError(`${why}: a duration is ${DURATION_FORM}`);
  if (text === '') throw bad('empty');
  if (/\s/.test(text)) throw bad('no spaces are allowed');
  if (text.startsWith('-')) throw bad('a duration cannot be negative');
  if (text.startsWith('+')) throw bad('no sign is allowed');
  if (/^[\d.]+$/.test(text)) throw bad('the unit is missing');
  if (/\d[eE][+-]?\d/.test(text)) throw bad('no exponent is allowed');

  let total = 0n;
  for (let rest = text; rest !== '';) {
    const part = /^(\d*)(?:\.(\d*))?([^\d.]*)/.exec(rest);
    const [all = '', whole = '', fraction = '', unit = ''] = part ?? [];
    if (whole === '' && fraction === '') throw bad(`${JSON.stringify(rest)} does not start with a number`);
    if (unit === '') throw bad(`the unit is missing after ${all}`);
    const ns = UNIT_NS.get(unit);
    if (ns === undefined) throw bad(`no such unit: ${JSON.stringify(unit)}`);
    total += BigInt(whole || '0') * ns + (BigInt(fraction || '0') * ns) / 10n ** BigInt(fraction.length);
    if (total > MAX_NS) throw bad('too long');
    rest = rest.slice(all.length);
  }
  return Number(total) / 1e6;
}

/** `value` / `scale` as a decimal without trailing zeros. */
function decimal(value: bigint, scale: bigint): string {
  const digits = scale.toString().length - 1;
  const fraction = (value % scale).toString().padStart(digits, '0').replace(/0+$/, '');
  const whole = (value / scale).toString();
  return digits === 0 || fraction === '' ? whole : `${whole}.${fraction}`;
}

/**
 * `ms` (finite) as Go's `Duration.String()` writes it, to the nanosecond: `4.5s`, `1m30s`, `1h0m0s`, `1.5µs`, `0s`.
 */
export function formatDuration(ms: number): string {
  if (ms < 0) return `-${formatDuration(-ms)}`;
  // Split before scaling: ms * 1e6 as one product loses the nanoseconds of long durations.
  const whole = Math.trunc(ms);
  const ns = BigInt(whole) * 1_000_000n + BigInt(Math.round((ms - whole) * 1e6));
  if (ns === 0n) return '0s';
  if (ns < 1_000n) return `${ns}ns`;
  if (ns < 1_000_000n) return `${decimal(ns, 1_000n)}µs`;
  if (ns < 1_000_000_000n) return `${decimal(ns, 1_000_000n)}ms`;

  const minutes = ns / 60_000_000_000n;
  const seconds = `${decimal(ns % 60_000_000_000n, 1_000_000_000n)}s`;
  if (minutes === 0n) return seconds;
  return minutes < 60n ? `${minutes}m${seconds}` : `${minutes / 60n}h${minutes % 60n}m${seconds}`;
}
