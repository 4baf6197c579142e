import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runBallot, type Ended } from '../support/ballot.ts';
import { ballotPath } from '../support/candidate.ts';
import { Authority, securePort, type Issued } from '../support/certificates.ts';
import { useFolder } from '../support/hooks.ts';
import { poll } from '../support/poll.ts';
import { contact, sessionsAt, within } from '../support/sessions.ts';
import { abandoned, useZooKeeper, type SharedZooKeeper } from '../support/stage.ts';

const folder = useFolder('tls');
const authority = new Authority(folder, 'Test CA');
const server = authority.issue('server');
const own = authority.issue('ballot');
const other = new Authority(folder, 'Other CA');
const stranger = other.issue('stranger');
const ca = authority.cert;

const asking = (clientAuth: 'none' | 'want' | 'need') => ({
  secure: (port: number) => securePort(port, server, ca, clientAuth),
});

/** What a ballot is told that speaks TLS, with that certificate of its own. */
function byTls(identity?: Issued): Record<string, string> {
  return {
    'zookeeper-tls': 'true',
    'zookeeper-tls-ca': ca,
    ...(identity && { 'zookeeper-tls-cert': identity.cert, 'zookeeper-tls-key': identity.key }),
    // The client that the tests run with may be the one that knows no TLS.
    'zookeeper-client': 'auto',
  };
}

const secureServer = (zookeeper: SharedZooKeeper, host = 'localhost'): string =>
  `${host}:${zookeeper.server.securePort}`;

function info(servers: string, flags: Readonly<Record<string, string>>): Promise<Ended> {
  const all = { 'zookeeper-servers': servers, ...flags };
  return runBallot(['info', '-o', 'json', ...Object.entries(all).map(([key, value]) => `--${key}=${value}`)]);
}

