import { rmSync, writeFileSync } from 'node:fs';
import Module from 'node:module';
import { join } from 'node:path';
import { Script } from 'node:vm';
import { beforeEach, expect, it } from 'vitest';
import { loadCompiled } from '../../../src/cli/compiled.ts';
import { useFolder } from '../../support/hooks.ts';

const folder = useFolder('compiled');
const suffix = `.${process.version}-${process.arch}`;
let path: string;

/** What V8 compiles of a source. */
const compiled = (source: string): Buffer => new Script(Module.wrap(source), { filename: path }).createCachedData();

let count = 0;
beforeEach(() => {
  path = join(folder, `program-${++count}.js`);
  writeFileSync(path, "module.exports = [__filename, require('node:path').sep, 'a'];");
});

it('runs a file of which nothing was compiled', () => {
  expect(loadCompiled(path)).toEqual([path, '/', 'a']);
});

it('runs what was compiled, and does not look whether it was compiled of another file of the same length', () => {
  writeFileSync(path + suffix, compiled("module.exports = [__filename, require('node:path').sep, 'b'];"));
  expect(loadCompiled(path)).toEqual([path, '/', 'b']);
});

it.each([
  ['of a file of another length', () => compiled('module.exports = 1;')],
  ['and cut off', () => compiled("module.exports = [__filename, require('node:path').sep, 'b'];").subarray(0, 100)],
  ['and is no code at all', () => Buffer.from('no code')],
  ['and is empty', () => Buffer.alloc(0)],
])('compiles the file when what is there was compiled %s', (_what, data) => {
  writeFileSync(path + suffix, data());
  expect(loadCompiled(path)).toEqual([path, '/', 'a']);
});

it('passes on what the file throws', () => {
  writeFileSync(path, "throw new Error('broken');");
  expect(() => loadCompiled(path)).toThrow('broken');
  writeFileSync(path + suffix, compiled("throw new Error('broken');"));
  expect(() => loadCompiled(path)).toThrow('broken');
  rmSync(path);
  expect(() => loadCompiled(path)).toThrow('ENOENT');
});
