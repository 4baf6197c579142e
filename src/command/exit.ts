import { constants } from 'node:os';
import type { Outcome } from './launch.ts';

const numbers: Readonly<Record<string, number>> = constants.signals;

/** The number of a signal on this platform, or `undefined` when there is none of that name. */
export function signalNumber(signal: string): number | undefined {
  return numbers[signal];
}

/**
 * The exit code that stands for an outcome, as shells count: the command's own, 128 + n when signal n ended it, 126 or
 * 127 when it could not be started. A signal that this platform has no number for counts as 255.
 */
export function exitCode(outcome: Outcome): number {
  if (outcome.kind !== 'signalled') return outcome.code;
  const number = signalNumber(outcome.signal);
  return number === undefined ? 255 : 128 + number;
}
