/** What transitions say to the log. Pure. */
import type { Effect, Level } from './state.ts';

/** A line of the log; fields that are not known are left out. */
export function note(
  level: Level,
  message: string,
  fields: Readonly<Record<string, string | number | undefined>> = {},
): Effect {
  const known = Object.entries(fields).filter((entry): entry is [string, string | number] => entry[1] !== undefined);
  return { kind: 'note', level, message, fields: Object.fromEntries(known) };
}

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)}s`;
