/**
 * A register as files, one for each version, of which the latest counts. Two that write under one version make the same
 * file, and link(2) lets one of them. A file begins with a line about itself; the data follows.
 *
 * A version is seen by others at once, and forced to the disk behind that: who writes notes and then gives up the lock
 * does not wait for the disk, nor does the next leader. The version before is removed when it is on the disk. A power
 * failure may leave a file without its content: then the version before counts.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, sleep } from '../clock.ts';
import { GoneError, OutcomeUnknownError, VersionConflictError } from '../election/errors.ts';
import type { Register, RegisterState, RequestOptions } from '../election/register.ts';
import { BallotError, describe, UnavailableError } from '../errors.ts';
import { isObject, parseObject } from '../json-fields.ts';
import type { Logger } from '../log/logger.ts';
import { nextTurn, within } from '../waiting.ts';
import { codeOf, createFile, diskError, persist, removeDrafts, uniqueName } from './disk.ts';
import type { ElectionFolder } from './folder.ts';
import { readLease } from './lease.ts';
import { lastToken } from './tokens.ts';

export interface RegisterParts {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Makes the folder where it is missing. */
  readonly folder: () => ElectionFolder;
  /** Whether a write is answered when it is on the disk. It is unless told otherwise. */
  readonly waits?: boolean | undefined;
}

/** The line about itself. */
interface Header {
  readonly birth: string;
  readonly stamp: number;
  /** This write and those before it, latest last: as many as a slow writer may have missed. */
  readonly writes: readonly string[];
  /** Of the data. Files of before there was this field do not say. */
  readonly bytes?: number;
}

interface Version {
  readonly version: number;
  readonly header: Header;
  readonly data: Buffer;
}

/** So many writes are named in a header. */
const KNOWN_WRITES = 16;

/** What nobody waits for is forced to the disk so long after it was written, ms: a handover goes first. */
const SETTLE_AFTER_MS = 20;

/** Between two tries to read, ms. */
const RETRY_MS = 200;

export class FileRegister implements Register {
  readonly #parts: RegisterParts;
  readonly #name: string;
  /** As it was when it was read last. */
  #folder: ElectionFolder | undefined;
  /** Calls the next forcing to the disk off. */
  #unsettled: (() => void) | undefined;

  constructor(parts: RegisterParts, name: string) {
    this.#parts = parts;
    this.#name = name;
  }

