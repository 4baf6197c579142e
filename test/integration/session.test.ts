import { describe, expect, it } from 'vitest';
import { RefusedError } from '../../src/errors.ts';
import {
  BadVersionError,
  NoNodeError,
  NodeExistsError,
  SessionEndedError,
  ZooKeeperError,
} from '../../src/zookeeper/session/errors.ts';
import type { Session } from '../../src/zookeeper/session/port.ts';
import { useOpenings } from '../support/hooks.ts';
import { poll } from '../support/poll.ts';
import { endOf, keepers, serversOf, within } from '../support/sessions.ts';
import { useZooKeeper } from '../support/stage.ts';
import { expectWithin } from '../support/yardstick.ts';

const bytes = (text: string): Buffer => Buffer.from(text);

const zookeeper = useZooKeeper({ observer: false, alone: true });
const { open } = useOpenings();
const session = async (): Promise<Session> => (await open(serversOf(zookeeper))).zk;

let paths = 0;
/** A path that no other test uses. */
const fresh = (): string => `/session-${++paths}`;

describe('requests', () => {
  it('creates, reads, writes and deletes a znode, with any bytes', async () => {
    const zk = await session();
    const path = fresh();
    const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    expect(await zk.create(path, all, 'persistent', within)).toBe(path);
    const node = await zk.get(path, within);
    expect(node.data.equals(all)).toBe(true);
    expect(node.stat).toMatchObject({ version: 0, ephemeralOwner: '0', dataLength: 256, numChildren: 0 });
    expect(Math.abs(node.stat.mtime - Date.now())).toBeLessThan(60_000);
    const stat = await zk.set(path, bytes(''), 0, within);
    expect(stat.version).toBe(1);
    expect(stat.mzxid).toBeGreaterThan(stat.czxid);
    expect((await zk.get(path, within)).data.length).toBe(0);
    await zk.delete(path, 1, within);
    expect(await zk.exists(path, within)).toBeUndefined();
  });

  it('creates ephemeral znodes in sequence, owned by the session', async () => {
    const zk = await session();
    const path = fresh();
    await zk.create(path, bytes(''), 'persistent', within);
    const first = await zk.create(`${path}/proposal-`, bytes('a'), 'ephemeral-sequential', within);
    const second = await zk.create(`${path}/proposal-`, bytes('b'), 'ephemeral-sequential', within);
    expect([first, second]).toEqual([`${path}/proposal-0000000000`, `${path}/proposal-0000000001`]);
    expect((await zk.children(path, within)).sort()).toEqual(['proposal-0000000000', 'proposal-0000000001']);
    expect((await zk.exists(first, within))?.ephemeralOwner).toBe(zk.id);
  });

  it('says why the ensemble refuses', async () => {
    const zk = await session();
    const path = fresh();
    await expect(zk.get(path, within)).rejects.toThrow(NoNodeError);
    await expect(zk.getWatched(path, within)).rejects.toThrow(NoNodeError);
    await expect(zk.children(path, within)).rejects.toThrow(NoNodeError);
    await expect(zk.childrenWatched(path, within)).rejects.toThrow(NoNodeError);
    await expect(zk.set(path, bytes(''), -1, within)).rejects.toThrow(NoNodeError);
    await expect(zk.delete(path, -1, within)).rejects.toThrow(NoNodeError);
    await expect(zk.create(`${path}/deep`, bytes(''), 'persistent', within)).rejects.toThrow(NoNodeError);
    await zk.create(path, bytes(''), 'persistent', within);
    await expect(zk.create(path, bytes(''), 'persistent', within)).rejects.toThrow(NodeExistsError);
    await expect(zk.set(path, bytes(''), 7, within)).rejects.toThrow(BadVersionError);
    await expect(zk.delete(path, 7, within)).rejects.toThrow(BadVersionError);
    await zk.create(`${path}/child`, bytes(''), 'persistent', within);
    await expect(zk.delete(path, -1, within)).rejects.toThrow(ZooKeeperError);
    await expect(zk.get('no/slash', within)).rejects.toThrow(/bad arguments/);
    // Nobody may write here but an administrator.
    await expect(zk.set('/zookeeper/config', bytes(''), -1, within)).rejects.toThrow(RefusedError);
  });

  it('sends requests in the order of calls without waiting for answers', async () => {
    const zk = await session();
    const path = fresh();
    await zk.create(path, bytes('0'), 'persistent', within);
    const order: string[] = [];
    const step = (name: string, request: Promise<unknown>): Promise<void> => request.then(() => void order.push(name));
    const writes = [
      step('set 1', zk.set(path, bytes('1'), 0, within)),
      step('set 2', zk.set(path, bytes('2'), 1, within)),
    ];
    const read = zk.get(path, within);
    await Promise.all([...writes, step('get', read), step('delete', zk.delete(path, 2, within))]);
    expect((await read).data.toString()).toBe('2');
    expect(order).toEqual(['set 1', 'set 2', 'get', 'delete']);
  });

  it('ends a request with the reason of its signal', async () => {
    const zk = await session();
    const stop = new AbortController();
    const request = zk.get('/', { timeout: 3000, signal: stop.signal });
    stop.abort(new Error('changed my mind'));
    await expect(request).rejects.toThrow('changed my mind');
    await expect(zk.get('/', { timeout: 3000, signal: stop.signal })).rejects.toThrow('changed my mind');
  });
});

