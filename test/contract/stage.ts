import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import type { ResignOptions, Term, TermEvent } from '../../src/election/election.ts';
import { expectWithin as expectWithinOnMachine } from '../support/yardstick.ts';
import type { Candidate, CandidateOptions, Coordinator } from './coordinator.ts';

/** A campaign under way. */
export interface Campaign {
  readonly candidate: Candidate;
  /** Settles when elected, or fails. */
  readonly term: Promise<Term>;
  /** Resolves when there is a place in the queue. */
  readonly placed: Promise<void>;
  abort(reason?: Error): void;
}

/** A term that nobody has given up yet, as far as its candidate knows. */
interface Held {
  readonly candidate: Candidate;
  readonly term: Term;
}

/** Ms without contact. */
const PATIENCE_MS = 60_000;

/** How often something is looked at that is waited for, ms. */
const LOOK_EVERY_MS = 10;

/** What a take-over may take beyond the lease, ms. */
export const SLACK_MS = 1000;

/** Starts a coordinator for the tests of a block. `begin` gets it before each test, with a stage for that test. */
export function useStages<W extends Coordinator>(
  start: () => Promise<W>,
  begin: (world: W, stage: Stage) => void,
): void {
  let world: W;
  let stage: Stage;
  beforeAll(async () => {
    world = await start();
  });
  afterAll(() => world.close());
  beforeEach(() => {
    stage = new Stage(world);
    begin(world, stage);
  });
  afterEach(async () => {
    stage.end();
    await world.reset();
  });
}

/**
 * One test's candidates. Whenever one is elected, it checks the promise of the port: whoever led before has given the
 * lease up, or has known since before that it may no longer act.
 */
export class Stage {
  readonly #world: Coordinator;
  readonly #campaigns: Campaign[] = [];
  readonly #held = new Set<Held>();
  #lastToken = 0;

  constructor(world: Coordinator) {
    this.#world = world;
  }

  campaign(candidate: Candidate, patience: { opening?: number; standing?: number } = {}): Campaign {
    const controller = new AbortController();
    let place: () => void = () => undefined;
    const placed = new Promise<void>((resolve) => (place = resolve));
    const term = candidate.election.campaign({
      signal: controller.signal,
      patience: { opening: PATIENCE_MS, standing: Infinity, ...patience },
      onPlace: place,
    });
    term.catch(() => undefined); // looked at by those tests that expect it
    const abort = (reason = new Error('called off')): void => controller.abort(reason);
    const campaign = { candidate, term, placed, abort };
    this.#campaigns.push(campaign);
    return campaign;
  }

  /** A new candidate, with its place in the queue. */
  async stand(id: string, options?: CandidateOptions): Promise<Campaign> {
    return this.standAgain(await this.#world.candidate(id, options));
  }

  async standAgain(candidate: Candidate): Promise<Campaign> {
    const campaign = this.campaign(candidate);
    await this.#world.settle(campaign.placed);
    return campaign;
  }

  /** A new candidate that is elected. */
  async lead(id: string, options?: CandidateOptions): Promise<{ candidate: Candidate; term: Term }> {
    const campaign = await this.stand(id, options);
    return { candidate: campaign.candidate, term: await this.elected(campaign) };
  }

  /** Waits for its term. */
  async elected({ candidate, term: promise }: Campaign): Promise<Term> {
    const term = await this.#world.settle(promise);
    for (const { candidate: former, term: before } of this.#held) {
      const until = former.onLeaseLoss === 'stop' ? before.safeUntil : Math.min(before.safeUntil, before.deadline);
      expect(former.clock.now(), `${former.id} leads beside ${candidate.id}`).toBeGreaterThanOrEqual(until);
    }
    expect(term.fencingToken).toBeGreaterThan(this.#lastToken);
    this.#lastToken = term.fencingToken;
    const held = { candidate, term };
    this.#held.add(held);
    term.subscribe(({ kind }) => kind === 'lost' && this.#held.delete(held));
    return term;
  }

  async isElected({ term }: Campaign): Promise<boolean> {
    let won = false;
    void term.then(
      () => (won = true),
      () => undefined,
    );
    await this.#world.pass(0);
    return won;
  }

  /** Without `first` the term is given up now, else when that says so. */
  resign(term: Term, options: ResignOptions = {}): Promise<'resigned' | 'stayed'> {
    const { first, orStay = false } = options;
    if (first === undefined) this.#giveUp(term);
    const watched = async (): Promise<boolean> => {
      const done = (await first?.()) ?? true;
      if (done || !orStay) this.#giveUp(term);
      return done;
    };
    return term.resign({ ...options, first: first && watched });
  }

  #giveUp(given: Term): void {
    for (const held of this.#held) if (held.term === given) this.#held.delete(held);
  }

  /** Leaves the election, whatever of it is left. */
  close({ election }: Candidate, timeout = 3000): Promise<void> {
    for (const held of this.#held) if (held.candidate.election === election) this.#held.delete(held);
    return election.close(timeout);
  }

  /** The host dies: nobody can ask it any more. */
  kill(candidate: Candidate): void {
    for (const held of this.#held) if (held.candidate === candidate) this.#held.delete(held);
    this.#world.kill(candidate);
  }

  /** What is seen: who leads, and all who stand, in order. */
  async seen(): Promise<{ leader: string | undefined; queue: string[] }> {
    const { leader, candidates } = await this.#world.standings();
    return { leader: leader?.candidateId, queue: candidates.map(({ candidateId }) => candidateId) };
  }

  /** Waits until so many stand, and says who. */
  async queueOf(count: number): Promise<string[]> {
    let { queue } = await this.seen();
    await this.until(async () => ({ queue } = await this.seen()).queue.length === count);
    return queue;
  }

  async until(condition: () => boolean | Promise<boolean>, ms = 20_000): Promise<void> {
    for (let waited = 0; !(await condition()); waited += LOOK_EVERY_MS) {
      if (waited > ms) throw new Error(`in vain for ${ms} ms`);
      await this.#world.pass(LOOK_EVERY_MS);
    }
  }

  /** As `rejection`, with the time that it takes. */
  failure(promise: Promise<unknown>): Promise<unknown> {
    return this.#world.settle(rejection(promise));
  }

  /** A campaign that goes on would stand again in the next test. */
  end(): void {
    for (const { abort } of this.#campaigns) abort(new Error('the test is over'));
  }
}

/** What is heard of a term from now on. */
export function eventsOf(term: Term): TermEvent[] {
  const events: TermEvent[] = [];
  term.subscribe((event) => events.push(event));
  return events;
}

/** The error that a promise rejects with. Fails when it does not. */
export function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: unknown) => error,
  );
}

/** Expects that something took less than `bound` ms; a real machine may be slow. */
export function expectWithin({ isVirtual }: Coordinator, took: number, bound: number): void {
  if (isVirtual) expect(took).toBeLessThan(bound);
  else expectWithinOnMachine(took, bound);
}
