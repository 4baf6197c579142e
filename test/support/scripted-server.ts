/** A server that says what a test tells it to: one connection, ZooKeeper's framing, no sense of its own. */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { FrameSplitter } from '../../src/zookeeper/client/wire/frames.ts';
import { JuteWriter } from '../../src/zookeeper/client/wire/jute.ts';
import { poll } from './poll.ts';

/** For what comes at once, however busy the machine, ms. */
const HANG_MS = 30_000;

export class ScriptedServer {
  readonly #server: Server;
  readonly #frames: Buffer[] = [];
  #taken = 0;
  #socket: Socket | undefined;

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket) => {
      this.#socket = socket.setNoDelay(true);
      const splitter = new FrameSplitter();
      socket.on('error', () => undefined);
      socket.on('data', (chunk: Buffer) => {
        this.#frames.push(...splitter.push(chunk));
      });
    });
  }

  static async start(): Promise<ScriptedServer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new ScriptedServer(server);
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The next frame of the client, without its length. */
  async next(): Promise<Buffer> {
    await poll(() => this.waiting > 0, { timeout: HANG_MS, interval: 2, what: 'a frame of the client' });
    return this.#frames[this.#taken++] as Buffer;
  }

  /** How many frames have come that `next` has not returned. */
  get waiting(): number {
    return this.#frames.length - this.#taken;
  }

  say(...bytes: readonly Buffer[]): void {
    this.#socket?.write(Buffer.concat(bytes));
  }

  /** Reads nothing more. */
  stopReading(): void {
    this.#socket?.pause();
  }

  hangUp(): void {
    this.#socket?.end();
  }

  close(): void {
    this.#socket?.destroy();
    this.#server.close();
  }
}

/** `readOnly`: servers before 3.4 do not say it. */
export function grant({ timeout = 3000, id = 0x1234n, readOnly = true } = {}): Buffer {
  const writer = new JuteWriter().int(0).int(timeout).long(id).buffer(Buffer.alloc(16, 7));
  return (readOnly ? writer.bool(false) : writer).frame();
}

/** An answer; `body` writes what the operation returns. */
export function reply(xid: number, rc = 0, body: (writer: JuteWriter) => unknown = () => undefined): Buffer {
  const writer = new JuteWriter().int(xid).long(77n).int(rc);
  body(writer);
  return writer.frame();
}

export const pong = reply(-2);

/** `type`: 1 created, 2 deleted, 3 changed, 4 child. */
export const notification = (type: number, path: string): Buffer =>
  reply(-1, 0, (writer) => writer.int(type).int(3).string(path));

/** Writes a stat of that version. */
export const stat =
  (version: number) =>
  (writer: JuteWriter): JuteWriter =>
    writer
      .long(5n)
      .long(2n ** 33n)
      .long(1000n)
      .long(2000n)
      .int(version)
      .int(1)
      .int(2)
      .long(-1n)
      .int(3)
      .int(4)
      .long(6n);
