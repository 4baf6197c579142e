import { describe, expect, it } from 'vitest';
import { SessionEndedError } from '../../src/zookeeper/session/errors.ts';
import { NotSentError, OutcomeUnknownError } from '../../src/election/errors.ts';
import type { Session } from '../../src/zookeeper/session/port.ts';
import { useOpenings } from '../support/hooks.ts';
import { pass, poll } from '../support/poll.ts';
import { Proxy } from '../support/proxy.ts';
import { contact, endOf, keepers, serversOf, theKeeper, within } from '../support/sessions.ts';
import { expectWithin } from '../support/yardstick.ts';

const nothing = Buffer.from('');

const { afterwards, ensemble, open } = useOpenings();

/** An ephemeral znode of the session's. */
const own = (zk: Session): Promise<string> => zk.create('/own-', nothing, 'ephemeral-sequential', within);

const owner = async (zk: Session, path: string): Promise<string | undefined> =>
  (await zk.exists(path, within))?.ephemeralOwner;

/** Of the wire format: what a client's requests are, in the order in which it sent them. */
const OPERATIONS: Readonly<Record<number, string>> = { 3: 'exists', 9: 'sync', 11: 'ping' };

/** The session that a connection asks for (0: a new one), and what is asked for next. */
function readConversation(said: Buffer): { readonly session: bigint; readonly requests: readonly string[] } {
  const frames: Buffer[] = [];
  for (let at = 0; at + 4 <= said.length; at += 4 + said.readInt32BE(at))
    frames.push(said.subarray(at + 4, at + 4 + said.readInt32BE(at)));
  // A handshake: version of the protocol, last transaction seen, session timeout, session, password.
  const [handshake = Buffer.alloc(24), ...requests] = frames;
  const operations = requests.map((frame) => OPERATIONS[frame.readInt32BE(4)] ?? 'another');
  return { session: handshake.readBigInt64BE(16), requests: operations };
}

describe('a server that is gone while the client is busy', () => {
  // Of some twenty such ends the client itself passes over one in silence, and connects again much later.
  it('is missed by a session in which nobody asks for anything any more', async () => {
    const { server } = await ensemble();
    for (let round = 0; round < 16; round += 1) {
      await using proxy = await Proxy.start(server.port);
      const { zk } = await open([{ host: '127.0.0.1', port: proxy.port }], { sessionTimeout: 3000 });
      // Some are answered by then, some are not.
      const asked = Promise.allSettled([1, 2, 3].map(() => zk.getWatched('/', within)));
      await pass(round);
      await proxy.vanish();
      await poll(() => !zk.contact.up, { what: 'the loss of contact' });
      await asked;
      await zk.close(10);
    }
  });
});

describe('a session that is taken over', () => {
  it('is synced before anything is asked: another server may be behind what the session has seen', async () => {
    const { server } = await ensemble();
    const proxy = await Proxy.start(server.port);
    afterwards(() => proxy.close());
    // A look whether the server accepts connections says nothing.
    const conversation = async (): Promise<ReturnType<typeof readConversation>> =>
      readConversation(await poll(() => proxy.said().find((said) => said.length > 0), { what: 'a connection' }));
    const { zk } = await open([{ host: '127.0.0.1', port: proxy.port }]);
    const first = await conversation();
    expect(first.session).toBe(0n);
    expect(first.requests.slice(0, 1)).toEqual(['exists']);
    process.kill(theKeeper(), 'SIGKILL');
    await contact(zk, false);
    await contact(zk, true);
    await poll(() => proxy.open === 1, { what: 'the end of the connection before' });
    const { session, requests } = await conversation();
    expect(session).not.toBe(0n);
    expect(requests.slice(0, 2)).toEqual(['sync', 'exists']);
  });
});

