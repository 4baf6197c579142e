/** Which ZooKeeper client a keeper uses, and that the wire client does what the native one does. */
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { copyFile, cp, mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { ClientChoice } from '../../src/config/config.ts';
import type { ClientEnd, Grant } from '../../src/zookeeper/client/client.ts';
import type { WireAnswer, WireRequest } from '../../src/zookeeper/client/wire/messages.ts';
import { WireClient } from '../../src/zookeeper/client/wire/wire-client.ts';
import { ClientMissingError } from '../../src/zookeeper/session/errors.ts';
import { runBallot } from '../support/ballot.ts';
import { useOpenings } from '../support/hooks.ts';
import { poll } from '../support/poll.ts';
import { keeperPath, serversOf, sessionsAt, theKeeper, within, type LogLine } from '../support/sessions.ts';
import { EXIT, UNTIL_OPEN, useZooKeeper } from '../support/stage.ts';

const zookeeper = useZooKeeper({ observer: false, alone: true });
const { open } = useOpenings();

/** What the log says of the client in use. */
const clientIn = (lines: readonly LogLine[]): unknown =>
  lines.find(({ message }) => message === 'ZooKeeper session opened')?.fields?.['client'];

const hasNative = (pid: number): boolean => readFileSync(`/proc/${pid}/maps`, 'utf8').includes('zookeeper.node');

const modules = join(import.meta.dirname, '../../node_modules');
const isCompiled = existsSync(join(modules, 'zookeeper/build/Release/zookeeper.node'));

describe('zookeeper-client', () => {
  it('wire: the keeper does not even load the native one', async () => {
    const { zk, lines } = await open(serversOf(zookeeper), { client: 'wire' });
    expect(clientIn(lines)).toBe('wire');
    expect(hasNative(theKeeper())).toBe(false);
    await zk.exists('/', within);
  });

  it.each<ClientChoice>(isCompiled ? ['native', 'auto'] : ['auto'])(
    '%s: the native one where it loads',
    async (client) => {
      const { zk, lines } = await open(serversOf(zookeeper), { client });
      expect(clientIn(lines)).toEqual(
        isCompiled ? 'native' : expect.stringMatching(/^wire, since the native one cannot/),
      );
      expect(hasNative(theKeeper())).toBe(isCompiled);
      await zk.exists('/', within);
    },
  );

  it('is the same for a session that another keeper takes over', async () => {
    const { zk } = await open(serversOf(zookeeper), { client: 'wire' });
    const path = await zk.create('/own-', Buffer.from(''), 'ephemeral-sequential', within);
    zk.reconnect('the test');
    expect((await zk.exists(path, within))?.ephemeralOwner).toBe(zk.id);
    expect(hasNative(theKeeper())).toBe(false);
  });

  it.each<[string, readonly string[], NodeJS.ProcessEnv]>([
    ['flag', ['--zookeeper-client=wire'], {}],
    ['flag and its value', ['--zookeeper-client', 'wire'], { BALLOT_ZOOKEEPER_CLIENT: 'native' }],
    ['variable', [], { BALLOT_ZOOKEEPER_CLIENT: 'wire' }],
  ])('is set by a %s', async (_what, flags, env) => {
    const where = [`--zookeeper-servers=${zookeeper.connectString}`, '--log-level=debug', '--log-format=json'];
    const { stderr } = await runBallot(['info', ...where, ...flags], { env });
    expect(stderr).toMatch(/"client":"wire","msg":"ZooKeeper session opened"/);
  });
});

it('wire: a command is run, renews its lease, and the election is left empty', async () => {
  await using stage = zookeeper.stage();
  const flags = { ...EXIT, 'zookeeper-client': 'wire', 'zookeeper-session-timeout': '2s' };
  const candidate = stage.start({ script: `${UNTIL_OPEN}; true`, flags });
  await stage.journal.started();
  expect(candidate.keepers().map(hasNative)).toEqual([false]);
  const seen = async (): Promise<string | undefined> => (await stage.info()).leader.lastSeenTime;
  const before = await poll(seen, { what: 'a leader' });
  await poll(async () => (await seen()) !== before, { interval: 100, what: 'a renewal' });
  stage.openGate();
  expect(await candidate.end()).toBe(0);
  expect(await stage.info()).toEqual(expect.objectContaining({ leader: {}, candidates: [] }));
});

describe('an installation without the native module', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ballot-without-native-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  beforeAll(async () => {
    await mkdir(join(folder, 'node_modules/zookeeper'), { recursive: true });
    for (const name of ['node-gyp-build', 'async'])
      symlinkSync(join(modules, name), join(folder, 'node_modules', name));
    for (const name of ['lib', 'package.json']) {
      await cp(join(modules, 'zookeeper', name), join(folder, 'node_modules/zookeeper', name), { recursive: true });
    }
    await writeFile(join(folder, 'package.json'), '{ "type": "commonjs" }');
    await copyFile(keeperPath, join(folder, 'keeper.js'));
  });
  const bare = join(folder, 'keeper.js');

  it('says how to mend it when the native client is asked for', async () => {
    const { opener } = sessionsAt(serversOf(zookeeper), { keeperPath: bare, client: 'native' });
    const error = await opener.open({ timeout: 120_000 }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ClientMissingError);
    expect(String(error)).toMatch(/native module of the npm package zookeeper cannot be loaded/);
    expect((error as ClientMissingError).hint).toMatch(/npm rebuild zookeeper.*zookeeper-client to wire/);
  });

  it('works by the wire client otherwise, and says why', async () => {
    const { zk, lines } = await open(serversOf(zookeeper), { keeperPath: bare, client: 'auto' });
    await zk.create('/made-without', Buffer.from('x'), 'persistent', within);
    expect(clientIn(lines)).toMatch(/^wire, since the native one cannot be loaded: .+/);
  });
});

