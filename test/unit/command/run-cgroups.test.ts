import { describe, expect, it } from 'vitest';
import { locateCgroup } from '../../../src/command/run-cgroups.ts';

const mount = (root: string, point: string, type = 'cgroup2'): string =>
  `41 31 0:38 ${root} ${point} rw,nosuid - ${type} ${type} rw`;

/** Names of the first hierarchy, which is version 1, and of the cgroup of version 2. */
const own = (path: string): string => `9:name=systemd:/elsewhere\n0::${path}\n`;

describe('the folder of the own cgroup', () => {
  it.each([
    [
      'of a host',
      [mount('/', '/sys/fs/cgroup')],
      '/system.slice/ballot.service',
      '/sys/fs/cgroup/system.slice/ballot.service',
    ],
    ['of a container with a cgroup namespace', [mount('/', '/sys/fs/cgroup')], '/', '/sys/fs/cgroup'],
    ['of a container without one', [mount('/docker/abc', '/sys/fs/cgroup')], '/docker/abc', '/sys/fs/cgroup'],
    ['below the cgroup that is mounted', [mount('/docker/abc', '/cg')], '/docker/abc/job', '/cg/job'],
    ['beside version 1', [mount('/', '/sys/fs/cgroup/pids', 'cgroup'), mount('/', '/unified')], '/a', '/unified/a'],
    ['by the mount that shows it', [mount('/docker/ab', '/no'), mount('/docker/abc', '/yes')], '/docker/abc', '/yes'],
    ['with a blank and an optional field', ['5 1 0:3 / /a\\040b rw shared:4 - cgroup2 cgroup rw'], '/c', '/a b/c'],
  ])('%s', (_, mounts, path, folder) => {
    expect(locateCgroup(mounts.join('\n'), own(path))).toBe(folder);
  });

  it.each([
    ['no cgroup2 is mounted', [mount('/', '/sys/fs/cgroup', 'cgroup')], own('/a')],
    ['the mount shows another part', [mount('/docker/abc', '/sys/fs/cgroup')], own('/docker/abcd')],
    ['it lies outside of the namespace', [mount('/', '/sys/fs/cgroup')], own('/../job')],
    ['there is version 1 alone', [mount('/', '/sys/fs/cgroup')], '9:name=systemd:/elsewhere\n'],
  ])('is not known when %s', (_, mounts, cgroups) => {
    expect(locateCgroup(mounts.join('\n'), cgroups)).toBeUndefined();
  });
});
