import { areNamesakes, differences, isOfGo, type Difference } from './differences.ts';
import { NAMESAKE } from '../../election/words.ts';
import type { ElectionOptions } from './options.ts';
import type { Lease, LeaseRecord, ProposalRecord } from './record.ts';

/** A lease as it was last read. */
export interface Sighting {
  readonly lease: Lease;
  /** Monotonic ms. */
  readonly at: number;
}

const ADVICE: Readonly<Record<Difference['setting'], string>> = {
  'on-lease-loss': 'another candidate of this election has another on-lease-loss: give all candidates the same',
  'lease-duration': 'another candidate of this election has another lease duration: give all candidates the same',
  command:
    'another candidate of this election runs another command, and only one of the two runs: ' +
    'give each job a zookeeper-base-path of its own',
};

/** What a candidate learns in the queue: who led last, and whose settings differ. Each finding is logged once. */
export class Sightings {
  readonly #options: ElectionOptions;
  readonly #said = new Set<string>();
  #last: Sighting | undefined;
  /** A lease of this id by another process of this host: perhaps a process that was killed has left it. */
  #suspect: LeaseRecord | undefined;

  constructor(options: ElectionOptions) {
    this.#options = options;
  }

  /** The lease as it was read last; `undefined` while it was never read. */
  get last(): Sighting | undefined {
    return this.#last;
  }

  /** The lease was just read, or written by this candidate. */
  see(lease: Lease): void {
    this.#last = { lease, at: this.#options.clock.now() };
  }

  /** The lease was just read by a candidate that stands with the record `own`. */
  meetLeader(own: ProposalRecord, lease: Lease): void {
    this.see(lease);
    if (lease.kind !== 'held') return;
    const { record } = lease;
    this.meet(own, record);
    if (!areNamesakes(own, record) || own.hostname !== record.hostname) return;
    // A renewed lease shows that its process lives.
    const lives = this.#suspect?.pid === record.pid && this.#suspect.lastSeenTime !== record.lastSeenTime;
    if (lives) this.#sayNamesake(record);
    this.#suspect = record;
  }

  /** The record of another candidate was just read. */
  meet(own: ProposalRecord, other: ProposalRecord): void {
    const { candidateId: candidate, hostname: host } = other;
    for (const { setting, own: here, others: there } of differences(own, other)) {
      const values = setting === 'command' ? {} : { here, there };
      this.#warnOnce(`${setting} ${there}`, ADVICE[setting], { candidate, host, ...values });
    }
    if (areNamesakes(own, other) && own.hostname !== host) this.#sayNamesake(other);
    if (isOfGo(other) && !this.#options.mixedFleet)
      this.#warnOnce(
        'go',
        "a candidate of Go's ballot stands in this election: set mixed-fleet on every candidate of this ballot",
        { candidate, host },
      );
  }

  #sayNamesake({ candidateId: candidate, hostname: host, pid }: ProposalRecord): void {
    this.#warnOnce('namesake', NAMESAKE, { candidate, host, pid });
  }

  #warnOnce(finding: string, message: string, fields: Readonly<Record<string, string>>): void {
    if (this.#said.has(finding)) return;
    this.#said.add(finding);
    this.#options.logger.warn(message, fields);
  }
}
