/**
 * A register as files, one for each version, of which the latest counts. Two that write under one version make the same
 * file, and link(2) lets one of them. A file begins with a line about itself; the data follows.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, sleep } from '../clock.ts';
import { GoneError, OutcomeUnknownError, VersionConflictError } from '../election/errors.ts';
import type { Register, RegisterState, RequestOptions } from '../election/register.ts';
import { BallotError, describe, UnavailableError } from '../errors.ts';
import { isObject, parseObject } from '../json-fields.ts';
import type { Logger } from '../log/logger.ts';
import { codeOf, createFile, diskError, removeDrafts } from './disk.ts';
import type { ElectionFolder } from './folder.ts';
import { lastToken, readLease } from './lease.ts';

export interface RegisterParts {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Makes the folder where it is missing. */
  readonly folder: () => ElectionFolder;
}

/** The line about itself. */
interface Header {
  readonly birth: string;
  readonly stamp: number;
  /** This write and those before it, latest last: as many as a slow writer may have missed. */
  readonly writes: readonly string[];
}

interface Version {
  readonly version: number;
  readonly header: Header;
  readonly data: Buffer;
}

/** So many writes are named in a header. */
const KNOWN_WRITES = 16;

/** Between two tries to read, ms. */
const RETRY_MS = 200;

export class FileRegister implements Register {
  readonly #parts: RegisterParts;
  readonly #name: string;

  constructor(parts: RegisterParts, name: string) {
    this.#parts = parts;
    this.#name = name;
  }

  async read(signal: AbortSignal): Promise<RegisterState> {
    const { clock, logger } = this.#parts;
    for (let said = false; ; said = true) {
      signal.throwIfAborted();
      try {
        const folder = this.#parts.folder();
        const found = latestVersion(folder, this.#name);
        if (found !== undefined) return stateOf(found);
        this.#make(folder);
      } catch (error) {
        const known = error instanceof BallotError ? error : this.#told('cannot read', error);
        if (!(known instanceof UnavailableError)) throw known;
        if (!said) logger.warn('a register cannot be read: trying again', { error: describe(known) });
        await sleep(clock, RETRY_MS, signal);
      }
    }
  }

  #make(folder: ElectionFolder): void {
    const header = {
      birth: randomId(),
      stamp: stampIn(folder),
      writes: [randomId()],
    };
    createFile(pathOf(folder, this.#name, 0), encode(header, Buffer.alloc(0)));
  }

  /** Writes to a disk of this host: the deadline was met, or the whole process stood still. */
  write(data: Buffer, version: number, { signal }: RequestOptions): Promise<number> {
    return Promise.resolve().then(() => {
      signal?.throwIfAborted();
      return this.#write(data, version);
    });
  }

  #write(data: Buffer, version: number): number {
    const folder = this.#parts.folder();
    const before = this.#latest(folder);
    if (before === undefined) throw new GoneError(`there is no register ${this.#name} in ${folder.registers}`);
    if (before.version !== version) throw this.#conflict(before.version, version);
    const id = randomId();
    const { birth, stamp, writes } = before.header;
    const header = { birth, stamp: Math.max(stamp, stampIn(folder)), writes: [...writes, id].slice(-KNOWN_WRITES) };
    const path = pathOf(folder, this.#name, version + 1);
    try {
      if (!createFile(path, encode(header, data))) throw this.#conflict(version + 1, version);
    } catch (error) {
      throw error instanceof BallotError ? error : this.#told('cannot write', error);
    }
    this.#confirm(folder, version + 1, id);
    removeBelow(folder, this.#name, version + 1);
    return version + 1;
  }

  /**
   * A file of an earlier version may be made anew once that was removed: what counts is whether later ones know of it.
   */
  #confirm(folder: ElectionFolder, version: number, id: string): void {
    const latest = this.#latest(folder);
    if (latest?.header.writes.includes(id)) return;
    if (latest !== undefined && latest.version - version < KNOWN_WRITES) {
      rmSync(pathOf(folder, this.#name, version), { force: true });
      throw this.#conflict(latest.version, version - 1);
    }
    throw new OutcomeUnknownError('write', pathOf(folder, this.#name, version), 'others have written since');
  }

  #latest(folder: ElectionFolder): Version | undefined {
    try {
      return latestVersion(folder, this.#name);
    } catch (error) {
      throw this.#told('cannot read', error);
    }
  }

  /** A failure of the system, told; anything else is a bug, and stays what it is. */
  #told(deed: string, error: unknown): unknown {
    return codeOf(error) === '' ? error : diskError(deed, `the register ${this.#name}`, error);
  }

  #conflict(found: number, named: number): VersionConflictError {
    return new VersionConflictError(`register ${this.#name}: it has version ${found}, and ${named} was named`);
  }
}

/** What the register holds, for who only looks; empty where there is none. Throws what the system throws. */
export function registerData(folder: ElectionFolder, name: string): Buffer {
  return latestVersion(folder, name)?.data ?? Buffer.alloc(0);
}

/** Node's crypto is loaded with the first write: it would cost a start some milliseconds. */
const randomId = (): string => process.getBuiltinModule('node:crypto').randomBytes(8).toString('hex');

const pathOf = (folder: ElectionFolder, name: string, version: number): string =>
  join(folder.registers, `${name}.${version}`);

/** Greater than the token of each term that has begun; less than those to come. */
const stampIn = (folder: ElectionFolder): number => lastToken(readLease(folder.lease)) + 1;

function stateOf({ version, header, data }: Version): RegisterState {
  return { data, version, stamp: header.stamp, birth: header.birth };
}

function versionsOf(folder: ElectionFolder, name: string): number[] {
  const versions = readdirSync(folder.registers)
    .filter((file) => file.startsWith(`${name}.`))
    .map((file) => file.slice(name.length + 1))
    .filter((rest) => /^\d+$/.test(rest));
  return versions.map(Number);
}

/** The one that counts. One that is replaced while it is being read is looked for again. */
function latestVersion(folder: ElectionFolder, name: string): Version | undefined {
  for (;;) {
    const versions = namedVersions(folder, name);
    if (versions.length === 0) return undefined;
    const version = Math.max(...versions);
    try {
      return decode(version, readFileSync(pathOf(folder, name, version)));
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  }
}

function namedVersions(folder: ElectionFolder, name: string): number[] {
  try {
    return versionsOf(folder, name);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

function removeBelow(folder: ElectionFolder, name: string, version: number): void {
  for (const old of versionsOf(folder, name)) if (old < version) rmSync(pathOf(folder, name, old), { force: true });
  removeDrafts(folder.registers);
}

const encode = (header: Header, data: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), data]);

/** A file that somebody has rewritten by hand counts as a new register: its text is the data. */
function decode(version: number, file: Buffer): Version {
  const end = file.indexOf('\n');
  const json = end < 0 ? 'no header' : parseObject(file.subarray(0, end));
  if (
    isObject(json) &&
    typeof json['birth'] === 'string' &&
    Number.isFinite(json['stamp']) &&
    Array.isArray(json['writes'])
  )
    return { version, header: json as unknown as Header, data: file.subarray(end + 1) };
  return { version, header: { birth: 'unknown', stamp: 0, writes: [] }, data: file };
}
