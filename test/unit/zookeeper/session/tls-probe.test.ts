import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createServer as createTlsServer, type TlsOptions as ServerOptions } from 'node:tls';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../../src/clock.ts';
import type { Refusal } from '../../../../src/zookeeper/session/addresses.ts';
import { tlsProber } from '../../../../src/zookeeper/session/tls-probe.ts';
import type { TlsOptions } from '../../../../src/zookeeper/tls/files.ts';
import { Authority, type Issued } from '../../../support/certificates.ts';
import { useFolder } from '../../../support/hooks.ts';

const folder = useFolder('tls-probe');
const authority = new Authority(folder, 'Own CA');
const other = new Authority(folder, 'Other CA');
const own = authority.issue('zk1');
const ca = authority.cert;

const works: (() => unknown)[] = [];
afterEach(async () => {
  for (const work of works.splice(0).reverse()) await work();
});

/** For what comes at once, however busy the machine, ms. */
const PATIENCE_MS = 10_000;

const forever = new AbortController().signal;

async function listening(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => void sockets.add(socket.on('error', () => undefined)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  works.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** Answers `srvr` as ZooKeeper does, and cuts whoever says anything else. */
function answer(socket: Socket): void {
  socket.on('error', () => undefined);
  socket.on('data', (data) => {
    if (data.toString() === 'srvr') socket.end('Zookeeper version: 3.8\nMode: standalone\n');
    else socket.destroy();
  });
}

/** The port of a server with that certificate. */
function secured({ cert, key }: Pick<Issued, 'cert' | 'key'>, options: ServerOptions = {}): Promise<number> {
  const server = createTlsServer({ cert: readFileSync(cert), key: readFileSync(key), ...options }, answer);
  server.on('tlsClientError', () => undefined);
  return listening(server);
}

/** What is found at a port by who knows it by that name. */
async function found(
  port: number,
  options: TlsOptions = { ca },
  { host = 'localhost', patience = PATIENCE_MS } = {},
): Promise<string | Refusal | undefined> {
  const endpoint = { name: `${host}:${port}`, host, ip: '127.0.0.1', port };
  return tlsProber(options).probe(endpoint, patience, systemClock, forever);
}

/** The same in words, where it is not the server that refuses this client. */
async function probed(...asked: Parameters<typeof found>): Promise<string | undefined> {
  const answer = await found(...asked);
  if (typeof answer !== 'object') return answer;
  expect(answer.by).toBe('client');
  return answer.refusal;
}

describe('a look at a server by TLS', () => {
  it.each(['localhost', '127.0.0.1'])('finds one that serves, and whose certificate is for %s', async (host) => {
    expect(await probed(await secured(own), { ca }, { host })).toBeUndefined();
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('speaks %s', async (version) => {
    expect(await probed(await secured(own, { minVersion: version, maxVersion: version }))).toBeUndefined();
  });

  it('does not speak TLS 1.1', async () => {
    const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    expect(await probed(await secured(own, old))).toMatch(/^speaks neither TLS 1\.2 nor 1\.3/);
  });

  it('takes a name that is said in place of the server’s own', async () => {
    const port = await secured(authority.issue('elsewhere', { names: 'DNS:zk.example.org' }));
    expect(await probed(port, { ca, serverName: 'zk.example.org' })).toBeUndefined();
    expect(await probed(port, { ca, serverName: 'zk.example.com' })).toMatch(/not for zk\.example\.com/);
  });

  it.each(['localhost', '127.0.0.1'])('names whom a certificate is for that is not for %s', async (host) => {
    const port = await secured(authority.issue('wrong', { names: 'DNS:zk2.example.org,IP:10.0.0.2' }));
    expect(await probed(port, { ca }, { host })).toBe(
      `its certificate CN=wrong is for zk2.example.org, 10.0.0.2, not for ${host}: ` +
        'correct zookeeper-servers, or say by zookeeper-tls-server-name which of them counts',
    );
  });

  it('says when a certificate expired, or that it is not valid yet', async () => {
    const expired = await secured(authority.issue('old', { days: [-5, -1] }));
    expect(await probed(expired)).toMatch(
      /^its certificate CN=old expired on \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ: renew it on that server \(ssl\.keyStore\.location\)$/,
    );
    const early = await secured(authority.issue('new', { days: [1, 5] }));
    expect(await probed(early)).toMatch(/^its certificate CN=new is not valid before \d{4}-.*: compare the clocks/);
  });

  it('says which certificate above the server’s own expired', async () => {
    const old = authority.issue('Old CA', { days: [-5, -1], isAuthority: true });
    const leaf = new Authority(folder, 'Old CA', old).issue('leaf');
    const chain = readFileSync(leaf.cert, 'utf8') + readFileSync(old.cert, 'utf8');
    expect(await probed(await secured(leaf, { cert: chain }))).toMatch(
      /^a CA certificate that its certificate CN=leaf leads to has expired \(CN=Old CA, expired on [^,]*\): renew it in .*\(zookeeper-tls-ca\), or on that server/,
    );
  });

  it('names the file in which the CA of a certificate is not', async () => {
    expect(await probed(await secured(other.issue('zk1')))).toBe(
      `its certificate CN=zk1 was issued by CN=Other CA, which is not in ${ca} (zookeeper-tls-ca)`,
    );
    expect(await probed(await secured(own), {})).toBe(
      "its certificate CN=zk1 was issued by CN=Own CA, which is not in Node's own list of CAs: " +
        'name the file of its CA by zookeeper-tls-ca',
    );
  });

  it('knows a certificate that vouches for itself', async () => {
    const self = { cert: other.cert, key: join(folder, 'Other CA.key') };
    expect(await probed(await secured(self))).toBe(
      `its certificate CN=Other CA is self-signed, and not in ${ca} (zookeeper-tls-ca)`,
    );
  });

  it('is not deceived by an environment that turns the check off', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    works.push(() => vi.unstubAllEnvs());
    expect(await probed(await secured(other.issue('zk1')))).toMatch(/was issued by CN=Other CA/);
  });

  it('has a deadline for the handshake', async () => {
    const port = await listening(createServer(() => undefined));
    expect(await probed(port, { ca }, { patience: 100 })).toBe(
      'accepts connections, but does not finish the TLS handshake within 200 ms',
    );
  });

  it('knows the port for plain connections, and one of something else', async () => {
    expect(await probed(await listening(createServer(answer)))).toMatch(
      /^speaks no TLS: this is the port for plain connections \(clientPort\)/,
    );
    const rude = createServer((socket) => void socket.on('data', () => socket.destroy()));
    expect(await probed(await listening(rude))).toMatch(/^fails the TLS handshake: /);
  });

  it('takes a server that resets the connection after its answer for one that has answered', async () => {
    const server = createTlsServer({ cert: readFileSync(own.cert), key: readFileSync(own.key) }, (socket) => {
      socket.on('error', () => undefined);
      socket.on('data', () => socket.write('Zookeeper version: 3.8\nMode: standalone\n', () => reset()));
    });
    const reset = (): void => void accepted?.resetAndDestroy();
    let accepted: Socket | undefined;
    server.on('connection', (socket: Socket) => (accepted = socket));
    expect(await probed(await listening(server))).toBeUndefined();
  });

  it('reads what came in while it was busy, however late it looks', async () => {
    const server = createTlsServer({ cert: readFileSync(own.cert), key: readFileSync(own.key) }, (socket) => {
      socket.on('error', () => undefined);
      socket.on('data', () => socket.write('Zookeeper version: 3.8\nMode: read-only\n', () => busy()));
    });
    const busy = (): void => {
      accepted?.resetAndDestroy();
      const until = performance.now() + 500; // longer than a look waits for an answer
      while (performance.now() < until);
    };
    let accepted: Socket | undefined;
    server.on('connection', (socket: Socket) => (accepted = socket));
    expect(await probed(await listening(server))).toBe('is read-only (it has no quorum)');
  });

  it('says that its own key is too weak to be used', async () => {
    const [cert, key] = [join(folder, 'weak.pem'), join(folder, 'weak.key')];
    const request = ['req', '-x509', '-newkey', 'rsa:512', '-nodes', '-subj', '/CN=weak'];
    execFileSync('openssl', [...request, '-keyout', key, '-out', cert], { stdio: 'pipe' });
    expect(await probed(await secured(own), { ca, cert, key })).toMatch(
      /^the certificates cannot be used: .*too small/,
    );
  });

  it('says that a server has no quorum', async () => {
    const server = createTlsServer({ cert: readFileSync(own.cert), key: readFileSync(own.key) }, (socket) => {
      socket.on('error', () => undefined);
      socket.on('data', () => socket.end('This ZooKeeper instance is not currently serving requests\n'));
    });
    expect(await probed(await listening(server))).toBe('serves no requests (it is starting, or has no quorum)');
  });

  it('is refused where a client certificate is wanted and none is named, also after the handshake', async () => {
    const wanting = { requestCert: true, rejectUnauthorized: true, ca: readFileSync(ca) };
    const port = await secured(own, { ...wanting, minVersion: 'TLSv1.3' });
    expect(await found(port)).toEqual({
      by: 'server',
      refusal:
        'wants a client certificate (certificate required), and none is set: ' +
        'name it by zookeeper-tls-cert and zookeeper-tls-key',
    });
    const { cert, key } = authority.issue('client');
    expect(await probed(port, { ca, cert, key })).toBeUndefined();
    expect(await probed(await secured(own, { ...wanting, maxVersion: 'TLSv1.2' }))).toMatch(
      /^refuses the TLS handshake: .* it wants a client certificate \(zookeeper-tls-cert\)$/,
    );
  });

  it('reads the files anew each time', async () => {
    const port = await secured(own);
    const path = join(folder, 'renewed.pem');
    expect(await probed(port, { ca: path })).toBe(`zookeeper-tls-ca: ${path} does not exist`);
    copyFileSync(other.cert, path);
    expect(await probed(port, { ca: path })).toMatch(/which is not in/);
    copyFileSync(ca, path);
    expect(await probed(port, { ca: path })).toBeUndefined();
  });

  it('ends with the reason of the signal', async () => {
    const port = await listening(createServer(() => undefined));
    const endpoint = { name: 'x', host: 'localhost', ip: '127.0.0.1', port };
    const abort = new AbortController();
    const probe = tlsProber({ ca }).probe(endpoint, PATIENCE_MS, systemClock, abort.signal);
    abort.abort(new Error('stop'));
    await expect(probe).rejects.toThrow('stop');
  });
});
