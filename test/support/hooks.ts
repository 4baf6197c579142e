/** What files of tests put up and take down in the same way. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach } from 'vitest';
import { poll } from './poll.ts';
import { keepers } from './sessions.ts';

/** A temporary folder for the tests of a file. It is removed after the last of them. */
export function useFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `ballot-${name}-`));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/**
 * Returns a function that takes what is to be done after the present test: the last first. When all is done, no keeper
 * of this process may be left.
 */
export function useCleanUp(): (work: () => unknown) => void {
  const works: (() => unknown)[] = [];
  afterEach(async () => {
    for (const work of works.splice(0).reverse()) await work();
    await poll(() => keepers().length === 0, { what: 'no keeper left' });
  });
  return (work) => void works.push(work);
}
