import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { childrenOf, isAlive } from '../../support/candidate.ts';
import type { Run } from '../../support/journal.ts';
import { poll } from '../../support/poll.ts';
import type { Random } from '../../support/random.ts';
import type { Ensemble } from '../../support/zookeeper.ts';
import { PATIENCE_MS, stillAlive, type Leadership, type Member, type Trio } from './trio.ts';

/** What one round has shown. */
export interface RoundResult {
  /** From the fault to the start of the next run, ms; `undefined`: the run went on. */
  readonly nextStart: number | undefined;
  /** Processes of the faulty candidate that outlived it. */
  readonly leftBehind: number;
  /** For how long a frozen command went on after the host was thawed, ms. */
  readonly late: number | undefined;
}

/** One fault of one leader. A fault's script calls `strike` once. */
export class Round {
  readonly trio: Trio;
  readonly leader: Member;
  readonly run: Run;
  readonly random: Random;
  /** Counts the rounds of a series from 0. */
  readonly number: number;
  readonly #zookeeper: Ensemble | undefined;
  readonly #runs: number;
  #struckAt = NaN;
  #leftBehind = 0;
  #late: number | undefined;

  constructor(trio: Trio, leadership: Leadership, random: Random, number: number, zookeeper?: Ensemble) {
    this.trio = trio;
    this.leader = leadership.member;
    this.run = leadership.run;
    this.random = random;
    this.#zookeeper = zookeeper;
    this.number = number;
    this.#runs = trio.journal.runs.length;
  }

  /** Throws where the election is on no servers. */
  get zookeeper(): Ensemble {
    if (this.#zookeeper === undefined) throw new Error('this election is on no servers');
    return this.#zookeeper;
  }

  /** Notes the instant, and does it. */
  strike<T>(fault: () => T): T {
    this.#struckAt = monotonic();
    return fault();
  }

  /** The start of the next run. */
  next(): Promise<Run> {
    return this.trio.journal.started(this.#runs + 1, PATIENCE_MS).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${this.trio.logs()}`, { cause: error });
    });
  }

  /** Waits for the next run, at most `ms`. */
  nextWithin(ms: number): Promise<unknown> {
    return this.trio.journal.started(this.#runs + 1, ms).catch(() => undefined);
  }

  /** Waits a random time between the two, ms. */
  async pause(least: number, most: number): Promise<void> {
    await sleep(this.random.between(least, most));
  }

  /** The leader's process group, all of it. */
  group(): number[] {
    return [this.run.pid, ...childrenOf(this.run.pid)];
  }

  /** The leader's process is gone: nothing of it may stay. */
  nothingLeft(keepers: readonly number[]): Promise<void> {
    return this.gone([...keepers, ...this.leader.candidate.descendants()]);
  }

  /** These processes are gone, or will be soon. */
  async gone(pids: readonly number[]): Promise<void> {
    this.#leftBehind += (await stillAlive(pids)).length;
  }

  /** SIGSTOP to all of these, one right after the other. Resolves when each stands still. */
  async freeze(pids: readonly number[]): Promise<void> {
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    await poll(() => pids.every((pid) => stateOf(pid) === 'T'), { interval: 2, what: 'a standstill' });
    this.trio.journal.read();
    this.run.frozen = pids.includes(this.run.pid);
  }

  /** SIGCONT to all of these, within 50 ms, and waits for the frozen run's end: how long it went on is noted. */
  async thaw(pids: readonly number[]): Promise<void> {
    this.trio.journal.read();
    this.run.frozen = false;
    const at = monotonic();
    for (const pid of pids) {
      process.kill(pid, 'SIGCONT');
      await this.pause(0, 50 / pids.length);
    }
    const members = this.group();
    await poll(() => !members.some(isAlive), { timeout: PATIENCE_MS, what: 'the end of the thawed command' });
    this.trio.journal.read();
    this.#late = Math.max(0, this.run.lastAt - at);
  }

  result(): RoundResult {
    const next = this.trio.journal.read()[this.#runs];
    return {
      nextStart: next === undefined ? undefined : next.startedAt - this.#struckAt,
      leftBehind: this.#leftBehind,
      late: this.#late,
    };
  }
}

/** ms of CLOCK_MONOTONIC: the clock of the journal. */
export function monotonic(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

function stateOf(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return stat.charAt(stat.lastIndexOf(')') + 2);
}
