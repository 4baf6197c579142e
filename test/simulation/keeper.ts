import type { VirtualProcess } from '../support/virtual-clock.ts';
import type { Will } from '../../src/keeper/will.ts';
import type { Grant } from './ensemble.ts';
import type { ClientEnd, Connection, Reply, Request, Server } from './server.ts';
import type { Happening } from './tree.ts';
import type { Client } from './sessions.ts';
import { actsAt } from '../../src/keeper/will-instants.ts';
import { WillExecutor } from './will.ts';

/** What a keeper tells its supervisor. `ended` is its last word. */
export interface KeeperReports {
  connected(server: Server, id: string, timeout: number): void;
  /** Nothing accepts connections there: the keeper is as good as new. */
  refused(why: string): void;
  replied(xid: number, reply: Reply): void;
  happened(happening: Happening): void;
  /** `expired`: the ensemble does not know the session. Otherwise the connection is gone, and the keeper with it. */
  ended(why: string, expired: boolean): void;
}

/** From fork to the first byte sent, ms. */
const START_MS = [80, 180] as const;

/** How long the ensemble is waited for when a will is executed, ms. */
const RELEASE_WITHIN_MS = 2_000;

/** Of the keeper's own requests; the supervisor's count from zero. */
const RELEASE_XID = -1;

/** How long a keeper may take to say that it executes a will that is due, ms. */
const CONFESSION_MS = 1_000;

/** Over the IPC channel, ms. */
const IPC_MS = 0.15;

/**
 * A keeper process: one connection to one server, made once. It pings every third of the session timeout and gives up
 * after two thirds of silence, as the C client does. Paused or killed on its own, or with its host.
 */
export class Keeper implements ClientEnd {
  readonly process: VirtualProcess;
  readonly #executor: WillExecutor;
  readonly #client: Client;
  #reports: KeeperReports;
  #server: Server | undefined;
  #connection: Connection | undefined;
  #timeout: number;
  #lastHeard = 0;
  #over = false;
  /**
   * The last will that its supervisor gave it, and whether an instant of any has passed, by what the supervisor knows.
   */
  #given: Will;
  #due = false;
  /** The supervisor has read that it executes its will. */
  #hasConfessed = false;
  /** Its supervisor waits whether it says so. */
  #killing = false;
  readonly #onGone: (() => void)[] = [];
  /** The connection is gone. */
  #lost = false;
  /** What waits for the process to have started; `undefined` once it has. */
  #starting: (() => void)[] | undefined = [];
  /** The version of each znode after the last write acknowledged here: the will may be a moment older. */
  readonly #written = new Map<string, number>();

