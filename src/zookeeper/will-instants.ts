import type { Will } from './port.ts';

/**
 * The supervisor knows the instants as well and acts on them first, unless it cannot: the keeper leaves it this much, ms. Small against what is kept free between SIGKILL and the
 * end of the lease (100 ms at least).
 */
const PRECEDENCE_MS = 20;

/** When the keeper acts on a will by itself; `undefined` when it does not. A stop that the supervisor has begun has no more than SIGKILL to come. */
export function actsAt({ command, instants }: Will): number | undefined {
  if (command === undefined || instants === undefined) return undefined;
  const { termAt, killAt } = instants;
  return termAt < killAt ? termAt + Math.min(PRECEDENCE_MS, (killAt - termAt) / 2) : killAt + PRECEDENCE_MS;
}
