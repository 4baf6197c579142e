import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../../../../src/errors.ts';
import { readTlsFiles, subjectOf, type TlsOptions } from '../../../../src/zookeeper/tls/files.ts';
import { Authority } from '../../../support/certificates.ts';
import { useFolder } from '../../../support/hooks.ts';

const folder = useFolder('tls-files');
const authority = new Authority(folder, 'Files CA');
const own = authority.issue('client-1');
const another = authority.issue('client-2');

function written(name: string, text: string, encoding: BufferEncoding = 'latin1'): string {
  const path = join(folder, name);
  writeFileSync(path, text, encoding);
  return path;
}

function problemsOf(options: TlsOptions): readonly string[] {
  try {
    readTlsFiles(options);
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
}

describe('the files of TLS', () => {
  it('are read, with whom the certificate names', () => {
    const { ca, cert, key, identity } = readTlsFiles({ ca: authority.cert, cert: own.cert, key: own.key });
    expect(ca).toHaveLength(1);
    expect(cert).toContain('BEGIN CERTIFICATE');
    expect(key).toContain('PRIVATE KEY');
    expect(identity && subjectOf(identity)).toBe('CN=client-1');
  });

  it('may hold key and certificate together', () => {
    expect(problemsOf({ cert: own.both, key: own.both })).toEqual([]);
  });

  it('are none at all without options', () => {
    expect(readTlsFiles({})).toEqual({});
  });

  it('have all their problems told at once, each with its option and its path', () => {
    const gone = join(folder, 'gone.pem');
    const empty = written('empty.pem', '');
    expect(problemsOf({ ca: gone, cert: empty, key: folder })).toEqual([
      `zookeeper-tls-ca: ${gone} does not exist`,
      `zookeeper-tls-cert: ${empty} holds no certificate in PEM`,
      `zookeeper-tls-key: ${folder} is no regular file: name a PEM file`,
    ]);
  });

  it('belong together', () => {
    expect(problemsOf({ cert: own.cert, key: another.key })).toEqual([
      `zookeeper-tls-key: ${another.key} is not the key of CN=client-1 in ${own.cert} (zookeeper-tls-cert): ` +
        'name the two that belong together',
    ]);
  });

  it.each([
    ['pkcs8', ['pkcs8', '-topk8', '-v2', 'aes256']],
    ['traditional', ['ec', '-aes256']],
  ])('with a passphrase (%s) are refused, with what takes it away', (name, command) => {
    const locked = join(folder, `${name}.key`);
    execFileSync('openssl', [...command, '-in', own.key, '-out', locked, '-passout', 'pass:secret'], { stdio: 'pipe' });
    expect(problemsOf({ cert: own.cert, key: locked })).toEqual([
      `zookeeper-tls-key: ${locked} is protected by a passphrase, and ballot knows none: ` +
        '`openssl pkey -in IT -out NEW` takes it away',
    ]);
  });

  it('of another kind are known', () => {
    const store = written('store.jks', '\xfe\xed\xfe\xed\0\0\0\x02');
    const archive = written('own.p12', '\x30\x82\x01\x02');
    const swapped = problemsOf({ cert: own.key, key: own.cert });
    expect(problemsOf({ ca: store })).toEqual([
      `zookeeper-tls-ca: ${store} holds no certificate in PEM: it is a key store of Java, which \`keytool\` can export`,
    ]);
    expect(problemsOf({ ca: archive })[0]).toMatch(/it is PKCS#12 or DER, which `openssl pkcs12`/);
    expect(swapped.map((text) => text.replace(/: .*\//, ': '))).toEqual([
      'zookeeper-tls-cert: Files CA.client-1.key holds no certificate in PEM',
      'zookeeper-tls-key: Files CA.client-1.pem holds no private key in PEM',
    ]);
  });

  it('that are damaged are told apart from those that are missing, and nothing of a key is shown', () => {
    const damaged = written('damaged.pem', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
    const broken = written('broken.key', '-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n');
    const [first = '', second = ''] = problemsOf({ ca: damaged, key: broken });
    expect(first).toContain(`${damaged} holds a certificate that cannot be read, the 1. in it`);
    expect(second).toContain(`${broken} holds a private key that cannot be read`);
    expect(second).not.toContain('c2VjcmV0');
  });

  it('that are too large are none', () => {
    const large = written('large.pem', 'x'.repeat(1024 * 1024 + 1));
    expect(problemsOf({ ca: large })).toEqual([
      `zookeeper-tls-ca: ${large} has 1048577 bytes, which no PEM file of certificates has`,
    ]);
  });
});