  async read(signal: AbortSignal): Promise<RegisterState> {
    const { clock, logger } = this.#parts;
    for (let said = false; ; said = true) {
      signal.throwIfAborted();
      try {
        const folder = (this.#folder = this.#parts.folder());
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
    const header = { birth: uniqueName(), stamp: stampIn(folder), writes: [uniqueName()] };
    createFile(pathOf(folder, this.#name, 0), encode(header, Buffer.alloc(0)));
  }

  /** Others see it when this returns its promise. */
  async write(data: Buffer, version: number, { signal, timeout }: RequestOptions): Promise<number> {
    signal?.throwIfAborted();
    const folder = (this.#folder ??= this.#parts.folder());
    const before = this.#present(folder, version);
    if (before === undefined) throw new GoneError(`there is no register ${this.#name} in ${folder.registers}`);
    if (before.version !== version) throw this.#conflict(before.version, version);
    const id = uniqueName();
    const { birth, stamp, writes } = before.header;
    const header = { birth, stamp: Math.max(stamp, stampIn(folder)), writes: [...writes, id].slice(-KNOWN_WRITES) };
    const path = pathOf(folder, this.#name, version + 1);
    let isCreated: boolean;
    try {
      isCreated = createFile(path, encode(header, data), 'over a crash of ballot');
    } catch (error) {
      throw error instanceof BallotError ? error : this.#told('cannot write', error);
    }
    if (!isCreated) throw this.#conflict(version + 1, version);
    if (this.#parts.waits === false) await this.#seen(folder, version + 1, id);
    else await this.#onDisk(folder, version + 1, id, timeout);
    return version + 1;
  }

  /** What the caller does in this turn comes first. */
  async #seen(folder: ElectionFolder, version: number, id: string): Promise<void> {
    await nextTurn();
    this.#confirm(folder, version, id);
    const { clock } = this.#parts;
    this.#unsettled ??= clock.at(clock.now() + SETTLE_AFTER_MS, () => void this.settle());
  }

  /** Forces to the disk what was written without waiting for it. Never rejects: the next write is another try. */
  async settle(): Promise<void> {
    this.#unsettled?.();
    if (this.#unsettled === undefined || this.#folder === undefined) return;
    this.#unsettled = undefined;
    const folder = this.#folder;
    try {
      const { version } = latestVersion(folder, this.#name) ?? {};
      if (version === undefined) return;
      await persist(pathOf(folder, this.#name, version));
      removeBelow(folder, this.#name, version);
    } catch (error) {
      this.#parts.logger.debug('a register is not forced to the disk', { error: describe(error) });
    }
  }

  /** The version that is named, if it is there, else the latest: to look first for later ones keeps none away. */
  #present(folder: ElectionFolder, version?: number): Version | undefined {
    try {
      const named = version === undefined ? undefined : wholeVersion(folder, this.#name, version);
      return named ?? latestVersion(folder, this.#name);
    } catch (error) {
      throw this.#told('cannot read', error);
    }
  }

  async #onDisk(folder: ElectionFolder, version: number, id: string, timeout: number): Promise<void> {
    const path = pathOf(folder, this.#name, version);
    const { clock } = this.#parts;
    const unknown = (why: string): Error => new OutcomeUnknownError('write', path, why);
    const limits = { at: clock.now() + timeout, late: () => unknown('the disk does not answer') };
    await within(clock, persist(path), limits).catch((error: unknown) => {
      // A later version that is on the disk has taken its place.
      if (codeOf(error) !== 'ENOENT') throw error instanceof BallotError ? error : unknown(describe(error));
    });
    this.#confirm(folder, version, id);
    removeBelow(folder, this.#name, version);
  }

  /**
   * A file of an earlier version may be made anew once that was removed: what counts is whether later ones know of it.
   */
  #confirm(folder: ElectionFolder, version: number, id: string): void {
    const latest = this.#present(folder);
    if (latest?.header.writes.includes(id)) return;
    if (latest !== undefined && latest.version - version < KNOWN_WRITES) {
      rmSync(pathOf(folder, this.#name, version), { force: true });
      throw this.#conflict(latest.version, version - 1);
    }
    throw new OutcomeUnknownError('write', pathOf(folder, this.#name, version), 'others have written since');
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

const pathOf = (folder: ElectionFolder, name: string, version: number): string =>
  join(folder.registers, `${name}.${version}`);

/** Greater than the token of each term that has begun; less than those to come. */
const stampIn = (folder: ElectionFolder): number => lastToken(folder, readLease(folder.lease)) + 1;

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

/**
 * The one that counts: the latest, with what is in the latest that is whole. One that is replaced while it is being
 * read is looked for again.
 */
function latestVersion(folder: ElectionFolder, name: string): Version | undefined {
  for (;;) {
    const versions = namedVersions(folder, name).toSorted((a, b) => b - a);
    const [version] = versions;
    if (version === undefined) return undefined;
    for (const each of versions) {
      const found = wholeVersion(folder, name, each);
      if (found !== undefined) return { ...found, version };
    }
    const left = readVersion(folder, name, version);
    if (left !== undefined) return { version, header: NO_HEADER, data: left };
  }
}

/** `undefined`: it is not there, or a power failure has taken its content. */
function wholeVersion(folder: ElectionFolder, name: string, version: number): Version | undefined {
  const file = readVersion(folder, name, version);
  if (file === undefined || file.length === 0 || file[0] === 0) return undefined;
  const found = decode(version, file);
  if (found.header === NO_HEADER) return BEGINS.some((byte, i) => file[i] !== byte) ? found : undefined;
  const { bytes = found.data.length } = found.header;
  return bytes === found.data.length ? found : undefined;
}

function readVersion(folder: ElectionFolder, name: string, version: number): Buffer | undefined {
  try {
    return readFileSync(pathOf(folder, name, version));
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    return undefined;
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
  Buffer.concat([Buffer.from(`${JSON.stringify({ ...header, bytes: data.length })}\n`), data]);

/** How a header begins. */
const BEGINS = Buffer.from('{"birth":');

/** Of a file that somebody has rewritten by hand. */
const NO_HEADER: Header = { birth: 'unknown', stamp: 0, writes: [] };

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
  return { version, header: NO_HEADER, data: file };
}
