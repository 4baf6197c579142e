/** What belongs to a run of the command: which processes, signals to all of them, and when none is left. */
import { type Clock, sleep, systemClock } from '../clock.ts';
import {
  ask,
  countStarts,
  type Delivery,
  environmentHolds,
  hasProc,
  lastProcess,
  listProcesses,
  mayLive,
  namesOf,
  type ProcessName,
  type ProcessStat,
  readLiving,
  readStat,
  send,
} from './proc.ts';
import { isPopulated, killAll, membersOf } from './cgroup.ts';
import { carriesAnotherMark } from './mark.ts';
import { ProcessNumbers } from './process-numbers.ts';

/**
 * The process that the command was started as: leader of a process group and session of its own. `startTime` is field
 * 22 of `/proc/PID/stat` (clock ticks since boot, as text), which tells it from a later one with the same number;
 * `undefined` where it cannot be known.
 */
export interface GroupIdentity {
  readonly pgid: number;
  readonly startTime: string | undefined;
  /** The machine's count of starts at its start; `undefined`: not known, so every process is looked at. */
  readonly startsBefore?: number | undefined;
  /** The folder of the cgroup that is this run's alone. It may be empty, or not be there. */
  readonly cgroup?: string | undefined;
}

/** What supervisor and keeper need to stop a run. Plain data: the supervisor sends it to the keeper. */
export interface RunTraits {
  readonly group: GroupIdentity;
  /** Entries of the environment (`NAME=value`) that only processes of this run carry all of. Empty: not to be used. */
  readonly mark: readonly string[];
}

/** Reports about the run: to the supervisor's log, or to the keeper's stderr. */
export type Report = (message: string, fields: Readonly<Record<string, string>>) => void;

/** The wait for a run's end looks at growing intervals, from the first to the last of these, ms. */
const POLL_MS = { first: 2, growth: 1.5, last: 50 } as const;

/** How often processes that cannot be signalled are reported, ms. */
const REFUSED_AGAIN_MS = 60_000;

/** How many looks in a row, in some 200 ms, wait for a process that executes a new program. */
const LOOKS_IN_TRANSIT = 20;

/**
 * The processes of one run: every process of the session that the command was started in, whatever process group it
 * has moved to; every process that left the session but carries the run's mark in its environment, unless it is older
 * than the command; and, where the run has a cgroup of its own, all that is in it. Zombies count as gone, since in a
 * container nobody may reap them.
 *
 * The session is told from a later one with the same number: the kernel does not give a number out again while it names
 * a session with members, so another start time of its leader proves that the whole session is gone.
 *
 * Where there is no `/proc`, the number of the process group alone decides (`kill(-pgid, 0)`): then zombies count as
 * alive until somebody reaps them, and a number that was used again between two looks is not noticed.
 */
export class RunProcesses {
  readonly identity: GroupIdentity;
  readonly #mark: readonly string[];
  readonly #report: Report;
  readonly #clock: Clock;
  readonly #numbers: ProcessNumbers;
  #gone = false;
  /** Processes that the last look saw alive: while one of them lives, no new look is needed. */
  #members: readonly ProcessStat[] = [];
  /** Process groups of the session that the last of these looks found. */
  #groups: ReadonlySet<number> = new Set();
  /** Looks in a row that could not tell whose a process is, because it was executing a new program. */
  #looksInTransit = 0;
  /** The last look could not read something. */
  #isBlind = false;
  #refusedSaidAt = -Infinity;

  constructor({ group, mark }: RunTraits, report: Report, clock: Clock = systemClock) {
    this.identity = group;
    this.#mark = mark;
    this.#report = report;
    this.#clock = clock;
    this.#numbers = new ProcessNumbers(group.pgid, group.startsBefore);
  }

  /** The processes of a run whose leader has just been started and cannot have been reaped yet. */
  static startedAs(
    leader: number,
    { mark, cgroup }: { readonly mark: readonly string[]; readonly cgroup?: string | undefined },
    report: Report,
    clock: Clock,
  ): RunProcesses {
    const stat = hasProc ? readStat(leader) : 'unknown';
    const startTime = typeof stat === 'string' ? undefined : stat.startTime;
    const group = { pgid: leader, startTime, startsBefore: countStarts(), ...(cgroup !== undefined && { cgroup }) };
    return new RunProcesses({ group, mark }, report, clock);
  }

