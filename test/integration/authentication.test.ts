/** Who ballot is to ZooKeeper: sessions by either client and each scheme, and znodes for one identity alone. */
import { describe, expect, it } from 'vitest';
import type { AclChoice, ClientChoice, ZooKeeperAuth } from '../../src/config/config.ts';
import { GivenAuth } from '../../src/config/zookeeper-auth.ts';
import { AuthenticationError, RefusedError } from '../../src/errors.ts';
import type { Access } from '../../src/zookeeper/session/access.ts';
import { NoNodeError } from '../../src/zookeeper/session/errors.ts';
import { useOpenings } from '../support/hooks.ts';
import { kazoo, withSasl } from '../support/secured.ts';
import { serversOf, sessionsAt, theKeeper, within } from '../support/sessions.ts';
import { useZooKeeper } from '../support/stage.ts';

const USERS = { bob: 'bo:b s,ec"r\\et', zoë: 'grün', eve: '鍵' };

const sasl = withSasl({ bob: 'bo:b s,ec\\"r\\\\et', zoë: 'grün', eve: '鍵' });
const zookeeper = useZooKeeper({ observer: false, ...sasl });
const { ensemble, open } = useOpenings();

const EMPTY = Buffer.alloc(0);
const access = (auth: ZooKeeperAuth | undefined, acl: AclChoice = 'open'): Access => ({
  auth,
  acl,
  hasCertificate: false,
});
const digest = (user: keyof typeof USERS): ZooKeeperAuth => GivenAuth.parse(`digest:${user}:${USERS[user]}`);
const saslDigest = (user: keyof typeof USERS): ZooKeeperAuth => GivenAuth.parse(`sasl-digest:${user}:${USERS[user]}`);
const failure = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);

let bases = 0;
const fresh = (): string => `/auth-${++bases}`;

describe.each<[ClientChoice, ZooKeeperAuth]>([
  ['native', digest('bob')],
  ['wire', digest('bob')],
  ['wire', saslDigest('bob')],
])('the %s client by $scheme', (client, auth) => {
  it('makes znodes for its identity alone, which another connection of the session can use and no stranger can', async () => {
    const path = fresh();
    const { zk } = await open(serversOf(zookeeper), { client, access: access(auth, 'creator') });
    await zk.create(path, Buffer.from('x'), 'persistent', within);
    const proposal = await zk.create(`${path}/p-`, EMPTY, 'ephemeral-sequential', within);
    const keeper = theKeeper();
    zk.reconnect('the test');
    expect(String((await zk.get(path, within)).data)).toBe('x');
    expect(theKeeper()).not.toBe(keeper);
    expect(await zk.admission(path, within)).toEqual({ isOpen: false, self: true, others: [] });
    expect(await zk.admission(proposal, within)).toEqual({ isOpen: false, self: true, others: [] });

    for (const other of [access(undefined), access(digest('eve'))]) {
      const { zk: stranger } = await open(serversOf(zookeeper), { client, access: other });
      for (const znode of [path, proposal]) {
        expect(await failure(stranger.get(znode, within))).toBeInstanceOf(RefusedError);
        expect(await failure(stranger.set(znode, EMPTY, -1, within))).toBeInstanceOf(RefusedError);
        expect(await failure(stranger.delete(proposal, -1, within))).toBeInstanceOf(RefusedError);
        expect(await failure(stranger.create(`${path}/s-`, EMPTY, 'ephemeral-sequential', within))).toBeInstanceOf(
          RefusedError,
        );
        expect(await failure(stranger.admission(znode, within))).toBeInstanceOf(RefusedError);
        expect(await failure(stranger.restrict(znode, within))).toBeInstanceOf(RefusedError);
      }
      expect(await failure(stranger.admission(`${path}-none`, within))).toBeInstanceOf(NoNodeError);
    }
  });

  it('closes a znode that was open', async () => {
    const path = fresh();
    const { zk: other } = await open(serversOf(zookeeper), { client });
    await other.create(path, EMPTY, 'persistent', within);
    const { zk } = await open(serversOf(zookeeper), { client, access: access(auth, 'creator') });
    expect(await zk.admission(path, within)).toEqual({ isOpen: true, self: false, others: [] });
    await zk.restrict(path, within);
    expect(await zk.admission(path, within)).toEqual({ isOpen: false, self: true, others: [] });
    expect(await failure(other.get(path, within))).toBeInstanceOf(RefusedError);
  });
});

