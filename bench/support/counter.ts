/**
 * A way to ZooKeeper that counts the requests on it, by connection and operation. It changes nothing and delays nothing
 * but by its own hop.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** `ZooDefs.OpCode` of ZooKeeper 3.8: those that clients send. */
const OPERATIONS: Readonly<Record<number, string>> = {
  1: 'create',
  2: 'delete',
  3: 'exists',
  4: 'getData',
  5: 'setData',
  8: 'getChildren',
  9: 'sync',
  11: 'ping',
  12: 'getChildren2',
  14: 'multi',
  15: 'create2',
  101: 'setWatches',
  105: 'setWatches2',
  [-11]: 'closeSession',
};

export type Counts = ReadonlyMap<string, number>;

/**
 * The requests that one client sent over one connection. Frames: a length of four bytes, then (but for the first, the
 * handshake) xid and operation, four bytes each.
 */
class Tally {
  readonly counts = new Map<string, number>();
  #buffer: Buffer = Buffer.alloc(0);
  #handshaken = false;
  #word = false;

  take(data: Buffer): void {
    if (this.#word) return;
    this.#buffer = Buffer.concat([this.#buffer, data]);
    while (this.#buffer.length >= 4) {
      const length = this.#buffer.readInt32BE(0);
      // A four-letter word instead of a handshake, read as a length, is far longer than any frame.
      if (!this.#handshaken && length > 0x2000_0000) {
        this.#word = true;
        return this.#count('fourLetterWord');
      }
      if (this.#buffer.length < 4 + length) return;
      if (this.#handshaken) this.#count(operation(this.#buffer.readInt32BE(8)));
      else this.#count('connect');
      this.#handshaken = true;
      this.#buffer = this.#buffer.subarray(4 + length);
    }
  }

  #count(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }
}

function operation(code: number): string {
  return OPERATIONS[code] ?? `operation ${code}`;
}

export class RequestCounter implements AsyncDisposable {
  readonly connectString: string;
  readonly #tallies: Tally[];
  readonly #end: () => Promise<void>;

  private constructor(port: number, tallies: Tally[], end: () => Promise<void>) {
    this.connectString = `127.0.0.1:${port}`;
    this.#tallies = tallies;
    this.#end = end;
  }

  /** Listens on a free port of the loopback and connects to `port` there. The caller closes it. */
  static async open(port: number): Promise<RequestCounter> {
    const tallies: Tally[] = [];
    const sockets = new Set<Socket>();
    const server = createServer((client) => {
      const upstream = connect({ port, host: '127.0.0.1' });
      const tally = new Tally();
      tallies.push(tally);
      client.on('data', (data) => tally.take(data));
      for (const socket of [client, upstream]) {
        socket.setNoDelay(true);
        sockets.add(socket);
        socket.on('error', () => socket.destroy());
        socket.on('close', () => {
          sockets.delete(socket);
          client.destroy();
          upstream.destroy();
        });
      }
      client.pipe(upstream);
      upstream.pipe(client);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port: own } = server.address() as AddressInfo;
    return new RequestCounter(own, tallies, async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    });
  }

  /** How many connections there have been; with `counts`, what was sent over those from a number on. */
  get connections(): number {
    return this.#tallies.length;
  }

  /**
   * Requests so far by operation, over the connections with the numbers from `from` to before `to`, counted from 0 in
   * the order in which they were opened.
   */
  counts(from = 0, to = this.#tallies.length): Counts {
    const sum = new Map<string, number>();
    for (const { counts } of this.#tallies.slice(from, to)) {
      for (const [name, count] of counts) sum.set(name, (sum.get(name) ?? 0) + count);
    }
    return sum;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#end();
  }
}

/** What came between two looks; operations that did not occur are left out. */
export function difference(before: Counts, after: Counts): Record<string, number> {
  const names = [...new Set([...before.keys(), ...after.keys()])].sort();
  const changes = names.map((name) => [name, (after.get(name) ?? 0) - (before.get(name) ?? 0)] as const);
  return Object.fromEntries(changes.filter(([, change]) => change !== 0));
}

/** Requests but for pings. */
export function withoutPings(counts: Readonly<Record<string, number>>): number {
  return Object.entries(counts).reduce((sum, [name, count]) => sum + (name === 'ping' ? 0 : count), 0);
}
