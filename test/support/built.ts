import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/**
 * Vitest's global set-up: `dist` is built from the sources that are about to be tested. Throws when they do not build.
 */
export default function build(): void {
  execFileSync(process.execPath, [join(import.meta.dirname, '../../scripts/build.mjs')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}
