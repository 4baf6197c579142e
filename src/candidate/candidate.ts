import { sleep, type Clock } from '../clock.ts';
import { formatDuration } from '../duration.ts';
import { asError, BallotError, describe, ExitCode, UnavailableError } from '../errors.ts';
import type { Election, StopRules, Term } from '../election/election.ts';
import { electionRetryDelay, STAND_BACK_MS } from '../election/timing.ts';
import { seconds, whyElected } from '../election/words.ts';
import type { Logger } from '../log/logger.ts';
import { deferred, untilAborted, within } from '../waiting.ts';
import { CandidateClosedError, LeaseLostError, NotElectedError } from './errors.ts';
import { LeadingTerm, type TermEnd } from './leading-term.ts';
import { Listeners } from './listeners.ts';

/**
 * What the keeper knows of a candidate without a command: there is nothing to stop. When this process does not renew
 * the lease in time, the keeper gives it up, a safety margin before others may claim it.
 */
export const NO_COMMAND: StopRules = { onLeaseLoss: 'stop', stopSignal: 'SIGTERM', killAfter: 0, mark: () => [] };

export interface CandidateParts {
  readonly election: Election;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What the election is called in errors. */
  readonly name: string;
  /** How long a campaign goes without contact to the coordinator before it counts as failed, ms. */
  readonly patience: number;
  /** What follows a campaign that failed because the coordinator is away: the next one, or the end. */
  readonly onElectionFailure: 'retry' | 'exit';
  /** The candidate ends when it is not elected within this, ms. */
  readonly electionTimeout: number | undefined;
  /** How long the work of a term may take to end when the term is given up as planned, ms. */
  readonly killAfter: number;
}

/** What a candidate can be listened to for. */
export type CandidateEvents = {
  /** It leads. */
  readonly leader: readonly [term: LeadingTerm];
  /** It does not lead any more. */
  readonly follower: readonly [end: TermEnd];
  /** It does not stand any more; `failure`: why, when nobody has closed it. */
  readonly closed: readonly [failure: Error | undefined];
};

type CandidateEvent = keyof CandidateEvents;

/** How long a wait may last. */
export interface WaitOptions {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds. */
  readonly timeout?: number | undefined;
}

/**
 * How long the end asks to give the lease up, waits until that or a campaign is over, and then asks to leave the queue,
 * ms.
 */
const LEAVE_WITHIN = { lease: 2_000, life: 2_200, session: 500 } as const;

/**
 * One who stands in an election without a command, until it is closed: a campaign, a term, the end of the work, the
 * resignation, the next campaign. Whoever uses it learns of its terms by events, by waiting for one, or by a loop over
 * them.
 */
export class Candidate implements AsyncDisposable {
  readonly #parts: CandidateParts;
  readonly #listeners = new Listeners<CandidateEvents>();
  /** Aborted when it is not to stand any more. The reason is what waiting callers are told. */
  readonly #end = new AbortController();
  readonly #waiting = new Set<(term: LeadingTerm) => void>();
  /** Resolved by a place in the queue. */
  readonly #standing = deferred();
  #term: LeadingTerm | undefined;
  #closed: CandidateEvents['closed'] | undefined;
  /** What a term, or the end, could not get acknowledged. */
  #unreleased: Error | undefined;
  /** Never rejects. */
  readonly #over: Promise<Error | undefined>;

  /** Begins to stand at once. */
  constructor(parts: CandidateParts) {
    this.#parts = parts;
    this.#over = this.#live();
  }

  /** Aborted when it does not stand any more, with the reason that waiting callers are told. */
  get end(): AbortSignal {
    return this.#end.signal;
  }

  /** Whether it leads at this moment, by the clock. */
  get leader(): boolean {
    return this.#term?.isLeading === true;
  }

  /** The term that it leads in. */
  get term(): LeadingTerm | undefined {
    return this.leader ? this.#term : undefined;
  }

  /** Calls `listener` at each such event; `leader` and `closed` also if that is so already. Returns what ends it. */
  on<K extends CandidateEvent>(name: K, listener: (...facts: CandidateEvents[K]) => void): () => void {
    const already: { [E in CandidateEvent]?: CandidateEvents[E] | undefined } = {
      leader: this.term && [this.term],
      closed: this.#closed,
    };
    return this.#listeners.add(name, listener, already[name]);
  }

  /** Resolves when it has a place in the queue. Throws as `whenLeader` does. */
  stands(options: WaitOptions = {}): Promise<void> {
    return this.#wait(this.#standing.promise, options);
  }

