/**
 * The execution of a will, in the keeper process. It must not depend on anything that the supervisor could have
 * delayed, so it has its own timers.
 */
import { closeSync, constants, openSync, write, writeSync } from 'node:fs';
import { removeCgroup } from '../command/cgroup.ts';
import { environmentHolds, listProcesses, namesOf, readStat } from '../command/proc.ts';
import { type GroupIdentity, type Report, RunProcesses } from '../command/run-processes.ts';
import { sleep, systemClock } from '../clock.ts';
import { within } from '../waiting.ts';
import { actsAt, type Will, type WillCommand } from './will.ts';

/** SIGKILL is repeated for as long as the run is there: a member may have forked in between, ms. */
const KILL_AGAIN_MS = 50;

/**
 * Checks in a row that found no word of the supervisor. Checks are counted, not time: a keeper that itself stood still
 * has not read its messages yet.
 */
const SILENT_CHECKS = 3;

/** How long a slow reader of stderr is waited for before the keeper ends, ms. */
const SAY_WITHIN_MS = 500;

/** Why a will is executed: the supervisor has died, or it lives and did not run in time. */
type Cause = 'gone' | 'silent';

/** What became of the lease. `undefined`: the will names none. */
type Release = 'released' | 'left' | undefined;

/** What a keeper does about its wills besides stopping commands. */
export interface Estate {
  /** Tells that the keeper obeys no more: it executes every will. */
  begin(): void;
  /** Tells that the will of this election alone is executed, and that it was. */
  beginOne(election: string): void;
  doneOne(election: string): void;
  /** Gives up the lease that a will holds; `alone`: the session goes on, so the proposal is deleted as well. */
  release(will: Will, alone: boolean): Promise<Release>;
  /** Ends session and keeper. */
  end(): void;
  /** Ends the keeper. Its session is another keeper's. */
  endWithoutSession(): void;
}

/** One election's will, and what becomes of it. */
interface Entry {
  will: Will;
  /** Takes back the timer of the will's instant. */
  disarm: (() => void) | undefined;
  /** Resolves when it was executed. */
  execution: Promise<void> | undefined;
  /** The will that has arrived meanwhile, and counts afterwards. */
  next: Will | undefined;
}

/**
 * Holds the present wills, one for each election of the supervisor, and executes each once: all of them when the
 * supervisor is gone; one, when its own instant has passed and there are others, whose commands and session are not
 * touched.
 */
export class Executor {
  readonly #estate: Estate;
  /** The parent of an orphan is another one. */
  readonly #supervisor = process.ppid;
  readonly #entries = new Map<string, Entry>();
  #executing = false;
  #handedOver = false;
  #silentChecks = 0;

  constructor(estate: Estate) {
    this.#estate = estate;
  }

  /** Every will is executed: no command of the supervisor counts any more. */
  get executing(): boolean {
    return this.#executing;
  }

