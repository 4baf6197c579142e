import type { Clock } from '../clock.ts';
import { formatDuration } from '../duration.ts';
import { describe } from '../errors.ts';
import type { Logger } from '../log/logger.ts';
import { deferred, untilAborted, within } from '../waiting.ts';
import type { Term, TermEvent } from '../election/election.ts';
import { margin, stopInstants } from '../election/timing.ts';
import { whyLost } from '../election/words.ts';
import { type CandidateClosedError, LeaseLostError, ResignedError, SteppedDownError } from './errors.ts';

/** Why a term is over. */
export type TermEnd = LeaseLostError | ResignedError | SteppedDownError | CandidateClosedError;

/** What a term needs of its candidate. */
export interface LeadingTermParts {
  readonly term: Term;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What the election is called in errors. */
  readonly election: string;
  /** How long the work of the term may take to end when the term is given up as planned, ms. */
  readonly killAfter: number;
  /** Called in the turn in which the term is over. */
  onEnd(end: TermEnd): void;
}

/**
 * A term with work that is no command: nobody can stop it but itself, when `signal` says so. The signal is aborted
 * while the lease is still ours: at least a safety margin, and as a rule a third of the lease, before anybody else may
 * lead.
 */
export class LeadingTerm {
  readonly #parts: LeadingTermParts;
  readonly #over = new AbortController();
  /** Work that is known of, until it has ended. */
  readonly #works = new Set<Promise<unknown>>();
  readonly #unsubscribe: () => void;
  #disarm: () => void = () => undefined;
  #released: Promise<void> | undefined;
  /** Resolved when the program itself resigns. */
  readonly #saidSo = deferred();
  /** Nobody has to give the lease up any more. */
  #isLost = false;

  constructor(parts: LeadingTermParts) {
    this.#parts = parts;
    this.#unsubscribe = parts.term.subscribe((event) => this.#happened(event));
    this.#arm();
  }

  /** Grows from term to term: for a storage that refuses a writer of an earlier term. */
  get fencingToken(): number {
    return this.#parts.term.fencingToken;
  }