describe('a keeper that fails', () => {
  it('is replaced when it is killed: same session, ephemeral znodes intact, watches interrupted, one line each in the log', async () => {
    const { zk, lines } = await open(serversOf(await ensemble()));
    const path = await own(zk);
    const { watch } = await zk.getWatched(path, within);
    const first = theKeeper();
    const changes: boolean[] = [];
    zk.onContact(({ up }) => changes.push(up));

    const start = performance.now();
    process.kill(first, 'SIGKILL');
    await contact(zk, false);
    await contact(zk, true);
    expectWithin(performance.now() - start, 1000);
    expect(await watch.fired).toBe('interrupted');
    expect(await owner(zk, path)).toBe(zk.id);
    expect(theKeeper()).not.toBe(first);
    expect(changes).toEqual([false, true]);
    expect(zk.ended.aborted).toBe(false);
    const said = lines.filter(({ level }) => level !== 'debug').map(({ level, message }) => `${level} ${message}`);
    expect(said).toEqual(['warn lost contact with ZooKeeper', 'info regained contact with ZooKeeper']);
    // The closed channel may be seen well before the exit on a busy machine.
    const why = lines.find(({ level }) => level === 'warn')?.fields?.why;
    expect(why).toMatch(/^the keeper process (was killed by SIGKILL|has given up what this candidate held)/);
  });

  it('leaves a request without an answer when it is stopped; reconnect replaces it', async () => {
    const { zk } = await open(serversOf(await ensemble()));
    const path = await own(zk);
    const first = theKeeper();
    process.kill(first, 'SIGSTOP');
    await expect(zk.set(path, nothing, -1, { timeout: 200 })).rejects.toThrow(OutcomeUnknownError);
    const pending = zk.get(path, within);
    const start = performance.now();
    zk.reconnect('a heartbeat was not acknowledged');
    await expect(pending).rejects.toThrow(/a heartbeat was not acknowledged/);
    expect(zk.contact.up).toBe(false);
    expect(await owner(zk, path)).toBe(zk.id);
    expectWithin(performance.now() - start, 1000);
    await poll(() => !keepers().includes(first));
  });

  it('does not mind the signals of a service manager', async () => {
    const { zk } = await open(serversOf(await ensemble()));
    const keeper = theKeeper();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGPIPE'] as const) {
      process.kill(keeper, signal);
    }
    await zk.get('/', within);
    expect(theKeeper()).toBe(keeper);
    expect(zk.contact.up).toBe(true);
  });

  it('is replaced as often as it fails', async () => {
    const { zk } = await open(serversOf(await ensemble()));
    const path = await own(zk);
    for (let i = 0; i < 5; i++) {
      process.kill(theKeeper(), 'SIGKILL');
      await contact(zk, false);
      await contact(zk, true);
    }
    expect(await owner(zk, path)).toBe(zk.id);
  });
});

