import type { VirtualClock, VirtualProcess } from '../support/virtual-clock.ts';
import type { Ensemble } from './ensemble.ts';
import type { ClientEnd, Connection, Reply, Request, Server } from './server.ts';
import type { Happening } from './tree.ts';

/** What a keeper tells its supervisor. `ended` is its last word. */
export interface KeeperReports {
  connected(id: string, timeout: number): void;
  replied(xid: number, reply: Reply): void;
  happened(happening: Happening): void;
  /** `expired`: the ensemble does not know the session. Otherwise the connection is gone, and the keeper with it. */
  ended(why: string, expired: boolean): void;
}

/** From fork to the first byte sent, ms. */
const START_MS = [80, 180] as const;

/** Over the IPC channel, ms. */
const IPC_MS = 0.15;

/**
 * A keeper process: one connection to one server, made once. It pings every third of the session timeout and gives up after two thirds of
 * silence, as the C client does. Paused or killed on its own, or with its host.
 */
export class Keeper implements ClientEnd {
  readonly process: VirtualProcess;
  readonly server: Server;
  readonly #clock: VirtualClock;
  readonly #ensemble: Ensemble;
  readonly #supervisor: VirtualProcess;
  readonly #host: string;
  readonly #reports: KeeperReports;
  #connection: Connection | undefined;
  #timeout: number;
  #lastHeard = 0;
  #over = false;

  constructor(
    ensemble: Ensemble,
    server: Server,
    host: string,
    supervisor: VirtualProcess,
    timeout: number,
    reports: KeeperReports,
  ) {
    this.#clock = ensemble.clock;
    this.#ensemble = ensemble;
    this.server = server;
    this.#host = host;
    this.#supervisor = supervisor;
    this.#timeout = timeout;
    this.#reports = reports;
    this.process = this.#clock.process({ runsPromises: false });
  }

  get connection(): Connection | undefined {
    return this.#connection;
  }

  /** Starts the process and lets it ask for a new session, or for the one named. */
  connect(id: string | undefined): void {
    const { network, random } = this.#ensemble;
    this.#after(random.between(...START_MS), () => {
      this.#after(this.#ensemble.drawLatency(), () => {
        // A closed port answers at once; a black hole never: the supervisor's patience ends that.
        if (this.server.stalled || !network.passesRequests(this.#host, this.server.name)) return;
        this.#ensemble.connect(this.server, this.#host, id, this.#timeout, this, (grant) => {
          if ('granted' in grant) {
            this.#connection = grant.granted;
            if (this.#over) return grant.granted.abandon();
            return grant.granted.toClient.send(() => this.#enter(() => this.#granted()));
          }
          if (!network.passesReplies(this.#host, this.server.name)) return;
          this.#after(this.#ensemble.drawLatency(), () => {
            if ('expired' in grant) this.#end('the ensemble does not know the session', true);
            else this.#end(grant.refused, false);
          });
        });
      });
    });
  }

  /** A request from the supervisor. */
  send(xid: number, request: Request): void {
    this.#after(IPC_MS, () => this.#connection?.send(xid, request));
  }

  /** SIGKILL: the session stays. Its socket closes unless the machine itself is gone. */
  kill(withMachine = false): void {
    this.#over = true;
    this.process.kill();
    if (!withMachine) this.#connection?.abandon();
  }

  replied(xid: number, reply: Reply): void {
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

  #granted(): void {
    const { record } = this.#connection as Connection;
    this.#timeout = record.timeout;
    this.#tell(() => this.#reports.connected(record.id, record.timeout));
    this.#ping();
  }

  #ping(): void {
    this.process.at(this.process.now() + this.#timeout / 3, () => {
      if (this.#over) return;
      if (this.#clock.time - this.#lastHeard > (this.#timeout * 2) / 3)
        return this.#end('the server was silent for too long', false);
      this.#connection?.ping();
      this.#ping();
    });
  }

  #end(why: string, expired: boolean): void {
    if (this.#over) return;
    this.#tell(() => this.#reports.ended(why, expired));
    this.kill();
  }

  /** Something arrives from the server. */
  #enter(callback: () => void): void {
    this.process.deliver(() => {
      this.#lastHeard = this.#clock.time;
      if (!this.#over) callback();
    });
  }

  /** Something goes to the supervisor, in order: the delay is always the same. */
  #tell(callback: () => void): void {
    this.#clock.after(IPC_MS, () => this.#supervisor.deliver(callback));
  }

  #after(delay: number, callback: () => void): void {
    this.#clock.after(delay, () => this.process.deliver(callback));
  }
}
