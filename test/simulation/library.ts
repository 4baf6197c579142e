/**
 * Histories of programs that use the library: candidates without a command, on the fake ensemble. What is judged is
 * what a program can see: the signals of its terms, and what it does between their beginning and the end of its work.
 */
import { Candidate, NO_COMMAND } from '../../src/candidate/candidate.ts';
import { CandidateClosedError } from '../../src/candidate/errors.ts';
import type { LeadingTerm } from '../../src/candidate/leading-term.ts';
import { sleep } from '../../src/clock.ts';
import { margin } from '../../src/election/timing.ts';
import { createElection } from '../../src/zookeeper/election/election.ts';
import { parseLease } from '../../src/zookeeper/election/record.ts';
import { encodeStepDown, stepDownPath } from '../../src/zookeeper/election/step-down.ts';
import type { Random } from '../support/random.ts';
import { VirtualClock, type VirtualProcess } from '../support/virtual-clock.ts';
import { Ensemble } from './ensemble.ts';
import { BASE } from './ledger-chronicle.ts';
import { FakeSessions } from './sessions.ts';
import { Trace } from './trace.ts';

/** How a program uses its candidate. */
const STYLES = ['loop', 'lead', 'events'] as const;
type Style = (typeof STYLES)[number];

/** Everything that a seed decides. Durations in ms. */
interface LibrarySetting {
  readonly hosts: number;
  readonly servers: number;
  readonly tickTime: number;
  readonly sessionTimeout: number;
  readonly lease: number;
  readonly killAfter: number;
  /** How much monotonic clocks differ at most. */
  readonly rates: number;
  readonly troubles: number;
  readonly faultEvery: number;
}

/** A term, as its program sees it. In true time. */
interface Service {
  readonly host: LibraryHost;
  readonly process: VirtualProcess;
  readonly term: LeadingTerm;
  readonly from: number;
  /** When its work had ended, or its process. */
  workEndedAt: number | undefined;
}

export interface LibraryHistory {
  readonly setting: LibrarySetting;
  readonly problems: readonly string[];
  readonly trace: Trace;
  readonly terms: number;
  /** Virtual ms. */
  readonly lasted: number;
}

/** Faults for a while, then calm, then the end. */
export async function runLibraryHistory(seed: number): Promise<LibraryHistory> {
  const world = new World(seed);
  const onRejection = (error: unknown): void => {
    world.problems.push(`unhandled rejection: ${error instanceof Error ? error.stack : String(error)}`);
  };
  process.on('unhandledRejection', onRejection);
  try {
    await world.live();
  } finally {
    process.off('unhandledRejection', onRejection);
  }
  const { setting, problems, trace, services, clock } = world;
  return { setting, problems, trace, terms: services.length, lasted: clock.time };
}

function draw(random: Random): LibrarySetting {
  const tickTime = random.pick([200, 500, 1000]);
  const sessionTimeout = tickTime * random.pick([2, 4, 6]);
  const lease = random.pick([sessionTimeout, sessionTimeout, 500, 1000, 3 * sessionTimeout]);
  return {
    hosts: random.whole(2, 4),
    servers: random.pick([1, 3, 3]),
    tickTime,
    sessionTimeout,
    lease,
    killAfter: random.pick([0, 200, 10_000]),
    rates: 0.025,
    troubles: 12 * Math.max(lease, sessionTimeout),
    faultEvery: random.pick([0.2, 0.5, 1]) * sessionTimeout,
  };
}

class World {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly setting: LibrarySetting;
  readonly trace: Trace;
  readonly ensemble: Ensemble;
  readonly hosts: readonly LibraryHost[];
  readonly problems: string[] = [];
  readonly services: Service[] = [];
  #holder: string | undefined;

  constructor(seed: number) {
    this.clock = new VirtualClock(seed);
    this.random = this.clock.random.fork();
    this.setting = draw(this.random);
    this.trace = new Trace(this.clock);
    const { servers, tickTime, hosts, lease } = this.setting;
    const latency = { low: 0.1, high: 2, spikes: this.random.pick([0, 0.01, 0.05]), spike: lease / 3 };
    const lag = { ...latency, spikes: 0 };
    this.ensemble = new Ensemble(this.clock, {
      servers,
      tickTime,
      latency,
      lag,
      log: (who, what) => this.trace.log(who, what),
      onSet: (_host, path, data) => path === BASE && this.#leaseWritten(data),
    });
    this.hosts = Array.from({ length: hosts }, (_, index) => new LibraryHost(this, `h${index + 1}`));
  }

