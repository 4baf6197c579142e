import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { prepareFolder, refuseNetwork, refuseOtherSystems } from '../../../src/local/folder.ts';

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

  it('is made in a folder of others without deleting what is theirs, though it be named like a draft', () => {
    const parent = mkdtempSync(join(tmpdir(), 'ballot-parent-'));
    try {
      // There is no process with that number.
      const draft = '999999999.01234567-89ab-cdef-0123-456789abcdef.tmp';
      for (const name of [`report.${draft}`, `.other.${draft}`, `.state.${draft}`])
        writeFileSync(join(parent, name), '');
      prepareFolder(join(parent, 'state'), 'job', process.getegid?.());
      expect(readdirSync(parent).toSorted()).toEqual([`.other.${draft}`, `report.${draft}`, 'state']);
    } finally {
      rmSync(parent, { recursive: true, force: true });
    }
  });

  it('is for Linux', () => {
    expect(() => refuseOtherSystems('linux')).not.toThrow();
  });
});
