/**
 * The execution of a will, in the keeper process. It must not depend on anything that the supervisor could have delayed, so it has its own timers.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { type GroupIdentity, ProcessGroup } from '../child/group.ts';
import { sleep, sleepUntil, systemClock } from '../clock.ts';
import type { Will, WillCommand } from './port.ts';
import { actsAt } from './will-instants.ts';

/** SIGKILL is repeated for as long as the group is there: a member may have forked in between, ms. */
const KILL_AGAIN_MS = 50;

/** Checks in a row that found no word of the supervisor. Checks are counted, not time: a keeper that itself stood still has not read its messages yet. */
const SILENT_CHECKS = 3;

/** Holds the present will, and executes it once: when told to, or when its instant has passed. */
export class Executor {
  readonly #release: (will: Will) => Promise<void>;
  #will: Will = { commands: [] };
  #disarm: (() => void) | undefined;
  #executing = false;
  #silentChecks = 0;

  /** `release` gives up what the will holds and ends the keeper. */
  constructor(release: (will: Will) => Promise<void>) {
    this.#release = release;
  }

  get executing(): boolean {
    return this.#executing;
  }

  /**
   * To be called twice a session timeout. A supervisor that stands still while nothing runs would keep its place in the queue through its keeper, and hold up everybody behind it:
   * after two session timeouts at most without a word (it asks after its keeper more often) the place is given up. While a command runs, the will's instants decide.
   */
  checkSupervisor(): void {
    this.#silentChecks++;
    if (this.#silentChecks > SILENT_CHECKS && this.#will.commands.length === 0) void this.execute();
  }

  /** The supervisor has said something. */
  hear(): void {
    this.#silentChecks = 0;
  }

  /** Replaces the will. Too late once it is being executed. */
  accept(will: Will): void {
    if (this.#executing) return;
    this.#will = will;
    this.#disarm?.();
    const at = actsAt(will);
    this.#disarm = at === undefined ? undefined : systemClock.at(at, () => void this.execute());
  }

  /** Stops every command, then releases. Never rejects: what it cannot do is left to the lease's end. */
  async execute(): Promise<void> {
    if (this.#executing) return;
    this.#executing = true;
    this.#disarm?.();
    const will = this.#will;
    await Promise.all(will.commands.map((command) => stopCommand(command, will.instants)));
    await this.#release(will);
  }
}

async function stopCommand(command: WillCommand, instants: Will['instants']): Promise<void> {
  const identity = command.group ?? (await lookForGroup(command.runId));
  if (identity === undefined) return;
  const group = new ProcessGroup(identity);
  const killAt = Math.min(systemClock.now() + command.killAfter, instants?.killAt ?? Infinity);
  if (!command.signalled && systemClock.now() < killAt) group.signal(command.stopSignal);
  await goneBy(group, killAt);
  while (group.isAlive()) {
    group.signal('SIGKILL');
    await goneBy(group, systemClock.now() + KILL_AGAIN_MS);
  }
}

/** Resolves when the group is gone, or at `at`. */
async function goneBy(group: ProcessGroup, at: number): Promise<void> {
  const over = new AbortController();
  const gone = group.untilGone(systemClock, over.signal).catch(() => undefined);
  const time = sleepUntil(systemClock, at, over.signal).catch(() => undefined);
  await Promise.race([gone, time]);
  over.abort();
}

/** How often, and at what interval in ms, a command that was being started is looked for: between fork and exec it still has its supervisor's environment. */
const LOOKS = { times: 10, every: 20 };

async function lookForGroup(runId: string): Promise<GroupIdentity | undefined> {
  for (let look = 1; ; look++) {
    const found = findGroup(runId);
    if (found !== undefined || look === LOOKS.times) return found;
    await sleep(systemClock, LOOKS.every);
  }
}

/**
 * The group of a command that was being started when its supervisor died: the leader of a session of its own whose environment carries the run's id.
 * `undefined`: it was not started any more.
 */
function findGroup(runId: string): GroupIdentity | undefined {
  const mark = `BALLOT_RUN_ID=${runId}`;
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      if (!readFileSync(`/proc/${name}/environ`, 'utf8').split('\0').includes(mark)) continue;
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      // proc(5): state, ppid, pgrp, session follow the name in parentheses.
      const [, , , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return { pgid: Number(session), startTime: undefined };
    } catch {
      // It ended while it was looked at, or belongs to somebody else: not ours.
    }
  }
  return undefined;
}