  /** Sends a signal to all of them. Never throws for a run that is gone. Reports processes that it may not signal. */
  signal(signal: NodeJS.Signals): Delivery {
    if (this.#gone) return 'gone';
    if (!hasProc) return this.#signalGroup(signal);
    const leader = this.#leader();
    // Known processes come first: a look at all processes of a large machine may take longer than the lease still
    // lasts.
    const known = this.#members.map(({ pid, startTime }) => readLiving(pid, startTime));
    const targets = this.#targetsOf(
      known.filter((stat) => stat !== undefined),
      signal,
    );
    if (leader === 'alive' || leader === 'ended') targets.add(-this.identity.pgid);
    for (const target of targets) send(target, signal);
    const { cgroup } = this.identity;
    if (signal === 'SIGKILL' && cgroup !== undefined) killAll(cgroup);
    this.#members = this.#look(leader !== 'replaced');
    if (targets.size === 0 && this.#members.length === 0 && !this.isAlive()) return 'gone';
    for (const target of this.#targetsOf(this.#members, signal)) if (!targets.has(target)) send(target, signal);
    const refused = this.#members.filter(({ pid }) => ask(pid) === 'refused');
    const isHidden = this.#members.length === 0 && this.#isHidden(leader !== 'replaced');
    if (refused.length === 0 && !isHidden) return 'sent';
    this.#sayRefused(refused, signal);
    return 'refused';
  }

  /** Whether anything of the run still lives. Once false, false for ever. */
  isAlive(): boolean {
    if (this.#gone) return false;
    const alive = hasProc ? this.#anyAlive() : ask(-this.identity.pgid) !== 'gone';
    if (!alive) this.#members = [];
    this.#gone = !alive;
    return alive;
  }

  /** The processes that live, without the leader: what the command leaves behind when it has ended. */
  followers(): ProcessName[] {
    if (this.#gone || !hasProc) return [];
    this.#members = this.#look(this.#leader() !== 'replaced');
    return this.#members.filter(({ pid }) => pid !== this.identity.pgid);
  }

  /** Whether the command itself lives, not only what it has started. */
  get leaderLives(): boolean {
    if (this.#gone) return false;
    return hasProc ? this.#leader() === 'alive' : ask(this.identity.pgid) !== 'gone';
  }

  /** Resolves when nothing is left: at once when that is so already. Rejects with the reason of an abort. */
  async untilGone(clock: Clock, signal?: AbortSignal): Promise<void> {
    let interval: number = POLL_MS.first;
    while (this.isAlive()) {
      await sleep(clock, interval, signal);
      interval = Math.min(interval * POLL_MS.growth, POLL_MS.last);
    }
  }

  #anyAlive(): boolean {
    const leader = this.#leader();
    if (leader === 'alive') return true;
    if (this.#members.some(({ pid, startTime }) => mayLive(pid, startTime))) return true;
    const { cgroup } = this.identity;
    if (cgroup !== undefined && isPopulated(cgroup)) return true;
    const hasSession = leader !== 'replaced';
    this.#members = this.#look(hasSession);
    if (this.#members.length > 0 || this.#isBlind || this.#isHidden(hasSession)) return true;
    return this.#looksInTransit > 0 && this.#looksInTransit <= LOOKS_IN_TRANSIT;
  }

  #isInSession({ session }: ProcessStat): boolean {
    return session === this.identity.pgid;
  }

  /**
   * Which of these get the signal: process or group numbers. A ballot inside the command stops its own command, with
   * its own grace. That command is in the cgroup too, and is left to the inner ballot until SIGKILL.
   */
  #targetsOf(members: readonly ProcessStat[], signal: NodeJS.Signals): Set<number> {
    const all = signal === 'SIGKILL' || this.identity.cgroup === undefined;
    const isLeft = (member: ProcessStat): boolean =>
      !all && !this.#isInSession(member) && carriesAnotherMark(member.pid, this.#mark);
    return new Set(members.filter((member) => !isLeft(member)).map((member) => this.#targetOf(member)));
  }

  /** By group where that is safe: a process group lies within one session, and nobody in it can fork out of the way. */
  #targetOf(member: ProcessStat): number {
    return this.#isInSession(member) ? -member.group : member.pid;
  }

  /** Without /proc. */
  #signalGroup(signal: NodeJS.Signals): Delivery {
    const delivery = send(-this.identity.pgid, signal);
    this.#gone = delivery === 'gone';
    if (delivery === 'refused') this.#sayRefused([], signal);
    return delivery;
  }

  /** `ended`: a zombie. `replaced`: its number names another process, so nothing of its session is left. */
  #leader(): 'alive' | 'ended' | 'missing' | 'replaced' {
    const stat = readStat(this.identity.pgid);
    if (stat === 'none') return 'missing';
    if (stat === 'unknown') return 'alive';
    const { startTime } = this.identity;
    if (startTime !== undefined && stat.startTime !== startTime) return 'replaced';
    return stat.dead ? 'ended' : 'alive';
  }

  /**
   * Looks again, once, if something may have been missed: a member that forks and ends may put its child where it was
   * looked for already, and one that executes a program shows no environment.
   */
  #look(hasSession: boolean): ProcessStat[] {
    const before = lastProcess();
    const found = this.#lookOnce(before, hasSession);
    const isAllSeen = found.length > 0 || (before !== undefined && before === lastProcess());
    return isAllSeen && this.#looksInTransit === 0 ? found : this.#lookOnce(lastProcess(), hasSession);
  }

  #lookOnce(last: number | undefined, hasSession: boolean): ProcessStat[] {
    this.#isBlind = false;
    let inTransit = false;
    const found: ProcessStat[] = [];
    const numbers = this.#numbers.upTo(last);
    if (numbers === undefined) this.#isBlind = true;
    for (const pid of numbers ?? []) {
      const stat = readStat(pid);
      if (stat === 'unknown') this.#isBlind = true;
      if (typeof stat === 'string' || stat.dead || this.#isOlder(stat)) continue;
      const belongs = (hasSession && this.#isInSession(stat)) || this.#isMarked(pid);
      inTransit ||= belongs === 'unknown';
      if (belongs === true) found.push(stat);
    }
    this.#looksInTransit = inTransit ? this.#looksInTransit + 1 : 0;
    found.push(...this.#othersInCgroup(found));
    if (found.length === 0) return found;
    const members = withoutThreads(found);
    this.#groups = new Set(members.filter((member) => this.#isInSession(member)).map(({ group }) => group));
    return members;
  }

  /** Processes of the run's cgroup that were found neither by session nor by mark. */
  #othersInCgroup(found: readonly ProcessStat[]): ProcessStat[] {
    const { cgroup } = this.identity;
    if (cgroup === undefined) return [];
    const unseen = membersOf(cgroup).filter((pid) => !found.some((member) => member.pid === pid));
    return unseen.map(readStat).filter((stat): stat is ProcessStat => typeof stat !== 'string' && !stat.dead);
  }

  #isOlder({ startTime }: ProcessStat): boolean {
    return Number(startTime) < Number(this.identity.startTime ?? 0);
  }

  #isMarked(pid: number): boolean | 'unknown' {
    return this.#mark.length > 0 && environmentHolds(pid, this.#mark);
  }

  /** Whether a group has members that /proc hides (`hidepid`) and we may not signal: the kernel answers for it. */
  #isHidden(hasSession: boolean): boolean {
    const groups = hasSession ? [this.identity.pgid, ...this.#groups] : [];
    const refusing = groups.filter((group) => ask(-group) === 'refused');
    if (refusing.length === 0) return false;
    const shown = (listProcesses() ?? []).map(readStat).map((stat) => (typeof stat === 'string' ? 0 : stat.group));
    return refusing.some((group) => !shown.includes(group));
  }

  #sayRefused(refused: readonly ProcessName[], signal: NodeJS.Signals): void {
    const now = this.#clock.now();
    if (now < this.#refusedSaidAt + REFUSED_AGAIN_MS) return;
    this.#refusedSaidAt = now;
    this.#report(
      'processes of the command run as another user, and ballot may not signal them (EPERM): ' +
        'the run is not over before they end. Stop them as that user; ' +
        'and run ballot as that user, or as root, instead of sudo or su in the command',
      { signal, processes: refused.length === 0 ? `group ${this.identity.pgid}` : namesOf(refused) },
    );
  }
}

/** Without threads: the number of a thread can be looked up like that of a process. */
function withoutThreads(found: ProcessStat[]): ProcessStat[] {
  const processes = new Set(listProcesses() ?? found.map(({ pid }) => pid));
  return found.filter(({ pid }) => processes.has(pid));
}
