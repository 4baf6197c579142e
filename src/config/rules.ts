import type { RunConfig } from './config.ts';
import { formatDuration } from '../duration.ts';
import { keyOf, type Field } from './options.ts';

/** How short a lease may be, ms: three heartbeats of it, each through two processes and an ensemble, need this much. */
const SHORTEST_LEASE = 500;

/** A value in an inequality: what it is called, its milliseconds, and the sources that made it. */
interface Term {
  readonly name: string;
  readonly ms: number;
  readonly from: string;
}

/** Between SIGKILL and the end of the lease under `on-lease-loss=stop`: for the rate of clocks and for scheduling, ms. */
export function leaseMargin(leaseDuration: number): number {
  return Math.max(100, 0.05 * leaseDuration);
}

/**
 * What two or more fields demand of each other. Each problem states the inequality that fails, with the values of both sides and where
 * they come from. Where the lease takes its duration from the session timeout, the one asked for stands for the one granted.
 */
export function checkTogether(config: RunConfig, sources: Readonly<Record<Field, string>>): string[] {
  const term = (field: Field, ms: number): Term => ({ name: keyOf(field), ms, from: sources[field] });
  const session = term('zookeeperSessionTimeout', config.zookeeperSessionTimeout);
  const lease =
    config.leaseDuration === undefined
      ? { ...session, name: 'lease-duration (= zookeeper-session-timeout)' }
      : term('leaseDuration', config.leaseDuration);
  const killAfter = term('killAfter', config.killAfter);
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
  if (config.onLeaseLoss === 'keep') {
    atLeast(
      lease,
      session,
      'with on-lease-loss=keep a shorter lease is lost while its session lives; use on-lease-loss=stop for one',
    );
  } else {
    const shortest = { name: 'the shortest lease', ms: SHORTEST_LEASE, from: 'on-lease-loss=stop' };
    atLeast(lease, shortest, 'heartbeats need time to be acknowledged');
    const margin = {
      name: 'the margin before the lease ends',
      ms: leaseMargin(lease.ms),
      from: `100ms or 5 % of ${lease.name}`,
    };
    atLeast(killAfter, margin, 'otherwise SIGKILL is due before the stop signal when the lease runs out');
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
