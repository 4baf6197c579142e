/**
 * SASL's mechanism DIGEST-MD5 (RFC 2831), the client's part, as servers of ZooKeeper know it: `qop=auth` alone. It is
 * an old mechanism (RFC 6331 calls it historic), and the one that a server with passwords in its JAAS file speaks.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** The exchange cannot go on. The message says why. */
export class SaslError extends Error {}

/** The service and the host that ZooKeeper's own client names, whatever the server (`ZooKeeperSaslClient`). */
const DIGEST_URI = 'zookeeper/zk-sasl-md5';

/** The first use of this nonce. */
const COUNT = '00000001';

interface Login {
  readonly user: string;
  readonly password: string;
}

/** What is drawn anew for each exchange, and what the service is called. */
interface Fixed {
  readonly cnonce: string;
  readonly uri: string;
}

/** One exchange: a challenge, a response to it, and the server's proof that it knows the password too. */
export class DigestMd5 {
  readonly #login: Login;
  readonly #cnonce: string;
  readonly #uri: string;
  #expected: string | undefined;

  constructor(login: Login, { cnonce = randomBytes(16).toString('base64'), uri = DIGEST_URI }: Partial<Fixed> = {}) {
    this.#login = login;
    this.#cnonce = cnonce;
    this.#uri = uri;
  }

  /** Throws SaslError when the challenge is none of this mechanism. */
  respond(challenge: Buffer): Buffer {
    if (challenge.length === 0)
      throw new SaslError('the server is not set up for SASL (it has no JAAS section Server)');
    const fields = parseFields(challenge);
    const { nonce, realm, qop = 'auth', algorithm } = fields;
    if (nonce === undefined || algorithm !== 'md5-sess' || !qop.split(/[ ,]+/).includes('auth'))
      throw new SaslError('the server does not offer DIGEST-MD5 with qop=auth');
    const isUtf8 = fields['charset']?.toLowerCase() === 'utf-8';
    const { user } = this.#login;
    const proof = (method: string): string => this.#proof({ method, realm, nonce, isUtf8 });
    this.#expected = proof('');
    const said = [
      ...(isUtf8 ? ['charset=utf-8'] : []),
      `username=${quoted(user)}`,
      ...(realm === undefined ? [] : [`realm=${quoted(realm)}`]),
      `nonce=${quoted(nonce)}`,
      `nc=${COUNT}`,
      `cnonce=${quoted(this.#cnonce)}`,
      `digest-uri=${quoted(this.#uri)}`,
      'maxbuf=65536',
      `response=${proof('AUTHENTICATE')}`,
      'qop=auth',
    ];
    return Buffer.from(said.join(','), isUtf8 ? 'utf8' : 'latin1');
  }

  /** Throws SaslError when the server has not proved that it knows the password. */
  check(answer: Buffer): void {
    const { rspauth = '' } = parseFields(answer);
    const [said, expected] = [Buffer.from(rspauth), Buffer.from(this.#expected ?? '')];
    if (expected.length === 0 || said.length !== expected.length || !timingSafeEqual(said, expected))
      throw new SaslError('the server has not proved that it knows the password');
  }

  /** RFC 2831, 2.1.2.1 and 2.1.3. */
  #proof({ method, realm = '', nonce, isUtf8 }: Proof): string {
    const { user, password } = this.#login;
    const bytes = (text: string): Buffer => Buffer.from(text, isUtf8 && !isLatin1(text) ? 'utf8' : 'latin1');
    const colon = Buffer.from(':');
    const secret = md5(Buffer.concat([bytes(user), colon, bytes(realm), colon, bytes(password)]));
    const a1 = md5(Buffer.concat([secret, Buffer.from(`:${nonce}:${this.#cnonce}`)])).toString('hex');
    const a2 = md5(Buffer.from(`${method}:${this.#uri}`)).toString('hex');
    return md5(Buffer.from([a1, nonce, COUNT, this.#cnonce, 'auth', a2].join(':'))).toString('hex');
  }
}

interface Proof {
  /** Empty in the server's own proof. */
  readonly method: string;
  readonly realm: string | undefined;
  readonly nonce: string;
  readonly isUtf8: boolean;
}

function md5(bytes: Buffer): Buffer {
  return createHash('md5').update(bytes).digest();
}

function isLatin1(text: string): boolean {
  return /^[\u{0}-\u{ff}]*$/u.test(text);
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

/** A challenge and its answer are shorter (RFC 2831, 2.1.1), bytes: nobody has to read more. */
const LONGEST = 2048;

/**
 * `name=value` and `name="value"`, separated by commas. Of several values of one name the first counts. Throws
 * SaslError when there is more than this mechanism has to say.
 */
function parseFields(said: Buffer): Readonly<Record<string, string | undefined>> {
  if (said.length > LONGEST) throw new SaslError(`the server says ${said.length} bytes, which is not DIGEST-MD5`);
  const found: Record<string, string> = {};
  const fields = /(?<![\w-])([\w-]+)=(?:"((?:[^"\\]|\\.)*)"|([^",\s]*))/g;
  for (const [, name = '', inQuotes, plain] of said.toString('utf8').matchAll(fields))
    found[name.toLowerCase()] ??= inQuotes?.replace(/\\(.)/g, '$1') ?? plain ?? '';
  return found;
}