  /**
   * Resolves with the present term, or with the next one. Throws CandidateClosedError, or what has ended the candidate;
   * the signal's reason; NotElectedError after `timeout` ms.
   */
  whenLeader(options: WaitOptions = {}): Promise<LeadingTerm> {
    return this.#nextTerm(undefined, options);
  }

  /**
   * One item for each term, until the candidate is closed; throws what has ended it otherwise. A term ends with the
   * body of the loop: the candidate resigns and stands again, also when the loop is left.
   */
  terms(): AsyncIterableIterator<LeadingTerm> {
    let last: LeadingTerm | undefined;
    let bodyEnds: () => void = () => undefined;
    const resign = async (): Promise<void> => {
      bodyEnds();
      if (last !== undefined) await this.#resign(last);
    };
    const next = async (): Promise<IteratorResult<LeadingTerm, undefined>> => {
      void resign();
      try {
        last = await this.#nextTerm(last, {});
      } catch (error) {
        if (error instanceof CandidateClosedError) return { done: true, value: undefined };
        throw error;
      }
      last.attend(new Promise<void>((resolve) => (bodyEnds = resolve)));
      return { done: false, value: last };
    };
    const leave = async (): Promise<IteratorResult<LeadingTerm, undefined>> => {
      await resign();
      return { done: true, value: undefined };
    };
    return {
      next,
      return: leave,
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  /**
   * Waits for a term, does the work as its leader, and resigns when it has ended. Resolves with what the work does.
   * Throws what the work throws; LeaseLostError when the lease was lost before the work had ended, whatever that
   * resolved to; and as `whenLeader` does.
   */
  async lead<T>(work: (term: LeadingTerm) => T | Promise<T>, options: WaitOptions = {}): Promise<T> {
    const term = await this.whenLeader(options);
    const working = (async () => work(term))();
    term.attend(working);
    try {
      const result = await working;
      if (!term.isLeading && term.signal.reason instanceof LeaseLostError) throw term.signal.reason;
      return result;
    } finally {
      await this.#resign(term);
    }
  }

  /** Work that has ended is not held up for a whole lease. What is not acknowledged is logged, and `close` tells it. */
  async #resign(term: LeadingTerm): Promise<void> {
    const { clock } = this.#parts;
    await within(clock, term.resign(), { at: clock.now() + LEAVE_WITHIN.life }).catch(() => undefined);
  }

  /**
   * Does not stand any more: ends the term, waits for its work (`killAfter` at most), gives the lease and the place in
   * the queue up. Never rejects. Resolves with what was not acknowledged in time, if anything: the lease then runs out
   * by itself. Idempotent.
   */
  close(cause?: unknown): Promise<Error | undefined> {
    this.#stop(new CandidateClosedError(this.#parts.name, cause === undefined ? {} : { cause }));
    return this.#over;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Only the first reason counts. */
  #stop(reason: Error): void {
    if (this.#end.signal.aborted) return;
    this.#end.abort(reason);
    this.#term?.leave(this.#closedError(reason));
  }

  /** Its whole life. Resolves with what was not acknowledged at its end. Never rejects. */
  async #live(): Promise<Error | undefined> {
    const { clock, election, logger } = this.#parts;
    const life = this.#standAndLead().catch((error: unknown) => this.#stop(asError(error)));
    await untilAborted(this.#end.signal);
    // A campaign that is called off may be giving back a claim, for as long as the lease: that is not waited for.
    const work = this.#term?.isWorking === true ? this.#parts.killAfter : 0;
    await within(clock, life, { at: clock.now() + work + LEAVE_WITHIN.life }).catch(() => this.#leaveAnyway());
    try {
      await election.close(LEAVE_WITHIN.session);
    } catch (error) {
      logger.error('leaving the queue failed', { why: describe(error) });
      this.#unreleased ??= asError(error);
    }
    const reason: unknown = this.#end.signal.reason;
    this.#closed = [reason instanceof CandidateClosedError ? undefined : asError(reason)];
    this.#listeners.tell('closed', ...this.#closed);
    return this.#unreleased;
  }

  #leaveAnyway(): void {
    if (this.#term === undefined) return this.#parts.logger.debug('a campaign that was called off is not over yet');
    this.#unreleased ??= new UnavailableError(`the lease of ${this.#parts.name} was not given up in time`);
  }

  /** Throws the reason for its end. */
  async #standAndLead(): Promise<never> {
    const { clock } = this.#parts;
    for (;;) {
      const term = await this.#elected();
      await term.ended;
      await this.#conclude(term);
      await sleep(clock, STAND_BACK_MS, this.#end.signal);
    }
  }

  async #elected(): Promise<LeadingTerm> {
    const { clock, logger, name, election, electionTimeout } = this.#parts;
    const since = clock.now();
    const giveUp = (): void => {
      logger.error('not elected within election-timeout', {
        stoodFor: seconds(clock.now() - since),
        why: election.outlook,
      });
      this.#stop(new NotElectedError(name, formatDuration(electionTimeout ?? 0), election.outlook));
    };
    const cancel = electionTimeout === undefined ? undefined : clock.at(since + electionTimeout, giveUp);
    try {
      const term = await this.#campaign();
      return this.#lead(term, since);
    } finally {
      cancel?.();
    }
  }

  /** Campaigns until one is won. Throws what does not pass by itself, and the reason for the end. */
  async #campaign(): Promise<Term> {
    const { clock, election, logger, patience, onElectionFailure: policy } = this.#parts;
    const { signal } = this.#end;
    // Who tries again anyway keeps its place and goes on the moment contact is back.
    const standing = policy === 'retry' ? Infinity : patience;
    const options = { signal, patience: { opening: patience, standing }, onPlace: this.#standing.resolve };
    for (let failures = 1; ; failures++) {
      try {
        return await election.campaign(options);
      } catch (error) {
        signal.throwIfAborted();
        const passes = error instanceof BallotError && error.exitCode === ExitCode.unavailable;
        logger[passes ? 'warn' : 'error']('the election failed', { why: describe(error), policy });
        if (!passes || policy === 'exit') throw error;
        await sleep(clock, electionRetryDelay(failures, clock.random()), signal);
      }
    }
  }

  #lead(term: Term, since: number): LeadingTerm {
    const { clock, logger, name: election, killAfter } = this.#parts;
    const onEnd = (end: TermEnd): void => this.#listeners.tell('follower', end);
    const leading = new LeadingTerm({ term, clock, logger, election, killAfter, onEnd });
    this.#term = leading;
    this.#unreleased = undefined;
    // The keeper has to know by when it is to be heard of.
    this.#parts.election.setRuns([]);
    const { fencingToken, succession } = term;
    const stoodFor = seconds(clock.now() - since);
    const why = whyElected(succession);
    logger.info('elected leader', { term: fencingToken, stoodFor, from: succession.from, why });
    // The end came in the turn in which the campaign was won.
    if (this.#end.signal.aborted) leading.leave(this.#closedError(this.#end.signal.reason));
    else this.#announce(leading);
    return leading;
  }

  #announce(term: LeadingTerm): void {
    this.#listeners.tell('leader', term);
    for (const take of this.#waiting) take(term);
  }

  /** The term is over: its work ends, the lease is given up. */
  async #conclude(term: LeadingTerm): Promise<void> {
    const { signal } = this.#end;
    try {
      await term.release(signal.aborted ? LEAVE_WITHIN.lease : undefined);
    } catch (error) {
      this.#unreleased = asError(error);
    }
    // Nobody is to lead again whose work of before still goes on.
    await within(this.#parts.clock, term.workOver(), { signal });
    this.#term = undefined;
  }

  async #nextTerm(after: LeadingTerm | undefined, options: WaitOptions): Promise<LeadingTerm> {
    const { term } = this;
    options.signal?.throwIfAborted();
    if (term !== undefined && term !== after) return term;
    let take: (term: LeadingTerm) => void = () => undefined;
    const next = new Promise<LeadingTerm>((resolve) => this.#waiting.add((take = resolve)));
    try {
      return await this.#wait(next, options);
    } finally {
      this.#waiting.delete(take);
    }
  }

  #wait<T>(promise: Promise<T>, { signal, timeout }: WaitOptions): Promise<T> {
    const { clock, name, election } = this.#parts;
    const ends = [this.#end.signal, ...(signal === undefined ? [] : [signal])];
    const at = timeout === undefined ? Infinity : clock.now() + timeout;
    const late = (): Error => new NotElectedError(name, formatDuration(timeout ?? 0), election.outlook);
    return within(clock, promise, { signal: AbortSignal.any(ends), at, late });
  }

  #closedError(cause: unknown): CandidateClosedError {
    return cause instanceof CandidateClosedError ? cause : new CandidateClosedError(this.#parts.name, { cause });
  }
}
