import type { RunConfig } from './config.ts';
import { formatDuration } from '../duration.ts';
import { keyOf, type Field } from './options.ts';

/** A value in an inequality: what it is called, its milliseconds, and the sources that made it. */
interface Term {
  readonly name: string;
  readonly ms: number;
  readonly from: string;
}

/**
 * What two or more fields demand of each other. Each problem states the inequality that fails, with the values of both sides and where
 * they come from. That a lease of any allowed duration leaves time for its heartbeats, and for SIGKILL before its end, is a matter of its
 * least duration, not of other fields (a grace that does not fit into it is cut short).
 */
export function checkTogether(config: RunConfig, sources: Readonly<Record<Field, string>>): string[] {
  const term = (field: Field, ms: number): Term => ({ name: keyOf(field), ms, from: sources[field] });
  const problems: string[] = [];
  const atLeast = (left: Term, right: Term, why: string): void => {
    if (left.ms >= right.ms) return;
    const side = ({ name, ms, from }: Term): string => `${name} ${formatDuration(ms)} (${from})`;
    problems.push(`${side(left)} must be at least ${side(right)}: ${why}`);
  };

  atLeast(
    term('restartMaxDelay', config.restartMaxDelay),
    term('restartDelay', config.restartDelay),
    'the longest pause cannot be shorter than the first',
  );
  // Without a duration of its own the lease lasts as long as the session.
  if (config.leaseDuration === undefined) return problems;
  const lease = term('leaseDuration', config.leaseDuration);
  const session = term('zookeeperSessionTimeout', config.zookeeperSessionTimeout);
  if (config.onLeaseLoss === 'keep') {
    atLeast(
      lease,
      session,
      'with on-lease-loss=keep a shorter lease is lost while its session lives; use on-lease-loss=stop for one',
    );
  }
  if (config.mixedFleet) {
    atLeast(
      session,
      lease,
      "with mixed-fleet the lease cannot be longer: Go's ballot waits for the session timeout alone",
    );
  }
  return problems;
}
