import { readFileSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { Script } from 'node:vm';
import { orUndefined } from '../errors.ts';

/**
 * Loads a CommonJS file of ballot's own with what V8 compiled of it when ballot was built or installed
 * (`scripts/compile.mjs`): to compile it anew takes twice as long as a bare Node to start. V8 refuses what another V8,
 * or one with other flags, has compiled, and compiles it then. It does not compare the code: so the file is named by
 * its content, and what was compiled of it by that name.
 */
export function loadCompiled(path: string): unknown {
  const require = createRequire(path);
  // There may be none for this Node.
  const compiled = orUndefined(() => readFileSync(`${path}.${process.version}-${process.arch}`));
  if (compiled === undefined) return require(path);
  const script = new Script(Module.wrap(readFileSync(path, 'utf8')), { filename: path, cachedData: compiled });
  const module = { exports: {} };
  const run = script.runInThisContext() as (...names: readonly unknown[]) => void;
  run(module.exports, require, module, path, dirname(path));
  return module.exports;
}
