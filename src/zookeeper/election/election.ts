import { sleep } from '../../clock.ts';
import { formatDuration } from '../../duration.ts';
import { describe, UnavailableError } from '../../errors.ts';
import { within } from '../../waiting.ts';
import { unlessMissing } from '../session/errors.ts';
import type { Register } from '../../election/register.ts';
import type { Session } from '../session/port.ts';
import { Campaign } from './campaign.ts';
import type { ElectionOptions } from './options.ts';
import type { CampaignOptions, LiveRun, Election, Term } from '../../election/election.ts';
import { Incarnation } from './wipe-guard.ts';
import { Outage, type OutageFacts } from './outage.ts';
import { timings } from '../../election/timing.ts';
import { parseLease } from './record.ts';
import { ElectionRegister } from './register.ts';
import { Sightings } from './others.ts';
import { Place } from './proposal.ts';
import { LeaseTerm, type TermHost } from './term.ts';
import { ElectionWill } from './will.ts';

/** Pause between two sessions of one campaign, ms: for an ensemble that ends each session at once. */
const REOPEN_PAUSE_MS = 100;

/** A refusal usually lasts longer than an outage: the pause doubles up to this, ms. */
const LONGEST_REOPEN_PAUSE_MS = 5_000;

/** The share of an end's time that is kept for closing the session. */
const SHARE_TO_CLOSE = 0.25;

const NO_PLACE = 'this candidate has no place in the queue yet';

/** A candidate's part in an election on ZooKeeper. Nothing is opened before the first campaign. */
export function createElection(options: ElectionOptions): Election {
  return new ZooKeeperElection(options);
}

class ZooKeeperElection implements Election, TermHost {
  readonly #options: ElectionOptions;
  readonly will: ElectionWill;
  readonly #incarnation = new Incarnation();
  readonly #sightings: Sightings;
  readonly #outage: Outage;
  /** Why there was no new session, when one was last asked for. */
  #refusal: string | undefined;
  #place: Place | undefined;
  /** The place whose session last read the base znode. */
  #known: Place | undefined;
  #term: LeaseTerm | undefined;
  #campaigning: Promise<void> = Promise.resolve();
  #campaign: Campaign | undefined;
  /** Why the latest campaign failed. */
  #failure: string | undefined;
  readonly #closing = new AbortController();

  constructor(options: ElectionOptions) {
    this.#options = options;
    this.will = new ElectionWill(options);
    this.#sightings = new Sightings(options);
    this.#outage = new Outage(options.clock, options.logger, () => this.#outageFacts());
  }

  setRuns(runs: readonly LiveRun[]): void {
    this.will.setRuns(runs);
  }

