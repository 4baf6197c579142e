import { type FSWatcher, watch } from 'node:fs';
import { basename } from 'node:path';
import { sleepUntil, type Clock } from '../clock.ts';
import type { LeaseLossPolicy } from '../config/config.ts';
import type { LossCause, ResignOptions, Succession, Term, TermEvent } from '../election/election.ts';
import { margin } from '../election/timing.ts';
import { describe } from '../errors.ts';
import type { Logger } from '../log/logger.ts';
import { persist } from './disk.ts';
import { endLease, type LeaseRecord } from './lease.ts';
import type { Place } from './place.ts';
import { isRequest, removeEarlierRequests, whoAsked } from './step-down.ts';
import { reserveAhead } from './tokens.ts';

export interface TermParts {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ms. Nobody waits for it: it is how long a term goes on whose lock cannot be looked at. */
  readonly leaseDuration: number;
  readonly onLeaseLoss: LeaseLossPolicy;
}

/** What was claimed. */
export interface Claim {
  readonly place: Place;
  readonly record: LeaseRecord;
  /** Through where tokens are reserved. */
  readonly reserved: number;
  readonly succession: Succession;
}

const ENDED = new Error('the term is being ended');

/** What the start of the command does not wait for is done so long after the term has begun, ms. */
const BEGIN_AFTER_MS = 10;

/**
 * One uninterrupted holding of the lock. To renew is to look whether the locked file is still the one at its path: the
 * kernel keeps the lock by itself. The folder is watched, so a deleted file is noticed at once.
 */
export class LocalTerm implements Term {
  readonly succession: Succession;
  readonly leaseDuration: number;
  readonly heartbeat: number;
  readonly #parts: TermParts;
  readonly #place: Place;
  readonly #record: LeaseRecord;
  readonly #stop = new AbortController();
  readonly #listeners = new Set<(event: TermEvent) => void>();
  #deadline: number;
  #confirmed = true;
  #lost: LossCause | undefined;
  #resigned: Promise<void> | undefined;
  #watcher: FSWatcher | undefined;
  #isOver = false;
  #reserved: number;
  /** Who asks this leader to step down, in words. */
  #askedBy: string | undefined;

  constructor(parts: TermParts, { place, record, reserved, succession }: Claim) {
    this.#parts = parts;
    this.#place = place;
    this.#record = record;
    this.#reserved = reserved;
    this.succession = succession;
    this.leaseDuration = parts.leaseDuration;
    this.heartbeat = parts.leaseDuration / 3;
    this.#deadline = parts.clock.now() + this.leaseDuration;
    void this.#beat();
  }

  get fencingToken(): number {
    return this.#record.fencingToken;
  }

  get deadline(): number {
    return this.#deadline;
  }

  /** Looks at the lock itself: what is started next must not start with a lock that is gone. */
  get safeUntil(): number {
    if (!this.#stop.signal.aborted) this.#look();
    if (this.#lost !== undefined || this.#isOver) return -Infinity;
    if (this.#stop.signal.aborted) return this.#deadline;
    return this.#parts.onLeaseLoss === 'stop' ? this.#deadline - margin(this.leaseDuration) : Infinity;
  }

  /** The lock is given up. */
  get isOver(): boolean {
    return this.#isOver;
  }

  subscribe(listener: (event: TermEvent) => void): () => void {
    this.#listeners.add(listener);
    if (this.#lost !== undefined) this.#tell(listener, { kind: 'lost', cause: this.#lost });
    return () => void this.#listeners.delete(listener);
  }

  renew(): void {
    if (!this.#stop.signal.aborted) this.#renew();
  }

  async resign({ first, orStay = false }: ResignOptions = {}): Promise<'resigned' | 'stayed'> {
    const isDone = orStay ? await first?.() : undefined;
    if (isDone === false && this.#lost === undefined && this.#resigned === undefined) return 'stayed';
    this.#resigned ??= this.#resign(isDone === undefined ? first : undefined);
    await this.#resigned;
    return 'resigned';
  }

  /** Without `first` the lock is free when this returns: the next candidate waits for nothing else. */
  async #resign(first: ResignOptions['first']): Promise<void> {
    if (first !== undefined) {
      this.settle();
      await first();
    }
    this.#giveUp('resigned');
    this.settle();
  }

  /** Stops renewing. The lock stays ours until the deadline. */
  settle(): void {
    this.#stop.abort(ENDED);
    this.#watcher?.close();
  }

  /** Ends it, if nobody else has. Resolves when its resignation is no longer under way. */
  async over(): Promise<void> {
    this.settle();
    await this.#resigned?.catch(() => undefined);
    this.#giveUp('expired');
  }

  /** Leaves without resigning: the lock is given up at the deadline, as others were promised. */
  abandon(): void {
    this.settle();
    if (this.#resigned !== undefined) return;
    this.#place.leaveQueue();
    const { clock } = this.#parts;
    this.#resigned = sleepUntil(clock, this.#deadline).then(() => this.#giveUp('expired'));
  }

  /** The next leader reads how this term has ended. Without that it takes this one for dead, and is careful. */
  #giveUp(state: 'resigned' | 'expired'): void {
    const { folder, lock } = this.#place;
    try {
      if (this.#lost === undefined && !this.#isOver && lock.isInPlace()) endLease(folder.lease, this.#record, state);
    } catch (error) {
      this.#parts.logger.warn('it could not be written that the term is over', { error: describe(error) });
    }
    this.#isOver = true;
    this.#place.giveUp();
  }

  /** The fallback of the watch is the next heartbeat. */
  #watch(): void {
    const { path, lock } = this.#place.folder;
    const names = [basename(lock), basename(path)];
    try {
      this.#watcher = watch(path, { persistent: false }, (_event, name) => {
        if (name === null || names.includes(name)) this.#look();
        if (name === null || isRequest(name, this.fencingToken)) this.#hear();
      });
      this.#watcher.on('error', (error) => this.#unwatched(error));
    } catch (error) {
      this.#unwatched(error);
    }
  }

  #unwatched(error: unknown): void {
    this.#parts.logger.debug('the election’s folder cannot be watched: it is looked at with each heartbeat', {
      error: describe(error),
    });
  }

