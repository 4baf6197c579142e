import { describe } from '../errors.ts';
import type { LedgerParts } from './writer.ts';
import type { RunEnding, RunRecord } from './record.ts';
import { RunLedger } from './ledger.ts';

/**
 * Writes down the runs of a command that has no schedule, in the ledger, for people: no decision uses it, and nobody
 * waits for it. A term opens the ledger after the start of its first run, so that a handover waits for no request of
 * it.
 */
export class RunDiary {
  readonly #ledger: RunLedger;
  readonly #parts: LedgerParts;
  #term: { readonly token: number; readonly over: AbortController; readonly opening: Promise<void> } | undefined;
  #isOpen = false;
  /** Changes that wait for the opening. */
  readonly #waiting: (() => void)[] = [];

  constructor(parts: LedgerParts) {
    this.#parts = parts;
    this.#ledger = new RunLedger({ ...parts, service: undefined });
  }

  /** Writes a run down that was started. One without leadership is nobody's to write down. */
  started(run: RunRecord): void {
    const { fencingToken } = run;
    if (fencingToken === undefined) return;
    if (this.#term?.token !== fencingToken) this.#begin(fencingToken);
    this.#write(() => this.#ledger.note(run));
  }

  /** Writes down how a run has ended: sent at once, so before a resignation that follows from it. */
  ended(runId: string, ending: RunEnding): void {
    this.#write(() => this.#ledger.close(runId, ending));
  }

  /** Resolves when all is written, and after `timeout` ms at the latest. The term is over, and nothing follows. */
  async finish(timeout: number): Promise<void> {
    const { clock } = this.#parts;
    const until = clock.now() + timeout;
    const term = this.#term;
    if (term === undefined) return;
    const cancel = clock.at(until, () => term.over.abort(new Error('the term is over')));
    await term.opening;
    cancel();
    await this.#ledger.written(Math.max(0, until - clock.now()));
    this.termOver();
  }

  /** The term is over: the ends of its runs are still written for a while, unless a later term writes. */
  termOver(): void {
    if (this.#isOpen) this.#ledger.termOver();
  }

  #begin(token: number): void {
    this.#term?.over.abort(new Error('a later term has begun'));
    this.#waiting.length = 0;
    this.#isOpen = false;
    const over = new AbortController();
    this.#term = { token, over, opening: this.#open(token, over.signal) };
  }

  /** Never rejects: without the ledger the runs of this term are not written down. */
  async #open(token: number, signal: AbortSignal): Promise<void> {
    try {
      await this.#ledger.open(token, ({ through }) => through, signal);
      if (this.#term?.token !== token) return;
      this.#isOpen = true;
      for (const write of this.#waiting.splice(0)) write();
    } catch (error) {
      this.#parts.logger.debug('the runs of this term are not written down', { error: describe(error) });
    }
  }

  #write(write: () => void): void {
    if (this.#isOpen) write();
    else this.#waiting.push(write);
  }
}
