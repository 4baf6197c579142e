import type { Will } from '../../src/keeper/will.ts';
import { actsAt } from '../../src/keeper/will.ts';
import type { VirtualProcess } from '../support/virtual-clock.ts';

/** A process group as another process of the same machine sees it. */
export interface Group {
  readonly isAlive: boolean;
  signal(signal: NodeJS.Signals): void;
}

/** What a keeper can reach besides its supervisor. */
export interface Machine {
  /** The process group of a run, by its id. */
  find(runId: string): Group | undefined;
  /** A will is executed: whatever the supervisor believes, it leads no more once this is over. */
  released(): void;
}

/** How often a group is looked at until it is gone, ms. */
const LOOK_EVERY_MS = 10;

/** Nothing to do but to release. A candidate of the simulation stands in one election. */
const NO_WILL: Will = { election: '', commands: [] };

/** Executes a will as the keeper's own executor does, in virtual time. */
export class WillExecutor {
  readonly #process: VirtualProcess;
  readonly #machine: Machine;
  readonly #begin: () => void;
  readonly #release: (will: Will) => void;
  #will: Will = NO_WILL;
  #disarm: (() => void) | undefined;
  #executing = false;
  /** Groups that are still there, and one for the execution itself until it has seen them all. */
  #left = 0;

  constructor(process: VirtualProcess, machine: Machine, begin: () => void, release: (will: Will) => void) {
    this.#process = process;
    this.#machine = machine;
    this.#begin = begin;
    this.#release = release;
  }

  get executing(): boolean {
    return this.#executing;
  }

  /** Its instants decide when it is executed, not the silence of its supervisor. */
  get hasInstants(): boolean {
    return this.#will.commands.length > 0 || this.#will.instants !== undefined;
  }

  accept(will: Will): void {
    if (this.#executing) return;
    this.#will = will;
    this.#disarm?.();
    const at = actsAt(will);
    this.#disarm = at === undefined ? undefined : this.#process.at(at, () => this.execute());
  }

  revoke(): void {
    this.accept(NO_WILL);
  }

  execute(): void {
    if (this.#executing) return;
    this.#executing = true;
    this.#disarm?.();
    this.#begin();
    const { commands, instants } = this.#will;
    this.#left = 1;
    for (const command of commands) {
      const group = this.#machine.find(command.runId);
      if (group === undefined) continue;
      const killAt = Math.min(this.#process.now() + command.killAfter, instants?.killAt ?? Infinity);
      if (!command.signalled && this.#process.now() < killAt) group.signal(command.stopSignal);
      this.#left += 1;
      this.#await(group, killAt);
    }
    this.#finish();
  }

  #finish(): void {
    this.#left -= 1;
    if (this.#left > 0) return;
    this.#machine.released();
    this.#release(this.#will);
  }

  #await(group: Group, killAt: number): void {
    if (!group.isAlive) return this.#finish();
    const now = this.#process.now();
    if (now >= killAt) group.signal('SIGKILL');
    const next = now >= killAt ? now + LOOK_EVERY_MS : Math.min(now + LOOK_EVERY_MS, killAt);
    this.#process.at(next, () => this.#await(group, killAt));
  }
}
