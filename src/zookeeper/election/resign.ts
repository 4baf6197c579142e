import { sleep } from '../../clock.ts';
import { describe, UnavailableError } from '../../errors.ts';
import { BadVersionError, NoNodeError, SessionEndedError } from '../session/errors.ts';
import { isUnanswered, suspectIfSilent, RETRY_PAUSE_MS, type ElectionOptions } from './options.ts';
import type { HeldLease } from './lease.ts';
import type { Place } from './proposal.ts';
import type { Timings } from '../../election/timing.ts';

/** A term that is being given up. */
export interface EndingTerm {
  readonly options: ElectionOptions;
  readonly timings: Timings;
  readonly lease: HeldLease;
  readonly host: { readonly place: Place };
  readonly isLost: boolean;
}

/**
 * Gives up a lease that is not renewed any more: clears it under its version and deletes the proposal, pipelined in
 * that order, so that the next in line finds the lease vacant when it wakes. Repeats until acknowledged, or until the
 * lease is somebody else's; after `within` ms, throws UnavailableError: the lease then runs out by itself.
 */
export async function resignLease(term: EndingTerm, within: number): Promise<void> {
  const { clock } = term.options;
  const giveUpAt = clock.now() + within;
  for (let verify = false; !term.isLost;) {
    const sentAt = clock.now();
    const timeout = Math.max(1, Math.min(term.timings.acknowledgeWithin, giveUpAt - sentAt));
    try {
      if (verify && (await term.lease.verify(timeout)) !== 'ours') return;
      const cleared = term.lease.clear(timeout);
      const left = term.host.place.deleteProposal({ timeout });
      const [lease, proposal] = await Promise.allSettled([cleared, left]);
      // A proposal left behind is deleted before the next campaign, or goes with the session.
      if (proposal.status === 'rejected')
        term.options.logger.debug('the proposal was not deleted', { error: describe(proposal.reason) });
      if (lease.status === 'rejected') throw lease.reason;
      return;
    } catch (error) {
      if (error instanceof NoNodeError) return;
      // Refused after a write of unknown outcome: read who holds the lease. When no outcome is unknown, the refusal is
      // final, and the read says the same.
      if (error instanceof BadVersionError) verify = true;
      else if (error instanceof SessionEndedError || !isUnanswered(error) || clock.now() >= giveUpAt) {
        const lease = `the lease in ${term.options.basePath}`;
        throw new UnavailableError(`${lease} could not be cleared, it runs out by itself: until then nobody leads`, {
          cause: error,
        });
      }
      suspectIfSilent(clock, term.host.place.session, error, sentAt, timeout);
      await sleep(clock, RETRY_PAUSE_MS);
    }
  }
}
