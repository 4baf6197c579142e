import type { ServerAddress } from '../../src/config/config.ts';
import type { Stat } from '../../src/keeper/protocol.ts';
import { Channel } from './network.ts';
import type { Ensemble, SessionRecord } from './ensemble.ts';
import { Tree, type Happening, type RefusalCode, type Transaction, type Write } from './tree.ts';

export type Read =
  | { readonly kind: 'get'; readonly path: string; readonly watched: boolean }
  | { readonly kind: 'exists'; readonly path: string; readonly watched: boolean }
  | { readonly kind: 'children'; readonly path: string; readonly watched: boolean };

export type Request = Read | Write | { readonly kind: 'close'; readonly path: '/' };

export type Reply =
  | {
      readonly ok: true;
      readonly path?: string;
      readonly data?: Buffer;
      readonly stat?: Stat | undefined;
      readonly children?: string[];
    }
  | { readonly ok: false; readonly code: RefusalCode };

/**
 * What becomes of a request that has reached its server, when it is not simply done and answered. The connection breaks
 * and the request was not applied (`lost`), was applied (`unanswered`), or is applied at the last moment at which
 * ZooKeeper still does so: when the session is about to be attached to another connection (`late`). `mute`: it is
 * applied, but nothing arrives at the client any more, and only its own deadline tells it.
 */
export type Fate = 'lost' | 'unanswered' | 'late' | 'mute';

/** What a server tells the client's end of a connection. */
export interface ClientEnd {
  replied(xid: number, reply: Reply): void;
  happened(happening: Happening): void;
  ponged(): void;
  /** The server closed the connection, or its machine did when it died. */
  closed(why: string): void;
}

/** One member of the ensemble: a replica that lags behind the commits, and its clients' connections. */
export class Server {
  readonly name: string;
  readonly address: ServerAddress;
  readonly connections = new Set<Connection>();
  readonly #ensemble: Ensemble;
  tree = new Tree();
  up = true;
  /** Stopped as by SIGSTOP: sockets stay open, nothing is answered. */
  stalled = false;
  /**
   * Cut off from the ensemble's leader: reads are answered, and pings, but nothing new comes in and no write gets out.
   */
  isolated = false;
  toLeader: Channel;
  fromLeader: Channel;

  /** `ordinal`: from 1. */
  constructor(ensemble: Ensemble, ordinal: number) {
    this.#ensemble = ensemble;
    this.name = `zk${ordinal}`;
    this.address = { host: `10.0.0.${ordinal}`, port: 2181 };
    this.toLeader = this.#link();
    this.fromLeader = this.#link();
  }

  apply(transaction: Transaction): void {
    this.tree.apply(transaction);
    for (const happening of transaction.happenings)
      for (const connection of this.connections) connection.happen(happening);
  }

  crash(why: string): void {
    this.up = false;
    this.stalled = false;
    this.toLeader.close();
    this.fromLeader.close();
    for (const connection of this.connections) connection.drop(why);
  }

  /** Comes (back) up with the leader's present data. */
  start(tree: Tree): void {
    this.up = true;
    this.isolated = false;
    this.tree = new Tree(tree.nodes);
    this.toLeader = this.#link();
    this.fromLeader = this.#link();
  }

  kick(): void {
    this.toLeader.kick();
    this.fromLeader.kick();
    this.#ensemble.network.kick();
  }

  #link(): Channel {
    const { clock } = this.#ensemble;
    return new Channel(
      clock,
      () => this.#ensemble.drawInternalLatency(),
      () => this.isolated || this.stalled || this.#ensemble.frozen,
    );
  }
}

/** One client's connection to one server; both of its ends' queues. */
export class Connection {
  readonly server: Server;
  readonly record: SessionRecord;
  readonly toServer: Channel;
  readonly toClient: Channel;
  readonly #ensemble: Ensemble;
  readonly #client: ClientEnd;
  readonly #watches = new Set<string>();
  #queue: { readonly xid: number; readonly request: Request }[] = [];
  #busy = false;
  open = true;
  /** Set by a fault: what becomes of the next write. */
  nextWrite: Fate | undefined;
  /** Nothing reaches the client any more. */
  #mute = false;

