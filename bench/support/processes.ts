/** What Linux says of a candidate's two processes. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { poll } from '../../test/support/poll.ts';
import type { Candidate } from './candidate.ts';

export interface Pair {
  readonly supervisor: number;
  readonly keeper: number;
}

/** Process ids of a candidate's supervisor and of the keeper it has at present. */
export function pairOf(candidate: Candidate): Promise<Pair> {
  const find = (): Pair | undefined => {
    const keeper = children(candidate.pid).find((pid) => commandLine(pid).includes('keeper.js'));
    return keeper === undefined ? undefined : { supervisor: candidate.pid, keeper };
  };
  return poll(find, { what: `the keeper of ${candidate.id}` });
}

/** Process ids of the children of a process. */
export function children(parent: number): number[] {
  const pids = readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0);
  return pids.filter((pid) => {
    const path = `/proc/${pid}/stat`;
    if (!existsSync(path)) return false;
    const text = tryRead(path);
    return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1]) === parent;
  });
}

function commandLine(pid: number): string {
  return tryRead(`/proc/${pid}/cmdline`);
}

/** Empty for a process that has just ended. */
function tryRead(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

/** Proportional and private set size of a process, MB (10^6 bytes). Throws when it is gone. */
export function memory(pid: number): { readonly pss: number; readonly own: number } {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
  const kB = (key: string): number => Number(new RegExp(`^${key}: +(\\d+) kB$`, 'm').exec(text)?.[1] ?? NaN);
  return { pss: (kB('Pss') * 1024) / 1e6, own: ((kB('Private_Clean') + kB('Private_Dirty')) * 1024) / 1e6 };
}

/**
 * CPU time that the present threads of a process have used, ms. The scheduler's own count: `stat` has it in steps of 10
 * ms.
 */
export function cpuTime(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.reduce(
    (sum, tid) => sum + Number(readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'latin1').split(' ')[0]) / 1e6,
    0,
  );
}

/** How often the present threads of a process have been given a processor. */
export function wakeUps(pid: number): number {
  const switches = (tid: string): number => {
    const text = readFileSync(`/proc/${pid}/task/${tid}/status`, 'latin1');
    return [...text.matchAll(/^(?:non)?voluntary_ctxt_switches:\s+(\d+)$/gm)].reduce(
      (sum, [, n]) => sum + Number(n),
      0,
    );
  };
  return readdirSync(`/proc/${pid}/task`).reduce((sum, tid) => sum + switches(tid), 0);
}
