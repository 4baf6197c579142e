/** How long things may take in a history, ms. */
import type { Setting } from './setting.ts';

/** How long everything that has to happen between the end of all faults and a command that runs may take. */
export function recoveryTime({ sessionTimeout, tickTime, lease, plan, patience }: Setting): number {
  const expiry = sessionTimeout + 2 * tickTime;
  // A lease waits for its own end once; a campaign may fail once more and back off for up to 5 s; the command of before
  // has to go.
  return 2 * expiry + 3 * lease + patience + plan.killAfter + plan.restartMaxDelay + 15_000;
}

/** After so long in calm, nothing is left of sessions that died in the troubles, and the queue is what it should be. */
export function ghostTime({ sessionTimeout, tickTime, lease, plan }: Setting): number {
  return sessionTimeout + 2 * tickTime + lease + plan.killAfter + 2_000;
}

/** How long an orderly end may take at most: grace, resignation, leaving the queue. */
export function stopTime({ lease, plan }: Setting): number {
  return 1.1 * (plan.killAfter + 2 * lease) + 10_000;
}
