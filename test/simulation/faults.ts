import { parseLease } from '../../src/zookeeper/election/record.ts';
import { encodeStepDown, stepDownPath } from '../../src/zookeeper/election/step-down.ts';
import type { Random } from '../support/random.ts';
import type { VirtualClock } from '../support/virtual-clock.ts';
import type { Ensemble } from './ensemble.ts';
import type { Host } from './host.ts';
import { faultsOf, STANDSTILLS, type Fault } from './fault-tables.ts';
import { BASE, LEDGER } from './ledger-chronicle.ts';
import type { Server } from './server.ts';
import type { Setting } from './setting.ts';

/** A time in which a candidate could not be expected to do its duty, or (`everybody`) nobody could. */
export interface Impairment {
  readonly host: string | 'everybody';
  readonly kind: 'network' | 'paused' | 'frozen' | 'wiped' | 'tampered' | 'spoiled' | 'dead' | 'steered';
  readonly from: number;
  readonly to: number;
}

/** How far wall clocks are off, and step, at most. */
export const HOURS_MS = 6 * 3_600_000;

/** Draws faults and makes them happen, until it is told that it is enough. */
export class Troubles {
  readonly impairments: Impairment[] = [];
  /** Told when the ledger is not what its leaders wrote. */
  onSpoilt: () => void = () => undefined;
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly #ensemble: Ensemble;
  readonly #hosts: readonly Host[];
  readonly #setting: Setting;
  readonly #endsAt: number;
  /** What awaits each host at its next write of the ledger. */
  readonly #strikes = new Map<string, Fault>();

  constructor(clock: VirtualClock, ensemble: Ensemble, hosts: readonly Host[], setting: Setting, endsAt: number) {
    this.#clock = clock;
    this.#random = clock.random.fork();
    this.#ensemble = ensemble;
    this.#hosts = hosts;
    this.#setting = setting;
    this.#endsAt = endsAt;
  }

