import type { Clock } from '../clock.ts';
import { namesOf } from '../command/proc.ts';
import type {
  CampaignOptions,
  Election,
  LiveRun,
  RegisterUse,
  StopRules,
  Succession,
  Term,
} from '../election/election.ts';
import type { Register } from '../election/register.ts';
import { describe } from '../errors.ts';
import type { KeeperProcess } from '../keeper/process.ts';
import type { Will } from '../keeper/will.ts';
import type { Logger } from '../log/logger.ts';
import { within } from '../waiting.ts';
import { type ElectionFolder, folderOf, prepareFolder } from './folder.ts';
import { untilFormerTermIsOver } from './former-term.ts';
import { type Lease, type LeaseRecord, type LocalCandidate, readLease, writeLease } from './lease.ts';
import { flock, type Locks } from './lock.ts';
import { Place } from './place.ts';
import { holdersOf, identityOf, lives, type ProcessIdentity } from './processes.ts';
import { clearQueue, endWaiting } from './queue.ts';
import { FileRegister } from './register.ts';
import { LocalTerm } from './term.ts';
import { lastToken, nextToken, reserve } from './tokens.ts';
import { LocalWill } from './will.ts';

export interface LocalOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly stateDir: string;
  readonly election: string;
  /** Number of the group that shares the election. */
  readonly group?: number | undefined;
  readonly candidate: Omit<LocalCandidate, 'process'>;
  readonly stop: StopRules;
  /** Entries of the environment (`NAME=value`) that only processes of that term's runs carry all of. */
  readonly traces: (fencingToken: number) => readonly string[];
  readonly forkKeeper: (will: Will) => KeeperProcess;
  /** From one look at the lock to the third after it, ms. */
  readonly leaseDuration?: number | undefined;
  /** The kernel's, unless told otherwise. */
  readonly locks?: Locks;
  /** The process that stands: this one, unless told otherwise. */
  readonly process?: ProcessIdentity;
}

/** An election whose candidates need one moment to notice a look that fails: as with ZooKeeper's session. */
const LEASE_MS = 5_000;

/** A vacant lock is taken at once. What holds it for longer, ms, while nobody leads, is told. */
const SAY_WHO_HOLDS_AFTER_MS = 300;

/** What the dead have left is removed so long after a place was taken, or a lock, ms: those go first. */
const CLEAR_AFTER_MS = 20;

/** A process that one of them was starting is looked for at growing intervals, ms. */
const CLEAR_AGAIN_MS = { first: 250, growth: 4, last: 4_000 } as const;

/** A lock that nobody holds is taken within this, ms: who waits longer stands by. */
const SAY_STANDING_BY_AFTER_MS = 30;

/**
 * A process needs some ms from its start to the kernel's queue: it is looked for there, ms, and not for ever. A lock
 * that nobody holds comes before the first look, which would hold it up: the kernel shows its locks by stopping them.
 */
const IN_LINE = { every: 10, atMost: 2_000 } as const;

/** An election on this host, which knows what a command inherits. */
export interface LocalElection extends Election {
  /** The lock's descriptor, for the command to inherit; `undefined` without a term. */
  readonly descriptor: number | undefined;
}

/** A candidate's part in an election on this host. Nothing is opened before the first campaign. */
export function createLocalElection(options: LocalOptions): LocalElection {
  return new FlockElection(options);
}

class FlockElection implements LocalElection {
  readonly #options: LocalOptions;
  readonly #will: LocalWill;
  readonly #closing = new AbortController();
  readonly #registers: FileRegister[] = [];
  #place: Place | undefined;
  #term: LocalTerm | undefined;
  #campaigns = 0;
  #identity: ProcessIdentity | undefined;
  #campaigning: Promise<unknown> = Promise.resolve();
  #failure: string | undefined;

  constructor(options: LocalOptions) {
    this.#options = options;
    this.#will = new LocalWill(options, `${options.stateDir} ${options.election}`);
  }

