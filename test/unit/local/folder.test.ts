import { describe, expect, it } from 'vitest';
import { refuseNetwork, refuseOtherSystems } from '../../../src/local/folder.ts';

describe('the election’s folder', () => {
  it.each([
    ['NFS', 0x6969],
    ['CIFS', 0xff534d42],
    ['FUSE', 0x65735546],
    ['9P', 0x01021997],
  ])('is refused on %s', (name, type) => {
    expect(() => refuseNetwork('/state/job', type)).toThrow(
      `the election's folder /state/job is on ${name}, which other hosts may share: coordinator local is for one host`,
    );
  });

  it.each([
    ['ext4', 0xef53],
    ['xfs', 0x58465342],
    ['btrfs', 0x9123683e],
    ['tmpfs', 0x01021994],
    ['overlayfs', 0x794c7630],
  ])('may be on %s', (_name, type) => {
    expect(() => refuseNetwork('/state/job', type)).not.toThrow();
  });

  it.each(['darwin', 'win32', 'freebsd'] as const)('needs Linux, not %s', (platform) => {
    expect(() => refuseOtherSystems(platform)).toThrow(/works on Linux alone/);
  });

  it('is for Linux', () => {
    expect(() => refuseOtherSystems('linux')).not.toThrow();
  });
});
