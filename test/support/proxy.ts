import { connect, createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

/**
 * Towards the server, towards the client, or both. `swallow` loses the bytes, `stall` holds them back until the network
 * heals, as TCP does by repeating what was not acknowledged. In both the connection stays open and neither side is
 * told.
 */
export type Direction = 'both' | 'toServer' | 'toClient';
type Way = Exclude<Direction, 'both'>;

/** A pair of sockets, and what happens to the bytes between them. */
class Connection {
  readonly client: Socket;
  readonly server: Socket;
  /** Bytes were lost: the stream makes no sense to either side any more. */
  torn = false;
  /** What the client has said. */
  readonly said: Buffer[] = [];
  readonly #held: (() => void)[] = [];
  #delivered: Record<Way, Promise<void>> = { toServer: Promise.resolve(), toClient: Promise.resolve() };

  constructor(proxy: Proxy, client: Socket, server: Socket) {
    this.client = client;
    this.server = server;
    this.#pass(proxy, 'toServer', client, server);
    this.#pass(proxy, 'toClient', server, client);
  }

  destroy(): void {
    this.client.resetAndDestroy();
    this.server.resetAndDestroy();
  }

  /** Lets go of what was held back. */
  release(): void {
    for (const deliver of this.#held.splice(0)) deliver();
  }

  #pass(proxy: Proxy, way: Way, from: Socket, to: Socket): void {
    from.setNoDelay(true);
    const hand = (deliver: () => void): void => {
      const sentAt = performance.now();
      // One after the other: a delay that has just been shortened must not let bytes overtake.
      this.#delivered[way] = this.#delivered[way].then(async () => {
        const left = sentAt + proxy.latency - performance.now();
        if (left > 0) await new Promise((resolve) => setTimeout(resolve, left));
        deliver();
      });
    };
    const meet = (deliver: () => void): void => {
      const fate = proxy.fate(way);
      if (fate === 'stall') this.#held.push(() => hand(deliver));
      else if (fate === 'swallow') this.torn = true;
      else hand(deliver);
    };
    from.on('data', (data) => {
      if (way === 'toServer') this.said.push(data);
      meet(() => void (to.destroyed || to.write(data)));
    });
    from.on('end', () => meet(() => to.end()));
    from.on('error', () => meet(() => to.destroy()));
    from.on('close', () => proxy.forget(this));
  }
}

/** A TCP connection's bad day: stands between a client and a server, and does to the bytes what a network may do. */
export class Proxy implements AsyncDisposable {
  /** Milliseconds that each piece takes on its way, in either direction. */
  latency = 0;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #listener: Server;
  readonly #connections = new Set<Connection>();
  #fates: Record<Way, 'forward' | 'swallow' | 'stall'> = { toServer: 'forward', toClient: 'forward' };
  #refusing = false;
  #accepted = 0;

  private constructor(target: { host: string; port: number }) {
    this.#target = target;
    this.#listener = createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
  }

  /** Listens on a free port of the loopback and forwards to `port`. */
  static async start(port: number, host = '127.0.0.1'): Promise<Proxy> {
    const proxy = new Proxy({ host, port });
    await new Promise<void>((resolve, reject) => {
      proxy.#listener.once('error', reject);
      proxy.#listener.listen(0, '127.0.0.1', resolve);
    });
    return proxy;
  }

  get port(): number {
    return (this.#listener.address() as AddressInfo).port;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Connections accepted so far. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Connections open now. */
  get open(): number {
    return this.#connections.size;
  }

  /** What the clients of the connections that are open now have said so far. */
  said(): Buffer[] {
    return [...this.#connections].map(({ said }) => Buffer.concat(said));
  }

  /** Everything works again: what was stalled is delivered; a connection that lost bytes is reset. */
  forward(): void {
    this.#fates = { toServer: 'forward', toClient: 'forward' };
    this.#refusing = false;
    for (const connection of [...this.#connections]) {
      if (connection.torn) connection.destroy();
      else connection.release();
    }
  }

  /** From now on bytes vanish, on old connections and new ones, which are still accepted. */
  blackHole(direction: Direction = 'both'): void {
    this.#set(direction, 'swallow');
  }

  /** From now on bytes are held back, on old connections and new ones, until `forward`. */
  stall(direction: Direction = 'both'): void {
    this.#set(direction, 'stall');
  }

  /** Every piece of data takes `ms` milliseconds in each direction; 0 ends it. */
  delay(ms: number): void {
    this.latency = ms;
  }

  /** Resets every connection, once; new ones are served. */
  cut(): void {
    for (const connection of [...this.#connections]) connection.destroy();
  }

  /** Resets every connection, and each new one as soon as it comes, until `forward`. */
  refuse(): void {
    this.#refusing = true;
    this.cut();
  }

  /**
   * Stops listening and ends every connection, as the end of a server's process does: whoever tries again is refused.
   */
  async vanish(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#listener.close(() => resolve()));
    for (const { client, server } of [...this.#connections]) {
      client.destroy();
      server.destroy();
    }
    await closed;
  }

  /** Resets every connection and stops listening. Idempotent. */
  async close(): Promise<void> {
    this.refuse();
    if (!this.#listener.listening) return;
    await new Promise<void>((resolve) => this.#listener.close(() => resolve()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal What becomes of bytes that go this way. */
  fate(way: Way): 'forward' | 'swallow' | 'stall' {
    return this.#fates[way];
  }

  /** @internal One side of the connection is closed. */
  forget(connection: Connection): void {
    if (connection.client.destroyed && connection.server.destroyed) this.#connections.delete(connection);
  }

  #set(direction: Direction, fate: 'swallow' | 'stall'): void {
    this.#fates = {
      toServer: direction === 'toClient' ? this.#fates.toServer : fate,
      toClient: direction === 'toServer' ? this.#fates.toClient : fate,
    };
  }

  #accept(client: Socket): void {
    this.#accepted += 1;
    if (this.#refusing) {
      client.on('error', () => client.destroy());
      client.resetAndDestroy();
      return;
    }
    const server = connect({ ...this.#target, allowHalfOpen: true });
    this.#connections.add(new Connection(this, client, server));
  }
}
