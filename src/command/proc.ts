/** Processes as Linux shows them in /proc (proc(5)), and signals to them. Without a /proc nothing is known of any. */
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { orUndefined } from '../errors.ts';

export interface ProcessName {
  readonly pid: number;
  /** Its name as the kernel has it (15 bytes), printable. */
  readonly name: string;
}

export interface ProcessStat extends ProcessName {
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** Clock ticks from the boot to its start, as text. */
  readonly startTime: string;
  readonly dead: boolean;
  /** Length of its environment; `undefined` while it has none to read: it ends, or executes another program. */
  readonly environmentBytes: number | undefined;
}

/** `'none'`: no such process. `'unknown'`: it could not be read for another reason (out of descriptors, say). */
export type Reading = ProcessStat | 'none' | 'unknown';

/** Processes as a log names them: `4711 sleep, 4712 job`. */
export function namesOf(processes: readonly ProcessName[]): string {
  const names = processes.slice(0, 10).map(({ pid, name }) => `${pid} ${name}`);
  return [...names, ...(processes.length > 10 ? [`${processes.length - 10} more`] : [])].join(', ');
}

/** The system call's error code, such as ENOENT. */
export function errorCode(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | null)?.code;
}

const SMALL_BYTES = 4096;
const small = Buffer.allocUnsafeSlow(SMALL_BYTES);

/** Reads a file that the kernel writes in one piece: half the cost of readFileSync, which counts at a handover. */
function readSmall(path: string): string {
  const file = openSync(path, 'r');
  try {
    return small.toString('latin1', 0, readSync(file, small, 0, SMALL_BYTES, 0));
  } finally {
    closeSync(file);
  }
}

/** Whether this system has a /proc that shows this process. */
export const hasProc = orUndefined(() => readSmall('/proc/self/stat')) !== undefined;

/** PF_KTHREAD of Linux: a thread of the kernel's own. */
const KERNEL_THREAD = 0x0020_0000;

/** Reads /proc/PID/stat. */
export function readStat(pid: number): Reading {
  let text: string;
  try {
    text = readSmall(`/proc/${pid}/stat`);
  } catch (error) {
    const code = errorCode(error);
    return code === 'ENOENT' || code === 'ESRCH' ? 'none' : 'unknown';
  }
  // The name is in parentheses and may hold anything, so fields are counted from the last one. [0] is field 3.
  const end = text.lastIndexOf(')');
  const fields = text.slice(end + 2).split(' ');
  const state = fields[0];
  // A process whose main thread has ended while others go on shows as a zombie too, with more than one thread.
  const dead = state === 'X' || state === 'x' || (state === 'Z' && Number(fields[17]) <= 1);
  const isKernels = (Number(fields[6]) & KERNEL_THREAD) !== 0;
  return {
    pid,
    name: text.slice(text.indexOf('(') + 1, end).replace(/[^\x20-\x7e]/g, '?'),
    parent: Number(fields[1]),
    group: Number(fields[2]),
    session: Number(fields[3]),
    startTime: fields[19] ?? '',
    dead,
    environmentBytes: isKernels ? 0 : environmentBytes(fields),
  };
}

/** That process, if it lives and is still the same. */
export function readLiving(pid: number, startTime: string): ProcessStat | undefined {
  const stat = readStat(pid);
  return typeof stat === 'string' || stat.dead || stat.startTime !== startTime ? undefined : stat;
}

/** A process that cannot be read may live: better to wait than to start the command elsewhere too early. */
export function mayLive(pid: number, startTime: string): boolean {
  return readStat(pid) === 'unknown' || readLiving(pid, startTime) !== undefined;
}

/** Fields 50 and 51 of stat are the addresses of its begin and end; field 26, the program's, is set after them. */
function environmentBytes(fields: readonly string[]): number | undefined {
  return fields[23] === '0' ? undefined : Number(fields[48]) - Number(fields[47]);
}

/** How often an environment that changes meanwhile is read. */
const READINGS = 3;

/**
 * Whether the environment of a process holds all of these `NAME=value` entries. `'unknown'`: it could not be seen at
 * this moment, for a program that is just being executed. The environment of another user's process is not shown, and
 * counts as one without them.
 */
export function environmentHolds(pid: number, entries: readonly string[]): boolean | 'unknown' {
  for (let reading = 1; reading <= READINGS; reading++) {
    let environment: Buffer;
    try {
      environment = readFileSync(`/proc/${pid}/environ`);
    } catch (error) {
      return ['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(errorCode(error) ?? '') ? false : 'unknown';
    }
    const all = environment.toString().split('\0');
    if (entries.every((entry) => all.includes(entry))) return true;
    const stat = readStat(pid);
    if (stat === 'unknown') return stat;
    // What was read is all that there is.
    if (stat === 'none' || stat.dead || stat.environmentBytes === environment.length) return false;
  }
  return 'unknown';
}

/** A variable of the environment that a process was started with; `undefined` without it, or when that is not shown. */
export function environmentValue(pid: number, name: string): string | undefined {
  // It may have ended, or be another user's.
  const entries = orUndefined(() => readFileSync(`/proc/${pid}/environ`).toString().split('\0'));
  return entries?.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);
}

/** All processes that are shown, in ascending order; `undefined` when they cannot be listed. */
export function listProcesses(): number[] | undefined {
  const pids = orUndefined(() => readdirSync('/proc').map(Number));
  return pids?.filter((pid) => pid > 0).toSorted((a, b) => a - b);
}

/** The numbers from `first` to `last` that name a process or a thread. */
export function numbersInUse(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i).filter((pid) => existsSync(`/proc/${pid}`));
}

/** The process number that was given out last; `undefined` when the kernel does not say. */
export function lastProcess(): number | undefined {
  return numberIn(() => readSmall('/proc/loadavg'), / ([1-9]\d*)\n$/);
}

/** How many processes and threads the machine has started since its boot; `undefined` when the kernel does not say. */
export function countStarts(): number | undefined {
  return numberIn(() => readFileSync('/proc/stat', 'latin1'), /^processes (\d+)$/m);
}

/** The number up to which processes are numbered, then from 300 on again; 0 when the kernel does not say. */
export function highestProcess(): number {
  return numberIn(() => readSmall('/proc/sys/kernel/pid_max'), /^(\d+)/) ?? 0;
}

/** What the pattern finds in a file of the kernel's. */
function numberIn(read: () => string, pattern: RegExp): number | undefined {
  const [, number] = pattern.exec(orUndefined(read) ?? '') ?? [];
  return number === undefined ? undefined : Number(number);
}

/** `refused`: the kernel does not let us signal it. */
export type Delivery = 'sent' | 'gone' | 'refused';

/** Sends a signal to a process, or to a group by its negative number. */
export function send(target: number, signal: NodeJS.Signals | 0): Delivery {
  try {
    process.kill(target, signal);
    return 'sent';
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ESRCH') return 'gone';
    if (code === 'EPERM') return 'refused';
    throw error;
  }
}

/** Whether a process, or a group (negative), is known to the kernel, zombies too, and may be signalled. */
export const ask = (target: number): Delivery => send(target, 0);