  /** Aborted when the work of this term has to end. The reason is the `TermEnd`. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  /**
   * Whether this process still leads. It looks at the clock, so that it is right also after the process has stood
   * still, when no timer has fired yet; then `signal` is aborted before it answers.
   */
  get isLeading(): boolean {
    if (this.signal.aborted) return false;
    const { clock, election } = this.#parts;
    if (clock.now() < this.#leadsUntil) return true;
    this.end(new LeaseLostError(election, 'it could not be renewed in time, and others may claim it soon'));
    return false;
  }

  /** Resolves when the term is over. */
  get ended(): Promise<void> {
    return untilAborted(this.signal);
  }

  /** Whether work is known of that has not ended. */
  get isWorking(): boolean {
    return this.#works.size > 0;
  }

  /** Registers work of this term: the lease is not given up before it has ended, as far as the lease allows. */
  attend(work: Promise<unknown>): void {
    this.#works.add(work);
    // Its failure is for whom has started it.
    work.finally(() => this.#works.delete(work)).catch(() => undefined);
  }

  /** Ends the term: the signal is aborted. The lease is kept until `release`. Only the first end counts. */
  end(end: TermEnd): void {
    if (this.signal.aborted) return;
    this.#disarm();
    const { logger, term } = this.#parts;
    if (end instanceof LeaseLostError) logger.error('the lease is lost', { term: term.fencingToken, why: end.why });
    this.#over.abort(end);
    this.#parts.onEnd(end);
  }

  /**
   * Ends the term and gives the lease up at once: who calls it says that nothing of its work is left. Resolves when the
   * coordinator has acknowledged it. Throws UnavailableError when it does not in time: then the lease runs out by
   * itself. Idempotent.
   */
  resign(): Promise<void> {
    this.leave(new ResignedError(this.#parts.election));
    return this.#release(undefined);
  }

  /** The program itself ends the term: work that is not known of has ended. */
  leave(end: TermEnd): void {
    this.#saidSo.resolve();
    this.end(end);
  }

  /**
   * To be called when the term is over. Waits for the work that is known of, then gives the lease up; `leaseWithin`:
   * how long the coordinator is asked for that, ms. Throws as `resign` does.
   */
  async release(leaseWithin?: number): Promise<void> {
    if (this.#released === undefined) await this.#workEnded();
    this.#unsubscribe();
    if (!this.#isLost) await this.#release(leaseWithin);
  }

  /** Resolves when nothing of the known work is left. */
  async workOver(): Promise<void> {
    while (this.#works.size > 0) await Promise.allSettled(this.#works);
  }

  /**
   * Resolves when the work has ended, or its time has. Work that is not known of has all of that time, unless the
   * program itself has ended the term. A lost lease need not be given up, so nobody waits.
   */
  async #workEnded(): Promise<void> {
    if (this.#isLost) return;
    const { clock, logger, term } = this.#parts;
    const isKnown = this.isWorking;
    const over = isKnown ? this.workOver() : this.#saidSo.promise;
    if (!isKnown && !this.#endedByOthers) return;
    const late = new Error('too late');
    await within(clock, over, { at: this.#workUntil(isKnown), late: () => late }).catch((error: unknown) => {
      if (error !== late) throw error;
      if (!isKnown) return;
      logger.error('the work of this term has not ended in time: another candidate may lead beside it', {
        term: term.fencingToken,
      });
    });
  }

  /** The program has not asked for the end, and does not know of it before it is told. */
  get #endedByOthers(): boolean {
    const reason: unknown = this.signal.reason;
    return reason instanceof LeaseLostError || reason instanceof SteppedDownError;
  }

  /**
   * Until when the lease is kept for the work: after a lease that could not be renewed as long as it lasts; else for
   * `killAfter`, and for work that is not known of no longer than it would have in the other case.
   */
  #workUntil(isKnown: boolean): number {
    const { clock, term, killAfter } = this.#parts;
    if (this.signal.reason instanceof LeaseLostError) return term.deadline - margin(term.leaseDuration);
    return clock.now() + (isKnown ? killAfter : Math.min(killAfter, term.leaseDuration / 3));
  }

  #release(leaseWithin: number | undefined): Promise<void> {
    this.#released ??= this.#giveUp(leaseWithin);
    // Who does not wait for it has it in the log.
    this.#released.catch(() => undefined);
    return this.#released;
  }

  async #giveUp(leaseWithin: number | undefined): Promise<void> {
    const { term, logger } = this.#parts;
    const { fencingToken } = term;
    try {
      await term.resign({ within: leaseWithin });
      if (!this.#isLost) logger.info('resigned', { term: fencingToken });
    } catch (error) {
      const leaseDuration = formatDuration(term.leaseDuration);
      const why = describe(error);
      logger.error('the lease was not released: others lead when it has run out', { leaseDuration, why });
      throw error;
    }
  }

  /** By the clock of this process; moves with each acknowledged renewal. Monotonic ms. */
  get #leadsUntil(): number {
    const { term, killAfter } = this.#parts;
    // First: on one host this looks at the lock, which moves the deadline.
    const { safeUntil } = term;
    return Math.min(stopInstants(term.deadline, term.leaseDuration, killAfter).termAt, safeUntil);
  }

  #arm(): void {
    this.#disarm = this.#parts.clock.at(this.#leadsUntil, () => {
      if (this.isLeading) this.#arm();
    });
  }

  #happened(event: TermEvent): void {
    const { logger, term, election } = this.#parts;
    switch (event.kind) {
      case 'renewed':
        return;
      case 'unconfirmed':
        return logger.warn('the lease cannot be renewed; it is given up before it runs out', {
          term: term.fencingToken,
          why: event.why,
        });
      case 'stepDownAsked':
        // Told again with each renewal.
        if (this.signal.aborted) return;
        logger.info('asked to step down', { term: term.fencingToken, by: event.by });
        return this.end(new SteppedDownError(election, event.by));
      case 'lost':
        this.#isLost = true;
        this.end(new LeaseLostError(election, whyLost(event.cause)));
    }
  }
}
