/**
 * Arguments and variables that are not UTF-8. Node reads them with U+FFFD in the place of each byte that it does not
 * understand, and can pass on text alone. Where there is no /proc, nobody knows the bytes, and they are taken for that
 * character.
 */
import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { ConfigurationError, orUndefined, UsageError } from '../errors.ts';

const REPLACEMENT = '\u{fffd}';

/** Throws UsageError for an argument that is not UTF-8. */
export function refuseBrokenArguments(argv: readonly string[]): void {
  if (!argv.some((word) => word.includes(REPLACEMENT))) return;
  const broken = readWords('/proc/self/cmdline')
    .slice(-argv.length)
    .filter((word) => !isUtf8(word));
  if (broken.length === 0) return;
  const shown = broken.map((word) => JSON.stringify(word.toString()));
  throw new UsageError(`arguments that are not UTF-8 cannot be passed on: ${shown.join(', ')}`, {
    hint: 'put the command into a script, and its arguments with it',
  });
}

/**
 * The bytes of each variable whose value is not UTF-8, by its name; ballot's own variables are left out. Throws
 * ConfigurationError for one that cannot be passed on.
 */
export function variablesOfBytes(env: NodeJS.ProcessEnv): ReadonlyMap<string, Buffer> {
  const found = new Map<string, Buffer>();
  if (!Object.entries(env).some((entry) => entry.join('').includes(REPLACEMENT))) return found;
  for (const word of readWords('/proc/self/environ')) {
    if (isUtf8(word)) continue;
    const at = word.indexOf('=');
    const name = word.subarray(0, at).toString('latin1');
    // A shell sets it, and knows only such names.
    if (!/^[A-Za-z_]\w*$/.test(name)) {
      const shown = JSON.stringify(word.subarray(0, at).toString());
      throw new ConfigurationError([`environment ${shown}: is not UTF-8, and its name is none that a shell can set`], {
        hint: 'start ballot without it (env -u)',
      });
    }
    if (!name.startsWith('BALLOT_')) found.set(name, word.subarray(at + 1));
  }
  return found;
}

/** What the kernel ends with NUL, each. */
function readWords(path: string): Buffer[] {
  const text = orUndefined(() => readFileSync(path, 'latin1')) ?? '';
  const words = text.split('\0').slice(0, -1);
  return words.map((word) => Buffer.from(word, 'latin1'));
}
