import { sleep, type Clock } from '../../src/clock.ts';
import type { FoundRun, KeeperHost } from '../../src/keeper/executor.ts';
import type { ProcessName } from '../../src/command/proc.ts';
import type { VirtualProcess } from '../support/virtual-clock.ts';

/** A process group as another process of the same machine sees it. */
export interface Group {
  readonly isAlive: boolean;
  readonly leaderLives: boolean;
  signal(signal: NodeJS.Signals): void;
  followers(): ProcessName[];
}

/** What a keeper can reach besides its supervisor. */
export interface Machine {
  /** The process group of a run, by its id. */
  find(runId: string): Group | undefined;
  /** A will is executed: whatever the supervisor believes, it leads no more once this is over. */
  released(): void;
  /** A line on ballot's stderr. */
  say(line: string): void;
}

/** How often a group is looked at until it is gone, ms. */
const LOOK_EVERY_MS = 10;

/** The process number of every supervisor. */
const SUPERVISOR = 1;

/** The host of a keeper that runs in `process`. */
export function hostOf(process: VirtualProcess, machine: Machine): KeeperHost {
  return {
    clock: process,
    supervisor: SUPERVISOR,
    async find({ runId }) {
      const group = machine.find(runId);
      return group && found(group);
    },
    async say(message, fields = {}) {
      machine.say([message, ...Object.values(fields)].join(' '));
    },
  };
}

function found(group: Group): FoundRun {
  const isAlive = (): boolean => group.isAlive;
  return {
    isAlive,
    get leaderLives() {
      return group.leaderLives;
    },
    followers: () => group.followers(),
    signal(signal) {
      group.signal(signal);
      return group.isAlive ? 'sent' : 'gone';
    },
    async untilGone(clock: Clock, signal?: AbortSignal) {
      while (isAlive()) await sleep(clock, LOOK_EVERY_MS, signal);
    },
    tidyUp: () => undefined,
  };
}
