import type { Clock } from '../../clock.ts';
import type { Watch } from '../session/port.ts';

/**
 * The firing of a watch as a signal. A signal's listeners can be removed, a promise's cannot: a watch that is waited on
 * once a heartbeat for weeks would gather one reaction each time.
 */
export function firing(watch: Watch): AbortSignal {
  const controller = new AbortController();
  // A reason of its own: without one Node makes an exception with a stack for each.
  void watch.fired.then(() => controller.abort('fired'));
  return controller.signal;
}

/**
 * Waits for the first of `sources` to be aborted and resolves with its index, or with `'time'` once `clock.now()` has
 * reached `at`. Rejects with the reason of `signal` when that is aborted. Leaves neither timer nor listener behind.
 */
export function firstOf(
  clock: Clock,
  sources: readonly AbortSignal[],
  signal: AbortSignal,
  at = Infinity,
): Promise<number | 'time'> {
  return new Promise((resolve, reject) => {
    const undo: (() => void)[] = [];
    const end = (settle: () => void) => (): void => {
      for (const step of undo) step();
      settle();
    };
    const on = (source: AbortSignal, settle: () => void): void => {
      const listener = end(settle);
      if (source.aborted) return listener();
      source.addEventListener('abort', listener);
      undo.push(() => source.removeEventListener('abort', listener));
    };
    on(signal, () => reject(signal.reason as Error));
    for (const [index, source] of sources.entries()) on(source, () => resolve(index));
    if (at !== Infinity)
      undo.push(
        clock.at(
          at,
          end(() => resolve('time')),
        ),
      );
    // A source that had already been aborted settled the promise before the later listeners were added.
    if ([signal, ...sources].some((source) => source.aborted)) for (const step of undo) step();
  });
}
