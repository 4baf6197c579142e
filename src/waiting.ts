import type { Clock } from './clock.ts';

/** What ends a wait before its promise does. */
export interface Limits {
  readonly signal?: AbortSignal | undefined;
  /** Monotonic ms after which it is too late. */
  readonly at?: number;
  /** The error of a wait that is too late. */
  readonly late?: () => Error;
}

/**
 * Settles as `promise` does, unless a limit comes first: rejects with the reason of `signal` when that is aborted, and
 * with `late()` once `clock.now()` has reached `at`. Leaves neither timer nor listener behind. What the promise does
 * afterwards is nobody's business here: whoever made it has to end it.
 */
export function within<T>(
  clock: Clock,
  promise: Promise<T>,
  { signal, at = Infinity, late = () => new Error('too late') }: Limits,
): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error);
    const onAbort = (): void => settle(() => reject(signal?.reason as Error));
    const cancel = at === Infinity ? undefined : clock.at(at, () => settle(() => reject(late())));
    const settle = (finish: () => void): void => {
      cancel?.();
      signal?.removeEventListener('abort', onAbort);
      finish();
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    promise.finally(() => settle(() => resolve(promise))).catch(() => undefined);
  });
}

/** Resolves when the signal is aborted; at once when it is so already. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** A promise that somebody else resolves. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
}

/** One that nobody has resolved yet. */
export function deferred<T = void>(): Deferred<T> {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((done) => (resolve = done));
  return { promise, resolve };
}

/** The next turn of the event loop: between two of these, every readable descriptor was asked once. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
