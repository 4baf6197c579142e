/**
 * The PEM files of TLS. Each process reads them anew before each connection, so that a renewed certificate counts from
 * then on. Nothing of them is kept, and only paths travel between processes. Node's cryptography is loaded for whoever
 * has such files alone.
 */
import type { KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { ConfigurationError, describe } from '../../errors.ts';
import { dotted } from '../../visible.ts';

/** How servers are spoken to by TLS. The first three are paths of PEM files. */
export interface TlsOptions {
  /** Node's own list of CAs counts otherwise. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** What each server's certificate must be issued for, where it is not the server's name as it is configured. */
  readonly serverName?: string;
}

/** What the files held when they were read. */
export interface TlsMaterial {
  readonly ca?: readonly string[];
  readonly cert?: string;
  readonly key?: string;
  /** The first certificate of `cert`. */
  readonly identity?: X509Certificate;
}

/** The keys of the configuration. */
const KEYS = { ca: 'zookeeper-tls-ca', cert: 'zookeeper-tls-cert', key: 'zookeeper-tls-key' } as const;

/** A list of all CAs there are has a quarter of this, bytes. */
const LARGEST = 1024 * 1024;

/** A file as messages name it: with the option to look at. */
export function named(options: TlsOptions, which: keyof typeof KEYS): string {
  return `${options[which]} (${KEYS[which]})`;
}

/** Reads and judges the files. Throws ConfigurationError with every problem. */
export function readTlsFiles(options: TlsOptions): TlsMaterial {
  const problems: string[] = [];
  const attempt = <T>(which: keyof typeof KEYS, read: (text: string) => T): T | undefined => {
    const path = options[which];
    if (path === undefined) return undefined;
    try {
      return read(textOf(path));
    } catch (error) {
      problems.push(`${KEYS[which]}: ${path} ${inWords(error)}`);
      return undefined;
    }
  };
  const ca = attempt('ca', (text) => certificatesIn(text).map(({ pem }) => pem));
  const chain = attempt('cert', certificatesIn);
  const key = attempt('key', (text) => ({ text, object: privateKeyIn(text) }));
  const identity = chain?.[0]?.certificate;
  if (identity !== undefined && key !== undefined && !identity.checkPrivateKey(key.object))
    problems.push(
      `${KEYS.key}: ${options.key} is not the key of ${subjectOf(identity)} in ${named(options, 'cert')}: ` +
        'name the two that belong together',
    );
  if (problems.length > 0) throw new ConfigurationError(problems);
  return {
    ...(ca && { ca }),
    ...(chain && { cert: chain.map(({ pem }) => pem).join('\n') }),
    ...(key && { key: key.text }),
    ...(identity && { identity }),
  };
}

/** Whom a certificate names, in one line. */
export function subjectOf(certificate: X509Certificate): string {
  return nameIn(certificate.subject) ?? `the certificate for ${dotted(certificate.subjectAltName ?? 'nobody')}`;
}

/** Who has issued a certificate, by its own word. */
export function issuerOf(certificate: X509Certificate): string {
  return nameIn(certificate.issuer) ?? 'somebody without a name';
}

/** A distinguished name comes with a part on each line. */
function nameIn(distinguished: string | undefined): string | undefined {
  return distinguished ? dotted(distinguished.trim().replaceAll('\n', ', ')) : undefined;
}

function textOf(path: string): string {
  const found = statSync(path);
  if (!found.isFile()) throw new Error('is no regular file: name a PEM file');
  if (found.size > LARGEST) throw new Error(`has ${found.size} bytes, which no PEM file of certificates has`);
  return readFileSync(path, 'latin1');
}

function inWords(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return 'does not exist';
  if (code === 'EACCES') return 'may not be read by this user';
  return describe(error);
}

interface Pem {
  readonly pem: string;
  readonly certificate: X509Certificate;
}

function certificatesIn(text: string): Pem[] {
  const found = text.match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g) ?? [];
  if (found.length === 0) throw new Error(`holds no certificate in PEM${otherwise(text)}`);
  const crypto = process.getBuiltinModule('node:crypto');
  return found.map((pem, index) => {
    try {
      return { pem, certificate: new crypto.X509Certificate(pem) };
    } catch (error) {
      throw new Error(`holds a certificate that cannot be read, the ${index + 1}. in it`, { cause: error });
    }
  });
}

function privateKeyIn(text: string): KeyObject {
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text))
    throw new Error(`holds no private key in PEM${otherwise(text)}`);
  if (/-----BEGIN ENCRYPTED |^Proc-Type:.*ENCRYPTED/m.test(text))
    throw new Error(
      'is protected by a passphrase, and ballot knows none: `openssl pkey -in IT -out NEW` takes it away',
    );
  try {
    return process.getBuiltinModule('node:crypto').createPrivateKey(text);
  } catch (error) {
    // What OpenSSL says of it tells nothing of what is in it.
    throw new Error('holds a private key that cannot be read', { cause: error });
  }
}

/** The magic number of a Java key store; a SEQUENCE of ASN.1, as PKCS#12 and DER begin. */
function otherwise(text: string): string {
  if (text.startsWith('\xfe\xed\xfe\xed')) return ': it is a key store of Java, which `keytool` can export';
  if (text.startsWith('\x30\x82')) return ': it is PKCS#12 or DER, which `openssl pkcs12` or `openssl x509` converts';
  return '';
}
