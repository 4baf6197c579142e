/** Time, for all of ballot: nothing else reads a clock or sets a timer, so that it runs in virtual time as well. */
export interface Clock {
  /** ms of CLOCK_MONOTONIC: one for all processes of a host, never stepped. Leases and deadlines count by it alone. */
  now(): number;
  /** Milliseconds since the Unix epoch. For people and records, never for deadlines. */
  wall(): number;
  /** Calls `callback` once `now()` has reached `at`, never synchronously. Returns its cancellation. */
  at(at: number, callback: () => void): () => void;
  /** A number in [0, 1): the jitter of backoffs. */
  random(): number;
}

/** The longest delay `setTimeout` takes; longer waits are re-armed. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => Number(process.hrtime.bigint()) / 1e6,
  wall: () => Date.now(),
  random: () => Math.random(),
  at(at, callback) {
    let timer: NodeJS.Timeout;
    const arm = (): void => {
      const left = at - systemClock.now();
      // setTimeout may fire up to a millisecond early against the monotonic clock: check before calling.
      timer = setTimeout(
        () => (systemClock.now() >= at ? callback() : arm()),
        Math.min(Math.max(0, Math.ceil(left)), MAX_TIMEOUT_MS),
      );
    };
    arm();
    return () => clearTimeout(timer);
  },
};

/** Waits until `clock.now()` reaches `at`. Rejects with the signal's reason when aborted. */
export function sleepUntil(clock: Clock, at: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error);
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason as Error);
    };
    const cancel = clock.at(at, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** Waits `ms` milliseconds. Rejects with the signal's reason when aborted. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return sleepUntil(clock, clock.now() + ms, signal);
}
