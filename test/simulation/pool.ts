import { fork, type ChildProcess } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { MutantName } from './mutants.ts';
import type { Incident } from './replies.ts';
import type { Mode } from './setting.ts';

/** One piece of work for a worker process. */
export type Job =
  | { readonly kind: 'history'; readonly mode: Mode; readonly seed: number }
  /** A history about the mutant's theme, with the mutant or (to compare) without. */
  | { readonly kind: 'mutant'; readonly mutant: MutantName; readonly seed: number; readonly mutated: boolean }
  | { readonly kind: 'reply'; readonly incident: Incident }
  /** A history of programs that use the library. */
  | { readonly kind: 'library'; readonly seed: number };

export interface Result {
  readonly about: string;
  readonly problems: readonly string[];
  readonly runs: number;
  readonly terms: number;
  /** Virtual ms. */
  readonly lasted: number;
}

/**
 * How many jobs are handed over at a time: enough that nobody waits for messages, few enough that little is told in
 * vain once the first result is enough (a mutant is found out in four histories as a rule).
 */
const BATCH = 2;

const WORKER = join(import.meta.dirname, 'worker.ts');
const RUNNER = join(import.meta.dirname, '../../scripts/run-ts.mjs');

/** Workers that have nothing to do. Each takes as long to begin as ten histories. */
const idle: ChildProcess[] = [];

/**
 * Performs jobs in as many processes as there are cores, in order as far as that goes, and hands each result to `take`
 * until that returns false or none is left. Throws when a worker dies. Workers stay for the next call, and end with
 * this process.
 */
export async function perform<J extends Job>(
  jobs: Iterable<J>,
  take: (job: J, result: Result) => boolean | void,
): Promise<void> {
  const source = jobs[Symbol.iterator]();
  const state = { enough: false };
  const next = (): J[] => {
    const batch: J[] = [];
    while (!state.enough && batch.length < BATCH) {
      const { done, value } = source.next();
      if (done) break;
      batch.push(value);
    }
    return batch;
  };
  const living = idle.splice(0).filter(({ connected }) => connected);
  const workers = Array.from({ length: availableParallelism() }, () => living.pop() ?? fork(RUNNER, [WORKER]));
  try {
    await Promise.all(
      workers.map((worker) =>
        employ(worker, next, (job, result) => {
          state.enough ||= take(job, result) === false;
        }),
      ),
    );
  } catch (error) {
    for (const worker of workers) worker.kill('SIGKILL');
    throw error;
  }
  idle.push(...workers);
}

/** Gives one worker batch after batch. It says when it is ready for the first. */
function employ<J extends Job>(
  worker: ChildProcess,
  next: () => J[],
  take: (job: J, result: Result) => void,
): Promise<void> {
  let batch: J[] = [];
  keepAlive(worker, true);
  return new Promise<void>((resolve, reject) => {
    worker.once('error', reject);
    worker.once('exit', (code, signal) => reject(new Error(`a worker ended with ${signal ?? code}`)));
    worker.on('message', (results: readonly Result[]) => {
      for (const [index, result] of results.entries()) take(batch[index] as J, result);
      batch = next();
      if (batch.length > 0) worker.send(batch);
      else resolve();
    });
    // One that has worked before waits for jobs already; one that has not answers when it is loaded.
    worker.send([]);
  }).finally(() => {
    for (const event of ['error', 'exit', 'message']) worker.removeAllListeners(event);
    keepAlive(worker, false);
  });
}

/** Whether this process lives for as long as the worker does. */
function keepAlive(worker: ChildProcess, wanted: boolean): void {
  for (const handle of [worker, worker.channel])
    if (wanted) handle?.ref();
    else handle?.unref();
}
