import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import * as library from '../../../src/index.ts';

it('each error that the page of the library names can be imported', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/library.md'), 'utf8');
  const named = [...page.matchAll(/^\| `(\w+Error)` /gm)].map(([, name]) => name);
  expect(named.length).toBeGreaterThan(5);
  expect(named.filter((name) => !((name as string) in library))).toEqual([]);
});
