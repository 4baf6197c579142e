import { sleep } from '../../clock.ts';
import type { Stat } from '../../keeper/protocol.ts';
import { NoNodeError, NodeExistsError, unlessMissing } from '../session/errors.ts';
import type { RequestOptions } from '../../election/register.ts';
import type { Session } from '../session/port.ts';
import { isUnanswered, suspectIfSilent, untilAnswered, type ElectionOptions, RETRY_PAUSE_MS } from './options.ts';
import { Restriction } from './restriction.ts';
import { type Observation, timings } from '../../election/timing.ts';
import { sortProposals } from './queue.ts';
import { encodeProposal, formatGoTime, type ProposalRecord } from './record.ts';
import { formatDuration } from '../../duration.ts';

/** What a leader adds to its own proposal. */
export interface Beat {
  readonly lastSeenTime: string;
  readonly leaseDuration: string;
}

/** One candidate's place in the queue: session, proposal, and operations on them. It ends with the session. */
export class Place {
  readonly session: Session;
  readonly #options: ElectionOptions;
  readonly #restriction: Restriction;
  #proposal: { readonly name: string; readonly record: ProposalRecord } | undefined;
  /** Creations of unknown outcome. Up to as many proposals may exist whose names are not known here. */
  #doubtful = 0;

  /** Since when contact is unbroken, monotonic ms; -Infinity until a first session loses it: it has seen no outage. */
  #calmSince: number;
  #atFirst: Observation | undefined;

  /** `isFirst`: this candidate has had no session before. */
  constructor(session: Session, options: ElectionOptions, isFirst: boolean) {
    this.session = session;
    this.#options = options;
    this.#restriction = new Restriction(session, options);
    this.#calmSince = isFirst ? -Infinity : options.clock.now();
    session.onContact(({ up }) => {
      if (up) this.#calmSince = options.clock.now();
    });
  }

  get calmSince(): number {
    return this.#calmSince;
  }

  /** The lease as this session has read it first; `undefined` before. */
  get atFirst(): Observation | undefined {
    return this.#atFirst;
  }

  /** The lease has just been read. Only the first time counts. */
  seeLease({ mzxid: change }: Stat): void {
    this.#atFirst ??= { change, since: this.#options.clock.now() };
  }

  /** Name of the proposal, without its folder; `undefined` while there is none. */
  get proposal(): string | undefined {
    return this.#proposal?.name;
  }

  /** Path of the proposal; `undefined` while there is none. */
  get path(): string | undefined {
    return this.#proposal && this.#path(this.#proposal.name);
  }

