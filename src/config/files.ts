import {
  closeSync,
  constants,
  lstatSync,
  openSync,
  readlinkSync,
  realpathSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { describe, orUndefined } from '../errors.ts';
import { nextTurn } from '../waiting.ts';
import type { Explorer, Found } from './explorer.ts';
import type { Layer } from './layers.ts';

/** A folder may hold one of these. */
const NAMES = ['ballot.yaml', 'ballot.json'] as const;

/** A file of this size is no configuration of ballot, bytes. */
const LARGEST = 1024 * 1024;

/** What the file layers say, in rising precedence. */
export interface FileLayers {
  readonly layers: readonly Layer[];
  /** The files that were read, in the same order. */
  readonly read: readonly string[];
  readonly warnings: readonly string[];
}

/** A folder that may hold a file. */
export interface ConfigFolder {
  readonly path: string;
  /** Whether it counts only because ballot was started there: its file must be safe from other users. */
  readonly startedIn: boolean;
}

/**
 * The folders that may hold `ballot.yaml` or `ballot.json`, in rising precedence: `/etc/ballot`, the user's, the
 * working directory. Those that are not known are left out. A relative XDG_CONFIG_HOME counts as unset, as the XDG Base
 * Directory Specification says.
 */
export function configFolders(env: NodeJS.ProcessEnv, cwd: string | undefined): readonly ConfigFolder[] {
  const own = ['/etc/ballot', userFolder(env)]
    .filter((folder) => folder !== undefined)
    .map((folder) => resolve(folder));
  const folders = [...new Set(own)].map((path) => ({ path, startedIn: false }));
  return cwd === undefined || own.includes(resolve(cwd))
    ? folders
    : [...folders, { path: resolve(cwd), startedIn: true }];
}

function userFolder(env: NodeJS.ProcessEnv): string | undefined {
  const xdg = env['XDG_CONFIG_HOME'];
  if (xdg && isAbsolute(xdg)) return join(xdg, 'ballot');
  // The system may not know the user, as in a container that runs as some number.
  const home = env['HOME'] || orUndefined(homedir);
  return home === undefined ? undefined : join(home, '.config', 'ballot');
}

/** One file, which must exist. A FIFO or a device may be meant, unless a regular file is expected. */
export async function readNamedFile(path: string, expected: 'whatever' | 'regular file'): Promise<FileLayers> {
  const found = lookAt(path);
  const wrong = expected === 'regular file' && 'stats' in found ? wrongKind(found.stats) : undefined;
  const wakeUp = (): void => wakeReader(path);
  if ('stats' in found && found.stats.isFIFO()) process.once('exit', wakeUp);
  const layer =
    wrong === undefined ? await readLayer(path, async (explorer) => explorer.load(path)) : failed(`${path}: ${wrong}`);
  process.off('exit', wakeUp);
  return { layers: [layer], read: [path], warnings: [] };
}

/** Node ends when its threads do, and one of them may wait for somebody to write this FIFO. */
function wakeReader(fifo: string): void {
  orUndefined(() => {
    const file = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
    writeSync(file, '\n');
    closeSync(file);
  });
}

/** The file of each folder that has one. */
export async function readFolders(folders: readonly ConfigFolder[]): Promise<FileLayers> {
  const layers: Layer[] = [];
  const read: string[] = [];
  const warnings: string[] = [];
  for (const folder of folders) {
    const found = findFile(folder);
    warnings.push(...found.warnings);
    if (found.problem !== undefined) layers.push(failed(found.problem));
    const { path } = found;
    if (path === undefined) continue;
    read.push(path);
    // A search passes over what cannot be read; the file is known to be there, so loading it then says what is wrong.
    layers.push(
      await readLayer(path, async (explorer) => (await explorer.search(folder.path)) ?? (await explorer.load(path))),
    );
  }
  return { layers, read, warnings };
}

/** What a folder has: a file that may be read, or why there is none. */
interface Finding {
  readonly path?: string;
  readonly problem?: string;
  readonly warnings: readonly string[];
}

/** The one file of a folder, if it may be read. */
function findFile(folder: ConfigFolder): Finding {
  const place = lookAt(folder.path);
  if ('absent' in place) return { warnings: [] };
  if ('problem' in place) return { warnings: [], problem: `${folder.path}: ${place.problem}` };

  const warnings: string[] = [];
  const present: { path: string; problem: string | undefined }[] = [];
  for (const path of NAMES.map((name) => join(folder.path, name))) {
    const found = lookAt(path);
    if ('hidden' in found) warnings.push(`${path}: cannot be looked for (${found.hidden}), passed over`);
    else if (!('absent' in found))
      present.push({ path, problem: 'problem' in found ? found.problem : wrongKind(found.stats) });
  }
  const misnamed = join(folder.path, 'ballot.yml');
  if ('stats' in lookAt(misnamed)) warnings.push(`${misnamed}: not read, its name would have to be ballot.yaml`);

  const [file, other] = present;
  if (file === undefined) return { warnings };
  if (other !== undefined)
    return { warnings, problem: `${file.path} and ${other.path}: only one of them can count, remove the other` };
  if (file.problem !== undefined) return { warnings, problem: `${file.path}: ${file.problem}` };
  return folder.startedIn ? judgeTrust(file.path, warnings) : { warnings, path: file.path };
}

/** Root must not read what other users can write; whoever else does is warned. */
function judgeTrust(path: string, warnings: readonly string[]): Finding {
  const identity = ownIdentity();
  if (identity === undefined) return { warnings, path };
  let why: string | undefined;
  try {
    why = whyOthersMayWrite(path, identity);
  } catch (error) {
    return { warnings, problem: `${path}: cannot be read: ${describe(error)}` };
  }
  if (why === undefined) return { warnings, path };
  const remedy = 'change owner and mode (chown, chmod go-w), or name the file with --config-file';
  return identity.uid === 0
    ? { warnings, problem: `${path}: not read for root, as other users can change it: ${why}: ${remedy}` }
    : { warnings: [...warnings, `${path}: other users can change it: ${why}: ${remedy}`], path };
}

/** The user and the group that ballot runs as. Root is trusted beside them. */
interface Identity {
  readonly uid: number;
  readonly gid: number;
}

/** Who ballot runs as. `undefined` where the system knows no numbers of users. */
function ownIdentity(): Identity | undefined {
  const [uid, gid] = [process.geteuid?.(), process.getegid?.()];
  return uid === undefined || gid === undefined ? undefined : { uid, gid };
}

/**
 * Why other users can change the file, or put another in its place; `undefined` if they cannot. Looks at the file and
 * its folder, and at both ends of a symbolic link. Throws what the file system says.
 */
function whyOthersMayWrite(path: string, identity: Identity): string | undefined {
  const target = realpathSync(path);
  for (const place of new Set([dirname(path), path, dirname(target), target])) {
    const why = openToOthers(lstatSync(place), identity);
    if (why !== undefined) return `${place} ${why}`;
  }
  return undefined;
}

function openToOthers(stats: Stats, { uid, gid }: Identity): string | undefined {
  if (stats.uid !== 0 && stats.uid !== uid) return `belongs to another user (${stats.uid})`;
  // The mode of a link says nothing. In a sticky folder others may make files of their own, which belong to them.
  const isSticky = stats.isDirectory() && (stats.mode & 0o1000) !== 0;
  if (stats.isSymbolicLink() || isSticky) return undefined;
  if ((stats.mode & 0o002) !== 0) return 'can be written by everybody';
  // Where each user has a group of the same number, nobody else is in it.
  const isOwnGroup = stats.gid === 0 || (stats.gid === gid && gid === uid);
  return (stats.mode & 0o020) !== 0 && !isOwnGroup ? `can be written by a group (${stats.gid})` : undefined;
}

function failed(problem: string): Layer {
  return { settings: [], problems: [problem] };
}

/** What is at a path: something; nothing; a link that leads nowhere; or why that cannot be said. */
type Sight = { stats: Stats } | { absent: true } | { problem: string } | { hidden: string };

function lookAt(path: string): Sight {
  try {
    // Many small questions on the way of each start: to ask each of them in the background takes longer than they do.
    lstatSync(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ENOTDIR' ? { absent: true } : { hidden: message };
  }
  try {
    return { stats: statSync(path) };
  } catch (error) {
    const target = orUndefined(() => readlinkSync(path));
    const { code, message } = error as NodeJS.ErrnoException;
    // Removed in between.
    if (target === undefined) return { absent: true };
    const why = code === 'ENOENT' || code === 'ENOTDIR' ? 'which does not exist' : message;
    return { problem: `is a symbolic link to ${target}, ${why}: make the target available, or remove the link` };
  }
}

/** Why this cannot be a configuration file. A folder is left to the reader, which says so. */
function wrongKind(stats: Stats): string | undefined {
  if (stats.isFile()) return stats.size > LARGEST ? `is larger than ${LARGEST} bytes` : undefined;
  if (stats.isDirectory()) return undefined;
  const kind = stats.isFIFO() ? 'a FIFO' : stats.isSocket() ? 'a socket' : 'a device';
  return `is ${kind}, not a regular file`;
}

async function readLayer(path: string, read: (explorer: Explorer) => Promise<Found | null>): Promise<Layer> {
  // A file may be a FIFO that nobody writes: signals that have come are heard before.
  await nextTurn();
  // Loaded only now: most hosts have no such file, and the search and the parser cost as much as all the rest of the
  // start.
  const { openExplorer } = await import('./explorer.ts');
  const explorer = openExplorer(NAMES);
  try {
    const found = await read(explorer);
    return found?.config ?? { settings: [], problems: [] };
  } catch (error) {
    return failed(`${path}: cannot be read: ${describe(error)}`);
  }
}
