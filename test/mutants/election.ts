/** Faults of the election's protocol. */
import { contract, told, type Mutant } from './mutant.ts';

const election = (named: string) => contract('election', named);

const standstill = told('told', 'standstill of the whole ensemble');

export const electionMutants: readonly Mutant[] = [
  {
    what: 'a lease is taken over without a proof of contact',
    file: 'election/expiry.ts',
    find: 'clock.now() >= probeAt && !(await this.#proveContact(duration))',
    put: 'false',
    noticedBy: standstill,
  },
  {
    what: 'the ensemble’s clock alone proves expiry after an outage: the leader gets no time to renew',
    file: 'election/expiry.ts',
    find: 'return Math.max(this.#options.clock.now() + Math.max(0, duration - age), this.#standing.calmSince + duration);',
    put: 'return this.#options.clock.now() + Math.max(0, duration - age);',
    noticedBy: standstill,
  },
  {
    what: 'the ensemble’s clock never proves expiry: whoever comes late waits for a lease that ran out long ago',
    file: 'election/expiry.ts',
    find: 'byServer ? await this.#serverExpiry(stat, duration) : Infinity',
    put: 'Infinity',
    noticedBy: election('takes a lease over at once'),
  },
  {
    what: 'the former leader’s proposal is left after a take-over',
    file: 'election/campaign.ts',
    find: "if (victory === undefined || mixedFleet || lease.kind !== 'held') return victory;",
    put: 'if (victory !== undefined || mixedFleet || lease.kind !== "held") return victory;',
    noticedBy: election('deletes the place in the queue'),
  },
  {
    what: 'the next in line reads the queue at every heartbeat of the leader',
    file: 'election/campaign.ts',
    find: 'this.#standing.session.childrenWatched(this.#path(predecessor), o)',
    put: 'this.#standing.session.getWatched(this.#path(predecessor), o)',
    noticedBy: election('is watched by the next in line'),
  },
];
