import type { Random } from '../support/random.ts';
import type { VirtualClock } from '../support/virtual-clock.ts';
import { drawLatency, Network, QUIET, type Latency, type Passage } from './network.ts';
import { Connection, Server, type ClientEnd, type Fate, type Read, type Reply, type Request } from './server.ts';
import { Refusal, Tree, type Transaction, type Write } from './tree.ts';

/** A session as the ensemble's leader keeps it. */
export interface SessionRecord {
  readonly id: string;
  readonly timeout: number;
  /** The host that opened it; for the event log. */
  readonly host: string;
  touched: number;
  /** The one connection through which the session may write; others were moved away from. */
  connection: Connection | undefined;
  /** A request whose connection broke, still on its way. */
  late: Exclude<Request, Read> | undefined;
}

export interface EnsembleOptions {
  readonly servers?: number;
  readonly tickTime?: number;
  /** Client to server and back. */
  readonly latency?: Latency;
  /** Between the members: how far replicas lag. */
  readonly lag?: Latency;
  readonly log?: (who: string, what: string) => void;
  /** Told of every set that was committed. */
  readonly onSet?: (host: string, path: string, data: Buffer, zxid: number) => void;
}

/** What a server answers to a client that wants a session, new or old. */
export type Grant = { readonly granted: Connection } | { readonly expired: true } | { readonly refused: string };

/** Epochs begin with the upper 32 bits of a zxid. */
const EPOCH = 2 ** 32;

/**
 * A ZooKeeper ensemble in virtual time: one leader's decisions in order, replicas that lag, sessions that expire on
 * ticks, and faults on demand. Modelled after ZooKeeper 3.8 (PrepRequestProcessor, DataTree, ExpiryQueue,
 * Leader/Follower).
 */
export class Ensemble {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly network = new Network();
  readonly servers: readonly Server[];
  readonly sessions = new Map<string, SessionRecord>();
  /** What is committed. */
  tree = new Tree();
  /** The leader is stopped: nothing is committed and no session expires. */
  frozen = false;
  #up = true;
  #epoch = 1;
  #counter = 0;
  #sessionCount = 0;
  #wallOffset = 0;
  /** Asked about every request that reaches a server. */
  fateOf: ((host: string, request: Request) => Fate | undefined) | undefined;
  latency: Latency;
  readonly lag: Latency;
  readonly tickTime: number;
  readonly #log: (who: string, what: string) => void;
  readonly #onSet: EnsembleOptions['onSet'];

  constructor(clock: VirtualClock, options: EnsembleOptions = {}) {
    this.clock = clock;
    this.random = clock.random.fork();
    this.latency = options.latency ?? QUIET;
    this.lag = options.lag ?? QUIET;
    this.tickTime = options.tickTime ?? 1000;
    this.#log = options.log ?? (() => undefined);
    this.#onSet = options.onSet;
    this.servers = Array.from({ length: options.servers ?? 3 }, (_, index) => new Server(this, index + 1));
  }

  get up(): boolean {
    return this.#up;
  }

  serverAt(ip: string): Server {
    return this.servers.find(({ address }) => address.host === ip) as Server;
  }