  constructor(ensemble: Ensemble, server: Server, host: string, record: SessionRecord, client: ClientEnd) {
    this.server = server;
    this.record = record;
    this.#ensemble = ensemble;
    this.#client = client;
    const { network } = ensemble;
    const delay = (): number => ensemble.drawLatency();
    this.toServer = new Channel(
      ensemble.clock,
      delay,
      () => server.stalled || !network.passesRequests(host, server.name),
    );
    this.toClient = new Channel(
      ensemble.clock,
      delay,
      () => this.#mute || server.stalled || !network.passesReplies(host, server.name),
    );
    network.register(this.toServer);
    network.register(this.toClient);
    server.connections.add(this);
  }

  /** The client sends a request. */
  send(xid: number, request: Request): void {
    this.toServer.send(() => {
      if (!this.open) return;
      this.#queue.push({ xid, request });
      this.#work();
    });
  }

  ping(): void {
    this.toServer.send(() => {
      if (!this.open) return;
      this.server.toLeader.send(() => this.#ensemble.touch(this));
      this.toClient.send(() => this.#client.ponged());
    });
  }

  /** The client closed its socket: what it had sent still arrives, then the end. */
  abandon(): void {
    this.#ensemble.network.forget(this.toClient);
    this.toClient.close();
    this.toServer.send(() => this.#end());
  }

  /** The server's end closes: everything under way towards it is lost. */
  drop(why: string): void {
    if (!this.open) return;
    this.toClient.send(() => this.#client.closed(why));
    this.#end();
  }

  happen(happening: Happening): void {
    if (!this.open || !this.#watches.delete(`${happening.on} ${happening.path}`)) return;
    this.toClient.send(() => this.#client.happened(happening));
  }

  #end(): void {
    this.open = false;
    this.#queue = [];
    this.toServer.close();
    this.#ensemble.network.forget(this.toServer);
    this.server.connections.delete(this);
  }

  /** Requests of one connection are done one after the other, in the order they arrived. */
  #work(): void {
    const next = this.#queue[0];
    if (this.#busy || !this.open || next === undefined) return;
    this.#busy = true;
    const { request } = next;
    const isRead = request.kind === 'get' || request.kind === 'exists' || request.kind === 'children';
    const fate = this.#ensemble.fateOf?.(this.record.host, request) ?? (isRead ? undefined : this.nextWrite);
    if (fate === 'mute') this.#mute = true;
    if (fate === 'late' && !isRead) this.record.late = request;
    if (fate === 'lost' || fate === 'late') return this.drop('connection reset before a request was done');
    if (isRead) return this.#done(this.#read(request), fate);
    this.server.toLeader.send(() => this.#ensemble.commit(this, request, (reply) => this.#done(reply, fate)));
  }

  #done(reply: Reply, fate: Fate | undefined): void {
    if (fate === 'unanswered') return this.drop('connection reset after a request was done');
    this.#finish(reply);
  }

  #finish(reply: Reply): void {
    const done = this.#queue.shift();
    this.#busy = false;
    if (!this.open || done === undefined) return;
    this.toClient.send(() => this.#client.replied(done.xid, reply));
    this.#work();
  }

  #read(read: Read): Reply {
    const { tree } = this.server;
    const node = tree.get(read.path);
    // Only the watch of `exists` may stand where there is no znode.
    if (read.watched && (node !== undefined || read.kind === 'exists'))
      this.#watches.add(`${read.kind === 'children' ? 'children' : 'data'} ${read.path}`);
    if (node === undefined) return { ok: false, code: 'noNode' };
    const stat = tree.stat(read.path, node);
    if (read.kind === 'exists') return { ok: true, stat };
    if (read.kind === 'get') return { ok: true, data: node.data, stat };
    return { ok: true, children: this.#ensemble.random.shuffle(tree.children(read.path)) };
  }
}
