/**
 * `node scripts/run-ts.mjs file.ts [args…]` runs a TypeScript program of this repository on any Node that ballot runs
 * on (Node 20 does not strip types itself). Imported by a script, it lets that script import TypeScript files.
 */
import { register } from 'node:module';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

register('./ts-hooks.mjs', import.meta.url);

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.argv.splice(1, 1);
  const [, program] = process.argv;
  if (program === undefined) throw new Error('which program? node scripts/run-ts.mjs file.ts [args…]');
  await import(pathToFileURL(resolve(program)).href);
}