describe('an ensemble that wants TLS and a client certificate', () => {
  // Long ticks allow long sessions: a busy machine takes its time for the restart of a server.
  const zookeeper = useZooKeeper({ ...asking('need'), tickTime: 2000 });

  it('holds an election, through lost keepers and a restart of the server', async () => {
    await using stage = zookeeper.stage();
    const servers = secureServer(zookeeper);
    const patient = { 'zookeeper-session-timeout': '40s' };
    const flags = { ...byTls(own), ...patient };
    const told = `${stage.journal.path}.told`;
    // The command is told how to ask about its own election.
    const ask = `"${process.execPath}" "${ballotPath}" info --timeout=60s -o json >"${told}.new"`;
    const script = `${ask} && mv "${told}.new" "${told}"; stay`;
    const leader = await stage.stand({ id: 'a', servers, flags, command: stage.journal.command(script) });
    const standby = await stage.stand({ id: 'b', servers: secureServer(zookeeper, '127.0.0.1'), flags });
    // In the clear, by the other port: the same election.
    await stage.stand({ id: 'c', flags: patient });
    await stage.journal.started();
    const report = await poll(() => tryRead(told), { what: 'what the command was told of its election' });
    expect(report).toMatchObject({ leader: { candidateId: 'a' } });

    const before = await stage.election();
    for (const pid of leader.keepers()) process.kill(pid, 'SIGKILL');
    await leader.says('regained contact with ZooKeeper');
    await zookeeper.server.restart();
    await leader.says('regained contact with ZooKeeper', { count: 2 });
    await standby.says('regained contact with ZooKeeper');
    // The same places in the queue: the sessions live.
    expect((await stage.election())?.proposals).toEqual(before?.proposals);
    expect(stage.journal.starts()).toHaveLength(1);

    leader.signal('SIGTERM');
    await stage.journal.started(1, { candidate: 'b' });
    await leader.end();
    // A second signal would end one that is about to end.
    const others = stage.candidates.filter((candidate) => candidate !== leader);
    for (const candidate of others) candidate.signal('SIGTERM');
    for (const candidate of others) await candidate.end();
    expect(await stage.election()).toMatchObject(abandoned);
  });

  it('holds an election for that certificate alone with zookeeper-acl=creator', async () => {
    await using stage = zookeeper.stage();
    const flags = { ...byTls(own), 'zookeeper-acl': 'creator', 'zookeeper-session-timeout': '20s' };
    const leader = await stage.stand({ id: 'a', servers: secureServer(zookeeper), flags });
    await stage.stand({ id: 'b', servers: secureServer(zookeeper), flags });
    await stage.journal.started();
    const here = { 'zookeeper-base-path': stage.basePath, timeout: '60s' };
    const known = await info(secureServer(zookeeper), { ...byTls(own), ...here });
    expect(JSON.parse(known.stdout)).toMatchObject({ leader: { candidateId: 'a' } });
    // Of the same CA, and in the clear.
    expect(await info(secureServer(zookeeper), { ...byTls(authority.issue('another')), ...here })).toMatchObject({
      code: 77,
      stdout: '',
    });
    expect(await info(zookeeper.connectString, here)).toMatchObject({ code: 77, stdout: '' });
    leader.signal('SIGTERM');
    await stage.journal.started(1, { candidate: 'b' });
  });

  it('refuses who has no certificate, or one of another CA: 77 at once', async () => {
    await using stage = zookeeper.stage();
    const nobody = stage.start({ servers: secureServer(zookeeper), flags: byTls() });
    expect(await nobody.end()).toBe(77);
    expect(nobody.said('the election failed')).toMatchObject([
      {
        why: expect.stringMatching(/wants a client certificate \(.*\), and none is set: name it by zookeeper-tls-cert/),
      },
    ]);
    const asked = await info(secureServer(zookeeper), byTls(stranger));
    expect(asked).toMatchObject({ code: 77, stdout: '' });
    expect(asked.stderr).toContain(
      `refuses the client certificate CN=stranger of ${stranger.cert} (zookeeper-tls-cert)`,
    );
  });

  it('is told apart from one whose certificate is not accepted: 69', async () => {
    const [ofOther, named] = await Promise.all([
      info(secureServer(zookeeper), { ...byTls(own), 'zookeeper-tls-ca': other.cert }),
      info(secureServer(zookeeper), { ...byTls(own), 'zookeeper-tls-server-name': 'zk1.example.org' }),
    ]);
    expect(ofOther).toMatchObject({ code: 69, stdout: '' });
    expect(ofOther.stderr).toContain(
      `its certificate CN=server was issued by CN=Test CA, which is not in ${other.cert} (zookeeper-tls-ca)`,
    );
    expect(named).toMatchObject({ code: 69, stdout: '' });
    expect(named.stderr).toContain('its certificate CN=server is for localhost, 127.0.0.1, not for zk1.example.org');
  });

  it('is not asked before the files and the options are right: 78', async () => {
    const gone = { ...byTls(own), 'zookeeper-tls-ca': '/gone.pem', 'zookeeper-tls-key': stranger.key };
    const wrongFiles = await info('localhost:1', gone);
    expect(wrongFiles).toMatchObject({ code: 78, stdout: '' });
    expect(wrongFiles.stderr).toContain('zookeeper-tls-ca: /gone.pem does not exist\nballot: zookeeper-tls-key: ');
    const native = await info('localhost:1', { ...byTls(own), 'zookeeper-client': 'native' });
    expect(native).toMatchObject({ code: 78, stdout: '' });
    expect(native.stderr).toContain("npm's zookeeper knows no TLS");
  });

  it('meets a wrong port with one sentence, either way', async () => {
    const [plainly, byName] = await Promise.all([
      info(secureServer(zookeeper), { 'zookeeper-client': 'auto' }),
      info(zookeeper.server.address, byTls(own)),
    ]);
    expect(plainly).toMatchObject({ code: 69, stdout: '' });
    expect(plainly.stderr).toContain('speaks TLS: this is not the port for plain connections (clientPort)');
    expect(byName).toMatchObject({ code: 69, stdout: '' });
    expect(byName.stderr).toContain('speaks no TLS: this is the port for plain connections (clientPort)');
  });

  it('is shown a renewed certificate at the next connection, and keeps the session until then', async () => {
    const [cert, key] = [join(folder, 'renewed.pem'), join(folder, 'renewed.key')];
    const put = (identity: Issued): void => {
      copyFileSync(identity.key, key);
      copyFileSync(identity.cert, cert);
    };
    put(own);
    const servers = [{ host: 'localhost', port: zookeeper.server.securePort }];
    const { opener, lines } = sessionsAt(servers, { client: 'auto', tls: { ca, cert, key }, sessionTimeout: 10_000 });
    const zk = await opener.open(within);
    try {
      put(stranger);
      zk.reconnect('the test wants a new connection');
      await contact(zk, false);
      const warnings = (): typeof lines => lines.filter(({ message }) => message.startsWith('a certificate is not'));
      await poll(() => warnings().length > 0, { what: 'the refusal of the certificate that was put there' });
      expect(warnings()).toMatchObject([
        { level: 'warn', fields: { why: expect.stringContaining('refuses the client certificate CN=stranger') } },
      ]);
      expect(zk.ended.aborted).toBe(false);
      put(authority.issue('ballot-2'));
      await contact(zk, true);
      expect(await zk.exists('/zookeeper', within)).toBeDefined();
      expect(zk.ended.aborted).toBe(false);
    } finally {
      await zk.close(3000);
    }
  });
});

describe.each([
  ['none', 0],
  ['want', 77],
] as const)('an ensemble with ssl.clientAuth=%s', (clientAuth, code) => {
  const zookeeper = useZooKeeper({ ...asking(clientAuth), observer: false });

  it(`serves who has no certificate or a good one, and ends with ${code} for one of another CA`, async () => {
    const servers = secureServer(zookeeper);
    const asked = await Promise.all(
      [byTls(), byTls(own), byTls(stranger)].map((flags) => info(servers, { ...flags, timeout: '60s' })),
    );
    expect(asked.map((ended) => ended.code)).toEqual([0, 0, code]);
  });
});

function tryRead(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}
