/** Which time zone a schedule is read in: its own, the one that is configured, or the host's. */

import { readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { ScheduleError } from './errors.ts';
import { ianaName, ianaNames, unknownZone } from './zone-names.ts';

/** A zone that counts, and where its name comes from: `schedule`, `timezone`, `host: TZ`, `host: /etc/localtime`. */
export interface ChosenZone {
  readonly name: string;
  readonly from: string;
}

/** Where a host keeps its zone. */
export interface ZoneFiles {
  readonly localtime: string;
  /** Folders of the IANA data. */
  readonly zoneinfo: readonly string[];
}

/** As Go's `time` looks for them; the last one is NixOS's. */
const SYSTEM: ZoneFiles = {
  localtime: '/etc/localtime',
  zoneinfo: ['/usr/share/zoneinfo', '/usr/share/lib/zoneinfo', '/usr/lib/locale/TZ', '/etc/zoneinfo'],
};

/**
 * The zone that counts: the one in front of the schedule (`named`; `Local` is the host's), else `timezone`, else the
 * zone of the host. Throws ScheduleError when the host's is asked for and cannot be told.
 */
export function chosenZone(named: string | undefined, timezone: string | undefined): ChosenZone {
  if (named !== undefined && named !== 'Local') return { name: named, from: 'schedule' };
  if (named === undefined && timezone !== undefined) return { name: timezone, from: 'timezone' };
  return hostZone();
}

/**
 * The host's zone, found as the C library and Go find it: `TZ` (empty is UTC, a colon in front is passed over, a path
 * is a file of the IANA data), else `/etc/localtime` by its link or its content, else UTC. Node is not asked: it names
 * a wrong zone, or UTC, where the file is no link. Throws ScheduleError when there is no IANA name.
 */
export function hostZone(environment: NodeJS.ProcessEnv = process.env, files: ZoneFiles = SYSTEM): ChosenZone {
  const wish = environment['TZ']?.replace(/^:/, '');
  if (wish === undefined) return localZone(files);
  const name = wish === '' ? 'UTC' : wish.startsWith('/') ? nameOfFile(wish, files) : ianaName(wish);
  if (name === undefined)
    throw new ScheduleError(unknownZone(wish), {
      key: "the host's zone (TZ)",
      hint: REMEDY,
    });
  return { name, from: 'host: TZ' };
}

function localZone(files: ZoneFiles): ChosenZone {
  const { localtime } = files;
  const name = nameOfFile(localtime, files);
  if (name !== undefined) return { name, from: `host: ${localtime}` };
  if (linkOf(localtime) === undefined && contentOf(localtime) === undefined)
    return { name: 'UTC', from: `host: UTC, as there is no ${localtime}` };
  const why = 'has no name: it is no link into a zoneinfo folder, and is like no file there';
  throw new ScheduleError(why, { key: `the host's zone (${localtime})`, hint: REMEDY });
}

/** What to do about a host whose zone cannot be told. */
export const REMEDY = 'set --timezone (key timezone), or TZ, to an IANA name such as Europe/Paris, or UTC';

/** Longer chains of links are loops. */
const MOST_LINKS = 40;

/** `/etc/localtime`, a link to `/usr/share/zoneinfo/Europe/Paris`, is `Europe/Paris`; so is a copy of that file. */
function nameOfFile(path: string, files: ZoneFiles): string | undefined {
  let file: string | undefined = path;
  for (let links = 0; file !== undefined && links < MOST_LINKS; links += 1) {
    const name = nameInPath(file);
    if (name !== undefined) return name;
    const target = linkOf(file);
    file = target === undefined ? undefined : resolve(dirname(file), target);
  }
  return nameInPath(realPath(path)) ?? nameOfContent(path, files);
}

function nameInPath(path: string): string | undefined {
  const name = /\/zoneinfo(?:\.default)?\/(?:posix\/)?(.+)$/.exec(path)?.[1];
  return name === undefined ? undefined : ianaName(name);
}

/** The name of the file in a zoneinfo folder that has the same content. */
function nameOfContent(path: string, { zoneinfo }: ZoneFiles): string | undefined {
  const content = contentOf(path);
  if (content === undefined) return undefined;
  // The rule for all time to come, at the end of the file. No folder is needed to read this one.
  if (content.subarray(0, 4).toString() === 'TZif' && content.toString('latin1').endsWith('\nUTC0\n')) return 'UTC';
  for (const folder of zoneinfo.filter((data) => sizeOf(data) !== undefined))
    for (const name of ianaNames()) {
      const file = join(folder, name);
      if (sizeOf(file) === content.length && contentOf(file)?.equals(content) === true) return name;
    }
  return undefined;
}

function linkOf(path: string): string | undefined {
  return unlessMissing(() => readlinkSync(path), ['EINVAL']);
}

function realPath(path: string): string {
  return unlessMissing(() => realpathSync(path), ['ELOOP']) ?? path;
}

function contentOf(path: string): Buffer | undefined {
  return unlessMissing(() => readFileSync(path), ['EISDIR', 'ELOOP']);
}

function sizeOf(path: string): number | undefined {
  return unlessMissing(() => statSync(path).size, ['ELOOP']);
}

/** `undefined`: there is no such file, or one of `others`. Throws ScheduleError when it cannot be read. */
function unlessMissing<T>(read: () => T, others: readonly string[]): T | undefined {
  try {
    return read();
  } catch (error) {
    const { code = '', path = '', message } = error as NodeJS.ErrnoException;
    if (['ENOENT', 'ENOTDIR', ...others].includes(code)) return undefined;
    throw new ScheduleError(`cannot be told: ${message}`, { key: `the host's zone (${path})`, hint: REMEDY });
  }
}
