/** Certificates of a CA of the test's own, made by openssl. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Issued {
  /** Paths of PEM files. */
  readonly cert: string;
  readonly key: string;
  /** Both in one file, as a server of ZooKeeper likes them. */
  readonly both: string;
}

export interface Wanted {
  /** As openssl writes it. Of this machine's loopback by default. */
  readonly names?: string;
  /** Days from now until it begins and ends. */
  readonly days?: readonly [from: number, to: number];
  /** It may issue others. */
  readonly isAuthority?: boolean;
}

const LOOPBACK = 'DNS:localhost,IP:127.0.0.1';
const DAY_MS = 24 * 3600 * 1000;

/** A CA in a folder, for as long as the folder is there. */
export class Authority {
  /** Path of its certificate. */
  readonly cert: string;
  readonly #folder: string;
  readonly #name: string;
  readonly #key: string;

  /** One that has issued its own certificate, or was issued one by another. */
  constructor(folder: string, name: string, own?: Issued) {
    this.#folder = folder;
    this.#name = name;
    this.#key = own?.key ?? this.#path('key');
    this.cert = own?.cert ?? this.#path('pem');
    if (own !== undefined) return;
    openssl('req', '-x509', ...NEW_KEY, '-keyout', this.#key, '-out', this.cert, '-subj', `/CN=${name}`, '-days', '9');
  }

  /** A certificate with the subject `CN=name`, in files of that name; those of before are replaced. */
  issue(name: string, { names = LOOPBACK, days: [from, to] = [-1, 5], isAuthority = false }: Wanted = {}): Issued {
    const file = (ending: string): string => this.#path(`${name}.${ending}`);
    const [cert, key, both] = [file('pem'), file('key'), file('both.pem')];
    const request = file('csr');
    openssl('req', '-new', ...NEW_KEY, '-keyout', key, '-out', request, '-subj', `/CN=${name}`);
    const settings = file('cnf');
    writeFileSync(settings, this.#settings(names, isAuthority));
    const at = (days: number): string =>
      new Date(Date.now() + days * DAY_MS).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
    const dates = ['-startdate', at(from), '-enddate', at(to)];
    openssl('ca', '-batch', '-notext', '-config', settings, '-in', request, '-out', cert, ...dates);
    writeFileSync(both, readFileSync(key, 'utf8') + readFileSync(cert, 'utf8'));
    return { cert, key, both };
  }

  #path(ending: string): string {
    return join(this.#folder, `${this.#name}.${ending}`);
  }

  /** What `openssl ca` wants to know. */
  #settings(names: string, isAuthority: boolean): string {
    writeFileSync(this.#path('index'), '');
    return [
      '[ca]',
      'default_ca = own',
      '[own]',
      `database = ${this.#path('index')}`,
      `new_certs_dir = ${this.#folder}`,
      `certificate = ${this.cert}`,
      `private_key = ${this.#key}`,
      'rand_serial = yes',
      'default_md = sha256',
      'policy = any',
      'x509_extensions = names',
      '[any]',
      'commonName = supplied',
      '[names]',
      `basicConstraints = CA:${isAuthority ? 'TRUE' : 'FALSE'}`,
      `subjectAltName = ${names}`,
      '',
    ].join('\n');
  }
}

/** Elliptic curves: such a key is made at once. */
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

function openssl(...args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Lines of `zoo.cfg` for a port that speaks TLS: Netty's, with a client certificate wanted or not. */
export function securePort(
  port: number,
  { both }: Issued,
  ca: string,
  clientAuth: 'none' | 'want' | 'need' = 'none',
): Record<string, string | number> {
  return {
    secureClientPort: port,
    secureClientPortAddress: '127.0.0.1',
    serverCnxnFactory: 'org.apache.zookeeper.server.NettyServerCnxnFactory',
    'ssl.keyStore.location': both,
    'ssl.keyStore.type': 'PEM',
    'ssl.trustStore.location': ca,
    'ssl.trustStore.type': 'PEM',
    'ssl.clientAuth': clientAuth,
  };
}
