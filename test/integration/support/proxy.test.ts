import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pass, poll } from '../../support/poll.ts';
import { Proxy } from '../../support/proxy.ts';

let echo: Server;
let proxy: Proxy;
const received: string[] = [];

beforeEach(async () => {
  received.length = 0;
  echo = createServer((socket) =>
    socket
      .on('error', () => socket.destroy())
      .on('data', (data) => received.push(data.toString()) && socket.write(data)),
  );
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
  proxy = await Proxy.start((echo.address() as AddressInfo).port);
});
afterEach(async () => {
  await proxy.close();
  await new Promise((resolve) => echo.close(resolve));
});

/** A client that keeps what comes back, and notices its end. */
function dial(): { socket: Socket; heard: () => string; closed: () => boolean } {
  const socket = connect(proxy.port, '127.0.0.1');
  let text = '';
  socket.on('data', (data) => (text += data.toString())).on('error', () => socket.destroy());
  return { socket, heard: () => text, closed: () => socket.destroyed };
}

describe('Proxy', () => {
  it('forwards both ways', async () => {
    const { socket, heard } = dial();
    socket.write('hello');
    await poll(() => heard() === 'hello');
    expect(proxy.open).toBe(1);
    socket.destroy();
    await poll(() => proxy.open === 0);
  });

  it.each([
    ['both', '', ''],
    ['toServer', '', ''],
    ['toClient', 'lost', ''],
  ] as const)(
    'black-holes %s without a word, and resets once the network heals',
    async (direction, atServer, atClient) => {
      const { socket, heard, closed } = dial();
      socket.write('x');
      await poll(() => heard() === 'x');
      proxy.blackHole(direction);
      socket.write('lost');
      await pass(100);
      expect(received.slice(1).join('')).toBe(atServer);
      expect(heard().slice(1)).toBe(atClient);
      expect(closed()).toBe(false);
      proxy.forward();
      await poll(closed);
    },
  );

  it('stalls, and delivers everything in order once the network heals', async () => {
    const { socket, heard } = dial();
    proxy.stall('toServer');
    socket.write('one ');
    await pass(50);
    socket.write('two');
    await pass(50);
    expect(received).toEqual([]);
    proxy.forward();
    await poll(() => heard() === 'one two');
  });

  it('delays each direction', async () => {
    const { socket, heard } = dial();
    proxy.delay(100);
    const start = performance.now();
    socket.write('slow');
    await poll(() => heard() === 'slow');
    expect(performance.now() - start).toBeGreaterThanOrEqual(195);
  });

  it('cuts once, refuses until it forwards again', async () => {
    const first = dial();
    await poll(() => proxy.open === 1);
    proxy.cut();
    await poll(first.closed);
    const second = dial();
    second.socket.write('again');
    await poll(() => second.heard() === 'again');
    proxy.refuse();
    await poll(second.closed);
    await poll(dial().closed);
    proxy.forward();
    const last = dial();
    last.socket.write('back');
    await poll(() => last.heard() === 'back');
  });
});
