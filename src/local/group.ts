/** The group that may share an election on this host. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { ConfigurationError, UnavailableError } from '../errors.ts';
import { codeOf } from './disk.ts';

/** A group may come from a directory service that answers slowly, ms. */
const LOOK_UP_WITHIN_MS = 5_000;

/**
 * The number of a group that is given by name or number. Throws ConfigurationError when there is none, or when this
 * user is not one of it: then nobody could share with it. Throws UnavailableError when the name service does not
 * answer.
 */
export function groupNumber(group: string): number {
  const gid = /^\d+$/.test(group) ? Number(group) : lookUp(group);
  if (gid === undefined)
    throw new ConfigurationError([`state-group ${group}: there is no such group on this host`], {
      hint: 'name one that getent group lists, or its number',
    });
  const own = [process.getegid?.(), ...(process.getgroups?.() ?? [])];
  if (process.geteuid?.() !== 0 && !own.includes(gid))
    throw new ConfigurationError([`state-group ${group}: this user is not in that group`], {
      hint: `add the user to it (usermod -aG ${group} USER) and log in again`,
    });
  return gid;
}

function lookUp(name: string): number | undefined {
  return numberIn(localGroups(), name) ?? numberIn(listedBySystem(name), name);
}

/** `name:password:number:members`, a line each: group(5). */
function numberIn(table: string, name: string): number | undefined {
  for (const line of table.split('\n')) {
    const [found, , number = ''] = line.split(':');
    if (found === name && /^\d+$/.test(number)) return Number(number);
  }
  return undefined;
}

function localGroups(): string {
  try {
    return readFileSync('/etc/group', 'utf8');
  } catch {
    return '';
  }
}

/** As the name service of the host has it: LDAP and the like. Throws UnavailableError when it does not answer. */
function listedBySystem(name: string): string {
  const { stdout, error } = spawnSync('getent', ['group', name], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: LOOK_UP_WITHIN_MS,
  });
  if (error !== undefined && codeOf(error) !== 'ENOENT')
    throw new UnavailableError(`state-group ${name}: getent group does not answer`, {
      cause: error,
      hint: 'look at the name service of this host, or give the number of the group',
    });
  return typeof stdout === 'string' ? stdout : '';
}
