/** What transitions say to the log. Pure. */
import type { Effect, Level } from './state.ts';

type Facts = Readonly<Record<string, string | number | undefined>>;

type Note = Extract<Effect, { kind: 'note' }>;

/** A line of the log; fields that are not known are left out. */
export function note(level: Level, message: string, fields: Facts = {}): Note {
  const known = Object.entries(fields).filter((entry): entry is [string, string | number] => entry[1] !== undefined);
  return { kind: 'note', level, message, fields: Object.fromEntries(known) };
}

/** A line about one run: the supervisor adds the run's id, and its tick. */
export function runNote(level: Level, message: string, { run }: { readonly run: number }, fields: Facts = {}): Note {
  return { ...note(level, message, fields), run };
}

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)}s`;
