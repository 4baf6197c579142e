import { Executor } from '../../src/keeper/executor.ts';
import type { ChannelListener, KeeperChannel } from '../../src/keeper/process.ts';
import type { Answer, Command, ConnectCommand, Operation, Report } from '../../src/keeper/protocol.ts';
import { EXPIRED } from '../../src/keeper/result-codes.ts';
import type { Will } from '../../src/keeper/will.ts';
import type { VirtualProcess } from '../support/virtual-clock.ts';
import type { Ensemble, Grant } from './ensemble.ts';
import type { ClientEnd, Connection, Reply, Request, Server } from './server.ts';
import type { Happening, RefusalCode } from './tree.ts';
import { hostOf, type Machine } from './keeper-host.ts';

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

/** What the release of a lease has come to. */
type Release = 'released' | 'left' | undefined;

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
 * every third of the session timeout and gives up after two thirds of silence. Its wills are executed by the real
 * executor. Paused or killed on its own, or with its host.
 */
export class SimulatedKeeper implements KeeperChannel, ClientEnd {
  readonly pid = 1;
  readonly process: VirtualProcess;
  readonly #executor: Executor;
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
  /** What waits for the process to have started; `undefined` once it has. */
  #starting: (() => void)[] | undefined = [];
  /** What the answers to its own requests mean. Their numbers count down; the supervisor's count up from one. */
  readonly #own = new Map<number, (reply: Reply) => void>();
  #lastOwn = 0;
  /** The version of each znode after the last write acknowledged here: the will may be a moment older. */
  readonly #written = new Map<string, number>();

  /** Forks the process. */
  constructor(candidate: Candidate) {
    const { ensemble, supervisor, machine } = candidate;
    this.#candidate = candidate;
    this.process = ensemble.clock.process({ machineOf: supervisor });
    this.#executor = new Executor(
      {
        begin: () => this.#sayGoodbye(),
        beginOne: (election) => this.#report({ kind: 'executesOne', election }),
        doneOne: (election) => this.#report({ kind: 'executed', election }),
        release: (will, alone) => this.#release(will, alone),
        end: () => this.#leave(),
        endWithoutSession: () => this.#exit(0, null),
      },
      hostOf(this.process, machine),
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
      this.#executor.hear();
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
    this.#reach(() => void this.#executor.execute('gone'));
  }

  /** The machine dies: nobody closes its socket. */
  vanish(): void {
    this.process.kill();
  }

  // What the server says

  replied(xid: number, reply: Reply): void {
    this.#enter(() => {
      const own = this.#own.get(xid);
      if (own !== undefined) return own(reply);
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
        return this.#executor.revoke(command.election);
      case 'ping':
        return this.#report({ kind: 'alive' });
      case 'connect':
        return this.#connect(command);
      case 'request':
        return this.#request(command.id, command.request);
      case 'close':
        return this.#close();
      case 'handOver':
        return void this.#executor.handOver();
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
    this.#ask({ kind: 'exists', path: '/', watched: false }, () => this.#connected());
  }

  #connected(): void {
    const { id, timeout } = this.#connection?.record ?? { id: '0', timeout: 0 };
    this.#report({ kind: 'connected', grant: { id, password: '', timeout } });
  }

  #request(id: number, operation: Operation): void {
    const isRefused = operation.op === 'set' && this.#executor.isGivingUp(operation.path);
    if (this.#connection === undefined || isRefused)
      return this.#report({ kind: 'answer', id, rc: INVALID_STATE, sent: false });
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

  #lookAround(): void {
    this.#in(this.#timeout / 2, () => {
      this.#executor.checkSupervisor();
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
    this.#ask({ kind: 'close', path: '/' }, () => this.#closed());
    this.#in(CLOSE_BLOCKS_MS, () => this.#closed());
  }

  #closed(): void {
    this.#report({ kind: 'closed' });
    this.#exit(0, null);
  }

  /** The last part of a will: the lease is cleared under its version, the rest goes with the session if that ends. */
  async #release({ lease, proposal }: Will, alone: boolean): Promise<Release> {
    this.#candidate.machine.released();
    if (lease === undefined) return undefined;
    if (this.#connection === undefined) return 'left';
    const version = Math.max(this.#written.get(lease.path) ?? 0, lease.version);
    return new Promise((resolve) => {
      this.#in(RELEASE_WITHIN_MS, () => resolve('left'));
      this.#ask({ kind: 'set', path: lease.path, data: Buffer.alloc(0), version }, ({ ok }) =>
        resolve(ok ? 'released' : 'left'),
      );
      if (alone && proposal !== undefined) this.#ask({ kind: 'delete', path: proposal, version: -1 }, () => undefined);
    });
  }

  /** Ends the session, and itself. */
  #leave(): void {
    if (this.#isOver) return;
    this.#ask({ kind: 'close', path: '/' }, () => undefined);
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

  /** Asks for something that its supervisor has not asked for. Without a connection nobody answers. */
  #ask(request: Request, answered: (reply: Reply) => void): void {
    const xid = (this.#lastOwn -= 1);
    this.#own.set(xid, answered);
    this.#connection?.send(xid, request);
  }

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
    case 'exists':
      return { kind: operation.op, path, watched: operation.watch };
    case 'getAcl':
    case 'restrict':
      throw new Error('the simulated ensemble knows no ACLs');
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
