import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import { folderOf } from '../../../src/local/folder.ts';
import { FolderWatch } from '../../../src/local/folder-watch.ts';
import { pass } from '../../support/poll.ts';

const base = mkdtempSync(join(tmpdir(), 'ballot-folder-watch-'));
const folder = folderOf(base, 'job');
/** Longer than a test may take: what is seen was noticed. */
const NEVER_MS = 3_600_000;
const watch = new FolderWatch({ folder, clock: systemClock, every: NEVER_MS });
const { signal } = new AbortController();

afterEach(() => {
  watch.close();
  rmSync(base, { recursive: true, force: true });
});

it('notices what changes in a folder that was deleted and made anew, though it have the same inode', async () => {
  mkdirSync(folder.path);
  watch.arm();
  const { ino } = statSync(folder.path);
  // Most file systems give a number out again, some at once.
  for (let tries = 0; tries === 0 || (tries < 100 && statSync(folder.path).ino !== ino); tries += 1) {
    rmSync(folder.path, { recursive: true });
    mkdirSync(folder.path);
  }
  await watch.changed(signal);
  // What is on its way of all that.
  await pass(100);
  watch.arm();
  writeFileSync(folder.lease, '{}');
  await expect(watch.changed(signal)).resolves.toBeUndefined();
});