it.each(['zoë', 'eve'] as const)('SASL with a user and a password that are no ASCII: %s', async (user) => {
  const { zk } = await open(serversOf(zookeeper), { client: 'wire', access: access(saslDigest(user), 'creator') });
  const path = await zk.create(fresh(), EMPTY, 'persistent', within);
  expect(await zk.admission(path, within)).toMatchObject({ self: true, others: [] });
});

describe('a refusal', () => {
  it('of a wrong password names the scheme, and is not tried again', async () => {
    const wrong = GivenAuth.parse('sasl-digest:bob:wrong');
    const { opener } = sessionsAt(serversOf(zookeeper), { client: 'wire', access: access(wrong) });
    const error = await failure(opener.open(within));
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(String(error)).toMatch(/ZooKeeper refuses the authentication by sasl-digest \(-115\)$/);
    expect(String((error as AuthenticationError).hint)).toContain('JAAS');
  });

  it.each<ClientChoice>(['native', 'wire'])('of digest, where servers want SASL (%s)', async (client) => {
    const enforced = await ensemble({
      ...sasl,
      config: { ...sasl.config, 'enforce.auth.enabled': 'true', 'enforce.auth.schemes': 'sasl' },
    });
    const { opener } = sessionsAt(serversOf(enforced), { client, access: access(digest('bob')) });
    const error = await failure(opener.open(within));
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(String(error)).toMatch(/ZooKeeper refuses the authentication by digest \(-1\d\d\)$/);
    const { zk } = await open(serversOf(enforced), { client: 'wire', access: access(saslDigest('bob')) });
    await zk.exists('/', within);
  });

  it('by a server that knows no SASL says so', async () => {
    const plain = await ensemble();
    const { opener } = sessionsAt(serversOf(plain), { client: 'wire', access: access(saslDigest('bob')) });
    expect(String(await failure(opener.open(within)))).toContain('the server is not set up for SASL');
  });
});

it('shares znodes with kazoo, an independent client, in both directions', async () => {
  const path = fresh();
  const { zk } = await open(serversOf(zookeeper), { client: 'wire', access: access(digest('bob'), 'creator') });
  const bytes = Buffer.from([0, 255, 10, 0xc3, 0xa9]);
  await zk.create(path, bytes, 'persistent', within);
  const script = `
data, stat = zk.get(${JSON.stringify(path)})
print(list(data), stat.version, [(a.perms, a.id.scheme, a.id.id.split(":")[0]) for a in zk.get_acls(${JSON.stringify(path)})[0]])
zk.set(${JSON.stringify(path)}, b"of kazoo", version=0)
print(zk.create(${JSON.stringify(`${path}/p-`)}, b"too", sequence=True))
`;
  const said = await kazoo(zookeeper.connectString, script, { user: 'bob', password: USERS.bob });
  expect(said.split('\n')).toEqual(["[0, 255, 10, 195, 169] 0 [(31, 'digest', 'bob')]", `${path}/p-0000000000`, '']);
  expect(await zk.get(path, within)).toMatchObject({ data: Buffer.from('of kazoo'), stat: { version: 1 } });
  expect(String((await zk.get(`${path}/p-0000000000`, within)).data)).toBe('too');
  // One that knows nobody's password gets nowhere.
  const shut = `
for ask in [lambda: zk.get(${JSON.stringify(path)}), lambda: zk.set(${JSON.stringify(path)}, b""),
            lambda: zk.get_children(${JSON.stringify(path)}), lambda: zk.create(${JSON.stringify(`${path}/x`)}, b""),
            lambda: zk.delete(${JSON.stringify(`${path}/p-0000000000`)})]:
    try:
        ask(); print("let in")
    except NoAuthError:
        print("kept out")
`;
  expect(await kazoo(zookeeper.connectString, shut)).toBe('kept out\n'.repeat(5));
});
