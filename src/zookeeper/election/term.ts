import { sleep } from '../../clock.ts';
import { formatDuration } from '../../duration.ts';
import { describe } from '../../errors.ts';
import { BadVersionError, NoNodeError, SessionEndedError } from '../session/errors.ts';
import type { Victory } from './campaign.ts';
import { isUnanswered, suspectIfSilent, type ElectionOptions, RETRY_PAUSE_MS } from './options.ts';
import type { LossCause, ResignOptions, Succession, Term, TermEvent } from '../../election/election.ts';
import { HeldLease } from './lease.ts';
import { timings, type Timings } from '../../election/timing.ts';
import { formatGoTime } from './record.ts';
import { resignLease } from './resign.ts';
import { stepDownAsked } from './step-down.ts';
import type { Place } from './proposal.ts';
import type { ElectionWill } from './will.ts';
import { firstOf } from './firing.ts';

/** What a term needs of the candidate: its place in the queue, and a new one when the session that held it is over. */
export interface TermHost {
  readonly place: Place;
  readonly will: ElectionWill;
  /** Aborted when the candidate leaves the election. */
  readonly closing: AbortSignal;
  /** Opens a new session and makes it the present place, without a proposal yet. Tries until aborted. */
  reopen(signal: AbortSignal): Promise<void>;
}

/** From the claim to the first refresh of the proposal, ms: the start of the command goes first. */
const FIRST_BEAT_AFTER_MS = 10;

/** How long to ask who leads after a standstill, ms. The question may need a new session. */
const ASK_WITHIN_MS = 15_000;

/** Between two of these questions, ms. */
const ASK_EVERY_MS = 200;

/** Made once: an AbortController without a reason makes an exception with a stack, which a handover would wait for. */
const ENDED = new Error('the term is being ended');

/**
 * One uninterrupted holding of the lease: beats until the lease is lost or resigned. Every write of the lease names the
 * version last written; `deadline` moves with acknowledged writes alone, to the instant at which the write was sent
 * plus the lease's duration.
 */
export class LeaseTerm implements Term {
  readonly fencingToken: number;
  readonly succession: Succession;
  readonly timings: Timings;
  readonly options: ElectionOptions;
  readonly host: TermHost;
  readonly lease: HeldLease;
  readonly #stop = new AbortController();
  readonly #beating: Promise<void>;
  #putOff: () => void = () => undefined;
  #confirmed = true;
  /** When this process last did anything for the term, monotonic ms. */
  #awakeAt: number;
  #proposing: Promise<void> | undefined;
  #listening: Promise<void> | undefined;
  /** Who asks this leader to step down, in words. */
  #askedBy: string | undefined;
  /** Aborted when the next heartbeat is not to be waited for. */
  #hurry = new AbortController();
  #lost: LossCause | undefined;
  #resigned: Promise<void> | undefined;
  readonly #listeners = new Set<(event: TermEvent) => void>();

  constructor(options: ElectionOptions, host: TermHost, { claim, succession }: Victory) {
    this.options = options;
    this.host = host;
    this.timings = timings(host.place.session.timeout, options.leaseDuration, options.stop.onLeaseLoss);
    this.fencingToken = claim.fencingToken;
    this.succession = succession;
    this.lease = new HeldLease(options.basePath, this.timings.leaseDuration, () => host.place, claim);
    this.#awakeAt = options.clock.now();
    this.host.will.holds(this.lease);
    this.#watchOver(this.#patience);
    this.#beating = this.#beat(this.#stop.signal);
  }

  get leaseDuration(): number {
    return this.lease.duration;
  }

  get heartbeat(): number {
    return this.timings.heartbeat;
  }

  get deadline(): number {
    return this.lease.deadline;
  }

  get safeUntil(): number {
    return this.#lost === undefined ? this.host.will.safeUntil : -Infinity;
  }

