import { createServer as createHttpServer } from 'node:http';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { systemClock, type Clock } from '../../src/clock.ts';
import { UnavailableError } from '../../src/errors.ts';
import { SessionEndedError } from '../../src/zookeeper/session/errors.ts';
import { forkKeeper } from '../../src/keeper/process.ts';
import type { SessionOpener } from '../../src/zookeeper/session/port.ts';
import { useOpenings } from '../support/hooks.ts';
import { pass, poll } from '../support/poll.ts';
import { freePorts } from '../support/ports.ts';
import { Proxy } from '../support/proxy.ts';
import { endOf, keeperPath, serversOf, sessionsAt, theKeeper } from '../support/sessions.ts';
import { useZooKeeper } from '../support/stage.ts';
import { expectWithin } from '../support/yardstick.ts';
import { startZooKeeper } from '../support/zookeeper.ts';

const zookeeper = useZooKeeper({ observer: false, alone: true });
const { afterwards } = useOpenings();

const local = (port: number): { host: string; port: number } => ({ host: '127.0.0.1', port });

async function failure(opener: SessionOpener, timeout: number): Promise<Error> {
  const opened = await opener.open({ timeout }).catch((error: unknown) => error);
  if (opened instanceof Error) return opened;
  throw new Error('a session was opened');
}

/** The failure that says all of this, or the last one: a busy machine is given four times as long, twice. */
async function failureWith(open: () => SessionOpener, timeout: number, said: readonly RegExp[]): Promise<Error> {
  for (const factor of [1, 4]) {
    const error = await failure(open(), factor * timeout);
    if (said.every((text) => text.test(error.message))) return error;
  }
  return failure(open(), 16 * timeout);
}

