import { setTimeout as sleep } from 'node:timers/promises';

/**
 * How long tests wait for what has to happen, ms. It is for hangs: a busy machine may take many times as long as a
 * quiet one.
 */
export const PATIENCE_MS = 90_000;

export interface PollOptions {
  /** Milliseconds until it gives up. */
  readonly timeout?: number;
  /** Milliseconds between attempts. */
  readonly interval?: number;
  /** What is waited for, for the error. */
  readonly what?: string;
}

/**
 * Calls `attempt` until it returns something truthy, and returns that. An attempt that throws counts as not yet. After
 * `timeout` ms (`PATIENCE_MS`) it throws an Error that names what was waited for, what the last attempt returned or
 * threw, and the last error as `cause`.
 */
export async function poll<T>(
  attempt: () => T | Promise<T>,
  { timeout = PATIENCE_MS, interval = 20, what = attempt.toString() }: PollOptions = {},
): Promise<Exclude<T, undefined | null | false | 0 | ''>> {
  const end = performance.now() + timeout;
  for (;;) {
    let result: T | undefined;
    let failure: Error | undefined;
    try {
      result = await attempt();
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
    }
    if (result) return result as Exclude<T, undefined | null | false | 0 | ''>;
    if (performance.now() >= end) {
      const last =
        failure === undefined
          ? `the last attempt returned ${String(result)}`
          : `the last attempt threw ${failure.message}`;
      throw new Error(`waited ${timeout} ms in vain for: ${what} (${last})`, { cause: failure });
    }
    await sleep(interval);
  }
}

/** Lets `ms` pass: for what must not happen meanwhile. What has to happen is waited for with `poll`. */
export const pass = (ms: number): Promise<void> => sleep(ms);
