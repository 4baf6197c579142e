/**
 * Which base znode this candidate knows. An ensemble that comes back without its data has no lease, but whoever held the one that is lost may not have learned of it yet: a candidate that
 * has stood before the loss does not claim in the new election until a lease's duration has passed. Pure.
 */
export class Incarnation {
  #czxid: number | undefined;
  #claimableAt = 0;

  /** Notes the transaction that created the base znode, as just read; `undefined`: there is none. `leaseDuration` in ms, `now` monotonic. */
  see(czxid: number | undefined, leaseDuration: number, now: number): void {
    if (this.#czxid !== undefined && this.#czxid !== czxid) this.#claimableAt = now + leaseDuration;
    this.#czxid = czxid;
  }

  /** Monotonic ms before which a vacant lease is not to be claimed. */
  get claimableAt(): number {
    return this.#claimableAt;
  }
}
