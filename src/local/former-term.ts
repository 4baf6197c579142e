/** What a leader that has died may have left: its command, where that does not hold the lock. */
import { type Clock, sleep } from '../clock.ts';
import { namesOf } from '../command/proc.ts';
import type { Logger } from '../log/logger.ts';
import { processesWith } from './processes.ts';

/** From one look to the next, ms: growing. */
const LOOK_MS = { first: 5, growth: 1.5, last: 200 } as const;

/** How long a command may take to be stopped by its keeper before somebody is told, ms. */
const SAY_AFTER_MS = 300;

/**
 * Resolves when no process is left whose environment holds `traces`, the marks of a term that was not resigned. A
 * command that has closed its inherited descriptors (sudo does) lives on without the lock, and so does one whose lock
 * file was deleted: it must have ended before the next one starts. Rejects with the signal's reason.
 */
export async function untilFormerTermIsOver(
  traces: readonly string[],
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
  signal: AbortSignal,
): Promise<void> {
  const begin = clock.now();
  let said = false;
  let interval: number = LOOK_MS.first;
  for (let left = processesWith(traces); left.length > 0; left = processesWith(traces)) {
    if (!said && clock.now() - begin >= SAY_AFTER_MS) {
      said = true;
      logger.warn('the command of the leader before still runs: waiting until it has ended', {
        processes: namesOf(left),
      });
    }
    await sleep(clock, interval, signal);
    interval = Math.min(interval * LOOK_MS.growth, LOOK_MS.last);
  }
}