  async #beat(): Promise<void> {
    const { clock } = this.#parts;
    const { signal } = this.#stop;
    clock.at(clock.now() + BEGIN_AFTER_MS, () => this.#begin());
    for (let next = clock.now() + this.heartbeat; ; next = Math.max(next + this.heartbeat, clock.now())) {
      const isOver = await sleepUntil(clock, next, signal).then(
        () => false,
        () => true,
      );
      if (isOver) return;
      this.#renew();
    }
  }

  #renew(): void {
    if (!this.#look()) return;
    this.#emit({ kind: 'renewed', deadline: this.#deadline });
    this.#provide();
    if (this.#askedBy === undefined) this.#hear();
    else this.#emit({ kind: 'stepDownAsked', by: this.#askedBy });
  }

  /** A request may have come before the folder was watched, and the lock file may have gone. */
  #begin(): void {
    const { folder } = this.#place;
    if (!this.#stop.signal.aborted) {
      this.#watch();
      this.#look();
    }
    this.#hear();
    this.#provide();
    this.#try('requests to step down of earlier terms are not removed', () =>
      removeEarlierRequests(folder, this.fencingToken),
    );
    persist(folder.lease).catch((error: unknown) => this.#sayFailed('the lease is not forced to the disk', error));
  }

  /** The next leader is to find tokens that are reserved. */
  #provide(): void {
    if (this.#isOver || this.#lost !== undefined) return;
    const wall = this.#parts.clock.wall();
    this.#try('tokens are not reserved ahead of time', () => {
      this.#reserved = reserveAhead(this.#place.folder, this.#reserved, this.fencingToken, wall);
    });
  }

  #try(what: string, deed: () => void): void {
    try {
      deed();
    } catch (error) {
      this.#sayFailed(what, error);
    }
  }

  #sayFailed(what: string, error: unknown): void {
    this.#parts.logger.debug(what, { error: describe(error) });
  }

  /** Reads whether somebody asks this term to end. The next heartbeat reads again what cannot be read. */
  #hear(): void {
    if (this.#askedBy !== undefined || this.#stop.signal.aborted) return;
    try {
      this.#askedBy = whoAsked(this.#place.folder, this.fencingToken);
    } catch (error) {
      this.#parts.logger.debug('a request to step down cannot be read', { error: describe(error) });
    }
    if (this.#askedBy !== undefined) this.#emit({ kind: 'stepDownAsked', by: this.#askedBy });
  }

  /** Whether the lock is known to be ours at this moment; moves the deadline then. */
  #look(): boolean {
    const { clock } = this.#parts;
    if (this.#lost !== undefined) return false;
    try {
      if (!this.#place.lock.isInPlace()) this.#lose();
      else this.#deadline = clock.now() + this.leaseDuration;
      this.#confirmed = true;
      return this.#lost === undefined;
    } catch (error) {
      if (this.#confirmed) this.#emit({ kind: 'unconfirmed', deadline: this.#deadline, why: describe(error) });
      this.#confirmed = false;
      return false;
    }
  }

  #lose(): void {
    this.#lost = { kind: 'removed', what: `the lock file ${this.#place.folder.lock}` };
    this.settle();
    this.#emit({ kind: 'lost', cause: this.#lost });
  }

  #emit(event: TermEvent): void {
    for (const listener of this.#listeners) this.#tell(listener, event);
  }

  #tell(listener: (event: TermEvent) => void, event: TermEvent): void {
    queueMicrotask(() => this.#listeners.has(listener) && listener(event));
  }
}
