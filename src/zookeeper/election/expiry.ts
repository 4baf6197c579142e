import type { Stat } from '../../keeper/protocol.ts';
import { isUnanswered, suspectIfSilent, type ElectionOptions } from './options.ts';
import { nextProbe, observe, type Observation } from '../../election/timing.ts';
import type { Lease } from './record.ts';
import type { Place } from './proposal.ts';
import { firstOf } from './firing.ts';

/**
 * Finds out that a lease held by somebody else has run out: unchanged for its own duration, either by this host's
 * monotonic clock in unbroken contact, or by the ensemble's clock alone. Never by a local wall clock, nor by a time
 * that a peer wrote.
 */
export class ExpiryWatch {
  readonly #options: ElectionOptions;
  readonly #place: Place;
  /** The duration of a lease that does not name one, ms. */
  readonly #fallbackDuration: number;
  readonly #signal: AbortSignal;
  #observation: Observation | undefined;

  constructor(options: ElectionOptions, place: Place, fallbackDuration: number, signal: AbortSignal) {
    this.#options = options;
    this.#place = place;
    this.#fallbackDuration = fallbackDuration;
    this.#signal = signal;
  }

  /** Contact was broken: the observation starts anew. */
  forget(): void {
    this.#observation = undefined;
  }

  /**
   * Waits until the lease, as it was just read, has expired, or until one of `changed` settles (its index), or until it
   * has to be read again (`'reread'`). `firstInQueue`: nobody stands before, so what was before this wait may prove it
   * too.
   */
  async wait(
    lease: Lease,
    stat: Stat,
    changed: readonly AbortSignal[],
    firstInQueue: boolean,
  ): Promise<'expired' | 'reread' | number> {
    const { clock } = this.#options;
    const duration = (lease.kind === 'held' ? lease.duration : undefined) ?? this.#fallbackDuration;
    const observation = observe(this.#observation, stat.mzxid, clock.now());
    this.#observation = observation;
    const expiresAt = observation.since + duration;
    let earlier = firstInQueue ? await this.#earlierProof(stat, duration) : Infinity;
    for (;;) {
      // A break in contact ends the observation; the watch has fired as interrupted too. Without a proposal the
      // candidate has no place in the queue, and may not claim.
      if (this.#observation !== observation || this.#place.proposal === undefined) return 'reread';
      const now = clock.now();
      if (now >= expiresAt) return 'expired';
      if (now >= earlier) {
        earlier = await this.#earlierProof(stat, duration);
        if (clock.now() >= earlier) return 'expired';
        continue;
      }
      const probeAt = nextProbe(observation.since, duration, now) ?? Infinity;
      const wake = await firstOf(clock, changed, this.#signal, Math.min(expiresAt, probeAt, earlier));
      if (wake !== 'time') return wake;
      if (clock.now() >= probeAt && !(await this.#proveContact(duration))) return 'reread';
    }
  }

  /**
   * When the lease will have been unchanged for `duration`, counted from before this wait, in monotonic ms: from when
   * this candidate came, or by the ensemble's clock alone, which a write to the own proposal tells. Infinity: it is not
   * known. In a mixed fleet that write would drive Go's candidates out of the queue. After an outage the holder gets
   * its full time to renew, because both clocks went on while nobody could renew.
   */
  async #earlierProof(lease: Stat, duration: number): Promise<number> {
    const { atFirst, calmSince } = this.#place;
    const seen = atFirst?.change === lease.mzxid ? atFirst.since + duration : Infinity;
    let byServer = Infinity;
    if (!this.#options.mixedFleet) {
      const written = await this.#place.ask(this.#signal, (o) => this.#place.refresh(o));
      // The proposal is gone: no place in the queue, and nothing to be proven.
      if (written === undefined) return Infinity;
      const age = ageByServer(lease, written);
      if (age !== undefined) byServer = this.#options.clock.now() + Math.max(0, duration - age);
    }
    return Math.max(Math.min(seen, byServer), calmSince + duration);
  }

  /** Whether a request is answered in good time. Without that, an unchanged lease proves nothing. */
  async #proveContact(duration: number): Promise<boolean> {
    const { clock, mixedFleet, basePath } = this.#options;
    const { session } = this.#place;
    const sentAt = clock.now();
    // Less than the time to the next probe, so that probes never overlap.
    const timeout = duration / 5;
    const options = { timeout, signal: this.#signal };
    try {
      const seen = await (mixedFleet ? session.exists(basePath, options) : this.#place.refresh(options));
      if (seen !== undefined && clock.now() - sentAt < timeout) return true;
    } catch (error) {
      this.#signal.throwIfAborted();
      if (!isUnanswered(error)) throw error;
      suspectIfSilent(clock, session, error, sentAt, timeout);
    }
    this.forget();
    return false;
  }
}

/** Znode stamps by the ensemble's own clock. */
interface Stamp {
  readonly mtime: number;
  readonly mzxid: number;
}

/** The upper half of a transaction id: it changes with the ensemble's leader, whose clock stamps every write. */
const EPOCH = 2 ** 32;

/**
 * Milliseconds for which the lease has been unchanged, by the ensemble's clock alone: the lease's stamp against that of
 * a write made just now. `undefined` when the two were stamped in different epochs, by clocks that may differ.
 */
export function ageByServer(lease: Stamp, justWritten: Stamp): number | undefined {
  if (Math.floor(lease.mzxid / EPOCH) !== Math.floor(justWritten.mzxid / EPOCH)) return undefined;
  return justWritten.mtime - lease.mtime;
}
