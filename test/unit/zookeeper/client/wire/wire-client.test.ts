import { afterEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../../../../src/clock.ts';
import type { ClientEnd, Grant } from '../../../../../src/zookeeper/client/client.ts';
import type { WireAnswer, WireRequest } from '../../../../../src/zookeeper/client/wire/messages.ts';
import { WireClient } from '../../../../../src/zookeeper/client/wire/wire-client.ts';
import { poll } from '../../../../support/poll.ts';
import { grant, notification, pong, reply, ScriptedServer, stat } from '../../../../support/scripted-server.ts';
import { VirtualClock } from '../../../../support/virtual-clock.ts';

const TIMEOUT = 3000;

/** For what comes at once, however busy the machine, real ms. */
const HANG_MS = 15_000;

const cleanUps: (() => void)[] = [];
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

/** The clock of a process that stands still for a while: when it goes on, its timers are the first to run. */
function jumpingClock(): Clock & { jump(ms: number): void } {
  let now = 0;
  const timers = new Set<{ at: number; callback: () => void }>();
  return {
    now: () => now,
    wall: () => now,
    random: () => 0,
    at(at, callback) {
      const timer = { at, callback };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    jump(ms) {
      now += ms;
      const due = [...timers].filter(({ at }) => at <= now);
      for (const timer of due) if (timers.delete(timer)) timer.callback();
    },
  };
}

/** A client of a scripted server: time is virtual, the connection is real. */
async function connect(credentials?: { id: string; password: string }, clock?: Clock) {
  const server = await ScriptedServer.start();
  const time = new VirtualClock(1);
  const told: string[] = [];
  const tell = (what: string): void => void told.push(what);
  const listener = {
    granted: ({ id, timeout }: Grant) => tell(`granted ${id} ${timeout}`),
    event: (event: string, path: string) => tell(`${event} ${path}`),
    ended: (end: ClientEnd) => tell(end.kind === 'ended' ? `ended ${end.code}` : `disconnected ${end.why}`),
  };
  const options = { address: server.address, timeout: TIMEOUT, debug: false, ...(credentials && { credentials }) };
  const client = new WireClient(options, listener, clock ?? time.process());
  cleanUps.push(() => {
    void client.close();
    void time.run(time.time + 10_000);
    server.close();
  });
  const until = (what: string): Promise<unknown> => poll(() => told.includes(what), { timeout: HANG_MS, what });
  const ask = (request: WireRequest): Promise<WireAnswer> => new Promise((resolve) => client.ask(request, resolve));
  return { server, time, client, told, until, ask, pass: (ms: number) => time.run(time.time + ms) };
}

/** The same, with a session. */
async function connected() {
  const all = await connect();
  await all.server.next();
  all.server.say(grant({ timeout: TIMEOUT }));
  await all.until(`granted 1234 ${TIMEOUT}`);
  all.told.length = 0;
  return all;
}

const exists = { op: 'exists', path: '/a', watch: false } as const;
const [xidOf, opcodeOf] = [(frame: Buffer) => frame.readInt32BE(0), (frame: Buffer) => frame.readInt32BE(4)];
const UNKNOWN = { rc: -4, sent: true };
const NOT_TAKEN = { rc: -9, sent: false };

describe('the handshake of the wire client', () => {
  it('asks for the session that it is to take over', async () => {
    const { server } = await connect({ id: '1234', password: '07'.repeat(16) });
    expect((await server.next()).readBigInt64BE(16)).toBe(0x1234n);
  });

  it('is not begun with credentials that are none', async () => {
    await expect(connect({ id: 'no number', password: '07' })).rejects.toThrow(SyntaxError);
  });

  it('takes no requests before a session is granted', async () => {
    const { server, client, ask, until } = await connect();
    await server.next();
    expect(await ask(exists)).toEqual(NOT_TAKEN);
    expect(client.isConnected).toBe(false);
    server.say(grant({ timeout: 5000, readOnly: false }));
    await until('granted 1234 5000');
    expect(client.isConnected).toBe(true);
  });

  it('says that a session has expired', async () => {
    const { server, until, told } = await connect();
    await server.next();
    server.say(grant({ timeout: 0, id: 0n }));
    await until('ended -112');
    expect(told).toHaveLength(1);
  });

  it.each([
    ['hangs up', (server: ScriptedServer) => server.hangUp(), 'disconnected undefined'],
    [
      'speaks HTTP',
      (server: ScriptedServer) => server.say(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')),
      'disconnected what the server sends is no ZooKeeper protocol: a frame of 1213486160 bytes, at most 2097150 are allowed',
    ],
  ])('ends at a server that %s', async (_what, act, expected) => {
    const { server, until, told } = await connect();
    await server.next();
    act(server);
    await until(expected);
    expect(told).toHaveLength(1);
  });

  it('ends at a server that says nothing for two thirds of the timeout that was asked for', async () => {
    const { server, told, until, pass } = await connect();
    await server.next();
    await pass(1999);
    expect(told).toEqual([]);
    await pass(2);
    await until('disconnected the server was silent for 2000 ms');
  });

  it('ends where nobody listens', async () => {
    const { server } = await connect();
    const { address } = server;
    server.close();
    const ends: ClientEnd[] = [];
    const listener = {
      granted: () => undefined,
      event: () => undefined,
      ended: (end: ClientEnd) => void ends.push(end),
    };
    const client = new WireClient({ address, timeout: TIMEOUT, debug: false }, listener, new VirtualClock(1).process());
    await poll(() => ends.length > 0, { timeout: HANG_MS, what: 'the end' });
    expect(ends).toEqual([{ kind: 'disconnected' }]);
    expect(client.isConnected).toBe(false);
  });
});

describe('requests of the wire client', () => {
  it('go out in the order of calls, and are answered in it', async () => {
    const { server, ask } = await connected();
    const order: number[] = [];
    const asked = [0, 1, 2].map((index) => ask(exists).then((answer) => (order.push(index), answer)));
    const frames = [await server.next(), await server.next(), await server.next()];
    expect(frames.map(xidOf)).toEqual([1, 2, 3]);
    server.say(reply(1, 0, stat(5)), reply(2, -101), reply(3, 0, stat(6)));
    const [first, second, third] = await Promise.all(asked);
    expect(order).toEqual([0, 1, 2]);
    expect(first).toMatchObject({ rc: 0, sent: true, stat: { version: 5 } });
    expect(second).toEqual({ rc: -101, sent: true });
    expect(third?.stat?.version).toBe(6);
  });

  it('are answered by frames that come in pieces', async () => {
    const { server, ask } = await connected();
    const answer = ask({ op: 'get', path: '/a', watch: false });
    await server.next();
    for (const byte of reply(1, 0, (writer) => stat(2)(writer.buffer(Buffer.from('hello'))))) {
      server.say(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await answer).toMatchObject({ data: Buffer.from('hello'), stat: { version: 2 } });
  });

  it('have an unknown outcome when the connection ends, and are not taken afterwards', async () => {
    const { server, client, ask, until, told } = await connected();
    const answers: WireAnswer[] = [];
    client.ask(exists, (answer) => answers.push(answer));
    client.ask({ op: 'delete', path: '/a', version: 3 }, (answer) => answers.push(answer));
    await server.next();
    server.hangUp();
    await until('disconnected the server closed the connection');
    expect(answers).toEqual([UNKNOWN, UNKNOWN]);
    expect(await ask(exists)).toEqual(NOT_TAKEN);
    expect(client.isConnected).toBe(false);
    expect(told).toHaveLength(1);
  });

  it.each<[string, Buffer, string]>([
    ['an answer out of order', reply(2, 0, stat(1)), 'an answer to request 2 where one to 1 is due'],
    ['an answer that nobody asked for', reply(-4), 'an answer to request -4 where one to none is due'],
    ['an answer that is cut off', reply(1), '8 bytes were expected where 0 are left'],
    ['an event of no kind', notification(17, '/a'), 'an event of type 17'],
    ['a frame of no length', Buffer.alloc(4), 'a frame of 0 bytes, at most 2097150 are allowed'],
  ])('%s ends the connection with a reason, and leaves open what was asked', async (_what, bytes, why) => {
    const { server, ask, told, until } = await connected();
    const pending = ask(exists);
    await server.next();
    server.say(bytes, pong);
    await until(`disconnected what the server sends is no ZooKeeper protocol: ${why}`);
    expect(await pending).toEqual(UNKNOWN);
    expect(told).toHaveLength(1);
  });

  it('that no server would take are not sent', async () => {
    const { server, ask } = await connected();
    const refused = { rc: -8, sent: false };
    expect(await ask({ op: 'get', path: 'no/slash', watch: false })).toEqual(refused);
    const data = Buffer.alloc(0xfffff);
    expect(await ask({ op: 'set', path: '/a', data, version: 0 })).toEqual(refused);
    void ask(exists);
    expect(opcodeOf(await server.next())).toBe(3);
    expect(server.waiting).toBe(0);
  });

  it('are not taken without bound where the server does not read', async () => {
    const { server, client, ask } = await connected();
    server.stopReading();
    const data = Buffer.alloc(1_000_000);
    const answers: WireAnswer[] = [];
    for (let i = 0; i < 20; i++)
      client.ask({ op: 'set', path: '/a', data, version: 0 }, (answer) => answers.push(answer));
    expect(answers.length).toBeGreaterThan(8);
    expect(new Set(answers.map(({ rc, sent }) => `${rc} ${sent}`))).toEqual(new Set(['-9 false']));
    expect(await ask(exists)).toEqual(NOT_TAKEN);
  });

  it('are not taken without bound where the server reads and does not answer', async () => {
    const { client } = await connected();
    const auth = { op: 'auth', scheme: 'digest', auth: Buffer.from('u:p') } as const;
    let refused = 0;
    const count = ({ sent }: WireAnswer): void => void (refused += sent ? 0 : 1);
    for (let i = 0; i < 50_000; i++) [exists, auth].forEach((request) => client.ask(request, count));
    expect(refused).toBe(0);
    [exists, auth].forEach((request) => client.ask(request, count));
    expect(refused).toBe(2);
  });

  it('for an identity are answered in between', async () => {
    const { server, ask } = await connected();
    const pending = ask(exists);
    const auth = ask({ op: 'auth', scheme: 'digest', auth: Buffer.from('u:p') });
    expect([xidOf(await server.next()), xidOf(await server.next())]).toEqual([1, -4]);
    server.say(reply(-4, -115), reply(1, 0, stat(1)));
    expect(await auth).toEqual({ rc: -115, sent: true });
    expect((await pending).rc).toBe(0);
  });

  it('leave watches, of which the server tells in order with its answers', async () => {
    const { server, ask, told, until } = await connected();
    const answer = ask({ op: 'exists', path: '/a', watch: true }).then(() => told.push('answered'));
    expect((await server.next()).at(-1)).toBe(1);
    server.say(notification(3, '/b'), reply(1, 0, stat(1)), notification(2, '/a'));
    await answer;
    await until('deleted /a');
    expect(told.filter((what) => what !== 'answered')).toEqual(['changed /b', 'deleted /a']);
  });
});

describe('the connection of the wire client', () => {
  it('is kept alive by a ping after a third of the granted timeout without a word', async () => {
    const { server, ask, told, until, pass } = await connected();
    for (let round = 0; round < 6; round++) {
      await pass(1001);
      expect(xidOf(await server.next())).toBe(-2);
      server.say(pong, notification(3, `/${round}`));
      await until(`changed /${round}`);
    }
    expect(told).toHaveLength(6);
    void ask(exists);
    expect(xidOf(await server.next())).toBe(1);
    // What is said counts as a ping does.
    await pass(999);
    expect(server.waiting).toBe(0);
  });

  it('ends when the server says nothing for two thirds of the granted timeout', async () => {
    const { ask, told, until, pass } = await connected();
    const pending = ask(exists);
    await pass(1999);
    expect(told).toEqual([]);
    await pass(2);
    await until('disconnected the server was silent for 2000 ms');
    expect(await pending).toEqual(UNKNOWN);
  });

  it('does not take a frame that never ends for a sign of life', async () => {
    const { server, until, pass, told } = await connected();
    const half = reply(1, 0, stat(1)).subarray(0, 30);
    for (const byte of half) {
      server.say(Buffer.of(byte));
      await pass(100);
    }
    await until('disconnected the server was silent for 2000 ms');
    expect(told).toHaveLength(1);
  });

  it('goes on when it was this process that stood still: what came meanwhile is read first', async () => {
    const clock = jumpingClock();
    const { server, told, until } = await connect(undefined, clock);
    await server.next();
    server.say(grant({ timeout: TIMEOUT }));
    await until(`granted 1234 ${TIMEOUT}`);
    server.say(notification(3, '/late'));
    clock.jump(2500);
    await until('changed /late');
    expect(told).toHaveLength(2);
  });
});

describe('the end of a session of the wire client', () => {
  it('is confirmed by the server, after what was asked before', async () => {
    const { server, client, ask, told } = await connected();
    const pending = ask(exists);
    const closed = client.close();
    expect(await ask(exists)).toEqual(NOT_TAKEN);
    await server.next();
    expect(opcodeOf(await server.next())).toBe(-11);
    server.say(reply(1, 0, stat(1)), reply(2));
    expect(await closed).toBe(true);
    expect((await pending).rc).toBe(0);
    expect(await client.close()).toBe(true);
    expect(told).toEqual([]);
  });

  it('is not waited for for ever, and is not confirmed by a connection that ends', async () => {
    const silent = await connected();
    expect(await silent.time.wait(silent.client.close(), silent.time.time + 2001)).toBe(false);
    const { client, server, told } = await connected();
    const closed = client.close();
    await server.next();
    server.hangUp();
    expect(await closed).toBe(false);
    expect(told).toEqual([]);
  });

  it('is nothing to wait for before one is granted', async () => {
    const { server, client } = await connect();
    await server.next();
    expect(await client.close()).toBe(false);
  });
});
