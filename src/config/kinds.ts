import { BallotError, ExitCode } from '../errors.ts';
import type { ServerAddress } from './config.ts';
import { formatDuration, parseDuration } from '../duration.ts';
import { formatServers, isHost, parseServers } from './servers.ts';
import { invisibleIn } from '../visible.ts';

/** A text that is not a value of its kind. The message says what is allowed. */
export class ValueError extends BallotError {
  constructor(message: string) {
    super('VALUE', ExitCode.configuration, message);
  }
}

type Schema = Readonly<Record<string, unknown>>;

/** A kind of value: how it is read from text, written back, named in help, and described to an editor. */
export interface Kind<T> {
  /** What stands for the value in help: `DURATION`. */
  readonly placeholder: string;
  /** What is allowed, in words. */
  readonly allowed: string;
  /** What a file may hold besides text. */
  readonly native?: 'boolean' | 'list';
  readonly schema: Schema;
  /** It may hold a password: no message quotes it, and `format` hides that. */
  readonly secret?: true;
  /** Throws a BallotError whose message says what is allowed. */
  parse(text: string): T;
  /** What `parse` would read as the same value. */
  format(value: T): string;
}

/** Why the text is not a value of this kind; `undefined` if it is one. */
export function faultOf(kind: Kind<unknown>, value: string): string | undefined {
  try {
    kind.parse(value);
    return undefined;
  } catch (error) {
    if (error instanceof BallotError) return error.message;
    throw error;
  }
}

const CONTROL = /\p{Cc}/u;

/** Control characters, surrogates, private use and specials, as ZooKeeper's `PathUtils.validatePath` lists them. */
const REFUSED_IN_PATHS = /[\p{Cc}\u{d800}-\u{f8ff}\u{fff0}-\u{10ffff}]/u;

/** What ballot makes below the base path of an election: the ledger of its runs, and proposals. */
const INSIDE_ELECTION = /^(\/.+)\/((runs)|proposal-(?:\d{10}|-\d{9,10}))$/;

/** Free text without control characters. */
export function text(placeholder: string, allowed: string, longest: number): Kind<string> {
  return {
    placeholder,
    allowed,
    schema: { type: 'string', minLength: 1, maxLength: longest },
    parse(value) {
      if (value.trim() === '') throw new ValueError(`must not be empty: ${allowed}`);
      if (CONTROL.test(value)) throw new ValueError(`must not hold control characters: ${allowed}`);
      if (value.includes('\u{fffd}')) throw new ValueError(`must be UTF-8: ${allowed}`);
      if (value.length > longest) throw new ValueError(`is longer than ${longest} characters`);
      return value;
    },
    format: (value) => value,
  };
}

/** A name that people tell from others by its looks. */
export function plainName(placeholder: string, allowed: string, longest: number): Kind<string> {
  const free = text(placeholder, allowed, longest);
  return {
    ...free,
    schema: { ...free.schema, pattern: '^\\S+$' },
    parse(value) {
      const unseen = value.trim() === '' ? undefined : invisibleIn(value);
      if (unseen !== undefined) throw new ValueError(`${unseen}: ${allowed}`);
      return free.parse(value);
    },
  };
}

/** One of some words, whatever their case. `aliases` are other spellings, not advertised unless `shown`. */
export function choice<T extends string>(
  values: readonly T[],
  aliases: Readonly<Record<string, T>> = {},
  shown: readonly string[] = values,
): Kind<T> {
  const byName = new Map<string, T>(values.map((value) => [value.toLowerCase(), value]));
  for (const [name, value] of Object.entries(aliases)) byName.set(name.toLowerCase(), value);
  return {
    placeholder: shown.length <= 4 ? shown.join('|') : 'NAME',
    allowed: shown.join(', '),
    schema: { enum: shown },
    parse(name) {
      const value = byName.get(name.toLowerCase());
      if (value === undefined) throw new ValueError(`must be one of ${shown.join(', ')}`);
      return value;
    },
    format: (value) => value,
  };
}

/** Go's `strconv.ParseBool` knows the short spellings too; `true` and `false` are the documented ones. */
export const boolean: Kind<boolean> = {
  placeholder: 'true|false',
  allowed: 'true, false',
  native: 'boolean',
  schema: { type: 'boolean' },
  parse(name) {
    const isTrue = /^(1|t|true)$/i.test(name);
    if (!isTrue && !/^(0|f|false)$/i.test(name)) throw new ValueError('must be true or false');
    return isTrue;
  },
  format: String,
};

/** A whole number between two bounds, both allowed. */
export function wholeNumber(least: number, most: number): Kind<number> {
  const allowed = `${least} to ${most}`;
  return {
    placeholder: 'NUMBER',
    allowed,
    schema: { type: 'integer', minimum: least, maximum: most },
    parse(value) {
      const number = Number(value);
      if (!/^\d+$/.test(value) || number < least || number > most) {
        throw new ValueError(`must be a whole number from ${allowed}`);
      }
      return number;
    },
    format: String,
  };
}

const INSTANT = /^(\d{4}-\d\d-\d\d)[Tt ]\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|z|[+-]\d\d:\d\d)$/;

/** An instant, ms since the Unix epoch. Local times are none: whose zone would count? */
export const instant: Kind<number> = {
  placeholder: 'INSTANT',
  allowed: 'a date and time with its offset, such as 2026-11-21T03:00:00Z or 2026-11-21T04:00+01:00',
  schema: { type: 'string', format: 'date-time' },
  parse(value) {
    const day = INSTANT.exec(value)?.[1];
    const ms = day === undefined ? NaN : Date.parse(value.replace(' ', 'T').toUpperCase());
    // A day that the month does not have rolls over into the next one.
    if (Number.isNaN(ms) || !new Date(`${day}T00:00Z`).toISOString().startsWith(day ?? ''))
      throw new ValueError(`must be ${instant.allowed}`);
    return ms;
  },
  format: (ms) => new Date(ms).toISOString(),
};