  /** Milliseconds since the Unix epoch by the leader's clock: the stamp of every write. */
  get wall(): number {
    return Math.floor(Date.UTC(2026, 10, 21) + this.clock.time + this.#wallOffset);
  }

  /** The committed ephemeral znodes under a path. */
  proposals(under: string): { readonly path: string; readonly owner: string }[] {
    const paths = this.tree.children(under).map((name) => `${under}/${name}`);
    return paths.flatMap((path) => {
      const owner = this.tree.get(path)?.owner ?? '0';
      return owner === '0' ? [] : [{ path, owner }];
    });
  }

  drawLatency(): number {
    return drawLatency(this.random, this.latency);
  }

  drawInternalLatency(): number {
    return drawLatency(this.random, this.lag);
  }

  // What clients ask for

  /** A client that reached `server` asks for a new session, or for `id` again. */
  connect(
    server: Server,
    host: string,
    id: string | undefined,
    timeout: number,
    client: ClientEnd,
    answer: (grant: Grant) => void,
  ): void {
    if (!server.up || server.isolated) return answer({ refused: server.up ? 'not serving' : 'connection refused' });
    server.toLeader.send(() => {
      const record = id === undefined ? this.#newSession(host, timeout) : this.sessions.get(id);
      if (record === undefined) return server.fromLeader.send(() => answer({ expired: true }));
      if (this.#doLate(record)) return server.fromLeader.send(() => answer({ expired: true }));
      record.connection?.drop('the session moved to another connection');
      const connection = new Connection(this, server, host, record, client);
      record.connection = connection;
      record.touched = this.clock.time;
      // The answer follows all commits before it to this server: what is read there is not older than the grant.
      server.fromLeader.send(() => answer({ granted: connection }));
    });
  }

  /**
   * What is still on its way from the session's last connection is done before it moves on. Returns whether that was
   * its end.
   */
  #doLate(record: SessionRecord): boolean {
    const { late } = record;
    record.late = undefined;
    if (late?.kind === 'close') this.#close(record, 'closed by its client, late');
    else if (late !== undefined) this.#write(record, late);
    return late?.kind === 'close';
  }

  touch(connection: Connection): void {
    if (connection.record.connection === connection) connection.record.touched = this.clock.time;
  }

  /** Decides about a request, tells every replica, and answers behind the change it made. */
  commit(connection: Connection, request: Exclude<Request, Read>, answer: (reply: Reply) => void): void {
    const { record } = connection;
    if (record.connection !== connection || !this.sessions.has(record.id))
      return connection.drop('the session is not of this connection');
    record.touched = this.clock.time;
    const reply = request.kind === 'close' ? this.#close(record, 'closed by its client') : this.#write(record, request);
    connection.server.fromLeader.send(() => {
      answer(reply);
      if (request.kind === 'close') connection.drop('the session is closed');
    });
  }

  // Faults

  /** Ends a session as if nothing had been heard of it. */
  expire(record: SessionRecord): void {
    if (!this.sessions.has(record.id)) return;
    this.#close(record, 'expired');
    record.connection?.drop('the session expired');
  }

  cut(host: string, servers: readonly Server[], passage: Passage): void {
    this.#log('net', `${host} to ${servers.map((server) => server.name).join()}: ${passage}`);
    for (const server of servers) this.network.set(host, server.name, passage);
  }

  isolate(server: Server): void {
    this.#log(server.name, 'is cut off from the ensemble');
    server.isolated = true;
  }

  /**
   * The end of an isolation. Too long ago (`resync`), and the server drops its clients and starts from the leader's
   * data.
   */
  rejoin(server: Server, resync: boolean): void {
    if (!server.up || !this.#up) return;
    this.#log(server.name, resync ? 'drops its clients and rejoins' : 'rejoins');
    if (resync) {
      server.crash('the server lost the ensemble');
      return server.start(this.tree);
    }
    server.isolated = false;
    server.kick();
  }

  stall(server: Server, stalled: boolean): void {
    this.#log(server.name, stalled ? 'stalls' : 'goes on');
    server.stalled = stalled;
    server.kick();
  }

  freeze(frozen: boolean): void {
    this.#log('ensemble', frozen ? 'leader freezes' : 'leader goes on');
    this.frozen = frozen;
    for (const server of this.servers) server.kick();
  }

  crash(server: Server): void {
    this.#log(server.name, 'crashes');
    server.crash('connection reset: the server crashed');
  }

  restart(server: Server): void {
    if (server.up || !this.#up) return;
    this.#log(server.name, 'is back');
    server.start(this.tree);
  }

  /** All members are down: no quorum. */
  goDown(): void {
    this.#log('ensemble', 'goes down');
    this.#up = false;
    for (const server of this.servers) server.crash('connection reset: the ensemble is down');
  }

  /**
   * A new leader, a new epoch; it gives each session its full timeout, and stamps with a clock of its own. `wiped`: all
   * data is lost.
   */
  comeBack(options: { readonly wallOffset?: number; readonly wiped?: boolean } = {}): void {
    this.#log(
      'ensemble',
      `is back${options.wiped ? ', its data is lost' : ''}${options.wallOffset ? `, clock ${options.wallOffset} ms off` : ''}`,
    );
    this.#up = true;
    this.frozen = false;
    this.#epoch += 1;
    this.#counter = 0;
    this.#wallOffset = options.wallOffset ?? this.#wallOffset;
    if (options.wiped) {
      this.tree = new Tree();
      this.sessions.clear();
      this.#epoch = 1;
    }
    for (const record of this.sessions.values()) record.touched = this.clock.time;
    for (const server of this.servers) {
      server.stalled = false;
      server.start(this.tree);
    }
  }

  /** Somebody else writes a znode, if it is there, without asking for its version; or deletes it, with all under it. */
  tamper(path: string, data: Buffer | undefined): void {
    if (this.tree.get(path) === undefined || !this.#up) return;
    const zxid = this.#zxid();
    this.#log('ensemble', `${path} is ${data === undefined ? 'deleted' : 'overwritten'} by somebody`);
    if (data === undefined) return this.#broadcast(this.tree.prepareDeletions(this.tree.within(path).reverse(), zxid));
    const write = { kind: 'set', path, data, version: -1 } as const;
    this.#broadcast(this.tree.prepare(write, zxid, this.wall, '0').transaction);
  }

  /** Moves the leader's clock by `ms` under everybody's feet. */
  stepClock(ms: number): void {
    this.#log('ensemble', `clock steps by ${ms} ms`);
    this.#wallOffset += ms;
  }

  // Inside

  #zxid(): number {
    this.#counter += 1;
    return this.#epoch * EPOCH + this.#counter;
  }

  #newSession(host: string, timeout: number): SessionRecord {
    this.#sessionCount += 1;
    const id = (0x100000000000 * this.#epoch + this.#sessionCount).toString(16);
    const granted = Math.min(Math.max(timeout, 2 * this.tickTime), 20 * this.tickTime);
    const record: SessionRecord = {
      id,
      timeout: granted,
      host,
      touched: this.clock.time,
      connection: undefined,
      late: undefined,
    };
    this.sessions.set(id, record);
    this.#zxid();
    this.#awaitExpiry(record);
    return record;
  }

  /** A session is looked at on ticks alone: ExpiryQueue rounds its expiry up to the next one. */
  #awaitExpiry(record: SessionRecord): void {
    const from = Math.max(record.touched + record.timeout, this.clock.time);
    this.clock.schedule((Math.floor(from / this.tickTime) + 1) * this.tickTime, () => {
      if (this.sessions.get(record.id) !== record) return;
      const due = record.touched + record.timeout < this.clock.time;
      if (due && this.#up && !this.frozen) this.expire(record);
      else this.#awaitExpiry(record);
    });
  }

  #close(record: SessionRecord, why: string): Reply {
    this.sessions.delete(record.id);
    const zxid = this.#zxid();
    const paths = this.tree.ephemeralsOf(record.id);
    this.#log(
      'ensemble',
      `session ${record.id} of ${record.host} ${why}${paths.length > 0 ? `, with ${paths.join()}` : ''}`,
    );
    this.#broadcast(this.tree.prepareDeletions(paths, zxid));
    return { ok: true };
  }

  #write(record: SessionRecord, write: Write): Reply {
    const zxid = this.#zxid();
    try {
      const owner = write.kind === 'create' && write.sequential ? record.id : '0';
      const { transaction, path } = this.tree.prepare(write, zxid, this.wall, owner);
      this.#log(
        'ensemble',
        `${write.kind} ${path}${write.kind === 'create' ? '' : ` v${write.version}`} by ${record.host}`,
      );
      this.#broadcast(transaction);
      if (write.kind === 'set') this.#onSet?.(record.host, path, write.data, zxid);
      const node = this.tree.get(path);
      return { ok: true, path, stat: node && this.tree.stat(path, node) };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#log('ensemble', `${write.kind} ${write.path} by ${record.host}: ${error.code}`);
      return { ok: false, code: error.code };
    }
  }

  #broadcast(transaction: Transaction): void {
    this.tree.apply(transaction);
    for (const server of this.servers) if (server.up) server.fromLeader.send(() => server.apply(transaction));
  }
}
