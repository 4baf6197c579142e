/** Processes that an election's files name, and those that have an election's file open. */
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { environmentHolds, listProcesses, type ProcessName, readLiving, readStat } from '../command/proc.ts';

/** A process as other processes of the host can know it: a number alone is given out again. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: clock ticks from the boot to its start. */
  readonly startTime: string;
  /** The boot, and the namespace that the number belongs to. */
  readonly space: string;
}

let ownSpace: string | undefined;

function space(): string {
  return (ownSpace ??= `${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()} ${namespace()}`);
}

const namespace = (): string => readlinkSync('/proc/self/ns/pid');

/** A process of this host that lives. `startTime` is empty when it has just ended: then it counts as dead. */
export function identityOf(pid: number): ProcessIdentity {
  const stat = readStat(pid);
  return { pid, startTime: typeof stat === 'string' ? '' : stat.startTime, space: space() };
}

/**
 * Whether a process lives. One in another namespace of this boot (a container that shares the folder) is not seen from
 * here, and counts as alive.
 */
export function lives({ pid, startTime, space: where }: ProcessIdentity): boolean {
  return where === space() ? readLiving(pid, startTime) !== undefined : isOfThisBoot({ space: where });
}

/** Whether a process was started since the host was, in whatever namespace. */
export function isOfThisBoot({ space: where }: Pick<ProcessIdentity, 'space'>): boolean {
  const [boot = ''] = space().split(' ');
  return where.startsWith(`${boot} `);
}

/** Whether it is stopped by a signal (SIGSTOP) or a debugger. False when it is not seen from here. */
export function isStopped({ pid, startTime, space: where }: ProcessIdentity): boolean {
  if (where !== space() || readLiving(pid, startTime) === undefined) return false;
  try {
    return /\) [Tt] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    // It has ended meanwhile.
    return false;
  }
}

/** Processes whose environment holds all of these `NAME=value` entries, as far as they are shown to this user. */
export function processesWith(entries: readonly string[]): ProcessName[] {
  if (entries.length === 0) return [];
  const found = (listProcesses() ?? []).filter(
    (pid) => pid !== process.pid && environmentHolds(pid, entries) !== false,
  );
  return found.map(readStat).filter((stat) => typeof stat !== 'string' && !stat.dead) as ProcessName[];
}

/** The file that a descriptor or a path stands for. */
export interface FileIdentity {
  readonly dev: number;
  readonly ino: number;
}

/** Processes, but this one, that hold the lock of this file, as far as they are shown to this user. */
export function holdersOf(file: FileIdentity): ProcessName[] {
  const holds = (pid: number): boolean => {
    try {
      return readdirSync(`/proc/${pid}/fd`).some((fd) => isLockedHere(pid, fd, file));
    } catch {
      // It has ended, or is another user's.
      return false;
    }
  };
  const found = (listProcesses() ?? []).filter((pid) => pid !== process.pid && holds(pid));
  return found.map(readStat).filter((stat) => typeof stat !== 'string');
}

/** The kernel shows a lock with the open file that carries it: others have the same file open and wait. */
function isLockedHere(pid: number, fd: string, { dev, ino }: FileIdentity): boolean {
  try {
    const stats = statSync(`/proc/${pid}/fd/${fd}`);
    if (stats.ino !== ino || stats.dev !== dev) return false;
    return /^lock:.*FLOCK/m.test(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'latin1'));
  } catch {
    // The descriptor was closed meanwhile.
    return false;
  }
}
