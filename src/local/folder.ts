/** The folder of an election: where it is, and whether it can be trusted. */
import { lstatSync, mkdirSync, statfsSync, statSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { ConfigurationError } from '../errors.ts';
import { codeOf, diskError } from './disk.ts';

/** What an election consists of on disk. */
export interface ElectionFolder {
  readonly path: string;
  /** The file that is locked. Empty. */
  readonly lock: string;
  /** Who leads, with which token. */
  readonly lease: string;
  /** One file for each candidate. */
  readonly queue: string;
  /** Data of the registers, a file for each version. */
  readonly registers: string;
}

/** Where the files of an election are. Looks at nothing. */
export function folderOf(stateDir: string, election: string): ElectionFolder {
  const path = join(stateDir, election);
  return {
    path,
    lock: join(path, 'lock'),
    lease: join(path, 'lease.json'),
    queue: join(path, 'queue'),
    registers: join(path, 'registers'),
  };
}

/**
 * Makes the folder where it is missing, and looks at it. Throws ConfigurationError when it must not be used: it is a
 * symbolic link, another user's, open to others, or on a network; and where it cannot be made.
 */
export function prepareFolder(stateDir: string, election: string): ElectionFolder {
  refuseOtherSystems(process.platform);
  const folder = folderOf(stateDir, election);
  make(stateDir, true);
  refuseOpenParent(stateDir, statSync(stateDir));
  make(folder.path, false);
  inspectFolder(folder);
  make(folder.queue, false);
  make(folder.registers, false);
  return folder;
}

/** Throws ConfigurationError when the folder must not be trusted. Returns false when it is not there. */
export function inspectFolder({ path }: ElectionFolder): boolean {
  let stats: Stats;
  try {
    stats = lstatSync(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw diskError('cannot look at', path, error);
  }
  refuseForeign(path, stats);
  refuseNetwork(path, statfsSync(path).type);
  return true;
}

function make(path: string, recursive: boolean): void {
  try {
    mkdirSync(path, { mode: 0o700, recursive });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw diskError('cannot make the folder', path, error);
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
function refuseOpenParent(path: string, { mode }: Stats): void {
  const isSticky = (mode & 0o1000) !== 0;
  if ((mode & 0o022) === 0 || isSticky) return;
  throw new ConfigurationError(
    [`state-dir ${path}: other users may rename what is in it (mode ${modeText(mode)}), and so the election`],
    { hint: `chmod go-w ${path}, or choose another folder with --state-dir` },
  );
}

const modeText = (mode: number): string => (mode & 0o7777).toString(8).padStart(4, '0');

function refuseForeign(path: string, stats: Stats): void {
  const refuse = (why: string, hint: string): never => {
    throw new ConfigurationError([`the election's folder ${path} ${why}`], { hint });
  };
  const own = process.geteuid?.();
  if (stats.isSymbolicLink()) refuse('is a symbolic link', 'delete the link, or name its target with --state-dir');
  if (!stats.isDirectory()) refuse('is no folder', 'delete it, or choose another election or --state-dir');
  if (stats.uid !== own)
    refuse(
      `belongs to another user (uid ${stats.uid}, this is ${own})`,
      'run ballot as that user, or choose another --state-dir: elections of two users are two elections',
    );
  if ((stats.mode & 0o077) !== 0) refuse(`is open to other users (mode ${modeText(stats.mode)})`, `chmod 700 ${path}`);
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