  /** Whether the lease in this znode is being given up. */
  isGivingUp(path: string): boolean {
    return [...this.#entries.values()].some(({ will, execution }) => execution && will.lease?.path === path);
  }

  /**
   * To be called twice a session timeout. A supervisor that stands still while nothing runs would keep its place in the
   * queue through its keeper, and hold up all candidates behind it. So after two session timeouts without a message the
   * keeper gives the place up. (A supervisor sends messages more often.) While a command runs, or a lease is held, the
   * will's instants decide: what works for a term of which the keeper knows no command counts on the whole lease.
   */
  checkSupervisor(): void {
    this.#silentChecks++;
    const acts = [...this.#entries.values()].some(
      ({ will }) => will.commands.length > 0 || will.instants !== undefined,
    );
    if (this.#silentChecks > SILENT_CHECKS && !acts) void this.execute('silent');
  }

  /** The supervisor has said something. */
  hear(): void {
    this.#silentChecks = 0;
  }

  /** Replaces the will of its election; one that is being executed is replaced once that is done. */
  accept(will: Will): void {
    if (this.#executing || this.#handedOver) return;
    const entry = this.#entries.get(will.election);
    if (entry?.execution !== undefined) return void (entry.next = will);
    entry?.disarm?.();
    const at = actsAt(will);
    const disarm = at === undefined ? undefined : systemClock.at(at, () => this.#due(will.election));
    this.#entries.set(will.election, { will, disarm, execution: undefined, next: undefined });
  }

  /** The supervisor stands in this election no more. */
  revoke(election: string): void {
    const entry = this.#entries.get(election);
    if (entry?.execution !== undefined) return void (entry.next = undefined);
    entry?.disarm?.();
    this.#entries.delete(election);
  }

  /** Another keeper has the session, and every will that this one has not begun to execute. */
  async handOver(): Promise<void> {
    this.#handedOver = true;
    for (const election of [...this.#entries.keys()]) this.revoke(election);
    await Promise.all([...this.#entries.values()].map(async ({ execution }) => execution));
    this.#estate.endWithoutSession();
  }

  /** An election that is alone takes the session along, as a supervisor that is gone does. */
  #due(election: string): void {
    const entry = this.#entries.get(election);
    if (this.#entries.size === 1 || entry === undefined) return void this.execute('silent');
    entry.disarm?.();
    this.#estate.beginOne(election);
    entry.execution = this.#settle(entry.will, 'silent', true).then(() => {
      this.#entries.delete(election);
      this.#estate.doneOne(election);
      if (entry.next !== undefined) this.accept(entry.next);
    });
  }

  /** Stops every command, then releases. Never rejects: what it cannot do is left to the end of the leases. */
  async execute(cause: Cause): Promise<void> {
    if (this.#executing || this.#handedOver) return;
    this.#executing = true;
    for (const { disarm } of this.#entries.values()) disarm?.();
    const entries = [...this.#entries.values()];
    this.#estate.begin();
    await Promise.all(entries.map((entry) => this.#settleAll(entry, cause)));
    this.#estate.end();
  }

  async #settleAll(entry: Entry, cause: Cause): Promise<void> {
    if (entry.execution === undefined) return this.#settle(entry.will, cause, false);
    await entry.execution;
    if (entry.next !== undefined) await this.#settle(entry.next, cause, false);
  }

  async #settle(will: Will, cause: Cause, alone: boolean): Promise<void> {
    const ends = await Promise.all(will.commands.map((command) => stopCommand(command, will.instants)));
    const release = await this.#estate.release(will, alone);
    await this.#sayWhatWasDone(cause, ends, release && { release, path: will.lease?.path ?? '' });
  }

  /** A supervisor that was killed logs nothing: this is the only line about it on this host. */
  async #sayWhatWasDone(
    cause: Cause,
    ends: readonly string[],
    lease: { readonly release: Release; readonly path: string } | undefined,
  ): Promise<void> {
    const done = [
      ...ends,
      ...(lease?.release === 'released' ? [`the lease of ${lease.path} is released, the next candidate may lead`] : []),
      ...(lease?.release === 'left' ? [`the lease of ${lease.path} could not be released and runs out by itself`] : []),
    ];
    if (done.length === 0) return;
    const why = cause === 'gone' ? 'was killed or has crashed' : 'did not run in time';
    const told = say(`the supervisor (pid ${this.#supervisor}) ${why}, its keeper acts for it: ${done.join('; ')}`);
    await within(systemClock, told, { at: systemClock.now() + SAY_WITHIN_MS }).catch(() => undefined);
  }
}

/** Resolves when nothing of the run is left, to a text that says what was done. */
async function stopCommand(command: WillCommand, instants: Will['instants']): Promise<string> {
  const group = command.group ?? (await lookForGroup(command.mark));
  if (group === undefined) return `run ${command.runId} had not been started`;
  const report: Report = (message, fields) => void say(`run ${command.runId}: ${message}`, fields);
  const run = new RunProcesses({ group, mark: command.mark }, report);
  const had = run.isAlive();
  sayLeftBehind(run, report);
  const killAt = Math.min(systemClock.now() + command.killAfter, instants?.killAt ?? Infinity);
  if (!command.signalled && systemClock.now() < killAt) {
    run.signal(command.stopSignal);
    // A stopped process takes its signal only when it is continued.
    run.signal('SIGCONT');
  }
  await goneBy(run, killAt);
  while (run.isAlive()) {
    run.signal('SIGKILL');
    await goneBy(run, systemClock.now() + KILL_AGAIN_MS);
  }
  // The release does not wait for it. What is left is removed by the next ballot that starts here.
  if (group.cgroup !== undefined) void removeCgroup(group.cgroup).catch(() => undefined);
  return `run ${command.runId} ${had ? 'is stopped' : 'had ended'}`;
}

function sayLeftBehind(run: RunProcesses, report: Report): void {
  if (run.leaderLives) return;
  const left = run.followers();
  if (left.length === 0) return;
  report('the command has ended and left processes behind; stopping them', { processes: namesOf(left) });
}

/** Resolves when the run is gone, or at `at`. */
async function goneBy(run: RunProcesses, at: number): Promise<void> {
  const over = new AbortController();
  await within(systemClock, run.untilGone(systemClock, over.signal), { at }).catch(() => undefined);
  over.abort();
}

/**
 * How often, and at what interval in ms, a command that was being started is looked for: between fork and exec it still
 * has its supervisor's environment.
 */
const LOOKS = { times: 10, every: 20 };

async function lookForGroup(mark: readonly string[]): Promise<GroupIdentity | undefined> {
  for (let look = 1; ; look++) {
    const found = findGroup(mark);
    if (found !== undefined || look === LOOKS.times) return found;
    await sleep(systemClock, LOOKS.every);
  }
}

/**
 * The session of a command that was being started when its supervisor died: the oldest process that carries the mark.
 * `undefined`: it was not started any more, or there is no /proc to find it in.
 */
function findGroup(mark: readonly string[]): GroupIdentity | undefined {
  for (const pid of listProcesses() ?? []) {
    if (environmentHolds(pid, mark) !== true) continue;
    const stat = readStat(pid);
    if (typeof stat === 'string' || stat.dead) continue;
    const leader = readStat(stat.session);
    // Without its leader the age of the run is not known: every process with the mark belongs to it.
    return { pgid: stat.session, startTime: typeof leader === 'string' ? undefined : leader.startTime };
  }
  return undefined;
}

/**
 * A line on stderr, which is ballot's own. A reader that does not read does not hold up the will: then the line is
 * lost. Resolves when it is read, or lost.
 */
function say(message: string, fields: Readonly<Record<string, string>> = {}): Promise<void> {
  const facts = Object.values(fields).join(', ');
  const line = `ballot: ${message}${facts === '' ? '' : ` (${facts})`}\n`;
  try {
    // Opened anew, it does not block, and the description that the command may share stays as it is.
    const file = openSync('/proc/self/fd/2', constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK);
    try {
      writeSync(file, line);
    } finally {
      closeSync(file);
    }
    return Promise.resolve();
  } catch {
    // A socket cannot be opened. Another thread writes, and waits if it has to.
    return new Promise((resolve) => write(2, line, () => resolve()));
  }
}
