/** The host as the keeper finds it: processes in /proc, signals, and ballot's stderr. */
import { closeSync, constants, openSync, write, writeSync } from 'node:fs';
import { removeCgroup } from '../command/cgroup.ts';
import { environmentHolds, listProcesses, readStat } from '../command/proc.ts';
import { type GroupIdentity, RunProcesses } from '../command/run-processes.ts';
import { sleep, systemClock } from '../clock.ts';
import type { FoundRun, KeeperHost } from './executor.ts';
import type { WillCommand } from './will.ts';

/** The host of this very process. To be called at its start: the parent of an orphan is another one. */
export function thisHost(): KeeperHost {
  return { clock: systemClock, supervisor: process.ppid, find, say };
}

async function find({ runId, group: known, mark }: WillCommand): Promise<FoundRun | undefined> {
  const group = known ?? (await lookForGroup(mark));
  if (group === undefined) return undefined;
  const run = new RunProcesses({ group, mark }, (message, fields) => void say(`run ${runId}: ${message}`, fields));
  // The release does not wait for it. What is left is removed by the next ballot that starts here.
  const tidyUp = (): void => void (group.cgroup && removeCgroup(group.cgroup).catch(() => undefined));
  return Object.assign(run, { tidyUp });
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

/** A line on ballot's stderr. Resolves when it is read, or lost: no slow reader holds up the will. */
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
