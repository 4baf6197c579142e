import type { ChannelListener, KeeperChannel } from '../../src/keeper/process.ts';
import type { Answer, Command, ConnectCommand, Operation, Report } from '../../src/keeper/protocol.ts';
import { EXPIRED } from '../../src/keeper/result-codes.ts';
import type { Will } from '../../src/keeper/will.ts';
import type { VirtualProcess } from '../support/virtual-clock.ts';
import type { Ensemble, Grant } from './ensemble.ts';
import type { ClientEnd, Connection, Reply, Request, Server } from './server.ts';
import type { Happening, RefusalCode } from './tree.ts';
import { WillExecutor, type Machine } from './will.ts';

/** Whose keeper it is. */
export interface Candidate {
  readonly ensemble: Ensemble;
  readonly host: string;
  readonly supervisor: VirtualProcess;
  readonly machine: Machine;
}

/** From fork to the first command obeyed, ms. */
const START_MS = [80, 180] as const;

/** Over the IPC channel, ms: always the same, so that messages stay in order. */
const IPC_MS = 0.15;

/** How long the ensemble is waited for when a will is executed, ms. */
const RELEASE_WITHIN_MS = 2_000;

/** How long the client blocks in its goodbye to a silent server, ms. */
const CLOSE_BLOCKS_MS = 4_500;

/** Checks in a row, two a session timeout, without a word of the supervisor: then it has given its place up. */
const SILENT_CHECKS = 3;

/** Of the keeper's own requests; the supervisor's count from one. */
const [CLOSE_XID, RELEASE_XID, FIRST_XID] = [0, -1, -2];

/** ZINVALIDSTATE. */
const INVALID_STATE = -9;

const RESULT_CODES: Readonly<Record<RefusalCode, number>> = {
  noNode: -101,
  badVersion: -103,
  nodeExists: -110,
  notEmpty: -111,
};

/**
 * A keeper process, as `keeper/main.ts` and the C client behave: one connection to one server, made once. It pings
 * every third of the session timeout and gives up after two thirds of silence. Paused or killed on its own, or with its
 * host.
 */
export class SimulatedKeeper implements KeeperChannel, ClientEnd {
  readonly pid = 1;
  readonly process: VirtualProcess;
  readonly #executor: WillExecutor;
  readonly #candidate: Candidate;
  #listener: ChannelListener | undefined;
  #isOpen = true;
  #isAlive = true;
  #server: Server | undefined;
  #connection: Connection | undefined;
  /** It may not connect again. */
  #lost = false;
  #timeout = 0;
  #lastHeard = 0;
  #silentChecks = 0;
  /** What waits for the process to have started; `undefined` once it has. */
  #starting: (() => void)[] | undefined = [];
  /** The version of each znode after the last write acknowledged here: the will may be a moment older. */
  readonly #written = new Map<string, number>();

