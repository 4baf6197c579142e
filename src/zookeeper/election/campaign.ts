import { describe } from '../../errors.ts';
import { unlessMissing } from '../session/errors.ts';
import type { RequestOptions } from '../../election/register.ts';
import type { ZNode } from '../session/port.ts';
import { claimLease, type Claim } from './claim.ts';
import type { ElectionOptions } from './options.ts';
import type { Succession } from '../../election/election.ts';
import { ExpiryWatch } from './expiry.ts';
import type { Incarnation } from './wipe-guard.ts';
import { timings, type Timings } from '../../election/timing.ts';
import { isProposal, placeOf } from './queue.ts';
import { parseLease, parseProposal, type Lease } from './record.ts';
import type { Sightings } from './others.ts';
import type { Place } from './proposal.ts';
import { firing, firstOf } from './firing.ts';

/** A campaign that was won. */
export interface Victory {
  readonly claim: Claim;
  readonly succession: Succession;
}

/**
 * One campaign from the proposal to the claim: look at the queue and watch the predecessor; once only the lease's
 * holder stands before, watch the lease, and claim it when it is vacant or expired.
 */
export class Campaign {
  readonly #options: ElectionOptions;
  readonly #place: Place;
  readonly #signal: AbortSignal;
  readonly #timings: Timings;
  readonly #expiry: ExpiryWatch;
  readonly #incarnation: Incarnation;
  readonly #sightings: Sightings;
  #reported: string | undefined;
  /** Who held the lease when it was last read held. */
  #holder: string | undefined;
  #outlook = 'its place in the queue is not known yet';

  constructor(
    options: ElectionOptions,
    place: Place,
    incarnation: Incarnation,
    sightings: Sightings,
    signal: AbortSignal,
  ) {
    this.#options = options;
    this.#place = place;
    this.#incarnation = incarnation;
    this.#sightings = sightings;
    this.#signal = signal;
    this.#timings = timings(place.session.timeout, options.leaseDuration, options.stop.onLeaseLoss);
    this.#expiry = new ExpiryWatch(options, place, this.#timings.leaseDuration, signal);
  }

  /** In words: what is waited for. */
  get outlook(): string {
    return this.#outlook;
  }

  /**
   * Resolves when elected. `undefined`: the own proposal is gone, and with it the place in the queue. Throws
   * RefusedError, SessionEndedError, or the signal's reason when aborted.
   */
  async win(): Promise<Victory | undefined> {
    const { session, proposal } = this.#place;
    // After a break in contact the candidate looks again at everything: the holder gets its full time to renew.
    const stopListening = session.onContact((contact) => {
      if (!contact.up) this.#expiry.forget();
    });
    try {
      for (;;) {
        // Somebody may have deleted the base path by hand: every place in the queue went with it.
        const children = await this.#unlessGone((o) => session.children(this.#options.basePath, o));
        const place = placeOf(children ?? [], proposal ?? '');
        if (!place.present) return undefined;
        const victory = await this.#takeTurn(place.predecessors);
        if (victory !== undefined) return victory;
      }
    } finally {
      stopListening();
    }
  }

  /** Does what the place allows, until elected or until the queue has to be looked at again (`undefined`). */
  async #takeTurn(predecessors: readonly string[]): Promise<Victory | undefined> {
    const predecessor = predecessors.at(-1);
    if (predecessor === undefined) return this.#contend(undefined);
    if (predecessors.length === 1) return this.#standBehind(predecessor);
    const before = predecessors.length;
    this.#outlook = `${inLine(before)}: ${before} candidates stand before this one in the queue`;
    this.#report('standing by in the queue', { before });
    // A data watch fires when the predecessor leaves, and also when it has become leader and refreshes its proposal:
    // that makes this candidate the next in line.
    const found = await this.#unlessGone((o) => this.#place.session.getWatched(this.#path(predecessor), o));
    if (found === undefined) return undefined;
    try {
      const { lease } = this.#sightings.last ?? {};
      if (lease?.kind === 'held') this.#sightings.meet(this.#place.record, lease.record);
      const proposal = parseProposal(found.node.data);
      if (proposal.kind === 'readable') this.#sightings.meet(this.#place.record, proposal.record);
      await firstOf(this.#options.clock, [firing(found.watch)], this.#signal);
      return undefined;
    } finally {
      found.watch.cancel();
    }
  }

