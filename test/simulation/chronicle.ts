import { parseLease } from '../../src/zookeeper/election/record.ts';
import type { VirtualClock } from '../support/virtual-clock.ts';

/** The lease as it was committed at `at` (true time), by whoever wrote it. */
export interface LeaseChange {
  readonly at: number;
  readonly by: string;
  readonly zxid: number;
  /** The term that it belongs to; `undefined`: vacant. */
  readonly token: number | undefined;
}

/** Every change of the lease, in the order of commits: what was really so, whoever knew of it. */
export class Chronicle {
  readonly changes: LeaseChange[] = [];
  readonly #clock: VirtualClock;
  #claim: string | undefined;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  note(by: string, data: Buffer, zxid: number): LeaseChange {
    const change = { at: this.#clock.time, by, zxid, token: this.#tokenOf(data, zxid) };
    this.changes.push(change);
    return change;
  }

  /** A claim is its own token; what follows carries it, and a claim that was written twice is one. */
  #tokenOf(data: Buffer, zxid: number): number | undefined {
    const lease = parseLease(data);
    const claim =
      lease.kind === 'held'
        ? `${lease.record.candidateId} ${lease.record.pid} ${lease.record.proposalNode} ${lease.record.proposalTime}`
        : undefined;
    const same = claim === this.#claim;
    this.#claim = claim;
    if (lease.kind !== 'held') return undefined;
    return lease.record.fencingToken ?? (same ? this.changes.at(-1)?.token : undefined) ?? zxid;
  }

  /** When the last sign of life of a term was committed; `undefined` when it never held the lease. */
  lastOf(token: number): number | undefined {
    return this.changes.findLast((change) => change.token === token)?.at;
  }

  /** Times for which the lease stood unchanged and held, from `since` on. */
  standstills(since: number, now: number): { readonly from: number; readonly to: number; readonly token: number }[] {
    return this.changes.flatMap(({ at, token }, index) => {
      const from = Math.max(at, since);
      const to = this.changes[index + 1]?.at ?? now;
      return token !== undefined && to > from ? [{ from, to, token }] : [];
    });
  }
}