  async live(): Promise<void> {
    const { clock, hosts, setting, ensemble } = this;
    for (const host of hosts) clock.after(this.random.between(0, 1000), () => host.start());
    this.#trouble();
    await clock.run(setting.troubles + 1);
    this.trace.log('history', 'all faults are over');
    ensemble.latency = { ...ensemble.latency, spikes: 0 };
    for (const { connection } of ensemble.sessions.values()) if (connection) connection.nextWrite = undefined;
    for (const host of hosts) host.start();
    await this.#settle();
    await this.#end();
    this.#judgeWorks();
  }

  /** Somebody leads before long, and nobody else. */
  async #settle(): Promise<void> {
    const { clock, setting, services } = this;
    const led = services.length;
    // A lease whose session has just ended runs out by itself.
    await clock.run(clock.time + 2 * (setting.lease + setting.sessionTimeout) + 5_000);
    const longest = 3 * setting.lease + 6 * setting.sessionTimeout + 20_000;
    const again = (): boolean => services.length > led || this.hosts.some((host) => host.leads);
    if (!(await clock.run(clock.time + longest, again)))
      this.problems.push(`nobody leads ${longest} ms after the faults`);
  }

  /** Everybody closes, and nothing is left. */
  async #end(): Promise<void> {
    const { clock, ensemble } = this;
    const closed = Promise.all(this.hosts.map((host) => host.retire()));
    const within = this.setting.killAfter + 60_000;
    let over = false;
    void closed.then(() => (over = true));
    if (!(await clock.run(clock.time + within, () => over))) this.problems.push('a candidate did not close');
    await clock.run(clock.time + 20_000);
    if ((ensemble.tree.get(BASE)?.data ?? Buffer.alloc(0)).length > 0) this.problems.push('the lease was not given up');
    const left = ensemble.proposals(BASE);
    if (left.length > 0) this.problems.push(`${left.length} still stand in the queue`);
    for (const { name, keepers } of this.hosts)
      if (keepers > 0) this.problems.push(`${keepers} keepers of ${name} are left`);
  }

  /** The moment at which somebody may lead: nobody else's signal may say that it still does. */
  #leaseWritten(data: Buffer): void {
    const lease = parseLease(data);
    const holder = lease.kind === 'held' ? lease.record.candidateId : undefined;
    if (holder === this.#holder) return;
    this.#holder = holder;
    for (const { host, process, term } of this.services)
      if (host.id !== holder && holder !== undefined && process.state === 'running' && !term.signal.aborted)
        this.problems.push(`${holder} claims at ${this.clock.time.toFixed(1)} while the term of ${host.id} goes on`);
  }

  /** Work that listens to its signal has ended before another term begins, unless its process stood still. */
  #judgeWorks(): void {
    const { lease } = this.setting;
    for (const one of this.services)
      for (const other of this.services) {
        if (other.host === one.host || other.from <= one.from) continue;
        if ((one.workEndedAt ?? Infinity) <= other.from || one.host.stoodStill(other.from - 2 * lease, other.from))
          continue;
        this.problems.push(
          `the work of ${one.host.name} (from ${one.from.toFixed(1)}, to ${one.workEndedAt?.toFixed(1)}) goes on ` +
            `when ${other.host.name} leads at ${other.from.toFixed(1)}`,
        );
      }
  }

  #trouble(): void {
    const { clock, random, setting } = this;
    const next = clock.time - Math.log(1 - random.next()) * setting.faultEvery;
    if (next >= setting.troubles) return;
    clock.schedule(next, () => {
      random.pick(this.#faults())();
      this.#trouble();
    });
  }

  /** An operator asks the host's latest term to end. */
  #askToStepDown(host: LibraryHost): void {
    const path = stepDownPath(BASE);
    const term = this.services.findLast((service) => service.host === host)?.term;
    if (term === undefined || !this.ensemble.up || this.ensemble.tree.get(path) === undefined) return;
    this.ensemble.tamper(path, encodeStepDown({ fencingToken: term.fencingToken, by: 'ops', time: '' }));
  }

  /** Until when something lasts, mostly much shorter than a session. */
  #until(times: number): number {
    const { clock, random, setting } = this;
    return Math.min(
      clock.time + random.next() ** 2 * times * Math.max(setting.sessionTimeout, setting.lease),
      setting.troubles,
    );
  }

  #faults(): (() => void)[] {
    const { ensemble, clock, random } = this;
    const leader = this.hosts.find((host) => host.leads);
    const host = leader !== undefined && random.chance(0.6) ? leader : random.pick(this.hosts);
    const server = random.pick(ensemble.servers);
    const later = (times: number, end: () => void): void => void clock.schedule(this.#until(times), end);
    const cut = (): void => {
      const servers = random.chance(0.7) ? ensemble.servers : [server];
      ensemble.cut(host.name, servers, random.pick(['none', 'requestsOnly', 'repliesOnly'] as const));
      later(3, () => ensemble.cut(host.name, servers, 'open'));
    };
    const loseReply = (): void => host.loseReply(random.pick(['lost', 'unanswered', 'late', 'mute'] as const));
    const outage = (): void => {
      if (!ensemble.up) return;
      ensemble.goDown();
      later(2, () => ensemble.comeBack({ wiped: false }));
    };
    const stall = (): void => {
      if (!server.up || server.stalled) return;
      ensemble.stall(server, true);
      later(2, () => ensemble.stall(server, false));
    };
    const pause = (): void => later(3, host.pause(random.chance(0.3)));
    return [
      cut,
      cut,
      loseReply,
      loseReply,
      outage,
      stall,
      pause,
      pause,
      () => this.#askToStepDown(host),
      () => this.#askToStepDown(host),
      () => host.expire(),
      () => host.killKeeper(),
      () => host.kill(),
      () => host.close(),
    ];
  }
}

