/** The rules of time of the lease. Pure: instants are monotonic milliseconds given by the caller. */

/**
 * The heartbeat of the holder of a lease, derived from the lease's duration and from how long the coordinator keeps a
 * silent candidate. Milliseconds.
 */
export interface Timings {
  readonly leaseDuration: number;
  /** Between renewals: a third of the shorter of session timeout and lease duration, so that two may fail. */
  readonly heartbeat: number;
  /** A renewal that is not acknowledged within this is repeated over another connection. */
  readonly acknowledgeWithin: number;
}

/**
 * `sessionTimeout`: how long the coordinator keeps a silent candidate. `leaseDuration` `undefined` means as long. Under
 * `keep` the lease is never shorter than that: all stay in role for as long as a candidate may be without contact.
 */
export function timings(
  sessionTimeout: number,
  leaseDuration: number | undefined,
  onLeaseLoss: 'keep' | 'stop',
): Timings {
  const asked = leaseDuration ?? sessionTimeout;
  const duration = onLeaseLoss === 'keep' ? Math.max(asked, sessionTimeout) : asked;
  const heartbeat = Math.min(sessionTimeout, duration) / 3;
  return { leaseDuration: duration, heartbeat, acknowledgeWithin: heartbeat / 2 };
}

/**
 * The safety margin: the command ends so many ms before the lease does. It covers clocks of different rates and late
 * scheduling: 5 % of the lease, at least 100 ms.
 */
export function margin(leaseDuration: number): number {
  return Math.max(100, leaseDuration * 0.05);
}

/** The two instants at which a command under `on-lease-loss=stop` is stopped unless the lease is renewed before. */
export interface StopInstants {
  /** First signal. */
  readonly termAt: number;
  /** SIGKILL: early enough that the process group is gone before anybody else may claim. */
  readonly killAt: number;
}

/** `deadline`: until when the lease is known to be ours. `killAfter`: the grace the user grants, ms. */
export function stopInstants(deadline: number, leaseDuration: number, killAfter: number): StopInstants {
  const killAt = deadline - margin(leaseDuration);
  return { termAt: Math.min(deadline - Math.min(killAfter, leaseDuration / 3), killAt), killAt };
}

/** A lease somebody else holds, as one candidate watches it. */
export interface Observation {
  /** Names the lease's last change seen: another one for each change. */
  readonly change: number;
  /** When that change was seen, or when contact was last regained if that was later. */
  readonly since: number;
}

/** The observation after a read: counts on while nothing changed. `previous`: none at first, and after each break. */
export function observe(previous: Observation | undefined, change: number, now: number): Observation {
  return previous?.change === change ? previous : { change, since: now };
}

/**
 * Shares of a lease's duration after which a candidate that sees no renewal proves its own contact by a write: the
 * holder renews after a third (Go's ballot after a half), so a healthy holder causes no such write. Without the proof,
 * a coordinator that stands still would look like a holder that is gone.
 */
export const PROBES: readonly number[] = [0.4, 0.6, 0.8];

/** When to prove contact next, for a lease seen unchanged since `since`; `undefined` when no such instant is left. */
export function nextProbe(since: number, duration: number, now: number): number | undefined {
  return PROBES.map((share) => since + share * duration).find((at) => at > now);
}

const ELECTION_RETRY_MS = 100;
const ELECTION_RETRY_MAX_MS = 5_000;

/**
 * Backoff after `failures` failed campaigns in a row: doubling; one half of it is fixed, the other drawn, so that
 * candidates do not return in step. `jitter` in [0, 1).
 */
export function electionRetryDelay(failures: number, jitter: number): number {
  const delay = Math.min(ELECTION_RETRY_MS * 2 ** (failures - 1), ELECTION_RETRY_MAX_MS);
  return delay / 2 + (delay / 2) * jitter;
}

/** How long one that has resigned leaves the coordinator to its successor, ms, before it stands again. */
export const STAND_BACK_MS = 20;