describe('watches', () => {
  it('fires a data watch on a change, once, for everybody who waits', async () => {
    const [zk, other] = await Promise.all([session(), session()]);
    const path = fresh();
    await zk.create(path, bytes('0'), 'persistent', within);
    const one = await zk.getWatched(path, within);
    const two = await zk.getWatched(path, within);
    expect(one.node.data.toString()).toBe('0');
    await other.set(path, bytes('1'), -1, within);
    expect(await Promise.all([one.watch.fired, two.watch.fired])).toEqual(['changed', 'changed']);
    const next = await zk.getWatched(path, within);
    expect(next.node.data.toString()).toBe('1');
    await other.delete(path, -1, within);
    expect(await next.watch.fired).toBe('deleted');
  });

  it('fires a children watch on a new child, and on the deletion of a znode without children, but not on a change of data', async () => {
    const [zk, other] = await Promise.all([session(), session()]);
    const path = fresh();
    await zk.create(path, bytes('0'), 'persistent', within);
    const list = await zk.childrenWatched(path, within);
    expect(list.children).toEqual([]);
    await other.create(`${path}/child`, bytes(''), 'persistent', within);
    expect(await list.watch.fired).toBe('child');

    const leaf = await zk.childrenWatched(`${path}/child`, within);
    let fired: string | undefined;
    void leaf.watch.fired.then((event) => (fired = event));
    await other.set(`${path}/child`, bytes('heartbeat'), -1, within);
    await zk.get(path, within);
    expect(fired).toBeUndefined();
    await other.delete(`${path}/child`, -1, within);
    expect(await leaf.watch.fired).toBe('deleted');
  });

  it('forgets a cancelled watch and arms the next one', async () => {
    const [zk, other] = await Promise.all([session(), session()]);
    const path = fresh();
    await zk.create(path, bytes('0'), 'persistent', within);
    const cancelled = await zk.getWatched(path, within);
    let fired = false;
    void cancelled.watch.fired.then(() => (fired = true));
    cancelled.watch.cancel();
    const kept = await zk.getWatched(path, within);
    await other.set(path, bytes('1'), -1, within);
    expect(await kept.watch.fired).toBe('changed');
    expect(fired).toBe(false);
  });

  it('tells of the watch before the answer to a write of its own that comes later', async () => {
    const zk = await session();
    const path = fresh();
    await zk.create(path, bytes('0'), 'persistent', within);
    const { watch } = await zk.getWatched(path, within);
    await zk.set(path, bytes('1'), -1, within);
    expect(await watch.fired).toBe('changed');
  });
});

describe('the end', () => {
  it('deletes the ephemeral znodes when it closes, at once, and leaves no keeper', async () => {
    const [zk, other] = await Promise.all([session(), session()]);
    const path = await zk.create(`${fresh()}-`, bytes(''), 'ephemeral-sequential', within);
    const { watch } = await zk.getWatched(path, within);
    expect(keepers()).toHaveLength(2);
    const start = performance.now();
    const end = endOf(zk);
    await zk.close(3000);
    expect(await other.exists(path, within)).toBeUndefined();
    expectWithin(performance.now() - start, 500);
    expect(await end).toBeInstanceOf(SessionEndedError);
    expect(await watch.fired).toBe('interrupted');
    await expect(zk.get('/', within)).rejects.toThrow(SessionEndedError);
    expect(zk.contact.up).toBe(false);
    await zk.close(3000);
    await poll(() => keepers().length === 1);
  });

  it('logs the timeout that the ensemble grants when it is another', async () => {
    const { zk, lines } = await open(serversOf(zookeeper), { sessionTimeout: 60_000 });
    expect(zk.timeout).toBe(10_000);
    const [line, ...more] = lines.filter(({ level }) => level === 'info');
    expect(line?.fields).toEqual({ askedMs: 60_000, grantedMs: 10_000 });
    expect(more).toEqual([]);
  });
});