describe('opening a session', () => {
  it('passes over addresses that do not answer, however many there are', async () => {
    const closed = await freePorts(3);
    const addresses = [...closed.map(local), ...serversOf(zookeeper)];
    const { opener } = sessionsAt(addresses);
    const zk = await opener.open({ timeout: 5000 });
    afterwards(() => zk.close(1000));
    expect(zk.contact).toMatchObject({ up: true, address: zookeeper.server.address });
    zk.reconnect('the test wants to see the rotation');
    await zk.exists('/', { timeout: 60_000 });
    expect(zk.contact).toMatchObject({ up: true, address: zookeeper.server.address });
  });

  it('warns of one of several servers that never answers, once there has been time to look', async () => {
    const [closed] = (await freePorts(1)) as [number];
    const soon: Clock['at'] = (at, callback) =>
      systemClock.at(at - systemClock.now() > 12_000 ? systemClock.now() : at, callback);
    const { opener, lines } = sessionsAt([local(closed), ...serversOf(zookeeper)], {
      clock: { ...systemClock, at: soon },
    });
    const zk = await opener.open({ timeout: 5000 });
    afterwards(() => zk.close(1000));
    const warnings = (): unknown[] => lines.filter(({ message }) => message.includes('does not serve, others do'));
    await poll(() => warnings().length > 0, { what: 'a warning of the server that never answers' });
    expect(warnings()).toMatchObject([{ level: 'warn', fields: { address: `127.0.0.1:${closed}` } }]);
  });

  it('takes a host name with more than one address', async () => {
    const { opener } = sessionsAt([{ host: 'localhost', port: zookeeper.server.port }]);
    const zk = await opener.open({ timeout: 5000 });
    afterwards(() => zk.close(1000));
    expect(zk.contact).toMatchObject({ address: `localhost:${zookeeper.server.port} (127.0.0.1)` });
  });

  it('says what each address answered', async () => {
    const [port] = (await freePorts(1)) as [number];
    const { opener } = sessionsAt([local(port), { host: 'no-such-host.invalid', port: 2181 }]);
    const start = performance.now();
    const error = await failure(opener, 800);
    expectWithin(performance.now() - start, 1500);
    expect(error).toBeInstanceOf(UnavailableError);
    expect(error.message).toContain(`127.0.0.1:${port}: connection refused`);
    expect(error.message).toMatch(/no-such-host\.invalid:2181: the host name cannot be resolved \(.+\)/);
    expect((error as UnavailableError).hint).toMatch(/zookeeper-servers/);
  });

  it('says that a server accepts connections and is silent, and one that drops them', async () => {
    const sockets = new Set<Socket>();
    const silent = createServer((socket) => void sockets.add(socket)).listen(0, '127.0.0.1');
    afterwards(() => {
      sockets.forEach((socket) => socket.destroy());
      silent.close();
    });
    const rude = createServer((socket) => void socket.on('error', () => undefined).on('data', () => socket.destroy()));
    rude.listen(0, '127.0.0.1');
    afterwards(() => rude.close());
    await poll(() => silent.listening && rude.listening);
    const [one, two] = [silent, rude].map((server) => (server.address() as { port: number }).port) as [number, number];
    const said = [`${one}: accepts connections, but does not answer within \\d+ ms`, `${two}: drops the handshake`];
    const texts = said.map((text) => new RegExp(`127.0.0.1:${text}`));
    const sessions = (): SessionOpener => sessionsAt([local(one), local(two)], { sessionTimeout: 1500 }).opener;
    const error = await failureWith(sessions, 2500, texts);
    for (const text of texts) expect(error.message).toMatch(text);
  });

  it('knows a member that has no quorum without spending a keeper on it', async () => {
    const ensemble = await startZooKeeper({ members: 3 });
    afterwards(() => ensemble.close());
    await ensemble.member(0).stop();
    await ensemble.member(1).stop();
    await poll(async () => (await ensemble.member(2).mode()) === undefined);
    const said = /serves no requests \(it is starting, or has no quorum\)/;
    const error = await failureWith(() => sessionsAt([local(ensemble.member(2).port)]).opener, 1000, [said]);
    expect(error.message).toMatch(said);
  });

  it('knows a port that speaks HTTP, and one that speaks TLS', async () => {
    const http = createHttpServer((_, response) => response.end()).listen(0, '127.0.0.1');
    const tls = createTlsServer(() => undefined).listen(0, '127.0.0.1');
    tls.on('tlsClientError', () => undefined);
    afterwards(() => http.close());
    afterwards(() => tls.close());
    await poll(() => http.listening && tls.listening);
    const ports = [http, tls].map((server) => (server.address() as AddressInfo).port);
    const texts = [
      new RegExp(`127.0.0.1:${ports[0]}: speaks HTTP: this is no ZooKeeper port`),
      new RegExp(`127.0.0.1:${ports[1]}: speaks TLS: this is not the port for plain connections`),
    ];
    const error = await failureWith(() => sessionsAt(ports.map(local)).opener, 3000, texts);
    for (const text of texts) expect(error.message).toMatch(text);
  });

  it('knows a web server that answers whole lines only', async () => {
    const server = createServer((socket) => {
      let read = '';
      socket.on('error', () => undefined);
      socket.on('data', (data) => {
        if ((read += String(data)).includes('\r\n\r\n')) socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
      });
    });
    server.listen(0, '127.0.0.1');
    afterwards(() => server.close());
    await poll(() => server.listening);
    const sessions = (): SessionOpener => sessionsAt([local((server.address() as AddressInfo).port)]).opener;
    const error = await failureWith(sessions, 3000, [/speaks HTTP/]);
    expect(error.message).toContain('speaks HTTP');
  });

  it('hints at maxClientCnxns where a server closes connections without a word', async () => {
    const crowded = await startZooKeeper({ config: { maxClientCnxns: 1 } });
    afterwards(() => crowded.close());
    const only = await sessionsAt(serversOf(crowded)).opener.open({ timeout: 5000 });
    afterwards(() => only.close(1000));
    const error = await failure(sessionsAt(serversOf(crowded)).opener, 6000);
    expect(error.message).toMatch(/drops the handshake and closes connections without a word \(its maxClientCnxns may/);
    expect(crowded.server.log()).toContain('Too many connections from');
  });

  it('ends with the reason of its signal', async () => {
    const [port] = (await freePorts(1)) as [number];
    const stop = new AbortController();
    const opening = sessionsAt([local(port)]).opener.open({ timeout: 120_000, signal: stop.signal });
    setTimeout(() => stop.abort(new Error('changed my mind')), 100);
    await expect(opening).rejects.toThrow('changed my mind');
  });

  it('uses the keeper that was forked ahead of time, once', async () => {
    const firstKeeper = forkKeeper(keeperPath);
    const { opener } = sessionsAt(serversOf(zookeeper), { firstKeeper });
    const zk = await opener.open({ timeout: 5000 });
    expect(theKeeper()).toBe(firstKeeper.pid);
    await zk.close(3000);
    const again = await opener.open({ timeout: 5000 });
    afterwards(() => again.close(1000));
    expect(theKeeper()).not.toBe(firstKeeper.pid);
    expect(again.id).not.toBe(zk.id);
  });

  it('goes on without the keeper that was forked ahead of time when that has died', async () => {
    const firstKeeper = forkKeeper(keeperPath);
    firstKeeper.kill();
    await poll(() => firstKeeper.end !== undefined);
    const zk = await sessionsAt(serversOf(zookeeper), { firstKeeper }).opener.open({ timeout: 5000 });
    await zk.close(3000);
  });
});

describe('a session that the servers will not take back', () => {
  it('is given up once its timeout has passed, where a new one would be granted', async () => {
    const picky = createPicky(zookeeper.server.port);
    afterwards(() => picky.close());
    const zk = await sessionsAt([local(await picky.port)], { sessionTimeout: 1000 }).opener.open({ timeout: 5000 });
    afterwards(() => zk.close(500));
    const start = performance.now();
    zk.reconnect('the test');
    const reason = await endOf(zk);
    expect(performance.now() - start).toBeGreaterThan(1000);
    expect(reason).toBeInstanceOf(SessionEndedError);
    expect(String(reason)).toContain('refused');
  });

  it('is not given up while nobody grants new ones either', async () => {
    const proxy = await Proxy.start(zookeeper.server.port);
    afterwards(() => proxy.close());
    const zk = await sessionsAt([local(proxy.port)], { sessionTimeout: 1000 }).opener.open({ timeout: 5000 });
    afterwards(() => zk.close(500));
    proxy.blackHole();
    zk.reconnect('the test');
    await pass(4000);
    expect(zk.ended.aborted).toBe(false);
    proxy.forward();
    expect(String(await endOf(zk))).toContain('expired');
  });
});

/**
 * A proxy that drops the handshakes of sessions that exist already, as a server does whose data is older than what the
 * client has seen.
 */
function createPicky(target: number): { readonly port: Promise<number>; close(): void } {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    sockets.add(client);
    client.on('error', () => undefined);
    let head = Buffer.alloc(0);
    const look = (data: Buffer): void => {
      head = Buffer.concat([head, data]);
      // Length, protocol version, last zxid, timeout; then the session id.
      if (head.length < 28 && head.toString() !== 'srvr') return;
      client.off('data', look);
      if (head.length >= 28 && head.readBigInt64BE(20) !== 0n) return void client.destroy();
      const upstream = connect(target, '127.0.0.1').on('error', () => undefined);
      sockets.add(upstream);
      upstream.write(head);
      client.pipe(upstream).pipe(client);
      client.on('close', () => upstream.destroy());
    };
    client.on('data', look);
  });
  const port = new Promise<number>((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port)),
  );
  const close = (): void => {
    sockets.forEach((socket) => socket.destroy());
    server.close();
  };
  return { port, close };
}