describe('a server that fails', () => {
  it('is waited for when it is killed: same session when it is back; requests meanwhile are not sent, or sent then', async () => {
    const zookeeper = await ensemble();
    const { zk } = await open(serversOf(zookeeper));
    const path = await own(zk);
    await zookeeper.server.stop();
    await contact(zk, false);
    await expect(zk.set(path, nothing, -1, { timeout: 300 })).rejects.toThrow(NotSentError);
    const order: number[] = [];
    const waiting = [0, 1, 2].map((version) => zk.set(path, nothing, version, within).then(() => order.push(version)));
    expect(keepers()).toHaveLength(1); // it waits for an address: no new one at every attempt
    const keeper = theKeeper();
    await pass(1500);
    expect(theKeeper()).toBe(keeper);
    await zookeeper.server.restart();
    await Promise.all(waiting);
    expect(order).toEqual([0, 1, 2]);
    expect(await owner(zk, path)).toBe(zk.id);
  });

  it('is attached to again when it was stopped for less than the session lasts', async () => {
    const zookeeper = await ensemble();
    const { zk } = await open(serversOf(zookeeper), { sessionTimeout: 6000 });
    const path = await own(zk);
    zookeeper.server.pause();
    await expect(zk.set(path, nothing, -1, { timeout: 500 })).rejects.toThrow(OutcomeUnknownError);
    zk.reconnect('a heartbeat was not acknowledged');
    await pass(2000);
    expect(zk.contact).toMatchObject({ up: false });
    zookeeper.server.resume();
    const start = performance.now();
    await contact(zk, true);
    expectWithin(performance.now() - start, 1000);
    expect(await owner(zk, path)).toBe(zk.id);
  });

  it('is left for the next one of three within two seconds', async () => {
    const zookeeper = await ensemble({ members: 3 });
    const leader = await zookeeper.leader();
    const followers = zookeeper.members.filter((member) => member !== leader);
    const servers = followers.map(({ port }) => ({ host: '127.0.0.1', port }));
    const { zk } = await open(servers);
    const path = await own(zk);
    const before = zk.contact;
    const connected = followers.find(({ address }) => before.up && before.address === address);
    connected?.pause();
    const start = performance.now();
    await expect(zk.set(path, nothing, -1, { timeout: 500 })).rejects.toThrow(OutcomeUnknownError);
    zk.reconnect('a heartbeat was not acknowledged');
    await zk.set(path, nothing, -1, within);
    expectWithin(performance.now() - start, 2000);
    expect(zk.contact).toMatchObject({ up: true });
    expect(zk.contact).not.toMatchObject({ address: connected?.address });
    expect(await owner(zk, path)).toBe(zk.id);
    connected?.resume();
  });

  it('ends the session when it has lost its data', async () => {
    const zookeeper = await ensemble();
    const { zk } = await open(serversOf(zookeeper));
    for (let i = 0; i < 20; i++) await zk.create(`/znode-${i}`, nothing, 'persistent', within);
    await zookeeper.server.restart({ wipe: true });
    expect(await endOf(zk)).toBeInstanceOf(SessionEndedError);
    const again = await open(serversOf(zookeeper));
    await again.zk.create('/znode-0', nothing, 'persistent', within);
  });
});

describe('a network that fails', () => {
  it('ends the session when the ensemble says that it has expired meanwhile', async () => {
    const zookeeper = await ensemble();
    const proxy = await Proxy.start(zookeeper.server.port);
    afterwards(() => proxy.close());
    const { zk } = await open([{ host: '127.0.0.1', port: proxy.port }], { sessionTimeout: 1000 });
    const watcher = await open(serversOf(zookeeper));
    const path = await own(zk);
    const { watch } = await watcher.zk.getWatched(path, within);
    proxy.refuse();
    await contact(zk, false);
    expect(await watch.fired).toBe('deleted');
    expect(zk.ended.aborted).toBe(false);
    const waiting = zk.get('/', within);
    proxy.forward();
    await expect(waiting).rejects.toThrow(SessionEndedError);
    expect(String(await endOf(zk))).toContain('expired');
  });

  it('keeps the session through a reset connection', async () => {
    const zookeeper = await ensemble();
    const proxy = await Proxy.start(zookeeper.server.port);
    afterwards(() => proxy.close());
    const { zk } = await open([{ host: '127.0.0.1', port: proxy.port }]);
    const path = await own(zk);
    proxy.cut();
    await contact(zk, false);
    await contact(zk, true);
    expect(await owner(zk, path)).toBe(zk.id);
  });

  it('notices a silent connection without any request, in less than the session lasts', async () => {
    const zookeeper = await ensemble();
    const proxy = await Proxy.start(zookeeper.server.port);
    afterwards(() => proxy.close());
    const servers = [proxy.port, zookeeper.server.port].map((port) => ({ host: '127.0.0.1', port }));
    const { zk } = await open(servers);
    if (zk.contact.up && zk.contact.address !== proxy.address) zk.reconnect('the test wants the other address');
    await contact(zk, true);
    expect(zk.contact).toMatchObject({ address: proxy.address });
    const path = await own(zk);
    proxy.blackHole();
    await contact(zk, false);
    await contact(zk, true);
    expect(zk.contact).toMatchObject({ address: zookeeper.server.address });
    expect(await owner(zk, path)).toBe(zk.id);
  });
});
