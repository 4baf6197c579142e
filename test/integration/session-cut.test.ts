/** Servers that grant a session and then cut it: a grant is not contact. */
import { describe, expect, it } from 'vitest';
import { RefusedError } from '../../src/errors.ts';
import { isAlive } from '../support/candidate.ts';
import { useOpenings } from '../support/hooks.ts';
import { pass, poll } from '../support/poll.ts';
import { Proxy } from '../support/proxy.ts';
import { contact, serversOf, sessionsAt, within } from '../support/sessions.ts';
import { Stage } from '../support/stage.ts';
import { expectWithin } from '../support/yardstick.ts';

const { ensemble, open } = useOpenings();

const ENFORCED = { config: { 'enforce.auth.enabled': 'true', 'enforce.auth.schemes': 'digest' } };
/** A handshake and small requests fit; a proposal does not. */
const TINY_REQUESTS = { properties: { 'jute.maxbuffer': 200 } };

describe('a server that wants clients to authenticate', () => {
  it('refuses a session, and says why', async () => {
    const { opener } = sessionsAt(serversOf(await ensemble(ENFORCED)));
    const error: unknown = await opener.open({ timeout: 10_000 }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RefusedError);
    expect(String(error)).toMatch(
      /^AuthenticationError: 127\.0\.0\.1:\d+: ZooKeeper wants clients to authenticate \(-124\)$/,
    );
    expect((error as RefusedError).hint).toContain('enforce.auth.enabled');
  });

  it('ends ballot with 77, whatever on-election-failure says', async () => {
    const zookeeper = await ensemble(ENFORCED);
    await using stage = new Stage(zookeeper.connectString);
    const candidates = ['retry', 'exit', 'run-anyway'].map((policy) =>
      stage.start({ flags: { 'on-election-failure': policy } }),
    );
    for (const candidate of candidates) {
      expect(await candidate.end()).toBe(77);
      expect(candidate.said('the election failed')).toHaveLength(1);
      expect(candidate.said('the election failed')[0]?.['why']).toContain('wants clients to authenticate');
    }
    expect(stage.journal.starts()).toEqual([]);
  });
});

describe('a server that cuts a session at each request of some size', () => {
  it('on-election-failure=exit: 69 once the patience has passed, with few attempts and lines', async () => {
    const zookeeper = await ensemble(TINY_REQUESTS);
    await using proxy = await Proxy.start(zookeeper.server.port);
    await using stage = new Stage(proxy.address);
    const candidate = stage.start({ flags: { 'on-election-failure': 'exit', 'zookeeper-session-timeout': '3s' } });
    expect(await candidate.end()).toBe(69);
    expect(candidate.said('the election failed')[0]?.['why']).toContain('no contact to ZooKeeper for');
    expect(candidate.said('cuts each connection soon after it has granted it')).toHaveLength(1);
    expect(candidate.said('lost contact').length).toBeLessThanOrEqual(2);
    // Each attempt is two connections: a probe, and the session's.
    expect(proxy.accepted).toBeLessThan(40);
  });

  it('on-election-failure=run-anyway: the command runs', async () => {
    const zookeeper = await ensemble(TINY_REQUESTS);
    await using stage = new Stage(zookeeper.connectString);
    const flags = { 'on-election-failure': 'run-anyway', 'zookeeper-session-timeout': '3s' };
    const candidate = stage.start({ flags });
    const { pid, token } = await stage.journal.started(1);
    expect(token).toBe('-');
    expect(isAlive(pid)).toBe(true);
    candidate.signal('SIGTERM');
    expect(await candidate.end()).toBe(143);
  });

  it('on-election-failure=retry: the attempts become rare', async () => {
    const zookeeper = await ensemble(TINY_REQUESTS);
    await using proxy = await Proxy.start(zookeeper.server.port);
    await using stage = new Stage(proxy.address);
    const candidate = stage.start({ flags: { 'zookeeper-session-timeout': '10s' } });
    await candidate.says('cuts each connection soon after it has granted it');
    await pass(5000);
    expect(proxy.accepted).toBeLessThan(24);
    expect(candidate.log.length).toBeLessThan(10);
  });
});

describe('a server that works', () => {
  it('is believed at once when it has cut a connection once, just after it was granted', async () => {
    const zookeeper = await ensemble();
    await using proxy = await Proxy.start(zookeeper.server.port);
    const { zk } = await open([{ host: '127.0.0.1', port: proxy.port }], { sessionTimeout: 10_000 });
    proxy.cut();
    await contact(zk, false);
    const start = performance.now();
    await contact(zk, true);
    // A third of the session timeout would be a probation.
    expectWithin(performance.now() - start, 2500);
  });

  it('is believed again at the first answered write when it has cut several', async () => {
    const zookeeper = await ensemble();
    await using proxy = await Proxy.start(zookeeper.server.port);
    const { zk } = await open([{ host: '127.0.0.1', port: proxy.port }], { sessionTimeout: 20_000 });
    for (let cut = 1; cut <= 3; cut++) {
      const accepted = proxy.accepted;
      proxy.cut();
      await poll(() => proxy.accepted >= accepted + 2, { what: 'another try' });
      await zk.exists('/', within);
    }
    expect(zk.contact.up).toBe(false);
    const path = await zk.create('/own-', Buffer.from(''), 'ephemeral-sequential', within);
    expect(path).toMatch(/^\/own-/);
    expect(zk.contact.up).toBe(true);
  });
});
