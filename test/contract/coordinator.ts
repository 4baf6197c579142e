import type { Clock } from '../../src/clock.ts';
import type { Election } from '../../src/election/election.ts';
import type { Observer } from '../../src/election/observer.ts';
import type { Standings } from '../../src/election/standings.ts';
import { createElection } from '../../src/zookeeper/election/election.ts';
import { inspect } from '../../src/zookeeper/report/inspection.ts';
import { observe } from '../../src/zookeeper/report/observer.ts';
import { electionReport } from '../../src/zookeeper/report/report.ts';
import type { Session } from '../../src/zookeeper/session/port.ts';
import { silentLogger } from '../support/silent-logger.ts';
import { ensembles, threeServers, type EnsembleWorld } from './ensembles.ts';
import type { FragileHost } from './hosts.ts';
import { LocalCoordinator } from './local.ts';

export interface CandidateOptions {
  /** Ms; the coordinator's own unless told otherwise. */
  readonly leaseDuration?: number;
  /** `keep` unless told otherwise. */
  readonly onLeaseLoss?: 'keep' | 'stop';
}

/** One who may stand in the election, on a host of its own. */
export interface Candidate {
  readonly id: string;
  readonly election: Election;
  /** The clock of its host. */
  readonly clock: Clock;
  readonly onLeaseLoss: 'keep' | 'stop';
}

/** A coordinator with one election and its own time, in the words of the port alone. */
export interface Coordinator {
  candidate(id: string, options?: CandidateOptions): Promise<Candidate>;
  /** The candidate and its host are gone, without a goodbye and for good. */
  kill(candidate: Candidate): void;
  /** The lease's duration where a candidate asks for none, ms. */
  readonly leaseDuration: number;
  /** What is seen by one who does not stand. */
  standings(): Promise<Standings>;
  /** One who does not stand, until the signal is aborted. */
  observer(signal: AbortSignal): Promise<Observer>;
  /** Lets time pass until the promise has settled, and settles like it. */
  settle<T>(promise: Promise<T>): Promise<T>;
  /** Time is virtual: no machine is slow. */
  readonly isVirtual: boolean;
  /** Lets `ms` pass. */
  pass(ms: number): Promise<void>;
  /**
   * Lets time pass to the `index`-th of the moments, from 0, that are worth to be looked at. Where time is virtual,
   * each thing that happens is one, and each is met twice; where it is real, each is several times as far away as the
   * last.
   */
  moment(index: number): Promise<void>;
  /** To be called after each test: nobody stands, nobody leads, nobody has ever led. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

/** A coordinator that is elsewhere: candidate and coordinator may lose each other. */
export interface DistantCoordinator extends Coordinator {
  /** The candidate stands still: its clock goes on, it does nothing. To the others it is gone. */
  freeze(candidate: Candidate): void;
  thaw(candidate: Candidate): void;
  /** Nothing passes between the candidate and the coordinator, and neither is told. */
  cutOff(candidate: Candidate): void;
  /** What was held up on the way arrives now. */
  reconnect(candidate: Candidate): void;
  /** The coordinator answers nobody. It forgets nothing. */
  goAway(): Promise<void>;
  comeBack(): Promise<void>;
}

const BASE_PATH = '/deep/down/election';
const SESSION_TIMEOUT_MS = 1200;
const O = { timeout: 5000 };
/** How long an observer may wait for a heartbeat, ms. */
const OBSERVE_MS = 10_000;

/** ZooKeeper, real or simulated, as a coordinator. */
class ZooKeeperCoordinator implements DistantCoordinator {
  readonly leaseDuration = SESSION_TIMEOUT_MS;
  readonly isVirtual: boolean;
  readonly #world: EnsembleWorld;
  readonly #hosts = new Map<Candidate, FragileHost>();
  #observer: { readonly session: Session; readonly clock: Clock } | undefined;

  constructor(world: EnsembleWorld) {
    this.#world = world;
    this.isVirtual = world.isVirtual;
  }

