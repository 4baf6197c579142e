import type { Stat } from '../../keeper/protocol.ts';

/** Without data an ensemble counts transactions anew and may get the same numbers: the time tells them apart. */
type Birth = Pick<Stat, 'czxid' | 'ctime'>;

/**
 * Which base znode this candidate knows. An ensemble that comes back without its data has no lease, but the last leader
 * may not know that yet. So a candidate that stood before the loss does not claim in the new election until a lease's
 * duration has passed. Pure.
 */
export class Incarnation {
  #known: Birth | undefined;
  #longestLease = 0;
  #claimableAt = 0;

  /**
   * Notes when the base znode was created, as just read; `undefined`: there is none. `leaseDuration` is that of the
   * lease found there, or the own one, ms: the lost lease may have been any that was seen. `now` is monotonic.
   */
  see(base: Birth | undefined, leaseDuration: number, now: number): void {
    this.#longestLease = Math.max(this.#longestLease, leaseDuration);
    const known = this.#known;
    if (known !== undefined && (known.czxid !== base?.czxid || known.ctime !== base.ctime))
      this.#claimableAt = now + this.#longestLease;
    this.#known = base;
  }

  /** Monotonic ms before which a vacant lease is not to be claimed. */
  get claimableAt(): number {
    return this.#claimableAt;
  }
}
