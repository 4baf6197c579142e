import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { UnavailableError } from '../../src/errors.ts';
import { NotSentError, OutcomeUnknownError } from '../../src/election/errors.ts';
import {
  BadVersionError,
  NoNodeError,
  NodeExistsError,
  SessionEndedError,
  ZooKeeperError,
} from '../../src/zookeeper/session/errors.ts';
import type { Contact, Session, WatchEvent } from '../../src/zookeeper/session/port.ts';
import { byEitherClient, ensembles, type EnsembleWorld } from './ensembles.ts';
import { rejection } from './stage.ts';
import { expectWithin } from '../support/yardstick.ts';

const EMPTY = Buffer.alloc(0);
const O = { timeout: 2000 };

describe.each([...ensembles, ...byEitherClient])('a session on %s', (_name, start) => {
  let world: EnsembleWorld;
  const opened: Session[] = [];

  beforeAll(async () => {
    world = await start();
  });
  afterAll(() => world.close());
  afterEach(async () => {
    world.silence(false);
    await world.settle(Promise.all(opened.splice(0).map((session) => session.close(500))));
    await world.reset();
  });

  const open = async (timeout = 1500): Promise<Session> => {
    const session = await world.settle(world.host('a', timeout).sessions.open({ timeout: 8000 }));
    opened.push(session);
    return session;
  };
  const failure = (promise: Promise<unknown>): Promise<unknown> => world.settle(rejection(promise));
  const make = (session: Session, path: string, data = EMPTY) =>
    world.settle(session.create(path, data, 'persistent', O));
  const own = (session: Session, path: string) => world.settle(session.create(path, EMPTY, 'ephemeral-sequential', O));
  const soon = (fired: Promise<WatchEvent>, ms: number) =>
    world.settle(Promise.race([fired, world.pass(ms).then(() => 'nothing')]));
  /** Another session may have written it by way of another server. */
  const appears = async (session: Session, path: string): Promise<void> => {
    while ((await world.settle(session.exists(path, O))) === undefined) await world.pass(1);
  };
  /** For promises that must stay pending: what they had become after `ms`. */
  const after = async (ms: number, fired: Promise<WatchEvent>) => {
    let seen = 'nothing';
    void fired.then((event) => (seen = event));
    await world.pass(ms);
    return seen;
  };

  it('stores any bytes and reports them with their stat', async () => {
    const session = await open();
    const data = Buffer.from([0, 255, 128, 10, 13, 0xc3, 0xa9]);
    expect(await make(session, '/a', data)).toBe('/a');
    const { data: read, stat } = await world.settle(session.get('/a', O));
    expect(read).toEqual(data);
    expect(stat).toMatchObject({ version: 0, ephemeralOwner: '0', dataLength: 7, numChildren: 0 });
    expect(stat.czxid).toBe(stat.mzxid);
    const changed = await world.settle(session.set('/a', EMPTY, 0, O));
    expect(changed).toMatchObject({ version: 1, dataLength: 0, czxid: stat.czxid });
    expect(changed.mzxid).toBeGreaterThan(stat.mzxid);
    expect(changed.mtime).toBeGreaterThanOrEqual(stat.mtime);
    const after = await world.settle(session.get('/a', O));
    expect(after.data).toEqual(EMPTY);
    expect(after.stat).toEqual(changed);
    expect(await world.settle(session.exists('/a', O))).toEqual(changed);
  });

  it('lists children, and deletes', async () => {
    const session = await open();
    await make(session, '/a');
    await make(session, '/a/x');
    await make(session, '/a/ü');
    expect((await world.settle(session.children('/a', O))).sort()).toEqual(['x', 'ü']);
    expect((await world.settle(session.exists('/a', O)))?.numChildren).toBe(2);
    await world.settle(session.delete('/a/x', 0, O));
    await world.settle(session.delete('/a/ü', -1, O));
    expect(await world.settle(session.children('/a', O))).toEqual([]);
    expect(await world.settle(session.exists('/a/x', O))).toBeUndefined();
  });

  it('names what was refused', async () => {
    const session = await open();
    await make(session, '/a');
    await make(session, '/a/b');
    expect(await failure(session.create('/a', EMPTY, 'persistent', O))).toBeInstanceOf(NodeExistsError);
    expect(await failure(session.create('/x/y', EMPTY, 'persistent', O))).toBeInstanceOf(NoNodeError);
    expect(await failure(session.create('/x/y-', EMPTY, 'ephemeral-sequential', O))).toBeInstanceOf(NoNodeError);
    expect(await failure(session.get('/x', O))).toBeInstanceOf(NoNodeError);
    expect(await failure(session.getWatched('/x', O))).toBeInstanceOf(NoNodeError);
    expect(await failure(session.children('/x', O))).toBeInstanceOf(NoNodeError);
    expect(await failure(session.childrenWatched('/x', O))).toBeInstanceOf(NoNodeError);
    expect(await failure(session.set('/x', EMPTY, -1, O))).toBeInstanceOf(NoNodeError);
    expect(await failure(session.delete('/x', -1, O))).toBeInstanceOf(NoNodeError);
    expect(await failure(session.set('/a', EMPTY, 1, O))).toBeInstanceOf(BadVersionError);
    expect(await failure(session.delete('/a/b', 1, O))).toBeInstanceOf(BadVersionError);
    expect(await failure(session.delete('/a', -1, O))).toBeInstanceOf(ZooKeeperError);
  });

  it('numbers ephemeral znodes by every creation under their parent, and owns them', async () => {
    const session = await open();
    await make(session, '/a');
    expect(await own(session, '/a/p-')).toBe('/a/p-0000000000');
    await world.settle(session.delete('/a/p-0000000000', -1, O));
    await make(session, '/a/other');
    expect(await own(session, '/a/p-')).toBe('/a/p-0000000002');
    expect((await world.settle(session.exists('/a/p-0000000002', O)))?.ephemeralOwner).toBe(session.id);
    expect(session.id).not.toBe('0');
  });

  it('is granted a timeout within the bounds of the ensemble', async () => {
    expect((await open(1500)).timeout).toBe(1500);
    expect((await open(150)).timeout).toBe(2 * world.tickTime);
    expect((await open(1_000_000)).timeout).toBe(20 * world.tickTime);
  });

  it('applies pipelined requests in order', async () => {
    const session = await open();
    await make(session, '/a');
    const stats = [0, 1, 2, 3].map((version) => session.set('/a', Buffer.from(String(version)), version, O));
    const read = session.get('/a', O);
    expect((await world.settle(Promise.all(stats))).map((stat) => stat.version)).toEqual([1, 2, 3, 4]);
    expect(String((await world.settle(read)).data)).toBe('3');
  });

  it('fires a watch on a znode that is not there when it is created, and others as ever', async () => {
    const [session, other] = [await open(), await open()];
    const missing = await world.settle(session.existsWatched('/a/b', O));
    expect(missing.stat).toBeUndefined();
    await make(other, '/a');
    expect(await after(50, missing.watch.fired)).toBe('nothing');
    await appears(session, '/a');
    const made = await world.settle(session.existsWatched('/a', O));
    expect(made.stat).toMatchObject({ version: 0, numChildren: 0 });
    await make(other, '/a/b');
    expect(await world.settle(missing.watch.fired)).toBe('created');
    expect(await after(50, made.watch.fired)).toBe('nothing');
    await world.settle(other.set('/a', EMPTY, -1, O));
    expect(await world.settle(made.watch.fired)).toBe('changed');
  });

  it('fires a data watch once, on a change or on the deletion, for each that waits', async () => {
    const [session, other] = [await open(), await open()];
    await make(session, '/a');
    await make(session, '/a2');
    const first = await world.settle(session.getWatched('/a', O));
    const second = await world.settle(session.getWatched('/a', O));
    const deleted = await world.settle(session.getWatched('/a2', O));
    await make(session, '/a/child');
    expect(await after(50, first.watch.fired)).toBe('nothing');
    await world.settle(other.set('/a', EMPTY, -1, O));
    await world.settle(other.set('/a', EMPTY, -1, O));
    expect(await world.settle(first.watch.fired)).toBe('changed');
    expect(await world.settle(second.watch.fired)).toBe('changed');
    await world.settle(other.delete('/a2', -1, O));
    expect(await world.settle(deleted.watch.fired)).toBe('deleted');
  });

  it('fires a children watch on a change of the list or on the deletion, not on a change of data', async () => {
    const [session, other] = [await open(), await open()];
    await make(session, '/a');
    const list = await world.settle(session.childrenWatched('/a', O));
    expect(list.children).toEqual([]);
    await world.settle(other.set('/a', EMPTY, -1, O));
    expect(await after(50, list.watch.fired)).toBe('nothing');
    await make(other, '/a/b');
    expect(await world.settle(list.watch.fired)).toBe('child');
    const leaf = await world.settle(session.childrenWatched('/a/b', O));
    await world.settle(other.set('/a/b', EMPTY, -1, O));
    await world.settle(other.delete('/a/b', -1, O));
    expect(await world.settle(leaf.watch.fired)).toBe('deleted');
  });

  it('leaves the watches of others alone when one is cancelled', async () => {
    const session = await open();
    await make(session, '/a');
    const cancelled = await world.settle(session.getWatched('/a', O));
    const kept = await world.settle(session.getWatched('/a', O));
    cancelled.watch.cancel();
    await world.settle(session.set('/a', EMPTY, -1, O));
    expect(await world.settle(kept.watch.fired)).toBe('changed');
    const again = await world.settle(session.getWatched('/a', O));
    await world.settle(session.set('/a', EMPTY, -1, O));
    expect(await world.settle(again.watch.fired)).toBe('changed');
  });

  it('ends a request with the reason of its signal', async () => {
    const session = await open();
    const controller = new AbortController();
    const reason = new Error('enough');
    world.silence(true);
    const pending = rejection(session.exists('/', { ...O, signal: controller.signal }));
    await world.pass(50);
    controller.abort(reason);
    expect(await world.settle(pending)).toBe(reason);
    expect(await failure(session.exists('/', { ...O, signal: controller.signal }))).toBe(reason);
  });

  it('does not know the outcome of what was sent to a silent server, which may be applied later', async () => {
    const session = await open(2000);
    await make(session, '/a');
    world.silence(true);
    expect(await failure(session.set('/a', Buffer.from('late'), 0, { timeout: 200 }))).toBeInstanceOf(
      OutcomeUnknownError,
    );
    expect(session.ended.aborted).toBe(false);
    world.silence(false);
    expect(String((await world.settle(session.get('/a', O))).data)).toBe('late');
  });

  it('reconnects to the same session: outcomes are unknown, watches interrupted, contact told', async () => {
    const session = await open(2000);
    const { id } = session;
    const path = await own(session, '/p-');
    const { watch } = await world.settle(session.getWatched(path, O));
    const seen: Contact[] = [];
    const stop = session.onContact((contact) => seen.push(contact));
    world.silence(true);
    const pending = rejection(session.exists('/', O));
    await world.pass(20);
    session.reconnect('a test');
    expect(await world.settle(pending)).toBeInstanceOf(OutcomeUnknownError);
    expect(await world.settle(watch.fired)).toBe('interrupted');
    expect(session.contact.up).toBe(false);
    world.silence(false);
    const stat = await world.settle(session.exists(path, { timeout: 5000 }));
    expect(stat?.ephemeralOwner).toBe(id);
    expect(session.id).toBe(id);
    expect(seen.map((contact) => contact.up)).toEqual([false, true]);
    expect(seen[0]).toMatchObject({ why: expect.stringContaining('a test') as unknown });
    stop();
    session.reconnect('again');
    await world.settle(session.exists('/', { timeout: 5000 }));
    expect(seen).toHaveLength(2);
  });

  it('keeps waiting requests over an outage until their deadline, and its session over the return', async () => {
    const session = await open(2000);
    const path = await own(session, '/p-');
    await world.goDown();
    await world.pass(300);
    expect(session.contact.up).toBe(false);
    expect(await failure(session.exists('/', { timeout: 200 }))).toBeInstanceOf(NotSentError);
    const waiting = session.exists(path, { timeout: 60_000 });
    await world.pass(1000);
    await world.comeBack();
    expect((await world.settle(waiting))?.ephemeralOwner).toBe(session.id);
    expect(session.contact.up).toBe(true);
    expect(session.ended.aborted).toBe(false);
  });

  it('ends when the ensemble has forgotten the session', async () => {
    const session = await open();
    const path = await own(session, '/p-');
    const { watch } = await world.settle(session.getWatched(path, O));
    await world.goDown();
    await world.pass(100);
    const waiting = rejection(session.exists('/', { timeout: 60_000 }));
    await world.comeBack({ wiped: true });
    expect(await world.settle(waiting)).toBeInstanceOf(SessionEndedError);
    expect(session.ended.aborted).toBe(true);
    expect(session.ended.reason).toBeInstanceOf(SessionEndedError);
    expect(await world.settle(watch.fired)).toBe('interrupted');
    expect(await failure(session.exists('/', O))).toBeInstanceOf(SessionEndedError);
    expect(session.contact.up).toBe(false);
  });

  it('close deletes its ephemeral znodes, ends it, and may be called again', async () => {
    const [session, other] = [await open(), await open()];
    const path = await own(session, '/p-');
    await appears(other, path);
    const { watch } = await world.settle(other.childrenWatched(path, O));
    await world.settle(session.close(2000));
    expect(session.ended.reason).toBeInstanceOf(SessionEndedError);
    expect(session.contact.up).toBe(false);
    expect(await soon(watch.fired, 500)).toBe('deleted');
    expect(await failure(session.exists('/', O))).toBeInstanceOf(SessionEndedError);
    await world.settle(session.close(2000));
  });

  it('close does not wait for a silent ensemble longer than it was told', async () => {
    const { clock, sessions } = world.host('b', 1500);
    const session = await world.settle(sessions.open({ timeout: 8000 }));
    world.silence(true);
    const before = clock.now();
    await world.settle(session.close(300));
    expectWithin(clock.now() - before, 800);
  });

  it('is not opened while nobody serves: the error says what each address answered', async () => {
    await world.goDown();
    const { clock, sessions } = world.host('a', 1500);
    const before = clock.now();
    const error = await failure(sessions.open({ timeout: 700 }));
    expect(error).toBeInstanceOf(UnavailableError);
    expect(String(error)).toContain('connection refused');
    expectWithin(clock.now() - before, 1500);
    const controller = new AbortController();
    const pending = rejection(sessions.open({ timeout: 8000, signal: controller.signal }));
    await world.pass(100);
    controller.abort(new Error('enough'));
    expect(await world.settle(pending)).toBe(controller.signal.reason);
  });
});
