import type { Will } from './will.ts';

/**
 * The supervisor knows the instants as well and acts on them first, unless it cannot: the keeper leaves it this much,
 * ms. Small against what is kept free between SIGKILL and the end of the lease (100 ms at least).
 */
const PRECEDENCE_MS = 20;

/**
 * When the keeper acts on a will by itself; `undefined` when it does not. A stop that the supervisor has begun has no
 * more than SIGKILL to come. Without a command it is the release alone that is due: an idle leader that stands still
 * must not act on a lease that somebody else may have.
 */
export function actsAt({ instants }: Pick<Will, 'instants'>): number | undefined {
  if (instants === undefined) return undefined;
  const { termAt, killAt } = instants;
  return termAt < killAt ? termAt + Math.min(PRECEDENCE_MS, (killAt - termAt) / 2) : killAt + PRECEDENCE_MS;
}
