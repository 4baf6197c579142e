/** Go's text form of an instant, as the records on the wire carry it. */

/**
 * The instant as Go's `Time.String` writes it for UTC, without the monotonic part: `2026-11-21 01:42:00.123 +0000 UTC`.
 * Trailing zeros of the fraction are cut. `wallMs`: milliseconds since the Unix epoch, years 0 to 9999.
 */
export function formatGoTime(wallMs: number): string {
  const iso = new Date(wallMs).toISOString();
  const fraction = iso.slice(19, -1).replace(/\.?0+$/, '');
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)}${fraction} +0000 UTC`;
}

const TIME = /(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9})\d*)?/;
const ZONE = / ?(Z|([+-])(\d\d):?(\d\d))(?: [A-Za-z+-][A-Za-z0-9+-]*)?/;
const MONOTONIC = /(?: m=[+-][\d.]+)?/;
const INSTANT = new RegExp(`^${TIME.source}${ZONE.source}${MONOTONIC.source}$`);

/**
 * Milliseconds since the Unix epoch (with a fraction, as far as the text has one) of what Go's `Time.String` wrote in
 * any zone, with or without the monotonic tail ` m=+1.95`, or of an ISO 8601 instant with its zone. `undefined` for
 * anything else.
 */
export function parseGoTime(text: string): number | undefined {
  const match = INSTANT.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as Six;
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  // A day that the month does not have rolls over into the next one.
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  const clock = date.setUTCHours(hour, minute, second);
  return clock + Number(`0.${match[7] ?? '0'}`) * 1000 - offsetMs(match);
}

type Six = [number, number, number, number, number, number];

function offsetMs(match: RegExpExecArray): number {
  if (match[8] === 'Z') return 0;
  const minutes = Number(match[10]) * 60 + Number(match[11]);
  return (match[9] === '-' ? -minutes : minutes) * 60_000;
}