  /** From one acknowledgement to when the next one is late, ms. */
  get #patience(): number {
    return this.timings.heartbeat + this.timings.acknowledgeWithin;
  }

  get isLost(): boolean {
    return this.#lost !== undefined;
  }

  subscribe(listener: (event: TermEvent) => void): () => void {
    this.#listeners.add(listener);
    if (this.#lost !== undefined) this.#tell(listener, { kind: 'lost', cause: this.#lost });
    return () => void this.#listeners.delete(listener);
  }

  renew(): void {
    this.#hurry.abort(ENDED);
  }

  async resign({ first, orStay = false, within = this.leaseDuration }: ResignOptions = {}): Promise<
    'resigned' | 'stayed'
  > {
    const isDone = orStay ? await first?.() : undefined;
    if (isDone === false && this.#lost === undefined && this.#resigned === undefined) return 'stayed';
    this.host.will.resigns();
    this.#resigned ??= this.settle()
      .then(isDone === undefined ? first : undefined)
      .then(() => resignLease(this, within))
      .finally(() => this.host.will.holdsNothing());
    await this.#resigned;
    return 'resigned';
  }

  /** Ends it, if nobody else has. Resolves when nothing of it is under way any more, its resignation included. */
  async over(): Promise<void> {
    await this.settle();
    await this.#resigned?.catch(() => undefined);
    // Without a term the will has no instants: the next keeper would act on them.
    this.host.will.holdsNothing();
  }

  /** Stops renewing. Resolves when nothing of the term is under way any more; the lease stays as it is. */
  async settle(): Promise<void> {
    this.#stop.abort(ENDED);
    this.#putOff();
    await Promise.all([this.#beating, this.#proposing, this.#listening]);
  }

  /**
   * Renews every heartbeat. Soon after the claim the proposal alone is refreshed, so that the next in line learns its
   * place; the token of a claim that was not renewed yet is the transaction that wrote it, and needs no record.
   */
  async #beat(signal: AbortSignal): Promise<void> {
    try {
      await sleep(this.options.clock, FIRST_BEAT_AFTER_MS, signal);
      this.#refreshProposal(formatGoTime(this.options.clock.wall()));
      this.#listening = this.#listen(signal);
      while (this.#lost === undefined) {
        // A session ends together with its keeper. Another keeper must hold the will at once, not with the next
        // heartbeat.
        await firstOf(
          this.options.clock,
          [this.host.place.session.ended, this.#hurry.signal],
          signal,
          this.lease.renewedAt + this.timings.heartbeat,
        );
        this.#hurry = new AbortController();
        await this.#renew(signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** Hears of a request to step down. */
  async #listen(signal: AbortSignal): Promise<void> {
    const { clock, logger, basePath } = this.options;
    const { fencingToken, host } = this;
    try {
      const request = await stepDownAsked({ clock, logger, basePath, fencingToken, place: () => host.place }, signal);
      if (request !== undefined && this.#lost === undefined) this.#tellOfRequest((this.#askedBy = request.by));
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  #tellOfRequest(by: string): void {
    this.#emit({ kind: 'stepDownAsked', by });
  }

  /**
   * Acts when a heartbeat is not acknowledged in time, without any answer. Under `keep` it keeps the keeper from acting
   * during an outage. After a standstill it notices that the keeper has acted. Each acknowledgement postpones it, so it
   * never fires while all is well.
   */
  #watchOver(after: number): void {
    const { clock } = this.options;
    const { will } = this.host;
    this.#putOff();
    if (this.#stop.signal.aborted) return;
    this.#putOff = clock.at(clock.now() + after, () => {
      if (will.overdue) return this.#stoodStill();
      this.#awakeAt = clock.now();
      if (!this.#confirmed) will.beat();
      this.#watchOver(this.timings.acknowledgeWithin);
    });
  }

  /** Repeats the heartbeat until it is acknowledged or the lease is lost. Throws only the signal's reason. */
  async #renew(signal: AbortSignal): Promise<void> {
    const { clock } = this.options;
    let verify = false;
    while (this.#lost === undefined) {
      signal.throwIfAborted();
      const sentAt = clock.now();
      try {
        if (verify) {
          const found = await this.lease.verify(this.timings.acknowledgeWithin);
          if (found !== 'ours') return this.#lose(found);
        }
        verify = false;
        await this.#write();
        return this.#acknowledged(sentAt, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof NoNodeError) this.#lose({ kind: 'wiped' });
        else if (error instanceof BadVersionError) {
          if (!this.lease.doubtful) return this.#lose(await this.lease.whoClaimed());
          verify = true;
        } else if (error instanceof SessionEndedError) {
          this.#unconfirmed(describe(error));
          await this.host.reopen(signal);
          verify = true;
        } else await this.#unanswered(error, sentAt, signal);
      }
    }
  }

  async #unanswered(error: unknown, sentAt: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.options;
    this.#unconfirmed(describe(error));
    suspectIfSilent(clock, this.host.place.session, error, sentAt, this.timings.acknowledgeWithin);
    // What is neither an answer nor a broken connection (an ACL changed under way, a bug) is retried at the pace of
    // heartbeats: the deadline decides.
    await sleep(clock, isUnanswered(error) ? RETRY_PAUSE_MS : this.timings.acknowledgeWithin, signal);
  }

  /** One heartbeat, pipelined: refreshes the proposal (not in a mixed fleet), sets the lease under its version. */
  async #write(): Promise<void> {
    const lastSeenTime = formatGoTime(this.options.clock.wall());
    this.#refreshProposal(lastSeenTime);
    const runId = this.host.will.latestRun?.runId;
    const facts = { lastSeenTime, fencingToken: this.fencingToken, ...(runId === undefined ? {} : { runId }) };
    await this.lease.renew(facts, this.timings.acknowledgeWithin);
  }

  /** The lease's write tells if the connection works. Go's candidates take a rewritten proposal for a failure. */
  #refreshProposal(lastSeenTime: string): void {
    const { mixedFleet, logger } = this.options;
    if (mixedFleet) return;
    const beat = { lastSeenTime, leaseDuration: formatDuration(this.leaseDuration) };
    this.host.place.refresh({ timeout: this.timings.acknowledgeWithin }, beat).catch((error: unknown) => {
      logger.debug('the proposal was not refreshed', { error: describe(error) });
    });
  }

  #acknowledged(sentAt: number, signal: AbortSignal): void {
    // The answer may have waited here while this process stood still, and its keeper acted.
    if (this.host.will.overdue) return this.#stoodStill();
    this.#awakeAt = this.options.clock.now();
    if (!this.#confirmed) {
      const unconfirmedFor = formatDuration(Math.round(sentAt - this.lease.renewedAt));
      this.options.logger.info('the lease is renewed again', { term: this.fencingToken, unconfirmedFor });
    }
    this.#confirmed = true;
    this.host.will.renewed(sentAt);
    this.#watchOver(this.#patience);
    this.#emit({ kind: 'renewed', deadline: this.deadline });
    if (this.#askedBy !== undefined) this.#tellOfRequest(this.#askedBy);
    if (this.host.place.proposal === undefined) this.#takePlace(signal);
  }

  /** The proposal is gone while the lease is still ours: a new one, beside the heartbeats. */
  #takePlace(signal: AbortSignal): void {
    const { logger } = this.options;
    this.#proposing ??= this.host.place
      .propose(signal)
      .catch((error: unknown) => {
        if (!signal.aborted) logger.warn('no new proposal could be made; trying again', { error: describe(error) });
      })
      .finally(() => {
        this.#proposing = undefined;
      });
  }

  #unconfirmed(why: string): void {
    if (!this.#confirmed) return;
    this.#confirmed = false;
    this.host.will.beat();
    this.#emit({ kind: 'unconfirmed', deadline: this.deadline, why });
  }

  /** An instant of the will has passed while this process did not run. */
  #stoodStill(): void {
    if (this.#lost !== undefined) return;
    const ms = Math.round(this.options.clock.now() - this.#awakeAt);
    this.#lose({ kind: 'stoodStill', ms });
    void this.#sayWhoLeads(ms);
  }

  /** Looks who leads after a standstill: if the keeper stood still too, two commands may have run. */
  async #sayWhoLeads(ms: number): Promise<void> {
    const { clock, logger } = this.options;
    const until = clock.now() + ASK_WITHIN_MS;
    const stoodStill = formatDuration(ms);
    while (clock.now() < until && !this.host.closing.aborted) {
      try {
        const found = await this.lease.verify(this.timings.acknowledgeWithin);
        if (found !== 'ours' && found.kind === 'claimed')
          logger.warn(
            'another candidate has led since this host stood still: its command and the one here may have overlapped',
            { leader: found.by, stoodStill, term: this.fencingToken },
          );
        return;
      } catch (error) {
        logger.debug('it is not known yet who leads', { error: describe(error) });
        await sleep(clock, ASK_EVERY_MS, this.host.closing).catch(() => undefined);
      }
    }
  }

  #lose(cause: LossCause): void {
    if (this.#lost !== undefined) return;
    this.#lost = cause;
    this.host.will.loses(this.lease);
    this.#stop.abort(ENDED);
    this.#putOff();
    this.#emit({ kind: 'lost', cause });
  }

  #emit(event: TermEvent): void {
    for (const listener of this.#listeners) this.#tell(listener, event);
  }

  #tell(listener: (event: TermEvent) => void, event: TermEvent): void {
    queueMicrotask(() => this.#listeners.has(listener) && listener(event));
  }
}