/** A wire client in this process, once it has a session. */
async function wire(): Promise<{
  grant: Grant;
  client: WireClient;
  ask: (request: WireRequest) => Promise<WireAnswer>;
}> {
  return new Promise((resolve, reject) => {
    const ask = (request: WireRequest): Promise<WireAnswer> => new Promise((answer) => client.ask(request, answer));
    const listener = {
      granted: (grant: Grant) => resolve({ grant, client, ask }),
      event: () => undefined,
      ended: (end: ClientEnd) => reject(new Error(JSON.stringify(end))),
    };
    const options = { address: zookeeper.server.address, timeout: 10_000, debug: false };
    const client = new WireClient(options, listener, systemClock);
  });
}

describe('what the wire client can do beyond the native one', () => {
  it('creates under an ACL, reads it and changes it; the server keeps others out', async () => {
    const [own, stranger] = [await wire(), await wire()];
    const path = '/guarded';
    const creator = [{ perms: 31, scheme: 'auth', id: '' }];
    expect(await own.ask({ op: 'auth', scheme: 'digest', auth: Buffer.from('bob:secret') })).toMatchObject({ rc: 0 });
    expect(await own.ask({ op: 'create', path, data: Buffer.from('x'), flags: 0, acl: creator })).toMatchObject({
      path,
    });
    const { acl, stat } = await own.ask({ op: 'getAcl', path });
    expect(acl).toEqual([{ perms: 31, scheme: 'digest', id: expect.stringMatching(/^bob:/) as string }]);
    expect(stat?.dataLength).toBe(1);
    expect(await stranger.ask({ op: 'get', path, watch: false })).toEqual({ rc: -102, sent: true });
    const open = [{ perms: 31, scheme: 'world', id: 'anyone' }];
    expect(await stranger.ask({ op: 'setAcl', path, acl: open, version: -1 })).toEqual({ rc: -102, sent: true });
    expect(await own.ask({ op: 'setAcl', path, acl: open, version: 0 })).toMatchObject({ rc: 0 });
    expect(await stranger.ask({ op: 'get', path, watch: false })).toMatchObject({ rc: 0, data: Buffer.from('x') });
    expect(await own.client.close()).toBe(true);
    expect(await stranger.client.close()).toBe(true);
  });

  it('is told the stat of what it creates, by create2', async () => {
    const { grant, client, ask } = await wire();
    const created = await ask({ op: 'create2', path: '/made-', data: Buffer.from('xyz'), flags: 3 });
    expect(created).toMatchObject({ rc: 0, stat: { dataLength: 3, version: 0, ephemeralOwner: grant.id } });
    expect(created.path).toMatch(/^\/made-\d{10}$/);
    await client.close();
  });

  it('is refused with an identity of a scheme that the server does not know', async () => {
    const { client, ask } = await wire();
    expect(await ask({ op: 'auth', scheme: 'nosuch', auth: Buffer.from('x') })).toEqual({ rc: -115, sent: true });
    await client.close();
  });
});