  register(name: string): Register {
    const living = (): Place | undefined => (this.#place?.session.ended.aborted ? undefined : this.#place);
    return new ElectionRegister(this.#options, name, living);
  }

  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  get place(): Place {
    if (this.#place === undefined) throw new Error('invariant: no session');
    return this.#place;
  }

  campaign(options: CampaignOptions): Promise<Term> {
    const campaign = this.#run(options);
    this.#failure = undefined;
    this.#campaigning = campaign.then(noop, (error: unknown) => {
      this.#failure = describe(error);
    });
    return campaign;
  }

  get outlook(): string {
    if (this.#failure !== undefined) return this.#failure;
    const contact = this.#place?.session.contact;
    if (contact === undefined) return 'ZooKeeper has not granted a session yet';
    return contact.up ? (this.#campaign?.outlook ?? NO_PLACE) : `no contact with ZooKeeper: ${contact.why}`;
  }

  async #run({ signal: calledOff, patience, onPlace }: CampaignOptions): Promise<Term> {
    const signal = AbortSignal.any([calledOff, this.#closing.signal]);
    for (;;) {
      signal.throwIfAborted();
      const place = await this.#open(signal, patience.opening);
      const guard = guardContact(this.#options, place.session, signal, patience.standing);
      try {
        const term = await this.#stand(place, guard.signal, onPlace);
        if (term !== undefined) return await elected(term, signal);
        await this.#letGo(place, patience.opening);
      } catch (error) {
        signal.throwIfAborted();
        if (!place.session.ended.aborted) throw error;
        this.#options.logger.info('the session ended while standing; standing again with a new one', {
          why: describe(error),
        });
      } finally {
        guard.release();
      }
      await sleep(this.#options.clock, REOPEN_PAUSE_MS, signal);
    }
  }

  /** One pass with one session: `undefined` when the proposal was lost on the way. */
  async #stand(place: Place, signal: AbortSignal, onPlace?: () => void): Promise<Term | undefined> {
    if (this.#term !== undefined) {
      await this.#term.over();
      // The place of a term that is over is not a place in the queue: stand at its end.
      await place.abandon(signal);
      this.#term = undefined;
    }
    // Whose base path it is has to be found out first: that says more than the refusal to read it.
    if (place.session.isPrivate && place.proposal === undefined) await place.propose(signal);
    const steps = [
      ...(this.#known === place ? [] : [this.#know(place, signal)]),
      ...(place.proposal === undefined ? [place.propose(signal)] : []),
    ];
    await Promise.all(steps);
    if (this.#known !== place) await this.#know(place, signal);
    onPlace?.();
    this.#campaign = new Campaign(this.#options, place, this.#incarnation, this.#sightings, signal);
    const victory = await this.#campaign.win();
    if (victory === undefined) return undefined;
    this.#sightings.see({ kind: 'vacant' });
    this.#term = new LeaseTerm(this.#options, this, victory);
    return this.#term;
  }

  /** Once a session: an ensemble that loses its data ends them all. Candidates further back never read the lease. */
  async #know(place: Place, signal: AbortSignal): Promise<void> {
    const { clock, leaseDuration, stop } = this.#options;
    const read = place.ask(signal, (o) => place.session.get(this.#options.basePath, o));
    const base = await read.catch(unlessMissing);
    const stat = base?.stat;
    if (base !== undefined) this.#sightings.see(parseLease(base.data));
    const rules = timings(place.session.timeout, leaseDuration, stop.onLeaseLoss);
    this.#incarnation.see(stat, rules.leaseDuration, clock.now());
    // A candidate that came before the base znode was made looks again once it has a proposal under it.
    if (stat === undefined) return;
    place.seeLease(stat);
    this.#known = place;
  }

  /** The session of before if it still lives, else a new one. */
  async #open(signal: AbortSignal, timeout: number): Promise<Place> {
    if (this.#place !== undefined && !this.#place.session.ended.aborted) return this.#place;
    const session = await this.#newSession(signal, timeout);
    this.#place = new Place(session, this.#options, this.#place === undefined);
    this.#term = undefined;
    this.#reportTimings(session.timeout);
    return this.#place;
  }

  /** A new session, whose contact is followed from now on. */
  async #newSession(signal: AbortSignal, timeout: number): Promise<Session> {
    const { sessions, clock } = this.#options;
    const begin = clock.now();
    try {
      const session = await sessions.open({ timeout, signal });
      this.#refusal = undefined;
      session.onContact(() => this.#contactChanged(session));
      this.#contactChanged(session);
      return session;
    } catch (error) {
      if (error instanceof UnavailableError) {
        this.#refusal = describe(error);
        this.#outage.begin(begin);
      }
      throw error;
    }
  }

  #contactChanged({ contact }: Session): void {
    if (contact.up) this.#outage.end();
    else this.#outage.begin(contact.since);
  }

  #outageFacts(): OutageFacts {
    const { candidate, stop, withoutCommand } = this.#options;
    const contact = this.#place?.session.contact;
    const lost = contact?.up === false ? contact.why : 'it has not answered yet';
    const { runs, holdsLease: leads } = this.will;
    return {
      why: this.#refusal ?? lost,
      runs,
      leads,
      candidateId: candidate.candidateId,
      lastLease: this.#sightings.last,
      onLeaseLoss: stop.onLeaseLoss,
      withoutCommand,
    };
  }

  /** The ensemble may grant a longer session than was asked for, and than the lease was checked against. */
  #reportTimings(granted: number): void {
    const { leaseDuration, stop, logger } = this.#options;
    const effective = timings(granted, leaseDuration, stop.onLeaseLoss).leaseDuration;
    if (leaseDuration === undefined || effective === leaseDuration) return;
    logger.warn(
      'lease-duration is shorter than the session timeout that the ensemble granted; ' +
        'the lease lasts as long as the session',
      {
        leaseDuration: formatDuration(leaseDuration),
        granted: formatDuration(granted),
      },
    );
  }

  async reopen(signal: AbortSignal): Promise<void> {
    for (let pause = REOPEN_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_REOPEN_PAUSE_MS)) {
      try {
        const session = await this.#newSession(signal, this.#options.sessionTimeout);
        this.#place = new Place(session, this.#options, false);
        return;
      } catch (error) {
        signal.throwIfAborted();
        this.#options.logger.debug('no new session yet', { error: describe(error) });
        if (error instanceof UnavailableError) pause = REOPEN_PAUSE_MS;
        await sleep(this.#options.clock, pause, signal);
      }
    }
  }

  async close(timeout: number): Promise<void> {
    this.#closing.abort(new Error('the candidate leaves the election'));
    this.#outage.close();
    const endAt = this.#options.clock.now() + timeout;
    // A claim that is under way when its campaign is aborted is given back first; closing the session under it would
    // leave a lease that nobody holds.
    const settled = Promise.all([this.#campaigning, this.#term?.settle()]);
    await this.#by(endAt - timeout * SHARE_TO_CLOSE, settled);
    // The place is kept: whatever of the term is still under way finds its session ended. A campaign may be closing it
    // already, with more patience.
    const left = Math.max(0, endAt - this.#options.clock.now());
    await this.#by(endAt, this.#place && this.#letGo(this.#place, left));
    this.will.revoke();
  }

  /**
   * Lets go of the session, which the place in the queue goes with. Where other elections of this process keep it, the
   * place is given up first. That is done without a limit: a place that nobody stands at would hold up the queue.
   */
  async #letGo(place: Place, timeout: number): Promise<void> {
    const { session } = place;
    const { clock, logger } = this.#options;
    if (!session.isShared) return session.close(timeout);
    const given = place.abandon(session.ended).then(
      () => session.close(0),
      (error: unknown) => logger.debug('the place in the queue went with the session', { error: describe(error) }),
    );
    const late = (): Error => new UnavailableError('no answer in time');
    await within(clock, given, { at: clock.now() + timeout, late }).catch((error: unknown) =>
      logger.warn('the place in the queue is not given up yet: that is tried until ZooKeeper answers', {
        error: describe(error),
      }),
    );
  }

  /** Resolves with the promise, at `at` at the latest. */
  async #by(at: number, promise: Promise<unknown> = Promise.resolve()): Promise<void> {
    const late = new Error('too late');
    await within(this.#options.clock, promise, { at, late: () => late }).catch((error: unknown) => {
      if (error !== late) throw error;
    });
  }
}

function noop(): void {}

/** A term won while the campaign was being aborted is given back at once. */
async function elected(term: Term, signal: AbortSignal): Promise<Term> {
  if (!signal.aborted) return term;
  await term.resign();
  throw signal.reason;
}

/** A signal for one pass of a campaign: the caller's, the session's end, or `patience` ms without contact. */
function guardContact(
  options: ElectionOptions,
  session: Session,
  signal: AbortSignal,
  patience: number,
): { signal: AbortSignal; release(): void } {
  const { clock } = options;
  const impatient = new AbortController();
  const begin = clock.now();
  let cancel: (() => void) | undefined;
  const watch = (): void => {
    cancel?.();
    cancel = undefined;
    const { contact } = session;
    if (contact.up || patience === Infinity) return;
    // The limit counts anew for each campaign, also for one that begins without contact.
    cancel = clock.at(Math.max(contact.since, begin) + patience, () => {
      const silence = formatDuration(Math.round(clock.now() - contact.since));
      impatient.abort(new UnavailableError(`no contact to ZooKeeper for ${silence}: ${contact.why}`));
    });
  };
  const stopListening = session.onContact(watch);
  watch();
  return {
    signal: AbortSignal.any([signal, session.ended, impatient.signal]),
    release() {
      stopListening();
      cancel?.();
    },
  };
}
