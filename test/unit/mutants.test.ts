import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mutants } from '../mutants/list.ts';
import { misfit, mutate } from '../mutants/mutant.ts';

const root = join(import.meta.dirname, '../..');

describe('the list of mutants', () => {
  it('is up to date: what each takes out stands in the source, once', () => {
    const outdated = mutants.flatMap((mutant) => {
      const why = misfit(mutant, readFileSync(join(root, 'src', mutant.file), 'utf8'));
      return why === undefined ? [] : [`${mutant.what} (${mutant.file}): ${why}`];
    });
    expect(outdated).toEqual([]);
  });

  it('names tests that there are, and no fault twice', () => {
    const files = mutants.flatMap(({ noticedBy }) => ('file' in noticedBy ? [noticedBy.file] : []));
    expect(files.filter((file) => !existsSync(join(root, `test/${file}.test.ts`)))).toEqual([]);
    expect(new Set(mutants.map(({ what }) => what)).size).toBe(mutants.length);
  });
});

describe('a mutant', () => {
  const mutant = { what: '', file: '', find: 'a && b', put: 'a', noticedBy: { project: 'unit', file: '' } } as const;

  it('is the source with one piece of text replaced', () => {
    expect(mutate(mutant, 'if (a && b) go();')).toBe('if (a) go();');
    expect(misfit(mutant, 'if (a && b) go();')).toBeUndefined();
  });

  it('does not fit where its text is missing or stands twice, or when it changes nothing', () => {
    expect(misfit(mutant, 'if (a) go();')).toMatch('0 times');
    expect(misfit(mutant, 'a && b || a && b')).toMatch('2 times');
    expect(misfit({ ...mutant, put: 'a && b' }, 'a && b')).toBe('it changes nothing');
  });
});
