import type { Fault } from './catalogue.ts';
import type { Findings } from './series.ts';

/** The figures of one fault. Durations in ms; `null`: there was none. */
export interface Figures {
  readonly fault: string;
  readonly n: number;
  readonly nextStartMedian: number | null;
  readonly nextStartMax: number | null;
  /** What is promised for the greatest, on an idle machine. */
  readonly promise: number | null;
  readonly overlap: number;
  /** The least time from the last sign of life of a run to the start of the next. */
  readonly leastGap: number | null;
  readonly leftBehind: number;
  readonly commandsTouched: number;
  readonly termsLost: number;
  readonly lateMax: number | null;
  readonly disturbed: number;
  readonly seed: number;
  /** Only of those that serve a schedule. */
  readonly ticks?: TickFigures;
}

/** What became of the ticks of a schedule. */
export interface TickFigures {
  /** From the first that was started to the last. */
  readonly due: number;
  /** Started, and the run came to its end. */
  readonly served: number;
  /** Entered, perhaps started, and stopped with its leader. */
  readonly lost: number;
  readonly notStarted: number;
  /** Of those that were served: after the fact, under catch-up=once. */
  readonly madeUp: number;
}

export function figures(name: string, promise: number | undefined, found: Findings): Figures {
  return {
    fault: name,
    n: found.rounds,
    nextStartMedian: median(found.nextStarts),
    nextStartMax: extreme(found.nextStarts, Math.max),
    promise: promise ?? null,
    overlap:
      extreme(
        found.overlaps.map(({ ms }) => ms),
        Math.max,
      ) ?? 0,
    leastGap: extreme(found.gaps, Math.min),
    leftBehind: found.leftBehind,
    commandsTouched: found.touched,
    termsLost: found.termsLost,
    lateMax: extreme(found.late, Math.max),
    disturbed: found.disturbed,
    seed: found.seed,
  };
}

/** What a fault must never do, whatever the machine's load; empty when all is well. */
export function violations(fault: Fault, found: Findings): string[] {
  const said = found.overlaps.map(
    ({ of, and, ms, seenBy }) => `runs ${of} and ${and} at once for ${ms.toFixed(3)} ms (${seenBy})`,
  );
  said.push(...found.records);
  if (found.leftBehind > 0) said.push(`${found.leftBehind} processes left behind`);
  if (fault.outcome === 'same' && found.touched > 0)
    said.push(`${found.touched} runs ended that the fault does not reach`);
  if (fault.outcome === 'same' && found.termsLost > 0)
    said.push(`${found.termsLost} terms lost to a fault that does not reach them`);
  if (fault.outcome === 'next' && found.nextStarts.length < found.rounds)
    said.push(`${found.rounds - found.nextStarts.length} rounds without another run`);
  return said;
}

/** For `console.table`. */
export function row(figures: Figures): Record<string, string | number> {
  const cell = (value: number | null): string | number =>
    value === null ? '' : Number(value.toFixed(Math.abs(value) < 10 && value !== 0 ? 2 : 0));
  const { fault: _, seed: _seed, ticks = {}, ...numbers } = figures;
  return Object.fromEntries(Object.entries({ ...numbers, ...ticks }).map(([key, value]) => [key, cell(value)]));
}

export function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.ceil(sorted.length / 2) - 1];
  return upper === undefined || lower === undefined ? null : (upper + lower) / 2;
}

function extreme(values: readonly number[], of: (...values: number[]) => number): number | null {
  return values.length === 0 ? null : of(...values);
}
