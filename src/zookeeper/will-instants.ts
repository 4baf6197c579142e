import type { Will } from './port.ts';

/** The supervisor knows the instants as well and acts on them first, unless it cannot: the keeper leaves it this much, ms, or half of the time to SIGKILL. */
const PRECEDENCE_MS = 20;

/** When the keeper acts on a will by itself; `undefined` when it does not. */
export function actsAt({ command, instants }: Will): number | undefined {
  if (command === undefined || instants === undefined) return undefined;
  return instants.termAt + Math.min(PRECEDENCE_MS, Math.max(0, instants.killAt - instants.termAt) / 2);
}
