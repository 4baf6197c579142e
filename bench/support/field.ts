/** Many candidates of one election, most of them cheap, whose leader can be made to hand over. */
import { poll } from '../../test/support/poll.ts';
import type { Candidate } from './candidate.ts';
import { InProcess } from './in-process.ts';
import type { Journal } from './journal.ts';
import type { Workshop } from './workshop.ts';

/** Candidates that are whole `ballot run once` processes. */
export const WHOLE = 3;
/** So many keepers are started and ended at a time. */
const WAVE = 4;
const BASE_PATH = '/bench/field';
const SESSION_TIMEOUT_MS = 40_000;

export class Field implements AsyncDisposable {
  readonly #shop: Workshop;
  readonly #servers: string;
  readonly #journal: Journal;
  readonly #whole: Candidate[] = [];
  readonly #cheap: InProcess[] = [];
  /** Terms of the cheap ones so far. */
  #cheapTerms = 0;
  /** Undefined: a whole one. */
  #cheapLeader: InProcess | undefined;

  constructor(shop: Workshop, servers: string) {
    this.#shop = shop;
    this.#servers = servers;
    this.#journal = shop.journal();
  }

  /** Lets candidates stand, one after the other at first and then in waves, until there are `size`. */
  async grow(size: number): Promise<void> {
    while (this.#whole.length < WHOLE) await this.#enterWhole();
    while (this.#size < size) {
      await Promise.all(Array.from({ length: Math.min(WAVE, size - this.#size) }, () => this.#enterCheap()));
    }
  }

  /** Ends the leader's command. Resolves with who handed over to whom, in words, when the next leader's has started. */
  async handOver(): Promise<string> {
    const before = this.#terms;
    const from = this.#leaderKind;
    this.#endCommand();
    await poll(() => this.#terms > before, { interval: 5, what: 'the next leader' });
    return `${from} to ${this.#leaderKind}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const left = [...this.#cheap];
    while (left.length > 0)
      await Promise.all(left.splice(0, WAVE).map((candidate) => candidate[Symbol.asyncDispose]()));
    await Promise.all(this.#whole.map((candidate) => candidate.stop()));
  }

  get #size(): number {
    return this.#whole.length + this.#cheap.length;
  }

  get #terms(): number {
    return this.#cheapTerms + this.#starts().length;
  }

  get #leaderKind(): string {
    this.#noteWhole();
    return this.#cheapLeader === undefined ? 'process' : 'in-process';
  }

  #startsSeen = 0;

  #starts(): { candidate: string; pid: number }[] {
    return this.#journal.read().filter(({ what }) => what === 'start');
  }

  #noteWhole(): void {
    const starts = this.#starts().length;
    if (starts > this.#startsSeen) this.#cheapLeader = undefined;
    this.#startsSeen = starts;
  }

  #endCommand(): void {
    if (this.#cheapLeader !== undefined) return this.#cheapLeader.endTerm();
    const last = this.#starts().at(-1);
    if (last === undefined) throw new Error('nobody leads');
    process.kill(last.pid, 'SIGTERM');
  }

  async #enterWhole(): Promise<void> {
    const candidate = this.#shop.candidate({
      id: `process-${this.#whole.length + 1}`,
      servers: this.#servers,
      basePath: BASE_PATH,
      flags: ['--zookeeper-session-timeout', `${SESSION_TIMEOUT_MS / 1000}s`],
      command: this.#journal.idler(),
    });
    await candidate.says(this.#whole.length === 0 ? 'the command runs' : 'standing by');
    this.#whole.push(candidate);
  }

  async #enterCheap(): Promise<void> {
    const candidate = new InProcess({
      root: this.#shop.root,
      id: `in-process-${this.#cheap.length + 1}`,
      port: Number(this.#servers.split(':')[1]),
      basePath: BASE_PATH,
      sessionTimeout: SESSION_TIMEOUT_MS,
      onElected: (elected) => {
        this.#noteWhole();
        this.#cheapLeader = elected;
        this.#cheapTerms++;
      },
    });
    this.#cheap.push(candidate);
    await candidate.stands();
  }
}
