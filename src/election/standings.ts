/** One who stands or leads, as it named itself. */
export interface Participant {
  readonly candidateId: string;
}

/** An election as it is seen from outside, by one who does not stand in it. A coordinator may have more to say. */
export interface Standings {
  /** Who holds the lease, also once that has run out. `undefined`: it is vacant, or cannot be read. */
  readonly leader: Participant | undefined;
  /** All who have a place in the queue, the leader among them, in order. */
  readonly candidates: readonly Participant[];
  /** `undefined` when there is nothing to say: nobody leads and nobody stands. */
  readonly lease:
    | {
        /** When the leader's term began, as the leader wrote it. */
        readonly leaderSince?: string;
        readonly fencingToken?: number;
      }
    | undefined;
}
