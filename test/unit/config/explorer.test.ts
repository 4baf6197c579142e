/** What ballot uses of cosmiconfig's inside: another version of it may have another one. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openExplorer } from '../../../src/config/explorer.ts';

let folder: string;
const before = process.cwd();
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ballot-explorer-'));
  process.chdir(folder);
});
afterEach(() => {
  process.chdir(before);
  rmSync(folder, { recursive: true });
});

const explorer = (): ReturnType<typeof openExplorer> => openExplorer(['ballot.yaml', 'ballot.json']);

it('finds each of the names, and loads what is named, whatever its ending', async () => {
  expect(await explorer().search(folder)).toBeNull();
  for (const name of ['ballot.yaml', 'ballot.json', 'other.conf', 'other']) {
    const path = join(folder, name);
    writeFileSync(path, '{"log-level": "warn"}');
    const config = { settings: [{ field: 'logLevel', text: 'warn', source: `${path}:1` }], problems: [] };
    const found = name.startsWith('ballot') ? await explorer().search(folder) : await explorer().load(path);
    expect(found).toMatchObject({ config });
    rmSync(path);
  }
});

it('finds an empty file, and says what the file system says', async () => {
  writeFileSync(join(folder, 'ballot.yaml'), ' \n');
  expect((await explorer().search(folder))?.config).toBeUndefined();
  await expect(explorer().load(join(folder, 'absent'))).rejects.toThrow('ENOENT');
});

it('looks at no file of other tools in the working directory, nor above the folder', async () => {
  mkdirSync(join(folder, '.config'));
  mkdirSync(join(folder, 'inner'));
  writeFileSync(join(folder, '.config/config.cjs'), "throw new Error('was run')");
  writeFileSync(join(folder, 'package.json'), 'is not JSON');
  writeFileSync(join(folder, 'ballot.yaml'), 'log-level: warn');
  expect(await explorer().search(join(folder, 'inner'))).toBeNull();
});
