import { formatDuration } from '../duration.ts';
import type { CronConfig, RunConfig } from './config.ts';
import { keyOf, type Field } from './options.ts';
import { doubtSchedule, findZone } from './schedule.ts';

/** What set each field. */
type Sources = Readonly<Record<Field, string>>;

/** A value in an inequality: what it is called, its milliseconds, and the sources that made it. */
interface Term {
  readonly name: string;
  readonly ms: number;
  readonly from: string;
}

/**
 * What two or more fields demand of each other. Each problem states the inequality that fails, with the values of both
 * sides and where they come from. That a lease of any allowed duration leaves time for its heartbeats, and for SIGKILL
 * before its end, is a matter of its least duration, not of other fields (a grace that does not fit into it is cut
 * short).
 */
export function checkTogether(config: RunConfig, sources: Sources): string[] {
  const term = (field: Field, ms: number): Term => ({ name: keyOf(field), ms, from: sources[field] });
  const problems: string[] = [];
  if (config.candidateId === '')
    problems.push(
      'candidate-id: this host has no name that could be its default: give this candidate a name (--candidate-id)',
    );
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

/** What the fields of `run cron` demand of others. */
export function checkCron(config: RunConfig, sources: Sources): string[] {
  if (config.catchUp === 'none' || !config.mixedFleet) return [];
  return [
    `catch-up ${config.catchUp} (${sources.catchUp}) cannot go with mixed-fleet true (${sources.mixedFleet}): ` +
      "Go's ballot does not record what it ran, so a tick could run twice",
  ];
}

/** What `run cron` cannot start without. */
export function checkScheduled(config: Partial<CronConfig>): string[] {
  if (config.schedule === undefined) {
    const ways = '--schedule "30 2 * * *", schedule in a file, or BALLOT_SCHEDULE in the environment';
    return [`schedule: is not set, and ballot run cron needs it: ${ways}`];
  }
  return findZone(config.schedule, config.timezone);
}

/** What is no problem, but hardly meant, or means less than it says. */
export function doubtCron(config: RunConfig, sources: Sources): string[] {
  const { catchUp, startDeadline } = config;
  const idle = catchUp === 'none' && startDeadline !== undefined;
  const deadline = `start-deadline ${formatDuration(startDeadline ?? 0)} (${sources.startDeadline})`;
  return [
    ...doubtSchedule(config, sources),
    ...(idle ? [`${deadline} has no effect: with catch-up none (${sources.catchUp}) nothing is caught up`] : []),
  ];
}