  get #candidate(): LocalCandidate {
    const { candidate, process: stands } = this.#options;
    return { ...candidate, process: stands ?? (this.#identity ??= identityOf(process.pid)) };
  }

  get descriptor(): number | undefined {
    return this.#term === undefined || this.#term.isOver ? undefined : this.#place?.lock.descriptor;
  }

  setRuns(runs: readonly LiveRun[]): void {
    this.#will.setRuns(runs);
  }

  register(name: string, use: RegisterUse = 'decisions'): Register {
    const { clock, logger } = this.#options;
    const waits = use === 'decisions';
    const register = new FileRegister({ clock, logger, folder: () => this.#prepare(), waits }, name);
    this.#registers.push(register);
    return register;
  }

  campaign(options: CampaignOptions): Promise<Term> {
    this.#failure = undefined;
    const campaign = this.#campaign(options);
    this.#campaigning = campaign.catch((error: unknown) => {
      this.#failure = describe(error);
    });
    return campaign;
  }

  get outlook(): string {
    if (this.#failure !== undefined) return this.#failure;
    if (this.#place === undefined) return 'this candidate has no place in the queue yet';
    const lease = this.#leaseForPeople();
    if (lease.kind !== 'written' || lease.record.state !== 'held') return 'nobody leads: the lock is waited for';
    const { candidateId, process: holder, leaderSince } = lease.record;
    return `${candidateId} (pid ${holder.pid}) leads since ${leaderSince}`;
  }

  async #campaign({ signal: calledOff, onPlace }: CampaignOptions): Promise<Term> {
    const signal = AbortSignal.any([calledOff, this.#closing.signal]);
    signal.throwIfAborted();
    this.#campaigns++;
    try {
      await this.#leaveTerm();
      for (;;) {
        signal.throwIfAborted();
        const place = (this.#place ??= this.#stand());
        await this.#untilInLine(place, signal);
        onPlace?.();
        const elected = await this.#win(place, signal);
        if (elected !== undefined) return elected;
      }
    } finally {
      this.#campaigns--;
      // A lock that came while the campaign was called off.
      const { isHeld = false } = this.#place ?? {};
      if (this.#term === undefined && isHeld && this.#place !== undefined) this.#drop(this.#place);
    }
  }

  /** The place of a term that is over is not a place in the queue: stand at its end. */
  async #leaveTerm(): Promise<void> {
    await this.#term?.over();
    if (this.#term === undefined) return;
    this.#term = undefined;
    this.#place = undefined;
  }

  #stand(): Place {
    const { clock, locks = flock } = this.#options;
    const folder = this.#prepare();
    const place = Place.take(folder, locks, this.#candidate, clock);
    place.lock.granted.then(
      // A lock that comes while nobody wants it goes to the next.
      () => this.#campaigns === 0 && this.#place === place && this.#drop(place),
      () => undefined,
    );
    clock.at(clock.now() + CLEAR_AFTER_MS, () => this.#clear(folder));
    return place;
  }

  /** The helper has begun, and waits for nothing yet: who came after it could be before it in the kernel's queue. */
  async #untilInLine({ lock }: Place, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const end = clock.now() + IN_LINE.atMost;
    // How the wait for the lock ends is for those who wait for it.
    do await within(clock, lock.granted, { at: clock.now() + IN_LINE.every, signal }).catch(() => undefined);
    while (!lock.isInLine() && clock.now() < end && !signal.aborted);
  }

  /** `undefined`: the place was one for a file that is not the lock any more. */
  async #win(place: Place, signal: AbortSignal): Promise<Term | undefined> {
    const { clock } = this.#options;
    const now = clock.now();
    const cancels = [
      clock.at(now + SAY_STANDING_BY_AFTER_MS, () => this.#options.logger.info('standing by', { why: this.outlook })),
      clock.at(now + SAY_WHO_HOLDS_AFTER_MS, () => this.#sayWhoHolds(place)),
    ];
    try {
      await within(clock, place.lock.granted, { signal });
    } catch (error) {
      // A campaign that is called off keeps its place; one whose helper has failed has none.
      if (!signal.aborted) this.#drop(place);
      throw error;
    } finally {
      for (const cancel of cancels) cancel();
    }
    try {
      return await this.#claim(place, signal);
    } catch (error) {
      this.#drop(place);
      throw error;
    }
  }

  async #claim(place: Place, signal: AbortSignal): Promise<Term | undefined> {
    const { clock, logger, traces, leaseDuration = LEASE_MS, stop } = this.#options;
    const lease = readLease(place.folder.lease);
    if (lease.kind === 'unreadable')
      logger.warn('lease.json cannot be read, and is written anew: the token goes on by the clock', { why: lease.why });
    if (lease.kind === 'written' && lease.record.state === 'held')
      await untilFormerTermIsOver(traces(lease.record.fencingToken), { clock, logger }, signal);
    signal.throwIfAborted();
    // The last look before the first write: who waited for the lock of a file that was deleted meanwhile holds nothing.
    if (!place.lock.isInPlace()) {
      this.#drop(place);
      return undefined;
    }
    const fencingToken = nextToken(lastToken(place.folder, lease), clock.wall());
    const reserved = reserve(place.folder, fencingToken);
    const record: LeaseRecord = {
      ...this.#candidate,
      state: 'held',
      fencingToken,
      leaderSince: new Date(clock.wall()).toISOString(),
      lockInode: place.lock.file.ino,
    };
    writeLease(place.folder.lease, record);
    const parts = { clock, logger, leaseDuration, onLeaseLoss: stop.onLeaseLoss };
    clock.at(clock.now() + CLEAR_AFTER_MS, () => this.#clear(place.folder));
    this.#term = new LocalTerm(parts, { place, record, reserved, succession: successionOf(lease) });
    return this.#term;
  }

  /** A process that an earlier command has left, and that has left its session, may hold the lock. */
  #sayWhoHolds(place: Place): void {
    const { logger } = this.#options;
    const lease = this.#leaseForPeople();
    const isLed = lease.kind === 'written' && lease.record.state === 'held' && lives(lease.record.process);
    if (isLed || place.isHeld) return;
    const holders = holdersOf(place.lock.file);
    if (holders.length === 0) return;
    logger.warn('nobody leads, and the lock is held by processes that inherited it: nobody starts before they end', {
      processes: namesOf(holders),
      lock: place.folder.lock,
    });
  }

  #clear({ queue, path, registers }: ElectionFolder): void {
    const { clock } = this.#options;
    try {
      this.#lookAgain(clearQueue(queue, [path, registers], clock.wall()), CLEAR_AGAIN_MS.first);
    } catch (error) {
      this.#options.logger.debug('what the dead have left is not removed', { error: describe(error) });
    }
  }

  /** On a busy machine it takes long until a process shows its name. */
  #lookAgain(places: ReadonlySet<string>, after: number): void {
    const { clock } = this.#options;
    if (places.size === 0 || after > CLEAR_AGAIN_MS.last || this.#closing.signal.aborted) return;
    const look = (): void => this.#lookAgain(endWaiting(places), after * CLEAR_AGAIN_MS.growth);
    const cancel = clock.at(clock.now() + after, look);
    this.#closing.signal.addEventListener('abort', cancel, { once: true });
  }

  #drop(place: Place): void {
    place.giveUp();
    if (this.#place === place) this.#place = undefined;
  }

  #prepare(): ElectionFolder {
    const { stateDir, election, group } = this.#options;
    return prepareFolder(stateDir, election, group);
  }

  #leaseForPeople(): Lease {
    const { stateDir, election } = this.#options;
    try {
      return readLease(folderOf(stateDir, election).lease);
    } catch (error) {
      return { kind: 'unreadable', why: describe(error) };
    }
  }

  async close(timeout: number): Promise<void> {
    this.#closing.abort(new Error('the candidate leaves the election'));
    const { clock } = this.#options;
    const late = new Error('too late');
    const at = clock.now() + timeout;
    await within(clock, this.#campaigning, { at, late: () => late }).catch((error: unknown) => {
      if (error !== late) throw error;
    });
    if (this.#term !== undefined) this.#term.abandon();
    else if (this.#place !== undefined) this.#drop(this.#place);
    this.#will.close();
    const settled = Promise.all(this.#registers.map((register) => register.settle()));
    await within(clock, settled, { at }).catch(() => undefined);
  }
}

function successionOf(lease: Lease): Succession {
  if (lease.kind === 'never') return { why: 'first' };
  if (lease.kind === 'unreadable') return { why: 'vacant' };
  const { state, candidateId: from, process: leader } = lease.record;
  if (state !== 'held') return { why: state, from };
  // Of who lives, the lock file was deleted.
  return { why: lives(leader) ? 'vacant' : 'died', from };
}
