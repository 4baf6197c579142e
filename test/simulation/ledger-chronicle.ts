import { parseLedger, type Ledger, type RunRecord } from '../../src/ledger/record.ts';
import type { VirtualClock } from '../support/virtual-clock.ts';
import type { Launch } from './command.ts';

/** Where every election of a history is held, and where its ledger is. */
export const BASE = '/ballot/election';
export const LEDGER = `${BASE}/runs`;

/** The ledger as it was committed at `at` (true time), by whoever wrote it. */
export interface LedgerChange {
  readonly at: number;
  readonly by: string;
  readonly bytes: number;
  readonly ledger: Ledger;
  /** What stood there before; `undefined`: nothing, or the ensemble has lost its data since. */
  readonly before: LedgerChange | undefined;
}

/** Every change of the ledger, in the order of commits. */
export class LedgerChronicle {
  readonly changes: LedgerChange[] = [];
  /** Writes that nobody can read. */
  readonly unreadable: string[] = [];
  /** Told of each. */
  onWrite: (by: string) => void = () => undefined;
  /** The first write of each term, in order. */
  readonly openings: LedgerChange[] = [];
  readonly #clock: VirtualClock;
  #latest: LedgerChange | undefined;
  /** When each run was entered, by its id and tick. */
  readonly #enteredAt = new Map<string, number>();

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  /** `first`: of its znode, which the ensemble had not, or has lost. */
  note(by: string, data: Buffer, first: boolean): void {
    if (first) this.#latest = undefined;
    this.onWrite(by);
    const parsed = parseLedger(data);
    if (parsed.kind !== 'ledger') {
      const why = parsed.kind === 'empty' ? 'it is empty' : parsed.why;
      this.unreadable.push(`${by} wrote a ledger at ${this.#clock.time.toFixed(1)} that cannot be read: ${why}`);
      return;
    }
    const { ledger } = parsed;
    const at = this.#clock.time;
    const before = this.#latest;
    this.#latest = { at, by, bytes: data.length, ledger, before };
    this.changes.push(this.#latest);
    if (before?.ledger.fencingToken !== ledger.fencingToken) this.openings.push(this.#latest);
    for (const run of ledger.runs) {
      const entry = entryOf(run);
      if (!this.#enteredAt.has(entry)) this.#enteredAt.set(entry, at);
    }
  }

  /** It is gone, or not the leaders' any more. */
  forget(): void {
    this.#latest = undefined;
  }

  /** What was committed last at true time `at`. */
  asOf(at: number): LedgerChange | undefined {
    return this.changes.findLast((change) => change.at <= at);
  }

  /** Whether a run was entered before it was started. */
  isEntered({ at, ...run }: Pick<Launch, 'runId' | 'tick' | 'at'>): boolean {
    return (this.enteredAt(run) ?? Infinity) <= at;
  }

  /** When a run was entered first; `undefined` if it never was. */
  enteredAt(run: Pick<Launch, 'runId' | 'tick'>): number | undefined {
    return this.#enteredAt.get(entryOf(run));
  }

  /** Whether a run was entered by then and had no end yet. */
  isOpen({ runId, tick, at }: Pick<Launch, 'runId' | 'tick' | 'at'>): boolean {
    const record = this.asOf(at)?.ledger.runs.find((run) => run.runId === runId && run.tick === tick);
    return record !== undefined && record.outcome === undefined;
  }

  /** The records of all runs ever entered, as they stood last. */
  records(): Map<string, RunRecord> {
    const records = new Map<string, RunRecord>();
    for (const { ledger } of this.changes) for (const run of ledger.runs) records.set(run.runId, run);
    return records;
  }
}

function entryOf({ runId, tick }: Pick<RunRecord, 'runId' | 'tick'>): string {
  return `${runId} ${tick}`;
}
