/** Who ballot is to ZooKeeper: a scheme, a user and a password, given themselves or in a file. */
import { closeSync, constants, fstatSync, openSync, readSync, statSync, type Stats } from 'node:fs';
import { describe } from '../errors.ts';
import type { AuthScheme, ZooKeeperAuth } from './config.ts';
import { ValueError, type Kind } from './kinds.ts';

const SCHEMES: readonly AuthScheme[] = ['digest', 'sasl-digest'];

const ALLOWED = 'digest:USER:PASSWORD, sasl-digest:USER:PASSWORD, or file:PATH of a file that holds one of them';

/** A longer one is no password of somebody's, bytes. */
const LONGEST = 4096;

const HIDDEN = '***';

/** A value of `zookeeper-auth`. The password is private to it, so that no JSON and no print shows it. */
export class GivenAuth implements ZooKeeperAuth {
  readonly scheme: AuthScheme;
  readonly user: string;
  readonly file: string | undefined;
  readonly #password: string;

  private constructor(scheme: AuthScheme, user: string, password: string, file?: string) {
    this.scheme = scheme;
    this.user = user;
    this.file = file;
    this.#password = password;
  }

  password(): string {
    return this.#password;
  }

  /** Understands `SCHEME:USER:PASSWORD`. Throws ValueError, whose message holds nothing of the text. */
  static parse(text: string, file?: string): GivenAuth {
    const [, scheme, user = '', password = ''] = /^([\w-]+):([^:]*)(?::(.*))?$/s.exec(text) ?? [];
    const known = SCHEMES.find((name) => name === scheme?.toLowerCase());
    if (known === undefined) throw new ValueError(`must be ${file === undefined ? ALLOWED : ALLOWED_IN_FILE}`);
    if (/\p{Cc}/u.test(text)) throw new ValueError('must not hold control characters, nor more than one line');
    if (text.includes('\u{fffd}')) throw new ValueError('must be UTF-8');
    if (text.length > LONGEST) throw new ValueError(`is longer than ${LONGEST} characters`);
    if (user === '' || password === '') throw new ValueError(`needs a user and a password: ${known}:USER:PASSWORD`);
    return new GivenAuth(known, user, password, file);
  }

  /** What stands in this file is read later. */
  static inFile(path: string): GivenAuth {
    if (!path.startsWith('/')) throw new ValueError('needs an absolute path of a file after file:');
    if (/\p{Cc}/u.test(path)) throw new ValueError('must not hold control characters');
    return new GivenAuth('digest', '', '', path);
  }

  /** Reads its file, if it has one. Throws ValueError, whose message holds nothing of what stands there. */
  read(): GivenAuth {
    if (this.file === undefined) return this;
    try {
      return GivenAuth.parse(readSecret(this.file).replace(/[\r\n]+$/, ''), this.file);
    } catch (error) {
      throw new ValueError(`${this.file}: ${describe(error)}`);
    }
  }
}

const ALLOWED_IN_FILE = 'one line, digest:USER:PASSWORD or sasl-digest:USER:PASSWORD';

export const zookeeperAuth: Kind<ZooKeeperAuth | undefined> = {
  placeholder: 'AUTH',
  allowed: ALLOWED,
  secret: true,
  schema: { type: 'string', pattern: '^((digest|sasl-digest):[^:]+:.+|file:/.+)$' },
  parse: (text) => (/^file:/i.test(text) ? GivenAuth.inFile(text.slice('file:'.length)) : GivenAuth.parse(text)),
  format: (auth) => (auth?.file === undefined ? `${auth?.scheme ?? 'none'}:${HIDDEN}` : `file:${auth.file}`),
};

/** Nobody waits for a writer of a FIFO: what is no regular file is refused. Throws what is wrong, in words. */
function readSecret(path: string): string {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = fstatSync(fd);
    const wrong = wrongKind(stats) ?? openToOthers(stats, process.geteuid?.());
    if (wrong !== undefined) throw new ValueError(wrong);
    const content = Buffer.alloc(LONGEST + 1);
    const length = readSync(fd, content);
    if (length > LONGEST) throw new ValueError(`is longer than ${LONGEST} bytes`);
    return content.toString('utf8', 0, length);
  } finally {
    closeSync(fd);
  }
}

function wrongKind(stats: Stats): string | undefined {
  if (stats.isFile()) return undefined;
  const kind = stats.isDirectory() ? 'a folder' : stats.isFIFO() ? 'a FIFO' : 'no file, but a device or a socket';
  return `is ${kind}: it must be a regular file`;
}

/**
 * Why somebody else can read the file, or write it. A group may read a file of root's, as secrets of containers are
 * laid: the rule of PostgreSQL for its keys.
 */
function openToOthers({ uid, mode }: Stats, user: number | undefined): string | undefined {
  if (user === undefined) return undefined;
  const found = `mode ${(mode & 0o777).toString(8).padStart(4, '0')}`;
  if (uid !== 0 && uid !== user) return `belongs to another user (${uid}): it must be this user's, or root's`;
  if ((mode & 0o007) !== 0) return `other users can use it (${found}): chmod 600`;
  if ((mode & 0o030) !== 0) return `its group can change it (${found}): chmod 600`;
  return (mode & 0o040) !== 0 && uid !== 0 ? `its group can read it (${found}): chmod 600` : undefined;
}

/** Why others may see a password that came by no file of its own, but by `source`. `undefined`: they do not. */
export function doubtSecrecy({ file }: ZooKeeperAuth, source: string): string | undefined {
  if (file !== undefined || source.startsWith('environment ') || source.startsWith('option ')) return undefined;
  const remedy = 'put it into a file of its own, and name that: zookeeper-auth file:PATH';
  if (source.startsWith('flag '))
    return `${source}: every user of this host can read a password on the command line (ps): ${remedy}`;
  const path = source.replace(/:\d+$/, '');
  const { mode } = statSync(path, { throwIfNoEntry: false }) ?? { mode: 0 };
  if ((mode & 0o044) === 0) return undefined;
  return `${source}: other users can read the password of zookeeper-auth in this file: chmod 600, or ${remedy}`;
}
