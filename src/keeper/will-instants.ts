import type { Will } from './will.ts';

/**
 * The supervisor knows the instants as well, and acts on them first if it can: the keeper waits this much longer, ms.
 * That is small against the safety margin between SIGKILL and the end of the lease (100 ms at least).
 */
const PRECEDENCE_MS = 20;

/**
 * When the keeper acts on a will by itself; `undefined` when it does not. After a stop that the supervisor has begun,
 * only SIGKILL remains. Without a command only the release remains: an idle leader that stood still must not act on a
 * lease that somebody else may have.
 */
export function actsAt({ instants }: Pick<Will, 'instants'>): number | undefined {
  if (instants === undefined) return undefined;
  const { termAt, killAt } = instants;
  return termAt < killAt ? termAt + Math.min(PRECEDENCE_MS, (killAt - termAt) / 2) : killAt + PRECEDENCE_MS;
}
