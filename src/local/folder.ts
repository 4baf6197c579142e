/** The folder of an election: where it is, and whether it can be trusted. */
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  type Stats,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ConfigurationError } from '../errors.ts';
import { codeOf, createFile, diskError, draftOf, isShared, removeDrafts, syncFolder } from './disk.ts';
import type { NamedElection } from './environment.ts';
import { groupNumber } from './group.ts';

/** What an election consists of on disk. */
export interface ElectionFolder {
  /** The folder of all elections. */
  readonly stateDir: string;
  readonly path: string;
  /** The file that is locked. Empty. */
  readonly lock: string;
  /** Who leads, with which token. */
  readonly lease: string;
  /** One file for each candidate. */
  readonly queue: string;
  /** Data of the registers, a file for each version. */
  readonly registers: string;
  /** Number of the group that shares the election. `undefined`: one user has it alone. */
  readonly group: number | undefined;
}

/** Where the files of an election are. Looks at nothing. */
export function folderOf(stateDir: string, election: string, group?: number): ElectionFolder {
  const path = join(stateDir, election);
  return {
    stateDir,
    path,
    lock: join(path, 'lock'),
    lease: join(path, 'lease.json'),
    queue: join(path, 'queue'),
    registers: join(path, 'registers'),
    group,
  };
}

/**
 * Where the files of a configured election are. Looks at none. Throws ConfigurationError where there can be none: on
 * another system than Linux, where it is not known where this user keeps state, and for a group that this user is not
 * in.
 */
export function electionFolder({
  stateDir,
  election,
  stateGroup,
}: NamedElection & { readonly stateGroup: string | undefined }): ElectionFolder {
  refuseOtherSystems(process.platform);
  const group = stateGroup === undefined ? undefined : groupNumber(stateGroup);
  if (stateDir !== undefined) return folderOf(stateDir, election, group);
  throw new ConfigurationError(['state-dir: neither XDG_STATE_HOME nor HOME says where this user keeps state'], {
    hint: 'name a folder with --state-dir, state-dir in a file, or BALLOT_STATE_DIR (stateDir in a program)',
  });
}

/**
 * Makes the folder where it is missing, and looks at it. Throws ConfigurationError when it must not be used: it is a
 * symbolic link, another user's, open to others, or on a network; and where it cannot be made. `group`: who may share
 * it.
 */
export function prepareFolder(stateDir: string, election: string, group?: number): ElectionFolder {
  refuseOtherSystems(process.platform);
  const folder = folderOf(stateDir, election, group);
  if (group === undefined) make(stateDir, true);
  else makeSharedParent(stateDir, group);
  refuseOpenParent(stateDir, statSync(stateDir), group);
  if (group === undefined) make(folder.path, false);
  else makeShared(folder, group);
  inspectFolder(folder);
  make(folder.queue, false, group);
  make(folder.registers, false, group);
  if (group !== undefined) restoreLock(folder);
  return folder;
}