  async candidate(id: string, { leaseDuration, onLeaseLoss = 'keep' }: CandidateOptions = {}): Promise<Candidate> {
    const host = await this.#world.fragileHost(id, SESSION_TIMEOUT_MS);
    const { sessions, clock } = host;
    const election = createElection({
      sessions,
      clock,
      logger: silentLogger,
      basePath: BASE_PATH,
      candidate: { candidateId: id, hostname: `${id}.example`, pid: '1' },
      sessionTimeout: SESSION_TIMEOUT_MS,
      leaseDuration,
      stop: { onLeaseLoss, stopSignal: 'SIGTERM', killAfter: 10_000, mark: () => [] },
      mixedFleet: false,
    });
    const candidate = { id, election, clock, onLeaseLoss };
    this.#hosts.set(candidate, host);
    return candidate;
  }

  kill(candidate: Candidate): void {
    this.#host(candidate).kill();
  }

  freeze(candidate: Candidate): void {
    this.#host(candidate).freeze();
  }

  thaw(candidate: Candidate): void {
    this.#host(candidate).thaw();
  }

  cutOff(candidate: Candidate): void {
    this.#host(candidate).cutOff();
  }

  reconnect(candidate: Candidate): void {
    this.#host(candidate).reconnect();
  }

  goAway(): Promise<void> {
    return this.#world.goDown();
  }

  comeBack(): Promise<void> {
    return this.#world.comeBack();
  }

  async standings(): Promise<Standings> {
    const { session, clock } = (this.#observer ??= await this.#observe());
    const { signal } = new AbortController();
    const look = inspect({ session, clock, basePath: BASE_PATH, signal, watchUntil: clock.now() });
    return electionReport(await this.settle(look));
  }

  async observer(signal: AbortSignal): Promise<Observer> {
    const { session, clock } = (this.#observer ??= await this.#observe());
    return observe({ session, clock, basePath: BASE_PATH, signal, watchUntil: clock.now() + OBSERVE_MS });
  }

  async #observe(): Promise<{ session: Session; clock: Clock }> {
    const { sessions, clock } = this.#world.host('observer', SESSION_TIMEOUT_MS);
    return { session: await this.settle(sessions.open(O)), clock };
  }

  settle<T>(promise: Promise<T>): Promise<T> {
    return this.#world.settle(promise);
  }

  pass(ms: number): Promise<void> {
    return this.#world.pass(ms);
  }

  moment(index: number): Promise<void> {
    return this.#world.moment(index);
  }

  async reset(): Promise<void> {
    await this.#world.restore();
    const ends = [...this.#hosts].map(async ([{ election }, host]) => {
      if (host.revive()) await election.close(500);
      await host.release();
    });
    this.#hosts.clear();
    await this.settle(Promise.all(ends));
    await this.settle(this.#observer?.session.close(500) ?? Promise.resolve());
    this.#observer = undefined;
    await this.#world.reset();
  }

  close(): Promise<void> {
    return this.#world.close();
  }

  #host(candidate: Candidate): FragileHost {
    const host = this.#hosts.get(candidate);
    if (host === undefined) throw new Error(`${candidate.id} is not of this coordinator, or of an earlier test`);
    return host;
  }
}

function coordinator([name, start]: (typeof ensembles)[number]): Named<DistantCoordinator>[number] {
  return [name, async () => new ZooKeeperCoordinator(await start())];
}

type Named<T> = readonly (readonly [name: string, start: () => Promise<T>])[];

/** What the contract of the port is run on, where candidates may be far from their coordinator. */
export const distantCoordinators: Named<DistantCoordinator> = ensembles.map(coordinator);

/** What its core is run on as well. */
export const severalServers: Named<DistantCoordinator> = threeServers.map(coordinator);

/** What the contract of the port is run on. A coordinator on one host has its place here alone. */
export const coordinators: Named<Coordinator> = [
  ...distantCoordinators,
  ['one host', () => Promise.resolve(new LocalCoordinator())],
];