  async #standBehind(predecessor: string): Promise<Victory | undefined> {
    // A children watch fires on the deletion alone: the leader's heartbeats rewrite its proposal.
    const found = await this.#unlessGone((o) => this.#place.session.childrenWatched(this.#path(predecessor), o));
    if (found === undefined) return undefined;
    try {
      return await this.#contend({ name: predecessor, leaving: firing(found.watch) });
    } finally {
      found.watch.cancel();
    }
  }

  /**
   * Watches the lease and claims it as soon as that is allowed: by the first in the queue, or by the one whose only
   * predecessor holds it. Returns `undefined` when the queue has to be looked at again.
   */
  async #contend(
    predecessor: { readonly name: string; readonly leaving: AbortSignal } | undefined,
  ): Promise<Victory | undefined> {
    const { basePath, clock } = this.#options;
    // Sequence numbers only grow: once the only predecessor was seen to hold the lease, nobody else can stand before
    // this candidate, and a vacant lease is its to claim.
    let nobodyBefore = predecessor === undefined;
    for (;;) {
      const found = await this.#unlessGone((o) => this.#place.session.getWatched(basePath, o));
      if (found === undefined) return undefined;
      const { node, watch } = found;
      try {
        // A proof of contact found the proposal gone: another candidate took over a lease that this one had claimed in
        // doubt, and deleted the proposal.
        if (this.#place.proposal === undefined) return undefined;
        const lease = parseLease(node.data);
        this.#sightings.meetLeader(this.#place.record, lease);
        if (lease.kind === 'held') this.#holder = lease.record.candidateId;
        const nextInLine = predecessor !== undefined && isHeldBy(lease, this.#path(predecessor.name));
        nobodyBefore ||= nextInLine;
        const held = lease.kind === 'held' ? lease.duration : undefined;
        this.#incarnation.see(node.stat, Math.max(this.#timings.leaseDuration, held ?? 0), clock.now());
        const { claimableAt } = this.#incarnation;
        const vacant = lease.kind === 'vacant' && nobodyBefore;
        if (vacant && clock.now() >= claimableAt) return await this.#claim(node, this.#onVacancy(node));
        const mayExpire = predecessor === undefined || nextInLine;
        this.#reportLease(lease, node, mayExpire);
        const changed = [firing(watch), ...(predecessor === undefined ? [] : [predecessor.leaving])];
        const wake =
          mayExpire && !vacant
            ? await this.#expiry.wait(lease, node.stat, changed, predecessor === undefined)
            : await firstOf(clock, changed, this.#signal, vacant ? claimableAt : Infinity);
        if (wake === 'expired') return await this.#takeOver(node, lease);
        if (wake === 1) return undefined;
      } finally {
        watch.cancel();
      }
    }
  }

  /**
   * Claims an expired lease and deletes the proposal of its former holder. That proposal would stay ahead of the new
   * leader's for as long as its session lasts, and the next in line would not know that it is the next.
   */
  async #takeOver(node: ZNode, lease: Lease): Promise<Victory | undefined> {
    const { basePath, mixedFleet, logger } = this.#options;
    const from = lease.kind === 'held' ? { from: lease.record.candidateId } : {};
    const victory = await this.#claim(node, { why: 'expired', ...from });
    if (victory === undefined || mixedFleet || lease.kind !== 'held') return victory;
    const name = lease.record.proposalNode.slice(basePath.length + 1);
    if (lease.record.proposalNode === `${basePath}/${name}` && isProposal(name) && name !== this.#place.proposal)
      this.#place.session
        .delete(lease.record.proposalNode, -1, { timeout: this.#timings.heartbeat })
        .catch((error: unknown) =>
          logger.debug('the former leader’s proposal was not deleted', { error: describe(error) }),
        );
    return victory;
  }

  #onVacancy({ stat }: ZNode): Succession {
    if (this.#holder !== undefined) return { why: 'resigned', from: this.#holder };
    return { why: stat.version === 0 ? 'first' : 'vacant' };
  }

  async #claim(node: ZNode, succession: Succession): Promise<Victory | undefined> {
    const claim = await claimLease(this.#options, this.#place, this.#timings, node.stat, this.#signal);
    return claim && { claim, succession };
  }

  #reportLease(lease: Lease, node: ZNode, mayExpire: boolean): void {
    this.#outlook = mayExpire && lease.kind === 'held' ? `${inLine(1)}: ${outlookOn(lease)}` : outlookOn(lease);
    if (lease.kind === 'unreadable') {
      const { why, excerpt } = lease;
      this.#report(
        'the lease cannot be read; waiting for it to run out',
        { lease: this.#options.basePath, why, excerpt, version: node.stat.version },
        'warn',
      );
    } else if (lease.kind === 'held') {
      const { candidateId, hostname } = lease.record;
      this.#report(mayExpire ? 'standing by, next in line' : 'standing by', { leader: candidateId, host: hostname });
    } else if (this.#incarnation.claimableAt > this.#options.clock.now())
      this.#report(
        'the election was wiped: waiting for as long as a lease lasts, since its last leader may not know yet',
      );
    else this.#report('standing by: the lease is vacant and another candidate is about to claim it');
  }

  /** Says what changed, once. */
  #report(message: string, fields: Record<string, string | number> = {}, level: 'info' | 'warn' = 'info'): void {
    const said = JSON.stringify([message, fields['leader'], fields['version']]);
    if (said === this.#reported) return;
    this.#reported = said;
    this.#options.logger[level](message, fields);
  }

  #unlessGone<T>(request: (options: RequestOptions) => Promise<T>): Promise<T | undefined> {
    return this.#place.ask(this.#signal, request).catch(unlessMissing);
  }

  #path(name: string): string {
    return `${this.#options.basePath}/${name}`;
  }
}

const ORDINALS = ['next', 'second', 'third', 'fourth', 'fifth', 'sixth', 'seventh', 'eighth', 'ninth'];

/** The place in the queue in words. The leader is one of those who stand before. */
function inLine(before: number): string {
  return `${ORDINALS[before - 1] ?? `number ${before}`} in line`;
}

function outlookOn(lease: Lease): string {
  switch (lease.kind) {
    case 'held':
      return `${lease.record.candidateId} leads, on host ${lease.record.hostname}`;
    case 'unreadable':
      return `the lease cannot be read (${lease.why}), and is waited for until it has run out`;
    case 'vacant':
      return 'nobody leads: the lease is vacant, and another candidate or a wiped election is waited for';
  }
}

function isHeldBy(lease: Lease, proposalNode: string): boolean {
  return lease.kind === 'held' && lease.record.proposalNode === proposalNode;
}
