/** The library: puts the parts of a candidate together for a program. Nothing happens before it is called. */
import { hostname } from 'node:os';
import type { Candidate as Standing, CandidateEvents } from '../candidate/candidate.ts';
import { CandidateClosedError } from '../candidate/errors.ts';
import type { LeadingTerm } from '../candidate/leading-term.ts';
import type { LibraryConfig } from '../config/config.ts';
import type { Logger } from '../log/logger.ts';
import type { Candidate, ElectOptions, Participant, Term, WaitOptions } from './api.ts';
import { join, joinHere } from './ensembles.ts';
import { understand } from './options.ts';
import { candidacyInZooKeeper, candidacyOnThisHost, standing, type Candidacy } from './standing.ts';

/** How long a look at the queue may take, ms. */
const LOOK_WITHIN_MS = 5_000;

/**
 * Stands for election. Resolves when the candidate has a place in the queue. Throws ConfigurationError with all
 * problems of the options, AlreadyStandingError, RefusedError, UnavailableError (with `onElectionFailure: 'exit'`),
 * NotElectedError, and the signal's reason.
 */
export async function elect(options: ElectOptions = {}): Promise<Candidate> {
  const candidate = new ElectedCandidate(options);
  await candidate.stands();
  return candidate;
}

/**
 * Stands for election, does the work once as the leader, resigns when it has ended, and leaves. Resolves with what the
 * work does. Throws what the work throws; LeaseLostError when the lease was lost before the work had ended; and as
 * `elect` does.
 */
export async function lead<T>(options: ElectOptions, work: (term: Term) => T | Promise<T>): Promise<T> {
  if (typeof work !== 'function') throw new TypeError('lead(options, work): work must be a function');
  const candidate = new ElectedCandidate(options);
  try {
    return await candidate.lead(work);
  } finally {
    await candidate.close();
  }
}

/** A candidate's part in its election, and what says that it has left. Throws AlreadyStandingError. */
function partIn(config: LibraryConfig, logger: Logger): { readonly candidacy: Candidacy; leave(): void } {
  if (config.coordinator === 'local') {
    const candidacy = candidacyOnThisHost(config, logger);
    return { candidacy, leave: joinHere(candidacy.name, config.candidateId) };
  }
  const { sessions, leave } = join(config, logger);
  return { candidacy: candidacyInZooKeeper(config, sessions, logger), leave };
}

class ElectedCandidate implements Candidate {
  readonly #standing: Standing;
  readonly #signal: AbortSignal | undefined;
  readonly #look: (options: WaitOptions) => Promise<Participant[]>;

  constructor(options: ElectOptions) {
    const { config, signal, logger } = understand(options, hostname());
    signal?.throwIfAborted();
    const { candidacy, leave } = partIn(config, logger);
    this.#standing = standing(config, candidacy, logger, config.killAfter);
    this.#signal = signal;
    this.#look = async ({ signal: calledOff, timeout = LOOK_WITHIN_MS }) => {
      const ends = [this.#standing.end, ...(calledOff === undefined ? [] : [calledOff])];
      const all = await candidacy.participants({ signal: AbortSignal.any(ends), timeout });
      return all.map(({ candidateId, hostname: host, leads }) => ({ candidateId, hostname: host, leads }));
    };
    const onAbort = (): void => void this.#standing.close(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#standing.on('closed', () => {
      signal?.removeEventListener('abort', onAbort);
      leave();
    });
  }

  /** Resolves when it has a place in the queue. Otherwise it is closed when this rejects. */
  async stands(): Promise<void> {
    try {
      await this.#standing.stands();
    } catch (error) {
      await this.close();
      throw this.#causeOf(error);
    }
  }

  /** Whom the signal has closed it for is told the signal's reason. */
  #causeOf(error: unknown): unknown {
    return this.#signal?.aborted === true && error instanceof CandidateClosedError ? this.#signal.reason : error;
  }

  /** See `lead`. */
  async lead<T>(work: (term: Term) => T | Promise<T>): Promise<T> {
    try {
      return await this.#standing.lead(work);
    } catch (error) {
      throw this.#causeOf(error);
    }
  }

  get leader(): boolean {
    return this.#standing.leader;
  }

  get term(): Term | undefined {
    return this.#standing.term;
  }

  on<K extends keyof CandidateEvents>(event: K, listener: (...facts: CandidateEvents[K]) => void): () => void {
    return this.#standing.on(event, listener);
  }

  whenLeader(options?: WaitOptions): Promise<Term> {
    return this.#standing.whenLeader(options);
  }

  terms(): AsyncIterableIterator<LeadingTerm> {
    return this.#standing.terms();
  }

  participants(options: WaitOptions = {}): Promise<Participant[]> {
    return this.#look(options);
  }

  close(): Promise<Error | undefined> {
    return this.#standing.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