  /** Forks the process. */
  constructor(candidate: Candidate) {
    const { ensemble, supervisor, machine } = candidate;
    this.#candidate = candidate;
    this.process = ensemble.clock.process({ machineOf: supervisor, runsPromises: false });
    this.#executor = new WillExecutor(
      this.process,
      machine,
      () => this.#sayGoodbye(),
      (will) => this.#release(will),
    );
    ensemble.clock.after(ensemble.random.between(...START_MS), () =>
      this.process.deliver(() => {
        const waiting = this.#starting ?? [];
        this.#starting = undefined;
        for (const callback of waiting) callback();
      }),
    );
  }

  // What its supervisor sees of it

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  listen(listener: ChannelListener): void {
    this.#listener = listener;
  }

  send(batch: readonly Command[]): void {
    this.#reach(() => {
      this.#silentChecks = 0;
      for (const command of batch) this.#obey(command);
    });
  }

  /** The session stays. Its socket closes. */
  destroy(): void {
    this.#exit(null, 'SIGKILL');
  }

  hold(): void {}

  // What befalls it

  /** The server it is connected to, or is trying to reach. */
  get server(): Server | undefined {
    return this.#server;
  }

  get connection(): Connection | undefined {
    return this.#connection;
  }

  /** The supervisor is gone without a goodbye. What it has sent arrives before the end of the channel does. */
  orphan(): void {
    this.#reach(() => this.#executor.execute());
  }

  /** The machine dies: nobody closes its socket. */
  vanish(): void {
    this.process.kill();
  }

  // What the server says

  replied(xid: number, reply: Reply): void {
    this.#enter(() => {
      if (xid === RELEASE_XID) return this.#leave();
      if (xid === FIRST_XID) return this.#connected();
      if (xid === CLOSE_XID) return this.#closed();
      if (reply.ok && reply.path !== undefined && reply.stat) this.#written.set(reply.path, reply.stat.version);
      this.#report(answerOf(xid, reply));
    });
  }

  happened({ event, path }: Happening): void {
    this.#enter(() => this.#report({ kind: 'event', event, path }));
  }

  ponged(): void {
    this.#enter(() => undefined);
  }

  closed(): void {
    this.#enter(() => this.#lose({ kind: 'disconnected' }));
  }

  // What it does

  #obey(command: Command): void {
    if (this.#executor.executing) return;
    switch (command.kind) {
      case 'will':
        return this.#executor.accept(command.will);
      case 'revoke':
        return this.#executor.revoke();
      case 'ping':
        return this.#report({ kind: 'alive' });
      case 'connect':
        return this.#connect(command);
      case 'request':
        return this.#request(command.id, command.request);
      case 'close':
        return this.#close();
      case 'handOver':
        // It executes all wills or none.
        throw new Error('a keeper that executes no will alone is told to hand over');
    }
  }

  #connect({ address, timeout, credentials }: ConnectCommand): void {
    const { ensemble, host } = this.#candidate;
    const server = ensemble.serverAt(address.slice(0, address.lastIndexOf(':')));
    this.#server = server;
    this.#timeout = timeout;
    this.#lastHeard = ensemble.clock.time;
    this.#report({ kind: 'connecting', client: 'simulated' });
    this.#ping();
    ensemble.clock.after(ensemble.drawLatency(), () => {
      if (server.stalled || !ensemble.network.passesRequests(host, server.name)) return;
      ensemble.connect(server, host, credentials?.id, timeout, this, (grant) => this.#answered(server, grant));
    });
  }

  #answered(server: Server, grant: Grant): void {
    const { ensemble, host } = this.#candidate;
    if ('granted' in grant) {
      if (this.#isOver || this.#lost) return grant.granted.abandon();
      this.#connection = grant.granted;
      return grant.granted.toClient.send(() => this.#enter(() => this.#granted()));
    }
    if (!ensemble.network.passesReplies(host, server.name)) return;
    ensemble.clock.after(ensemble.drawLatency(), () =>
      this.#enter(() => this.#lose('expired' in grant ? { kind: 'ended', code: EXPIRED } : { kind: 'disconnected' })),
    );
  }

  /** A granted session is not yet contact: one request has to be answered first. */
  #granted(): void {
    // The connection may have gone before the grant arrived.
    if (this.#connection === undefined) return;
    this.#timeout = this.#connection.record.timeout;
    this.#report({ kind: 'granted' });
    this.#lookAround();
    this.#connection.send(FIRST_XID, { kind: 'exists', path: '/' });
  }

  #connected(): void {
    const { id, timeout } = this.#connection?.record ?? { id: '0', timeout: 0 };
    this.#report({ kind: 'connected', grant: { id, password: '', timeout } });
  }

  #request(id: number, operation: Operation): void {
    if (this.#connection === undefined) return this.#report({ kind: 'answer', id, rc: INVALID_STATE, sent: false });
    this.#connection.send(id, requestOf(operation));
  }

  #ping(): void {
    this.#in(this.#timeout / 3, () => {
      if (this.#lost) return;
      if (this.#candidate.ensemble.clock.time - this.#lastHeard > (this.#timeout * 2) / 3)
        return this.#lose({ kind: 'disconnected' });
      this.#connection?.ping();
      this.#ping();
    });
  }

  /** A supervisor that stands still while nothing runs would keep its place in the queue through its keeper. */
  #lookAround(): void {
    this.#in(this.#timeout / 2, () => {
      this.#silentChecks += 1;
      if (this.#silentChecks > SILENT_CHECKS && !this.#executor.hasInstants) this.#executor.execute();
      this.#lookAround();
    });
  }

  /**
   * Without a connection there is nothing left to do but to wait for the supervisor, which kills it, or for the will.
   */
  #lose(report: Report): void {
    if (this.#lost) return;
    this.#lost = true;
    this.#connection?.abandon();
    this.#connection = undefined;
    this.#report(report);
  }

  /** Ends the session and itself, as it is told. */
  #close(): void {
    if (this.#connection === undefined) return this.#closed();
    this.#connection.send(CLOSE_XID, { kind: 'close', path: '/' });
    this.#in(CLOSE_BLOCKS_MS, () => this.#closed());
  }

  #closed(): void {
    this.#report({ kind: 'closed' });
    this.#exit(0, null);
  }

  /** The last part of a will: the lease is cleared under its version, the rest goes with the session. */
  #release({ lease }: Will): void {
    if (this.#connection === undefined || lease === undefined) return this.#leave();
    const version = Math.max(this.#written.get(lease.path) ?? 0, lease.version);
    this.#connection.send(RELEASE_XID, { kind: 'set', path: lease.path, data: Buffer.alloc(0), version });
    this.#in(RELEASE_WITHIN_MS, () => this.#leave());
  }

  /** Ends the session, and itself. */
  #leave(): void {
    if (this.#isOver) return;
    this.#connection?.send(CLOSE_XID, { kind: 'close', path: '/' });
    this.#exit(0, null);
  }

  /** It executes its will: its supervisor learns that it obeys no more. */
  #sayGoodbye(): void {
    this.#tell(({ reports, closed }) => {
      reports([{ kind: 'executes' }]);
      this.#isOpen = false;
      closed();
    });
  }

  #exit(code: number | null, signal: NodeJS.Signals | null): void {
    if (this.#isOver) return;
    this.process.kill();
    this.#connection?.abandon();
    this.#tell(({ closed, exited }) => {
      this.#isAlive = false;
      if (this.#isOpen) closed();
      this.#isOpen = false;
      exited(code, signal);
    });
  }

  // Ways in and out

  get #isOver(): boolean {
    return this.process.state === 'killed';
  }

  /** Something arrives from the supervisor, once the process has started. */
  #reach(callback: () => void): void {
    this.#candidate.ensemble.clock.after(IPC_MS, () => {
      if (this.#starting === undefined) this.process.deliver(callback);
      else this.#starting.push(callback);
    });
  }

  /** Something arrives from the server. */
  #enter(callback: () => void): void {
    this.process.deliver(() => {
      this.#lastHeard = this.#candidate.ensemble.clock.time;
      callback();
    });
  }

  #report(report: Report): void {
    if (!this.#executor.executing) this.#tell(({ reports }) => reports([report]));
  }

  #tell(callback: (listener: ChannelListener) => void): void {
    const { ensemble, supervisor } = this.#candidate;
    ensemble.clock.after(IPC_MS, () =>
      supervisor.deliver(() => {
        if (this.#listener !== undefined) callback(this.#listener);
      }),
    );
  }

  #in(ms: number, callback: () => void): void {
    this.process.at(this.process.now() + ms, callback);
  }
}

function requestOf(operation: Operation): Request {
  const { path } = operation;
  switch (operation.op) {
    case 'create':
      return { kind: 'create', path, data: Buffer.from(operation.data, 'latin1'), sequential: operation.flags !== 0 };
    case 'set':
      return { kind: 'set', path, data: Buffer.from(operation.data, 'latin1'), version: operation.version };
    case 'delete':
      return { kind: 'delete', path, version: operation.version };
    case 'get':
    case 'children':
      return { kind: operation.op, path, watched: operation.watch };
    case 'exists':
      return { kind: operation.op, path };
  }
}

function answerOf(id: number, reply: Reply): Answer {
  if (!reply.ok) return { kind: 'answer', id, sent: true, rc: RESULT_CODES[reply.code] };
  const { data, stat, ...rest } = reply;
  return {
    kind: 'answer',
    id,
    sent: true,
    rc: 0,
    ...rest,
    ...(data && { data: data.toString('latin1') }),
    ...(stat && { stat }),
  };
}
