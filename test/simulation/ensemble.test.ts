import { describe, expect, it } from 'vitest';
import { NotSentError, OutcomeUnknownError } from '../../src/election/errors.ts';
import {
  BadVersionError,
  NoNodeError,
  NodeExistsError,
  SessionEndedError,
} from '../../src/zookeeper/session/errors.ts';
import { UnavailableError } from '../../src/errors.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { Ensemble, type EnsembleOptions } from './ensemble.ts';
import { FakeSessions } from './sessions.ts';

const EMPTY = Buffer.alloc(0);
const SOON = { timeout: 1000 };

function world(options: EnsembleOptions = {}, seed = 1) {
  const clock = new VirtualClock(seed);
  const ensemble = new Ensemble(clock, options);
  const host = (name: string, timeout = 4000) => {
    const process = clock.process();
    const sessions = new FakeSessions(ensemble, name, process, timeout);
    const open = () => clock.wait(sessions.open({ timeout: 5000 }));
    return { process, sessions, open };
  };
  return { clock, ensemble, host, do: <T>(promise: Promise<T>) => clock.wait(promise) };
}

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no failure',
    (error: unknown) => error,
  );

describe('the fake ensemble', () => {
  it('numbers sequential znodes by all creations under their parent, deleted ones included', async () => {
    const w = world();
    const session = await w.host('a').open();
    await w.do(session.create('/e', EMPTY, 'persistent', SOON));
    expect(await w.do(session.create('/e/p-', EMPTY, 'ephemeral-sequential', SOON))).toBe('/e/p-0000000000');
    await w.do(session.delete('/e/p-0000000000', -1, SOON));
    await w.do(session.create('/e/other', EMPTY, 'persistent', SOON));
    expect(await w.do(session.create('/e/p-', EMPTY, 'ephemeral-sequential', SOON))).toBe('/e/p-0000000002');
    expect((await w.do(session.exists('/e/p-0000000002', SOON)))?.ephemeralOwner).toBe(session.id);
  });

  it('refuses as ZooKeeper does', async () => {
    const w = world();
    const session = await w.host('a').open();
    await w.do(session.create('/e', EMPTY, 'persistent', SOON));
    expect(await w.do(failure(session.create('/e', EMPTY, 'persistent', SOON)))).toBeInstanceOf(NodeExistsError);
    expect(await w.do(failure(session.create('/x/y', EMPTY, 'persistent', SOON)))).toBeInstanceOf(NoNodeError);
    expect(await w.do(failure(session.set('/e', EMPTY, 7, SOON)))).toBeInstanceOf(BadVersionError);
    expect(await w.do(failure(session.getWatched('/x', SOON)))).toBeInstanceOf(NoNodeError);
    expect(await w.do(session.exists('/x', SOON))).toBeUndefined();
  });

  it('does pipelined requests in order, and fires a watch once, before what is read after the change', async () => {
    const w = world();
    const a = await w.host('a').open();
    const b = await w.host('b').open();
    await w.do(a.create('/e', EMPTY, 'persistent', SOON));
    await w.clock.run(w.clock.time + 50);
    const { watch } = await w.do(b.getWatched('/e', SOON));
    const order: string[] = [];
    void watch.fired.then((event) => order.push(event));
    const writes = [1, 2, 3].map((n) => a.set('/e', Buffer.from(String(n)), n - 1, SOON));
    const reads = async () => {
      for (;;) {
        const { data } = await b.get('/e', SOON);
        order.push(String(data));
        if (String(data) === '3') return;
      }
    };
    await w.do(Promise.all([...writes, reads()]));
    const firstChange = order.findIndex((entry) => /\d/.test(entry));
    expect(order.indexOf('changed')).toBeGreaterThanOrEqual(0);
    expect(order.indexOf('changed')).toBeLessThan(firstChange);
    expect(order.filter((entry) => entry === 'changed')).toHaveLength(1);
  });

  it('keeps an ephemeral znode after a kill until the session expires on a tick, never before its timeout', async () => {
    const w = world({ tickTime: 1000 });
    const a = w.host('a', 4000);
    const session = await a.open();
    const b = await w.host('b').open();
    await w.do(session.create('/p-', EMPTY, 'ephemeral-sequential', SOON));
    const { watch } = await w.do(b.childrenWatched('/p-0000000000', SOON));
    const killedAt = w.clock.time;
    a.sessions.keeper?.destroy();
    a.process.kill();
    expect(await w.do(watch.fired)).toBe('deleted');
    expect(w.clock.time - killedAt).toBeGreaterThan(4000 - 4000 / 3);
    expect(w.clock.time - killedAt).toBeLessThan(4000 + 1000 + 50);
  });

  it('grants no session timeout under two ticks', async () => {
    const w = world({ tickTime: 1000 });
    expect((await w.host('a', 500).open()).timeout).toBe(2000);
  });

  it('says not sent without contact, unknown after sending, and may still apply the write later', async () => {
    const w = world();
    const a = w.host('a');
    const session = await a.open();
    const other = await w.host('b').open();
    await w.do(session.create('/e', EMPTY, 'persistent', SOON));
    w.ensemble.cut('a', w.ensemble.servers, 'none');
    expect(await w.do(failure(session.set('/e', Buffer.from('late'), 0, { timeout: 300 })))).toBeInstanceOf(
      OutcomeUnknownError,
    );
    expect((await w.do(other.get('/e', SOON))).stat.version).toBe(0);
    w.ensemble.cut('a', w.ensemble.servers, 'open');
    await w.clock.run(w.clock.time + 100);
    expect(String((await w.do(other.get('/e', SOON))).data)).toBe('late');
    w.ensemble.goDown();
    await w.clock.run(w.clock.time + 10);
    expect(session.contact.up).toBe(false);
    expect(await w.do(failure(session.set('/e', EMPTY, -1, { timeout: 300 })))).toBeInstanceOf(NotSentError);
  });

  it('applies requests whose replies are lost', async () => {
    const w = world();
    const session = await w.host('a').open();
    const other = await w.host('b').open();
    w.ensemble.cut('a', w.ensemble.servers, 'requestsOnly');
    expect(await w.do(failure(session.create('/e', EMPTY, 'persistent', SOON)))).toBeInstanceOf(OutcomeUnknownError);
    expect(await w.do(other.exists('/e', SOON))).toBeDefined();
  });

  it.each([
    ['lost', false],
    ['unanswered', true],
    ['late', true],
    ['mute', true],
  ] as const)('makes a write %s: its outcome is unknown, applied: %s', async (fate, applied) => {
    const w = world();
    const a = w.host('a');
    const session = await a.open();
    const connection = a.sessions.keeper?.connection;
    if (connection) connection.nextWrite = fate;
    expect(await w.do(failure(session.create('/e', EMPTY, 'persistent', SOON)))).toBeInstanceOf(OutcomeUnknownError);
    if (fate === 'mute') session.reconnect('silent');
    expect((await w.do(session.exists('/e', SOON))) !== undefined).toBe(applied);
  });

  it('reconnects to the same session at another address; watches are interrupted, waiting requests wait', async () => {
    const w = world();
    const session = await w.host('a').open();
    const { id } = session;
    const before = session.contact;
    await w.do(session.create('/p-', EMPTY, 'ephemeral-sequential', SOON));
    const { watch } = await w.do(session.getWatched('/p-0000000000', SOON));
    const startedAt = w.clock.time;
    session.reconnect('a test');
    expect(session.contact.up).toBe(false);
    expect(await w.do(watch.fired)).toBe('interrupted');
    expect((await w.do(session.exists('/p-0000000000', SOON)))?.ephemeralOwner).toBe(id);
    expect(session.id).toBe(id);
    expect(session.contact).not.toEqual(before);
    expect(w.clock.time - startedAt).toBeGreaterThan(80);
    expect(w.clock.time - startedAt).toBeLessThan(250);
  });

  it('drops what arrives over the old connection once the session has moved', async () => {
    const w = world();
    const a = w.host('a');
    const session = await a.open();
    const other = await w.host('b').open();
    await w.do(session.create('/e', EMPTY, 'persistent', SOON));
    const server = a.sessions.keeper?.server;
    if (server === undefined) throw new Error('not attached');
    w.ensemble.cut('a', [server], 'none');
    const lost = failure(session.set('/e', Buffer.from('old'), -1, SOON));
    await w.clock.run(w.clock.time + 10);
    session.reconnect('a test');
    expect(await w.do(lost)).toBeInstanceOf(OutcomeUnknownError);
    await w.do(session.set('/e', Buffer.from('new'), -1, SOON));
    w.ensemble.cut('a', [server], 'open');
    await w.clock.run(w.clock.time + 5000);
    expect(String((await w.do(other.get('/e', SOON))).data)).toBe('new');
  });

  it('keeps sessions over an outage of the whole ensemble, however long, and begins a new epoch', async () => {
    const w = world();
    const session = await w.host('a').open();
    await w.do(session.create('/p-', EMPTY, 'ephemeral-sequential', SOON));
    w.ensemble.goDown();
    await w.clock.run(w.clock.time + 60_000);
    w.ensemble.comeBack({ wallOffset: -30_000 });
    const stat = await w.do(session.set('/p-0000000000', EMPTY, -1, { timeout: 5000 }));
    expect(Math.floor(stat.mzxid / 2 ** 32)).toBe(2);
    expect(stat.mtime).toBeLessThan(stat.ctime + 60_000);
    expect(session.ended.aborted).toBe(false);
  });

  it('ends sessions that an ensemble with wiped data does not know', async () => {
    const w = world();
    const session = await w.host('a').open();
    w.ensemble.goDown();
    await w.clock.run(w.clock.time + 1000);
    w.ensemble.comeBack({ wiped: true });
    expect(await w.do(failure(session.exists('/e', { timeout: 5000 })))).toBeInstanceOf(SessionEndedError);
    expect(session.ended.reason).toBeInstanceOf(SessionEndedError);
  });

  it('ends an expired session when its client comes to ask, not before', async () => {
    const w = world();
    const a = w.host('a');
    const session = await a.open();
    await w.do(session.create('/p-', EMPTY, 'ephemeral-sequential', SOON));
    w.ensemble.cut('a', w.ensemble.servers, 'none');
    await w.clock.run(w.clock.time + 20_000);
    expect(session.ended.aborted).toBe(false);
    expect(w.ensemble.tree.get('/p-0000000000')).toBeUndefined();
    w.ensemble.cut('a', w.ensemble.servers, 'open');
    await w.clock.run(w.clock.time + 3000);
    expect(session.ended.aborted).toBe(true);
  });

  it('answers reads from a member that is cut off, as stale as they are, and no writes', async () => {
    const w = world();
    const a = w.host('a');
    const session = await a.open();
    const other = await w.host('b').open();
    await w.do(other.create('/e', EMPTY, 'persistent', SOON));
    await w.clock.run(w.clock.time + 100);
    const server = a.sessions.keeper?.server;
    if (server === undefined) throw new Error('not attached');
    other.reconnect('to be elsewhere');
    w.ensemble.isolate(server);
    await w.do(other.delete('/e', -1, { timeout: 5000 }));
    expect(await w.do(session.exists('/e', SOON))).toBeDefined();
    expect(await w.do(failure(session.set('/e', EMPTY, -1, SOON)))).toBeInstanceOf(OutcomeUnknownError);
    w.ensemble.rejoin(server, true);
    await w.clock.run(w.clock.time + 1000);
    expect(await w.do(session.exists('/e', SOON))).toBeUndefined();
  });

  it('cannot be opened while down, and says why', async () => {
    const w = world();
    w.ensemble.goDown();
    const { sessions } = w.host('a');
    const error = await w.do(failure(sessions.open({ timeout: 3000 })));
    expect(error).toBeInstanceOf(UnavailableError);
    expect(String(error)).toContain('connection refused');
  });

  it('close deletes the ephemeral znodes at once', async () => {
    const w = world();
    const session = await w.host('a').open();
    await w.do(session.create('/p-', EMPTY, 'ephemeral-sequential', SOON));
    await w.do(session.close(1000));
    expect(w.ensemble.tree.get('/p-0000000000')).toBeUndefined();
    expect(session.ended.aborted).toBe(true);
    await w.do(session.close(1000));
  });
});