/** A machine with a program that stands for election, again and again. */
class LibraryHost {
  readonly name: string;
  readonly #world: World;
  #generation = 0;
  #candidate: Candidate | undefined;
  #process: VirtualProcess | undefined;
  readonly #sessions: FakeSessions[] = [];
  readonly #standstills: { readonly from: number; to: number }[] = [];
  #retired = false;

  constructor(world: World, name: string) {
    this.#world = world;
    this.name = name;
  }

  /** The name of the present candidate. */
  get id(): string {
    return this.name;
  }

  get leads(): boolean {
    return this.#process?.state === 'running' && this.#candidate?.leader === true;
  }

  get keepers(): number {
    return this.#sessions.reduce((sum, { keepers }) => sum + keepers.length, 0);
  }

  stoodStill(from: number, to: number): boolean {
    return this.#standstills.some((standstill) => standstill.from < to && standstill.to > from);
  }

  start(): void {
    if (this.#candidate !== undefined || this.#retired) return;
    const { clock, random, ensemble, setting, trace } = this.#world;
    const { sessionTimeout, lease, killAfter } = setting;
    const process = clock.process({
      rate: 1 + random.between(-setting.rates, setting.rates),
      lateness: random.pick([0, 1, 3]),
    });
    const logger = trace.logger(this.name);
    const sessions = new FakeSessions(ensemble, this.name, process, sessionTimeout, { logger });
    this.#sessions.push(sessions);
    this.#process = process;
    const style = random.pick(STYLES);
    trace.log(this.name, `a program starts: ${style}`);
    process.deliver(() => {
      const election = createElection({
        sessions,
        clock: process,
        logger,
        basePath: BASE,
        candidate: { candidateId: this.name, hostname: this.name, pid: String((this.#generation += 1)) },
        sessionTimeout,
        leaseDuration: lease,
        mixedFleet: false,
        stop: NO_COMMAND,
      });
      const candidate = new Candidate({
        election,
        clock: process,
        logger,
        name: BASE,
        patience: sessionTimeout,
        onElectionFailure: 'retry',
        electionTimeout: undefined,
        killAfter,
      });
      this.#candidate = candidate;
      candidate.on('closed', () => this.#ended(process));
      void this.#use(candidate, process, style);
    });
  }

  async #use(candidate: Candidate, process: VirtualProcess, style: Style): Promise<void> {
    const work = (term: LeadingTerm): Promise<void> => this.#work(term, process);
    if (style === 'events') return void candidate.on('leader', (term) => void this.#watch(term, process));
    if (style === 'loop') for await (const term of candidate.terms()) await work(term);
    // Its failure is that of a lost lease, or the end of the candidate.
    else
      await candidate.lead(work).then(
        () => undefined,
        () => undefined,
      );
    await candidate.close();
  }

  /** Work that takes a while, and some time to end when it is told to. */
  async #work(term: LeadingTerm, process: VirtualProcess): Promise<void> {
    const { random, setting } = this.#world;
    const { lease } = setting;
    const service = this.#begin(term, process);
    const lasts = random.chance(0.5) ? random.between(0, 3 * lease) : 3_600_000;
    const told = await sleep(process, lasts, term.signal).then(
      () => false,
      () => true,
    );
    const granted = this.#granted();
    if (told && granted > 0) await sleep(process, random.between(0, granted));
    service.workEndedAt = this.#world.clock.time;
  }

  /**
   * Work that its candidate does not know of: it has time to end when others end its term, and none when it resigns.
   */
  async #watch(term: LeadingTerm, process: VirtualProcess): Promise<void> {
    const { random, setting, clock } = this.#world;
    const service = this.#begin(term, process);
    const lasts = random.chance(0.5) ? random.between(0, 3 * setting.lease) : 3_600_000;
    const told = await sleep(process, lasts, term.signal).then(
      () => false,
      () => true,
    );
    const byItself = !told || term.signal.reason instanceof CandidateClosedError;
    const granted = this.#granted();
    if (!byItself && granted > 0) await sleep(process, random.between(0, granted));
    service.workEndedAt = clock.time;
    await term.resign().catch(() => undefined);
  }

  /** How long work may take to end when others end its term: what is promised, less a late timer or two. */
  #granted(): number {
    const { lease, killAfter } = this.#world.setting;
    return Math.max(0, Math.min(killAfter, lease / 3) - margin(lease) - 20);
  }

  #begin(term: LeadingTerm, process: VirtualProcess): Service {
    const { clock, services, trace } = this.#world;
    const service: Service = { host: this, process, term, from: clock.time, workEndedAt: undefined };
    trace.log(this.name, `works as leader, token ${term.fencingToken}`);
    services.push(service);
    return service;
  }

  // What befalls it

  loseReply(fate: 'lost' | 'unanswered' | 'late' | 'mute'): void {
    const connection = this.#sessions.at(-1)?.keeper?.connection;
    if (connection !== undefined) connection.nextWrite = fate;
  }

  expire(): void {
    const { ensemble } = this.#world;
    const session = ensemble.sessions.get(this.#sessions.at(-1)?.sessionId ?? '');
    if (session !== undefined && ensemble.up) ensemble.expire(session);
  }

  killKeeper(): void {
    if (this.#process?.state === 'running') this.#sessions.at(-1)?.keeper?.destroy();
  }

  /** SIGSTOP; `whole`: to its keepers as well. Returns what lets it go on. */
  pause(whole: boolean): () => void {
    const process = this.#process;
    if (process?.state !== 'running') return () => undefined;
    const { clock, trace, problems } = this.#world;
    trace.log(this.name, 'stands still');
    const standstill = { from: clock.time, to: Infinity };
    this.#standstills.push(standstill);
    const paused = [process, ...(whole ? (this.#sessions.at(-1)?.keepers ?? []).map((keeper) => keeper.process) : [])];
    for (const each of paused) each.pause();
    return () => {
      trace.log(this.name, 'goes on');
      standstill.to = clock.time;
      // What a program sees that looks before any timer has fired.
      const others = this.#world.hosts.filter((host) => host !== this && host.leads);
      const before = this.#candidate;
      const leads = others.length > 0 && process.state === 'paused' && before?.leader === true;
      if (leads)
        problems.push(`${this.name} believes at ${clock.time.toFixed(1)} that it leads beside ${others[0]?.name}`);
      for (const each of paused) each.resume();
    };
  }

  kill(): void {
    const process = this.#process;
    if (process === undefined || process.state === 'killed') return;
    this.#world.trace.log(this.name, 'the program is killed (SIGKILL)');
    process.kill();
    this.#sessions.at(-1)?.orphan();
    this.#gone(process);
  }

  close(): void {
    const [process, candidate] = [this.#process, this.#candidate];
    if (process?.state === 'running') process.deliver(() => void candidate?.close());
  }

  /** Closes it for good. Resolves when it is closed. */
  async retire(): Promise<void> {
    this.#retired = true;
    const [process, candidate] = [this.#process, this.#candidate];
    if (candidate === undefined) return;
    const closed = new Promise((resolve) => candidate.on('closed', resolve));
    process?.deliver(() => void candidate.close());
    await closed;
  }

  #ended(process: VirtualProcess): void {
    if (process !== this.#process) return;
    this.#world.trace.log(this.name, 'the candidate is closed');
    this.#gone(process);
  }

  /** What was done in it is over; another program starts before long. */
  #gone(process: VirtualProcess): void {
    const { clock, random, services } = this.#world;
    if (process.state === 'killed')
      for (const service of services) if (service.process === process) service.workEndedAt ??= clock.time;
    this.#candidate = undefined;
    clock.after(random.between(10, 2000), () => this.start());
  }
}