  /** Time and place of the proposal, for the lease. Throws when there is none. */
  get record(): ProposalRecord & { readonly proposalNode: string } {
    if (this.#proposal === undefined) throw new Error('invariant: no proposal');
    return { ...this.#proposal.record, proposalNode: this.#path(this.#proposal.name) };
  }

  /** Reads until answered. See `untilAnswered`. */
  ask<T>(signal: AbortSignal, request: (options: RequestOptions) => Promise<T>): Promise<T> {
    return untilAnswered(this.#options.clock, this.session, signal, request);
  }

  /** Makes a znode of the election that lasts. False: it was there. Throws NoNodeError, RefusedError. */
  async make(path: string, signal: AbortSignal): Promise<boolean> {
    const isNew = await this.#ensure(path, signal);
    // One that is there may be of a creation that nobody has confirmed, and not be closed to others yet.
    if (!isNew) await this.#restriction.restrict(path, signal);
    return isNew;
  }

  /** Makes the base path with its parents; what exists stays as it is. Throws RefusedError. */
  async ensureBasePath(signal: AbortSignal): Promise<void> {
    const { basePath } = this.#options;
    if ((await this.ask(signal, (o) => this.session.exists(basePath, o))) !== undefined) return;
    let path = '';
    for (const component of basePath.split('/').slice(1)) {
      path += `/${component}`;
      await this.#ensure(path, signal);
    }
  }

  /** Whether it was made. */
  async #ensure(path: string, signal: AbortSignal): Promise<boolean> {
    try {
      await this.ask(signal, (o) => this.session.create(path, Buffer.alloc(0), 'persistent', o));
      return true;
    } catch (error) {
      if (!(error instanceof NodeExistsError)) throw error;
      return false;
    }
  }

  /**
   * Takes a place at the end of the queue. When the reply to a creation is lost, the proposal may exist or not. Then
   * this looks for proposals of the session, keeps one, and deletes the others, so that no forgotten proposal blocks
   * the queue.
   */
  async propose(signal: AbortSignal): Promise<void> {
    const { candidate, clock, sessionTimeout, leaseDuration, stop, mixedFleet } = this.#options;
    const granted = this.session.timeout || sessionTimeout;
    const rules = timings(granted, leaseDuration, stop.onLeaseLoss);
    const record: ProposalRecord = {
      ...candidate,
      proposalTime: formatGoTime(clock.wall()),
      sessionTimeout: formatDuration(granted),
      leaseDuration: formatDuration(rules.leaseDuration),
      onLeaseLoss: stop.onLeaseLoss,
      ...(mixedFleet && { mixedFleet }),
    };
    for (;;) {
      signal.throwIfAborted();
      await this.#restriction.impose(signal);
      if (this.#doubtful > 0 && (await this.#adopt(record, signal))) return;
      if (await this.#create(record, signal)) return;
    }
  }

  /** One try. Aborted, or without a reply, it stays in doubt, for the next campaign too: the session lives on. */
  async #create(record: ProposalRecord, signal: AbortSignal): Promise<boolean> {
    const { clock, basePath } = this.#options;
    const timeout = this.session.timeout / 3;
    const sentAt = clock.now();
    const doubtful = this.#doubtful;
    this.#doubtful++;
    try {
      const data = encodeProposal(record);
      const path = await this.session.create(`${basePath}/proposal-`, data, 'ephemeral-sequential', {
        timeout,
        signal,
      });
      this.#proposal = { name: path.slice(basePath.length + 1), record };
      this.#doubtful = doubtful;
      if (doubtful > 0) await this.#deleteOthers(signal);
      this.#doubtful = 0;
      return true;
    } catch (error) {
      signal.throwIfAborted();
      if (!isUnanswered(error)) this.#doubtful = doubtful;
      if (error instanceof NoNodeError) await this.ensureBasePath(signal);
      else if (!isUnanswered(error)) throw error;
      suspectIfSilent(clock, this.session, error, sentAt, timeout);
      await sleep(clock, RETRY_PAUSE_MS, signal);
      return false;
    }
  }

  /** Makes the oldest proposal of this session its place, if there is one, and deletes the others. */
  async #adopt(record: ProposalRecord, signal: AbortSignal): Promise<boolean> {
    const [name, ...others] = await this.#owned(signal);
    for (const other of others) await this.#delete(other, signal);
    if (name === undefined) return false;
    await this.#restriction.restrict(this.#path(name), signal);
    this.#proposal = { name, record };
    this.#doubtful = 0;
    return true;
  }

  /**
   * Proposals that belong to this session, in queue order. One is asked for at a time, the newest first, until there
   * can be no more: a lost one is among the last, and a long queue costs the ensemble no burst of requests.
   */
  async #owned(signal: AbortSignal): Promise<string[]> {
    // Without a base path there is no proposal: the creation in doubt was the first of all.
    const found = this.ask(signal, (o) => this.session.children(this.#options.basePath, o));
    const children = (await found.catch(unlessMissing)) ?? [];
    const most = this.#doubtful + (this.#proposal === undefined ? 0 : 1);
    const owned: string[] = [];
    for (const name of sortProposals(children).toReversed()) {
      if (owned.length >= most) break;
      const stat = await this.ask(signal, (o) => this.session.exists(this.#path(name), o));
      if (stat?.ephemeralOwner === this.session.id) owned.unshift(name);
    }
    return owned;
  }

  async #deleteOthers(signal: AbortSignal): Promise<void> {
    for (const name of await this.#owned(signal)) if (name !== this.proposal) await this.#delete(name, signal);
  }

  async #delete(name: string, signal: AbortSignal): Promise<void> {
    await this.ask(signal, (o) => this.session.delete(this.#path(name), -1, o)).catch(unlessMissing);
  }

  /** Gives the place up, if there is one, and deletes every other proposal of this session. */
  async abandon(signal: AbortSignal): Promise<void> {
    if (this.#doubtful > 0) for (const name of await this.#owned(signal)) await this.#delete(name, signal);
    if (this.#proposal === undefined) return;
    await this.#delete(this.#proposal.name, signal);
    this.#proposal = undefined;
  }

  /** Sends the deletion of the proposal, after all earlier requests. Resolves when answered. */
  async deleteProposal(options: RequestOptions): Promise<void> {
    if (this.#proposal === undefined) return;
    const { name } = this.#proposal;
    await this.session.delete(this.#path(name), -1, options).catch(unlessMissing);
    if (this.#proposal?.name === name) this.#proposal = undefined;
  }

  /** Writes the proposal anew: a heartbeat, or proof of contact. Returns the write's stamp; `undefined`: it is gone. */
  async refresh(options: RequestOptions, beat?: Beat): Promise<{ mtime: number; mzxid: number } | undefined> {
    if (this.#proposal === undefined) return undefined;
    const { name, record } = this.#proposal;
    const data = encodeProposal({ ...record, ...beat });
    const stat = await this.session.set(this.#path(name), data, -1, options).catch(unlessMissing);
    if (stat === undefined && this.#proposal?.name === name) this.#proposal = undefined;
    return stat;
  }

  #path(name: string): string {
    return `${this.#options.basePath}/${name}`;
  }
}