  begin(): void {
    const next = this.#clock.time - Math.log(1 - this.#random.next()) * this.#setting.faultEvery;
    if (next >= this.#endsAt) return;
    this.#clock.schedule(next, () => {
      this.#draw()(this);
      this.begin();
    });
  }

  cut(host = this.#host()): void {
    const servers = this.#random.chance(0.5) ? this.#ensemble.servers : [this.#server(host)];
    const passage = this.#random.pick(['none', 'none', 'requestsOnly', 'repliesOnly'] as const);
    const end = this.#lasting(host.name, 'network', 3);
    this.#ensemble.cut(host.name, servers, passage);
    this.#clock.schedule(end, () => this.#ensemble.cut(host.name, servers, 'open'));
  }

  /**
   * The leader loses all servers for about as long as its lease lasts: it comes back just before, or just after,
   * somebody claims.
   */
  cutLeader(): void {
    const host = this.#host();
    const { lease } = this.#setting;
    const end = Math.min(this.#clock.time + lease * this.#random.between(0.7, 1.5), this.#endsAt);
    this.#impair(host.name, 'network', end - this.#clock.time);
    const { servers } = this.#ensemble;
    this.#ensemble.cut(host.name, servers, this.#random.pick(['none', 'repliesOnly'] as const));
    this.#clock.schedule(end, () => this.#ensemble.cut(host.name, servers, 'open'));
  }

  breakAtWrite(): void {
    const host = this.#host();
    const connection = host.current?.sessions.keeper?.connection;
    if (connection === undefined) return;
    this.#impair(host.name, 'network', 0);
    connection.nextWrite = this.#random.pick(['lost', 'unanswered', 'late', 'mute'] as const);
  }

  reset(host = this.#host()): void {
    this.#impair(host.name, 'network', 0);
    host.current?.sessions.keeper?.connection?.drop('connection reset');
  }

  crashServer(): void {
    const server = this.#random.pick(this.#ensemble.servers);
    if (!server.up) return;
    const end = this.#lasting('everybody', 'network', 2);
    this.#ensemble.crash(server);
    this.#clock.schedule(end, () => this.#ensemble.restart(server));
  }

  stallServer(): void {
    const server = this.#random.pick(this.#ensemble.servers);
    if (!server.up || server.stalled) return;
    const end = this.#lasting('everybody', 'network', 2);
    this.#ensemble.stall(server, true);
    this.#clock.schedule(end, () => this.#ensemble.stall(server, false));
  }

  isolateServer(): void {
    const server = this.#random.pick(this.#ensemble.servers);
    if (!server.up || server.isolated || this.#ensemble.servers.length === 1) return;
    const end = this.#lasting('everybody', 'network', 1);
    const resync = end - this.#clock.time > 5 * this.#setting.tickTime;
    this.#ensemble.isolate(server);
    this.#clock.schedule(end, () => this.#ensemble.rejoin(server, resync));
  }

  freezeLeader(): void {
    if (this.#ensemble.frozen) return;
    const end = this.#lasting('everybody', 'network', 0.5);
    this.#ensemble.freeze(true);
    this.#clock.schedule(end, () => this.#ensemble.freeze(false));
  }

  outage(wiped: boolean): void {
    if (!this.#ensemble.up) return;
    const end = this.#lasting('everybody', wiped ? 'wiped' : 'network', 5);
    this.#ensemble.goDown();
    const wallOffset = this.#random.chance(0.5) ? this.#random.between(-HOURS_MS, HOURS_MS) : undefined;
    this.#clock.schedule(end, () =>
      this.#ensemble.comeBack({ wiped, ...(wallOffset === undefined ? {} : { wallOffset }) }),
    );
  }

  expire(): void {
    const sessions = [...this.#ensemble.sessions.values()];
    if (sessions.length === 0 || !this.#ensemble.up) return;
    const session = this.#random.pick(sessions);
    this.#impair(session.host, 'network', 0);
    this.#ensemble.expire(session);
  }

  pauseKeeper(): void {
    const host = this.#host();
    const keeper = host.current?.sessions.keeper;
    if (keeper === undefined || host.current?.process.state !== 'running') return;
    const end = this.#lasting(host.name, 'network', 1);
    keeper.process.pause();
    this.#clock.schedule(end, () => keeper.process.resume());
  }

  killKeeper(): void {
    const host = this.#host();
    const keeper = host.current?.sessions.keeper;
    // Together with a supervisor that stands still it would be two faults at once: nobody is left to stop the command.
    if (keeper === undefined || host.current?.process.state !== 'running') return;
    this.#impair(host.name, 'network', 0);
    keeper.destroy();
  }

  pause(whole: boolean, host = this.#host()): void {
    if (host.current === undefined || host.current.process.state !== 'running' || host.isFrozen) return;
    const longest = whole ? this.#setting.freeze : this.#setting.pause;
    const end = Math.min(this.#clock.time + this.#random.between(0, longest), this.#endsAt);
    this.#impair(host.name, whole ? 'frozen' : 'paused', end - this.#clock.time);
    this.#clock.schedule(end, host.pause(whole));
  }

  crashHost(host = this.#host()): void {
    const end = this.#lasting(host.name, 'dead', 3);
    host.crash();
    this.#clock.schedule(end, () => host.start());
  }

  killSupervisor(host = this.#host()): void {
    // With a keeper that stands still nobody is left to stop the command: two faults at once, which the service manager
    // has to mend.
    if (host.isFrozen) return;
    const end = this.#lasting(host.name, 'dead', 1);
    host.killSupervisor();
    this.#clock.schedule(end, () => host.start());
  }

  stopHost(host = this.#host()): void {
    host.stop(this.#random.pick(['SIGTERM', 'SIGINT', 'SIGHUP'] as const));
    if (this.#random.chance(0.3)) this.#clock.after(this.#random.between(0, 2000), () => host.stop('SIGTERM'));
    this.#clock.after(this.#random.between(100, 20_000), () => host.start());
  }

  stepWall(): void {
    const host = this.#host();
    if (host.wall === undefined) host.current?.process.stepWall(this.#random.between(-HOURS_MS, HOURS_MS));
    else host.setWall(this.#random.between(-1, 1));
  }

  /**
   * Something else goes wrong at the very moment at which the next ledger of some host is committed: before, while or
   * after it learns of that.
   */
  strikeAtLedger(): void {
    const host = this.#host();
    const strikes: Fault[] = [
      (t) => t.crashHost(host),
      (t) => t.cut(host),
      (t) => t.reset(host),
      (t) => t.stopHost(host),
      ...(STANDSTILLS.includes(this.#setting.theme)
        ? [
            (t: Troubles) => t.killSupervisor(host),
            (t: Troubles) => t.pause(false, host),
            (t: Troubles) => t.pause(true, host),
          ]
        : []),
    ];
    this.#strikes.set(host.name, this.#random.pick(strikes));
  }

  /** An operator deletes the ledger, or writes something else there. */
  spoilLedger(): void {
    this.#impair('everybody', 'spoiled', 0);
    this.#ensemble.tamper(LEDGER, this.#random.chance(0.5) ? undefined : Buffer.from('what is this?'));
    this.onSpoilt();
  }

  /**
   * An operator deletes or rewrites any znode of the election by hand. Who deletes or rewrites the lease takes the
   * leader's proof away; a proposal, though it is a place in the queue, is no proof of anything.
   */
  meddle(): void {
    const { tree } = this.#ensemble;
    const paths = tree.within(BASE);
    if (paths.length === 0 || !this.#ensemble.up) return;
    const path = this.#random.pick(paths);
    const other = tree.get(this.#random.pick(paths))?.data ?? Buffer.alloc(0);
    const rewritten = this.#random.pick([Buffer.alloc(0), Buffer.from('what is this?'), other]);
    const data = this.#random.chance(0.4) ? undefined : rewritten;
    if (path === BASE) this.#impair('everybody', 'tampered', 0);
    if (path === LEDGER || (path === BASE && data === undefined && tree.get(LEDGER) !== undefined)) {
      this.#impair('everybody', 'spoiled', 0);
      this.onSpoilt();
    }
    this.#ensemble.tamper(path, data);
  }

  /**
   * An operator asks the leader to step down; often the request comes late, perhaps to another leader, and sometimes it
   * names a term that nobody holds.
   */
  stepDown(): void {
    const { tree } = this.#ensemble;
    const base = tree.get(BASE);
    const lease = base && parseLease(base.data);
    if (base === undefined || lease?.kind !== 'held') return;
    const { candidateId, fencingToken = base.mzxid } = lease.record;
    const asked = this.#random.chance(0.8) ? fencingToken : fencingToken + this.#random.pick([-1, 1]);
    const request = encodeStepDown({ fencingToken: asked, by: 'an operator', time: '' });
    const delay = this.#random.chance(0.5) ? 0 : this.#random.between(0, 2 * this.#setting.lease);
    // Who stops its command serves no tick meanwhile.
    this.#impair(candidateId, 'steered', delay + this.#setting.plan.killAfter);
    this.#clock.after(delay, () => this.#ensemble.tamper(stepDownPath(BASE), request));
  }

  /** To be called when a ledger is committed. */
  ledgerWritten(by: string): void {
    const strike = this.#strikes.get(by);
    this.#strikes.delete(by);
    if (strike === undefined || this.#clock.time >= this.#endsAt) return;
    this.#clock.after(this.#random.pick([0, 0, this.#random.between(0, 10)]), () => strike(this));
  }

  #draw(): Fault {
    const faults = faultsOf(this.#setting);
    let left = this.#random.next() * faults.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, fault] of faults) {
      left -= weight;
      if (left <= 0) return fault;
    }
    return () => undefined;
  }

  /** The one that runs the command as often as any other: there most is at stake. */
  #host(): Host {
    const { cron } = this.#setting;
    const leaders = this.#hosts.filter((host) => (cron === undefined ? host.runsCommand : host.leads));
    return this.#random.pick(leaders.length > 0 && this.#random.chance(0.5) ? leaders : this.#hosts);
  }

  /** The one it is connected to, mostly: a cut elsewhere changes nothing. */
  #server(host: Host): Server {
    const server = host.current?.sessions.keeper?.server;
    return server !== undefined && this.#random.chance(0.8) ? server : this.#random.pick(this.#ensemble.servers);
  }

  /** The end of a fault that lasts up to `times` the session timeout, mostly much less. */
  #lasting(host: Impairment['host'], kind: Impairment['kind'], times: number): number {
    const share = this.#random.next() ** 2;
    const end = Math.min(this.#clock.time + 20 + share * times * this.#setting.sessionTimeout, this.#endsAt);
    this.#impair(host, kind, end - this.#clock.time);
    return end;
  }

  #impair(host: Impairment['host'], kind: Impairment['kind'], ms: number): void {
    this.impairments.push({ host, kind, from: this.#clock.time, to: this.#clock.time + ms });
  }
}
