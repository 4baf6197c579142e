import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { retell } from './story.ts';

const FOLDER = join(import.meta.dirname, 'told');

/** `vitest -u` writes what came of the deeds into the files: look at the difference. */
describe('a history told as text', () => {
  it.each(readdirSync(FOLDER))('%s: the same comes of the same deeds', async (name) => {
    const file = join(FOLDER, name);
    await expect(await retell(readFileSync(file, 'utf8'))).toMatchFileSnapshot(file);
  });

  it('names a deed that nobody knows', async () => {
    await expect(retell('start h1\nwalk h1\n')).rejects.toThrow('walk h1: walk is none of start, run,');
  });
});
