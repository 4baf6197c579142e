import { readdirSync, readFileSync } from 'node:fs';
import { type Clock, sleep } from '../clock.ts';

/**
 * What tells a process group from a later one with the same number. Plain data: the supervisor hands it to the keeper.
 * `startTime` is field 22 of `/proc/PID/stat` of the leader (clock ticks since boot, as text); `undefined` where it cannot be known.
 */
export interface GroupIdentity {
  readonly pgid: number;
  readonly startTime: string | undefined;
}

/** `refused`: the kernel does not let us signal any member (all changed to another user). */
export type Delivery = 'sent' | 'gone' | 'refused';

/** The wait for a group's end asks at intervals that grow from the first to the last of these, ms. */
const POLL_MS = { first: 2, growth: 1.5, last: 50 } as const;

interface ProcessStat {
  readonly group: number;
  readonly session: number;
  readonly startTime: string;
  readonly dead: boolean;
}

const hasProc = ((): boolean => {
  try {
    readFileSync('/proc/self/stat');
    return true;
  } catch {
    return false;
  }
})();

function errorCode(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | null)?.code;
}

/** `'none'`: no such process. `'unknown'`: it could not be read for another reason (out of descriptors, say). */
function readStat(pid: number): ProcessStat | 'none' | 'unknown' {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch (error) {
    const code = errorCode(error);
    return code === 'ENOENT' || code === 'ESRCH' ? 'none' : 'unknown';
  }
  // proc(5): the command's name is in parentheses and may hold anything, so fields are counted from the last one. [0] is field 3.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const state = fields[0];
  // A process whose main thread has ended while others go on shows as a zombie too, with more than one thread: it lives.
  const dead = state === 'X' || state === 'x' || (state === 'Z' && Number(fields[17]) <= 1);
  return { group: Number(fields[2]), session: Number(fields[3]), startTime: fields[19] ?? '', dead };
}

/** True while the kernel knows a process of that group, be it a zombie. */
function numberInUse(pgid: number): boolean {
  try {
    process.kill(-pgid, 0);
    return true;
  } catch (error) {
    return errorCode(error) !== 'ESRCH';
  }
}

/**
 * The process group and session that a command was started in. It is only ever signalled while it is still the one that was started:
 * the kernel does not hand out a process number again while it names a group with members (pid_namespaces(7), `alloc_pid`), so another
 * start time of the leader proves that the whole group is gone, and a missing leader leaves the members to be looked up by group and session.
 * Zombies count as gone, since in a container nobody may reap them.
 *
 * Where there is no `/proc`, the number alone decides (`kill(-pgid, 0)`): then zombies count as alive until somebody reaps them, and a
 * number that was reused between two looks is not noticed.
 */
export class ProcessGroup {
  readonly identity: GroupIdentity;
  #gone = false;
  /** Members seen alive by the last look through /proc: asking them again spares the next one. */
  #members: readonly number[] = [];

  constructor(identity: GroupIdentity) {
    this.identity = identity;
  }

  /** Notes the identity of a group whose leader has just been started and cannot have been reaped yet. */
  static startedBy(leader: number): ProcessGroup {
    const stat = hasProc ? readStat(leader) : 'unknown';
    return new ProcessGroup({ pgid: leader, startTime: typeof stat === 'string' ? undefined : stat.startTime });
  }

  /** Sends a signal to every member. Never throws for a group that is gone. */
  signal(signal: NodeJS.Signals): Delivery {
    if (this.#leader() !== 'present' && !this.isAlive()) return 'gone';
    try {
      process.kill(-this.identity.pgid, signal);
      return 'sent';
    } catch (error) {
      if (errorCode(error) === 'EPERM') return 'refused';
      if (errorCode(error) !== 'ESRCH') throw error;
      this.#gone = true;
      return 'gone';
    }
  }

  /** Whether any member still lives. Once false, false for ever. Costs one system call when the group's number is free. */
  isAlive(): boolean {
    if (this.#gone) return false;
    if (!numberInUse(this.identity.pgid)) return this.#isGone();
    if (!hasProc) return true;
    const leader = this.#leader();
    if (leader === 'replaced') return this.#isGone();
    if (leader === 'present' && !this.#isDead(this.identity.pgid)) return true;
    if (this.#members.some((pid) => this.#isMember(pid))) return true;
    // Twice: a member that forks and ends during the look may put its child behind the place that has been looked at.
    this.#members = this.#findMembers();
    if (this.#members.length === 0) this.#members = this.#findMembers();
    return this.#members.length > 0 || this.#isGone();
  }

  /**
   * Resolves when no member is left: at once, without a timer, when that is so already. Rejects with the signal's reason when aborted.
   */
  async untilGone(clock: Clock, signal?: AbortSignal): Promise<void> {
    let interval: number = POLL_MS.first;
    while (this.isAlive()) {
      await sleep(clock, interval, signal);
      interval = Math.min(interval * POLL_MS.growth, POLL_MS.last);
    }
  }

  #isGone(): false {
    this.#gone = true;
    this.#members = [];
    return false;
  }

  #leader(): 'present' | 'missing' | 'replaced' {
    if (this.#gone) return 'missing';
    const stat = hasProc ? readStat(this.identity.pgid) : 'none';
    if (stat === 'none') return 'missing';
    if (stat === 'unknown' || this.identity.startTime === undefined) return 'present';
    return stat.startTime === this.identity.startTime ? 'present' : 'replaced';
  }

  #isDead(pid: number): boolean {
    const stat = readStat(pid);
    return stat === 'none' || (stat !== 'unknown' && stat.dead);
  }

  #isMember(pid: number): boolean {
    const stat = readStat(pid);
    if (stat === 'none') return false;
    // What cannot be read may be a member: better to wait than to start the command elsewhere too early.
    if (stat === 'unknown') return this.#members.includes(pid);
    return !stat.dead && stat.group === this.identity.pgid && stat.session === this.identity.pgid;
  }

  #findMembers(): number[] {
    let names: string[];
    try {
      names = readdirSync('/proc');
    } catch {
      return [this.identity.pgid];
    }
    return names.map(Number).filter((pid) => pid > 0 && this.#isMember(pid));
  }
}