/** Throws ConfigurationError when the folder must not be trusted. Returns false when it is not there. */
export function inspectFolder({ path, group }: ElectionFolder): boolean {
  let stats: Stats;
  try {
    stats = lstatSync(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw diskError('cannot look at', path, error);
  }
  if (group === undefined) refuseForeign(path, stats);
  else refuseUnshared(path, stats, group);
  refuseNetwork(path, statfsSync(path).type);
  return true;
}

function make(path: string, recursive: boolean, group?: number): void {
  try {
    const first = mkdirSync(path, { mode: 0o700, recursive });
    if (group !== undefined) share(path, group);
    // Without `recursive` nothing is said: it was made.
    keepMade(path, recursive ? first : path);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw diskError('cannot make the folder', path, error);
  }
}

/**
 * Makes new folders last over a power failure, as what is written in them does: from `path` up to `first`, the first
 * that was made. `undefined`: none was.
 */
function keepMade(path: string, first: string | undefined): void {
  if (first === undefined) return;
  try {
    syncFolder(dirname(path));
  } catch (error) {
    // This user may make folders there and not read it: there is no way to ask for more.
    if (codeOf(error) !== 'EACCES') throw error;
  }
  if (path !== first && path !== dirname(path)) keepMade(dirname(path), first);
}

/** What is made in it belongs to the group as well (setgid). */
const SHARED_MODE = 0o2770;

/** Opens a folder of this user to the group, whatever the umask. Throws what the system throws. */
function share(path: string, group: number): void {
  chownSync(path, process.geteuid?.() ?? -1, group);
  chmodSync(path, SHARED_MODE);
}

/**
 * Makes a shared folder with all that others open, under another name first: nobody of the group sees it before it is
 * open to the group.
 */
function makeShared({ path, lock, queue, registers }: ElectionFolder, group: number): void {
  if (existsSync(path)) return;
  makeWhole(path, (draft) => {
    share(draft, group);
    for (const folder of [queue, registers]) {
      mkdirSync(join(draft, basename(folder)), { mode: 0o700 });
      share(join(draft, basename(folder)), group);
    }
    createFile(join(draft, basename(lock)), '');
  });
}

/** Somebody has deleted the lock: who opens it would make one for this user alone. */
function restoreLock({ lock }: ElectionFolder): void {
  try {
    if (!existsSync(lock)) createFile(lock, '');
  } catch (error) {
    throw diskError('cannot write', lock, error);
  }
}

/** Members of the group must be able to enter it, and to make elections in it. */
function makeSharedParent(stateDir: string, group: number): void {
  if (existsSync(stateDir)) return;
  try {
    mkdirSync(dirname(stateDir), { mode: 0o755, recursive: true });
  } catch (error) {
    throw diskError('cannot make the folder', dirname(stateDir), error);
  }
  makeWhole(stateDir, (draft) => share(draft, group));
}

/** Makes a folder, whole or not at all, unless somebody else has made it first. */
function makeWhole(path: string, fill: (draft: string) => void): void {
  // No election has a name that begins with a dot.
  const name = `.${basename(path)}`;
  const draft = draftOf(join(dirname(path), name));
  try {
    removeDrafts(dirname(path), `${name}.`);
  } catch {
    // Another user's, in a folder with the sticky bit: it is in nobody's way.
  }
  try {
    mkdirSync(draft, { mode: 0o700 });
    fill(draft);
    renameSync(draft, path);
    keepMade(path, path);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    if (!['EEXIST', 'ENOTEMPTY'].includes(codeOf(error))) throw diskError('cannot make the folder', path, error);
  }
}

/** Flock and /proc are used as Linux has them. */
export function refuseOtherSystems(platform: NodeJS.Platform): void {
  if (platform === 'linux') return;
  throw new ConfigurationError([`coordinator local works on Linux alone, and this is ${platform}`], {
    hint: 'use coordinator zookeeper here',
  });
}

/** Who can rename the election's folder can hold an election beside it. */
function refuseOpenParent(path: string, { mode, gid }: Stats, group: number | undefined): void {
  const isSticky = (mode & 0o1000) !== 0;
  // There, folders of anybody would belong to the group of their parent.
  const isForAll = (mode & 0o002) !== 0 && (!isSticky || (group !== undefined && (mode & 0o2000) !== 0));
  const isForOthers = (mode & 0o020) !== 0 && !isSticky && gid !== group;
  if (!isForAll && !isForOthers) return;
  throw new ConfigurationError(
    [`state-dir ${path}: other users may rename what is in it (mode ${modeText(mode)}), and so the election`],
    { hint: `chmod ${group === undefined ? 'go-w' : 'o-w'} ${path}, or choose another folder with --state-dir` },
  );
}

const modeText = (mode: number): string => (mode & 0o7777).toString(8).padStart(4, '0');

function refuse(path: string, why: string, hint: string): never {
  throw new ConfigurationError([`the election's folder ${path} ${why}`], { hint });
}

function refuseNoFolder(path: string, stats: Stats): void {
  if (stats.isSymbolicLink())
    refuse(path, 'is a symbolic link', 'delete the link, or name its target with --state-dir');
  if (!stats.isDirectory()) refuse(path, 'is no folder', 'delete it, or choose another election or --state-dir');
}

function refuseForeign(path: string, stats: Stats): void {
  const own = process.geteuid?.();
  refuseNoFolder(path, stats);
  if (stats.uid !== own)
    refuse(
      path,
      `belongs to another user (uid ${stats.uid}, this is ${own})`,
      'run ballot as that user, or choose another --state-dir: elections of two users are two elections, ' +
        'unless a group shares them (--state-group)',
    );
  if ((stats.mode & 0o077) !== 0)
    refuse(
      path,
      `is open to other users (mode ${modeText(stats.mode)})`,
      isShared(stats) ? 'say with --state-group which group shares it' : `chmod 700 ${path}`,
    );
}

/** Who owns it does not matter: a group of users trusts each of them. */
function refuseUnshared(path: string, stats: Stats, group: number): void {
  refuseNoFolder(path, stats);
  const mode = modeText(stats.mode);
  const folders = `${path} ${path}/queue ${path}/registers`;
  const open = `chgrp -R ${group} ${path} && chmod -R g+rwX,o= ${path} && chmod g+s ${folders}`;
  if (stats.gid !== group) refuse(path, `is not of the group ${group} of state-group, but of ${stats.gid}`, open);
  if ((stats.mode & 0o007) !== 0) refuse(path, `is open to all users (mode ${mode})`, `chmod o= ${path}`);
  if ((stats.mode & SHARED_MODE) !== SHARED_MODE)
    refuse(path, `is not open to the group ${group} (mode ${mode})`, open);
}

/** `f_type` of statfs(2), by linux/magic.h and the file systems' own sources. */
const NETWORK: Readonly<Record<number, string>> = {
  0x6969: 'NFS',
  0x517b: 'SMB',
  0xff534d42: 'CIFS',
  0xfe534d42: 'SMB',
  0x01021997: '9P',
  0x00c36400: 'Ceph',
  0x5346414f: 'AFS',
  0x6b414653: 'AFS',
  0x73757245: 'Coda',
  0x0bd00bd0: 'Lustre',
  0x47504653: 'GPFS',
  0x7461636f: 'OCFS2',
  0x01161970: 'GFS2',
  0x65735546: 'FUSE',
};

/**
 * Throws ConfigurationError for a file system that other hosts may share: processes of another host are not seen here,
 * and a lock may be lost with the server. FUSE may be one (sshfs, GlusterFS), and does not say.
 */
export function refuseNetwork(path: string, type: number): void {
  const name = NETWORK[type];
  if (name === undefined) return;
  throw new ConfigurationError(
    [`the election's folder ${path} is on ${name}, which other hosts may share: coordinator local is for one host`],
    { hint: 'choose a folder on a disk of this host with --state-dir, or coordinator zookeeper for several hosts' },
  );
}