/** A duration in whole milliseconds between two bounds, both allowed. With `none`, that word stands for "no limit". */
export function duration(least: string, most: string): Kind<number>;
export function duration(least: string, most: string, none: 'none'): Kind<number | undefined>;
export function duration(least: string, most: string, none?: 'none'): Kind<number | undefined> {
  const [min, max] = [parseDuration(least), parseDuration(most)];
  const allowed = `${least} to ${most}${none === undefined ? '' : ', or none'}`;
  return {
    placeholder: 'DURATION',
    allowed,
    schema: {
      type: 'string',
      pattern: `^(${none === undefined ? '' : 'none|'}0|((\\d+(\\.\\d*)?|\\.\\d+)(ns|us|µs|μs|ms|s|m|h))+)$`,
    },
    parse(value) {
      if (none !== undefined && value.toLowerCase() === none) return undefined;
      const ms = parseDuration(value);
      if (ms < min || ms > max) throw new ValueError(`must be from ${allowed}`);
      if (!Number.isInteger(ms)) throw new ValueError('must be whole milliseconds');
      return ms;
    },
    format: (ms) => (ms === undefined ? 'none' : formatDuration(ms)),
  };
}

/**
 * A ZooKeeper path for an election. The forbidden characters are those of ZooKeeper's own `PathUtils.validatePath`, so
 * that what is refused there is refused here, at start. What cannot be seen is refused as well: `/job` and `/job `
 * would be two elections, with two leaders.
 */
export const znodePath: Kind<string> = {
  placeholder: 'PATH',
  allowed: 'an absolute ZooKeeper path such as /ballot/election',
  schema: { type: 'string', pattern: '^(/[^/\\s]+)+$' },
  parse(path) {
    const bad = (why: string): ValueError => new ValueError(`${why}: ${znodePath.allowed}`);
    if (!path.startsWith('/')) throw bad('must start with /');
    if (path === '/') throw bad("cannot be the root, which holds everybody's znodes");
    if (path.endsWith('/')) throw bad('must not end with /');
    if (REFUSED_IN_PATHS.test(path)) throw bad('holds characters that ZooKeeper refuses');
    const unseen = invisibleIn(path);
    if (unseen !== undefined) throw bad(unseen);
    for (const part of path.slice(1).split('/')) {
      if (part === '') throw bad('must not hold an empty component (//)');
      if (part === '.' || part === '..') throw bad(`must not hold the component ${part}`);
    }
    if (path === '/zookeeper' || path.startsWith('/zookeeper/'))
      throw bad("cannot be in /zookeeper, which is ZooKeeper's own");
    const inner = INSIDE_ELECTION.exec(path);
    if (inner !== null) {
      const what = inner[3] ? 'the ledger of runs' : 'a place in the queue';
      throw bad(`cannot end with /${inner[2]}: it would be ${what} of the election ${inner[1]}`);
    }
    return path;
  },
  format: (path) => path,
};

/** Where an election stands that is given a name alone. */
export const BASE = '/ballot';

/** A name of an election: a part of a znode's path, and the name of a folder. */
export const electionName: Kind<string> = {
  placeholder: 'NAME',
  allowed: 'up to 128 letters, digits, dots, dashes and underscores, not beginning with a dot or a dash',
  schema: { type: 'string', pattern: '^\\w[\\w.-]{0,127}$' },
  parse(name) {
    if (!/^\w[\w.-]{0,127}$/.test(name)) throw new ValueError(`must be ${electionName.allowed}`);
    znodePath.parse(`${BASE}/${name}`);
    return name;
  },
  format: (name) => name,
};

/** A relative path would be another one in each working directory. */
function absolutePath(placeholder: string, allowed: string): Kind<string> {
  const plain = text(placeholder, allowed, 4096);
  return {
    ...plain,
    schema: { type: 'string', pattern: '^/' },
    parse(value) {
      const path = plain.parse(value);
      if (!path.startsWith('/')) throw new ValueError(`must be ${allowed}`);
      return path;
    },
  };
}

/** Where something is kept. */
export const folder = absolutePath('FOLDER', 'an absolute path of a folder');

const namedFile = absolutePath('FILE', 'an absolute path of a PEM file');

/** A certificate or a key, by its file. */
export const pemFile: Kind<string> = {
  ...namedFile,
  parse(value) {
    if (value.includes('-----BEGIN')) throw new ValueError(`must be ${namedFile.allowed}, not what is in it`);
    return namedFile.parse(value);
  },
};

/** What a certificate is issued for. */
export const tlsName: Kind<string> = {
  placeholder: 'NAME',
  allowed: 'one host name or IP address, without a port',
  schema: { type: 'string', minLength: 1 },
  parse(name) {
    if (!isHost(name)) throw new ValueError(`must be ${tlsName.allowed}`);
    return name.toLowerCase();
  },
  format: (name) => name,
};

/** A list of servers. Repeated flags and lists in files are joined with commas before they come here. */
export const servers: Kind<readonly ServerAddress[]> = {
  placeholder: 'HOST[:PORT],…',
  allowed: 'host or host:port (port 2181 when none is given), several separated by commas',
  native: 'list',
  schema: {
    oneOf: [
      { type: 'string', minLength: 1 },
      { type: 'array', minItems: 1, items: { type: 'string', minLength: 1 } },
    ],
  },
  parse(list) {
    const parsed = parseServers(list);
    if ('problem' in parsed) throw new ValueError(`${parsed.problem}: ${servers.allowed}`);
    return parsed.servers;
  },
  format: formatServers,
};
