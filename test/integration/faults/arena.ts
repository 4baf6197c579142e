/** Where an election under test is held. */
import { randomUUID } from 'node:crypto';
import type { CandidateOptions } from '../../support/candidate.ts';
import type { Ensemble } from '../../support/zookeeper.ts';
import { Observer } from './observer.ts';

/** Who leads and who stands, by the election's own records. They judge nothing: they only tell who is to be struck. */
export interface Seen {
  readonly lease:
    | {
        readonly kind: 'held';
        readonly pid: string;
        readonly candidateId: string;
        readonly fencingToken: number | undefined;
      }
    | { readonly kind: 'free'; readonly why: string };
  /** Names of the places in the queue. */
  readonly proposals: readonly string[];
}

export interface Arena extends AsyncDisposable {
  /** What says to the candidate in this place where the election is. `server`: its own way to the server. */
  candidate(place: number, server?: string): Pick<CandidateOptions, 'servers' | 'basePath' | 'flags'>;
  /** `undefined`: nobody has stood yet. */
  look(): Promise<Seen | undefined>;
  /** What is wrong with the records while everybody stands in place; empty when all is well. */
  inspect(): readonly string[];
  /** What is there although everybody has left; empty when all is well. */
  leftOver(): Promise<readonly string[]>;
}

/** An election on an ensemble. */
export class ZooKeeperArena implements Arena {
  readonly servers: string;
  readonly #basePath = `/faults-${randomUUID()}`;
  readonly #observer: Observer;

  /** `servers`: those that the candidates know; all, unless told otherwise. */
  constructor(zookeeper: Ensemble, servers = zookeeper.connectString) {
    this.servers = servers;
    this.#observer = new Observer(zookeeper);
  }

  /** One of the three speaks by ballot's own client: it leads in its turn, under every fault. */
  candidate(place: number, server = this.servers): ReturnType<Arena['candidate']> {
    const client: CandidateOptions['flags'] = place === 1 ? { 'zookeeper-client': 'wire' } : {};
    return {
      servers: server,
      basePath: this.#basePath,
      flags: { 'zookeeper-session-timeout': '4s', ...client },
    };
  }

  async look(): Promise<Seen | undefined> {
    const state = await this.#observer.look(this.#basePath);
    if (state === undefined) return undefined;
    const { lease, proposals } = state;
    if (lease.kind !== 'held') return { lease: { kind: 'free', why: lease.kind }, proposals };
    const { pid, candidateId, fencingToken } = lease.record;
    return { lease: { kind: 'held', pid, candidateId, fencingToken }, proposals };
  }

  inspect(): readonly string[] {
    return [];
  }

  leftOver(): Promise<readonly string[]> {
    return Promise.resolve([]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#observer[Symbol.asyncDispose]();
  }
}
