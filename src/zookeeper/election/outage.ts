import type { LeaseLossPolicy } from '../../config/config.ts';
import type { Clock } from '../../clock.ts';
import { formatDuration } from '../../duration.ts';
import type { Fields, Logger } from '../../log/logger.ts';
import type { Sighting } from './others.ts';

/** How often an outage is logged, ms. */
const TELL_EVERY_MS = 30_000;

/** What is known of the election while ZooKeeper cannot be reached. */
export interface OutageFacts {
  /** The last answer of the servers. */
  readonly why: string;
  /** Runs of the command that live here. */
  readonly runs: number;
  readonly leads: boolean;
  readonly candidateId: string;
  readonly lastLease: Sighting | undefined;
  /** This candidate's own policy. It is assumed of a leader whose record does not name one. */
  readonly onLeaseLoss: LeaseLossPolicy;
  /** There is no command to tell of. */
  readonly withoutCommand?: true | undefined;
}

/** The time without contact to ZooKeeper: logged every 30 s while it lasts. */
export class Outage {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #facts: () => OutageFacts;
  #since: number | undefined;
  #cancel: () => void = () => undefined;
  #closed = false;

  constructor(clock: Clock, logger: Logger, facts: () => OutageFacts) {
    this.#clock = clock;
    this.#logger = logger;
    this.#facts = facts;
  }

  /** There is no contact since `since`, monotonic ms. An outage that has begun already goes on. */
  begin(since: number): void {
    if (this.#closed || this.#since !== undefined) return;
    this.#since = since;
    this.#tellLater(since);
  }

  /** Contact is back. */
  end(): void {
    this.#cancel();
    this.#since = undefined;
  }

  /** The candidate leaves the election, which ends its contact as well: nothing more is logged. */
  close(): void {
    this.#closed = true;
    this.end();
  }

  #tellLater(since: number): void {
    this.#cancel = this.#clock.at(this.#clock.now() + TELL_EVERY_MS, () => {
      this.#tell(this.#clock.now() - since);
      this.#tellLater(since);
    });
  }

  #tell(lasted: number): void {
    const facts = this.#facts();
    this.#logger.warn('ZooKeeper is still unreachable', {
      unreachableFor: inSeconds(lasted),
      why: facts.why,
      ...whereCommandRuns(facts, lasted, this.#clock.now()),
    });
  }
}

const NOWHERE = 'runs nowhere, as far as known';

/** Where the command runs and who leads, as far as a candidate knows that had no contact for `lasted` ms. */
export function whereCommandRuns(facts: OutageFacts, lasted: number, now: number): Fields {
  if (facts.withoutCommand) {
    const { command: _nowhere, ...who } = whereCommandRuns({ ...facts, withoutCommand: undefined }, lasted, now);
    return who;
  }
  const { runs, leads, candidateId, lastLease, onLeaseLoss } = facts;
  if (runs > 0) return { command: 'runs here', ...(leads && { leader: candidateId }) };
  if (leads) return { command: NOWHERE, leader: candidateId };
  if (lastLease === undefined) return { command: 'not known: this candidate has not seen the election yet' };
  const { lease, at } = lastLease;
  if (lease.kind !== 'held') return { command: NOWHERE };
  const policy = lease.record.onLeaseLoss ?? onLeaseLoss;
  const leaseRanOut = lease.duration !== undefined && lasted >= lease.duration;
  const stopped = policy === 'stop' && leaseRanOut;
  return {
    command: stopped ? `${NOWHERE}, unless its leader still reaches ZooKeeper` : 'runs elsewhere, as far as known',
    leader: lease.record.candidateId,
    host: lease.record.hostname,
    seenBefore: inSeconds(now - at),
  };
}

function inSeconds(ms: number): string {
  return formatDuration(1000 * Math.round(ms / 1000));
}
