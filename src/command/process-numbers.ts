import { countStarts, highestProcess, listProcesses, numbersInUse } from './proc.ts';

/** Up to so many process numbers are looked at one by one; for more it is cheaper to list all processes. */
const ASKED_ONE_BY_ONE = 64;

/** Numbers below are not given out a second time, and as many starts may go uncounted while a run is started. */
const RESERVED_NUMBERS = 300;

/** The process numbers that a run's processes can have: those given out since its leader was started. */
export class ProcessNumbers {
  readonly #first: number;
  readonly #startsBefore: number | undefined;
  readonly #highest: number;

  /** @param startsBefore the machine's count of starts when the leader was started, where it is known */
  constructor(leader: number, startsBefore: number | undefined) {
    this.#first = leader;
    this.#startsBefore = startsBefore;
    this.#highest = startsBefore === undefined ? 0 : highestProcess();
  }

  /**
   * Every number that may belong to the run, in ascending order: from the leader's to `last`, the last one given out,
   * or all that are in use. `undefined` when processes cannot be listed.
   */
  upTo(last: number | undefined): readonly number[] | undefined {
    const first = this.#first;
    const ascends = last !== undefined && last >= first && this.#ascendSince(last);
    if (ascends && last - first < ASKED_ONE_BY_ONE) return numbersInUse(first, last);
    const all = listProcesses();
    return ascends ? all?.filter((pid) => pid >= first && pid <= last) : all;
  }

  /** Whether all numbers given out since the start of the command lie between the leader's and `last`. */
  #ascendSince(last: number): boolean {
    const now = this.#startsBefore === undefined ? undefined : countStarts();
    if (this.#startsBefore === undefined || now === undefined) return false;
    const starts = now - this.#startsBefore + RESERVED_NUMBERS;
    return starts < this.#highest - RESERVED_NUMBERS && last - this.#first <= starts;
  }
}