  /** Forks the process, which nobody uses yet. */
  constructor(client: Client, timeout: number, reports: KeeperReports) {
    const { clock, random } = client.ensemble;
    this.#client = client;
    this.#timeout = timeout;
    this.#given = client.will();
    this.#reports = reports;
    this.process = clock.process({ machineOf: client.process, runsPromises: false });
    this.#executor = new WillExecutor(
      this.process,
      client.machine,
      () => this.#confess(),
      (will) => this.#release(will),
    );
    this.#after(random.between(...START_MS), () => {
      const waiting = this.#starting ?? [];
      this.#starting = undefined;
      this.#executor.accept(client.will());
      for (const callback of waiting) callback();
    });
  }

  /** The server it is connected to, or is trying to reach. */
  get server(): Server | undefined {
    return this.#server;
  }

  get connection(): Connection | undefined {
    return this.#connection;
  }

  /** Asks a server for a new session, or for the one named. */
  connect(server: Server, id: string | undefined): void {
    const { ensemble, host } = this.#client;
    this.#server = server;
    // A closed port answers at once; a black hole never: the supervisor's patience ends that.
    ensemble.clock.after(ensemble.drawLatency(), () => {
      if (server.stalled || !ensemble.network.passesRequests(host, server.name)) return;
      if (!server.up) return this.#tell(() => this.#reports.refused(`${server.name}: connection refused`));
      this.#onceStarted(() =>
        ensemble.connect(server, host, id, this.#timeout, this, (grant) => this.#answered(server, grant)),
      );
    });
  }

  #answered(server: Server, grant: Grant): void {
    const { ensemble, host } = this.#client;
    if ('granted' in grant) {
      if (this.#over || this.#lost) return grant.granted.abandon();
      this.#connection = grant.granted;
      return grant.granted.toClient.send(() => this.#enter(() => this.#granted(server)));
    }
    if (!ensemble.network.passesReplies(host, server.name)) return;
    this.#after(ensemble.drawLatency(), () => {
      if ('expired' in grant) this.#end('the ensemble does not know the session', true);
      else this.#end(`${server.name}: ${grant.refused}`, false);
    });
  }

  #onceStarted(callback: () => void): void {
    if (this.#starting === undefined) this.process.deliver(callback);
    else this.#starting.push(callback);
  }

  /** For the session that uses it from now on, which asks for this timeout. */
  use(timeout: number, reports: KeeperReports): void {
    this.#timeout = timeout;
    this.#reports = reports;
  }

  /** As far as its supervisor knows. */
  get obeys(): boolean {
    return !this.#over && !this.#hasConfessed && !this.#killing;
  }

  /** It executes its will and lives, or it is not known yet whether it does. */
  get executes(): boolean {
    return !this.#over && (this.#hasConfessed || this.#killing);
  }

  /** Called when the process is gone. */
  onceGone(listener: () => void): void {
    if (this.#over) listener();
    else this.#onGone.push(listener);
  }

  /**
   * The supervisor gives it up. One that executes its will is left to it; one whose will is due may say that it does.
   */
  dismiss(): void {
    if (this.executes) return;
    if (!this.#isDue()) return this.kill();
    this.#killing = true;
    const { process } = this.#client;
    process.at(process.now() + CONFESSION_MS, () => {
      if (!this.#hasConfessed) this.kill();
    });
  }

  #isDue(): boolean {
    this.#due ||= this.#client.process.now() >= (actsAt(this.#given) ?? Infinity);
    return this.#due;
  }

  /** Closes the channel: its supervisor learns that it obeys no more. */
  #confess(): void {
    this.#client.ensemble.clock.after(IPC_MS, () =>
      this.#client.process.deliver(() => {
        this.#hasConfessed = true;
        if (!this.#over) this.#reports.ended('the keeper process executes its will and obeys no more', false);
      }),
    );
  }

  /** A request from the supervisor. */
  send(xid: number, request: Request): void {
    this.#after(IPC_MS, () => {
      if (!this.#executor.executing) this.#connection?.send(xid, request);
    });
  }

  /** The last will of the supervisor, until the next. */
  bequeath(will: Will): void {
    this.#isDue();
    this.#given = will;
    if (this.#starting === undefined) this.#after(IPC_MS, () => this.#executor.accept(will));
  }

  /** The supervisor is gone without a goodbye. A will that is on its way arrives before the end of the channel does. */
  orphan(): void {
    this.#onceStarted(() => {
      this.#executor.accept(this.#client.will());
      this.#executor.execute();
    });
  }

  /** SIGKILL: the session stays. Its socket closes unless the machine itself is gone. */
  kill(withMachine = false): void {
    if (this.#over) return;
    this.#over = true;
    this.process.kill();
    if (!withMachine) this.#connection?.abandon();
    const { clock } = this.#client.ensemble;
    for (const listener of this.#onGone) clock.after(IPC_MS, () => this.#client.process.deliver(listener));
  }

  /** It dies by itself; its supervisor sees that. */
  crash(): void {
    if (this.#over) return;
    this.kill();
    this.#client.ensemble.clock.after(IPC_MS, () =>
      this.#client.process.deliver(() => this.#reports.ended('the keeper process was ended by SIGKILL', false)),
    );
  }

  replied(xid: number, reply: Reply): void {
    if (xid === RELEASE_XID) return this.#enter(() => this.#leave());
    if (reply.ok && reply.path !== undefined && reply.stat) this.#written.set(reply.path, reply.stat.version);
    this.#enter(() => this.#tell(() => this.#reports.replied(xid, reply)));
  }

  happened(happening: Happening): void {
    this.#enter(() => this.#tell(() => this.#reports.happened(happening)));
  }

  ponged(): void {
    this.#enter(() => undefined);
  }

  closed(why: string): void {
    this.#enter(() => this.#end(why, false));
  }

  #granted(server: Server): void {
    // The connection may have gone before the grant arrived.
    if (this.#connection === undefined) return;
    const { record } = this.#connection;
    this.#timeout = record.timeout;
    this.#tell(() => this.#reports.connected(server, record.id, record.timeout));
    this.#ping();
  }

  #ping(): void {
    this.process.at(this.process.now() + this.#timeout / 3, () => {
      if (this.#over || this.#lost) return;
      if (this.#client.ensemble.clock.time - this.#lastHeard > (this.#timeout * 2) / 3)
        return this.#end('the server was silent for too long', false);
      this.#connection?.ping();
      this.#ping();
    });
  }

  /** The last part of a will: the lease is cleared under its version, the rest goes with the session. */
  #release({ lease }: Will): void {
    if (this.#over) return;
    if (this.#connection === undefined || lease === undefined) return this.#leave();
    const version = Math.max(this.#written.get(lease.path) ?? 0, lease.version);
    this.#connection.send(RELEASE_XID, { kind: 'set', path: lease.path, data: Buffer.alloc(0), version });
    this.process.at(this.process.now() + RELEASE_WITHIN_MS, () => this.#leave());
  }

  /** Ends the session, and itself. */
  #leave(): void {
    if (this.#over) return;
    this.#connection?.send(RELEASE_XID, { kind: 'close', path: '/' });
    this.kill();
  }

  /**
   * Without a connection there is nothing left to do but to wait for the supervisor, which kills it, or for the will.
   */
  #end(why: string, expired: boolean): void {
    if (this.#over || this.#lost) return;
    this.#lost = true;
    this.#connection?.abandon();
    this.#connection = undefined;
    this.#tell(() => this.#reports.ended(why, expired));
  }

  /** Something arrives from the server. */
  #enter(callback: () => void): void {
    this.process.deliver(() => {
      this.#lastHeard = this.#client.ensemble.clock.time;
      if (!this.#over) callback();
    });
  }

  /** Something goes to the supervisor, in order: the delay is always the same. */
  #tell(callback: () => void): void {
    if (this.#executor.executing && !this.#over) return;
    this.#client.ensemble.clock.after(IPC_MS, () => this.#client.process.deliver(callback));
  }

  #after(delay: number, callback: () => void): void {
    this.#client.ensemble.clock.after(delay, () => this.process.deliver(callback));
  }
}
