import { NoNodeError } from '../session/errors.ts';
import type { Stat } from '../../keeper/protocol.ts';
import type { Claim } from './claim.ts';
import { isUnanswered } from './options.ts';
import type { LossCause } from '../../election/election.ts';
import { stopInstants, type StopInstants } from '../../election/timing.ts';
import { encodeLease, parseLease, sameClaim, type LeaseRecord } from './record.ts';
import type { Place } from './proposal.ts';

/** How long the name of a new leader is looked for before the loss of the lease is reported without it, ms. */
const NAME_WITHIN_MS = 100;

/**
 * A lease that this candidate holds: under which version it is ours, and until when. Everything that depends on that
 * (the deadline, the instants of the will, whether the leader may still act) is computed from here.
 *
 * It is always written under the version last written, so that its holder notices when another has written.
 */
export class HeldLease {
  readonly path: string;
  /** How long others wait after the last renewal, ms. */
  readonly duration: number;
  readonly #place: () => Place;
  /** After a lost session the place is another one; the former stays known, for a write in doubt. */
  #claims: readonly [present: LeaseRecord, former: LeaseRecord];
  #version: number;
  readonly #czxid: number;
  #doubtful = false;
  #renewedAt: number;
  #aliveAt: number;

  constructor(path: string, duration: number, place: () => Place, claim: Claim) {
    this.duration = duration;
    this.#renewedAt = claim.sentAt;
    this.#aliveAt = claim.sentAt;
    this.path = path;
    this.#place = place;
    this.#claims = [claim.record, claim.record];
    this.#version = claim.version;
    this.#czxid = claim.czxid;
  }

  get version(): number {
    return this.#version;
  }

  /** Path of the place in the queue, if there is one. */
  get proposal(): string | undefined {
    return this.#place().path;
  }

  /** Monotonic ms at which the last acknowledged renewal, or the claim, was sent. */
  get renewedAt(): number {
    return this.#renewedAt;
  }

  /** Monotonic ms until which nobody else may claim it. */
  get deadline(): number {
    return this.#renewedAt + this.duration;
  }

  /** A renewal was acknowledged that was sent at that time. */
  renewed(sentAt: number): void {
    this.#renewedAt = sentAt;
    this.#aliveAt = sentAt;
  }

  /** ZooKeeper is away and this process lives: under `keep` that is enough to go on for the lease's duration. */
  prolong(now: number): void {
    this.#aliveAt = now;
  }

  /** When a command is stopped unless the lease is renewed or prolonged before. `killAfter` in ms. */
  stopInstants(killAfter: number): StopInstants {
    return stopInstants(this.#aliveAt + this.duration, this.duration, killAfter);
  }

  /** A write since the last acknowledged one has an unknown outcome: it may have changed the znode's version. */
  get doubtful(): boolean {
    return this.#doubtful;
  }

  /** Writes the record of this term, with the present proposal and `facts`. Throws what the request throws. */
  renew(facts: Partial<LeaseRecord>, timeout: number): Promise<Stat> {
    return this.#set(encodeLease({ ...this.#present(), ...facts }), timeout);
  }

  /** Makes the lease vacant. Throws what the request throws. */
  clear(timeout: number): Promise<Stat> {
    return this.#set(Buffer.alloc(0), timeout);
  }

  async #set(data: Buffer, timeout: number): Promise<Stat> {
    try {
      const stat = await this.#place().session.set(this.path, data, this.#version, { timeout });
      // Somebody deleted the znode and made it anew, and it has the same version again: it is not the lease that was
      // claimed.
      if (stat.czxid !== this.#czxid) throw new NoNodeError(this.path);
      this.#version = stat.version;
      this.#doubtful = false;
      return stat;
    } catch (error) {
      this.#doubtful ||= isUnanswered(error);
      throw error;
    }
  }

  #present(): LeaseRecord {
    const [present] = this.#claims;
    const place = this.#place();
    if (place.proposal === undefined || place.record.proposalNode === present.proposalNode) return present;
    const moved = { ...present, ...place.record };
    this.#claims = [moved, present];
    return moved;
  }

  /**
   * After a refusal in doubt, or an ended session: reads whether the lease still carries our claim, and if so adopts
   * its version. Otherwise says how it was lost. Throws what the request throws.
   */
  async verify(timeout: number): Promise<'ours' | LossCause> {
    const node = await this.#place().session.get(this.path, { timeout });
    if (node.stat.czxid !== this.#czxid) return { kind: 'wiped' };
    const lease = parseLease(node.data);
    if (lease.kind !== 'held' || !this.#claims.some((claim) => sameClaim(lease.record, claim)))
      return lossOf(node.data);
    this.#version = node.stat.version;
    return 'ours';
  }

  /** Who holds the lease now that a write without doubt was refused. */
  async whoClaimed(): Promise<LossCause> {
    try {
      const node = await this.#place().session.get(this.path, { timeout: NAME_WITHIN_MS });
      return lossOf(node.data);
    } catch (error) {
      if (error instanceof NoNodeError) return { kind: 'wiped' };
      return { kind: 'claimed', by: 'somebody whose record could not be read in time' };
    }
  }
}

function lossOf(data: Buffer): LossCause {
  const lease = parseLease(data);
  if (lease.kind === 'held') return { kind: 'claimed', by: lease.record.candidateId };
  if (lease.kind === 'vacant') return { kind: 'released', by: 'somebody else' };
  return { kind: 'claimed', by: `an unreadable record (${lease.why})` };
}
