/**
 * What can be tried in several ways is tried in all of them, not in some: `npm test -- --all` (scripts/test.mjs). A
 * single file: `TEST_DEPTH=all npx vitest run FILE`.
 */
export const triesAll = process.env['TEST_DEPTH'] === 'all';

/** Seeds from 1 on, for a history that is told with each of so many: without `--all` with a third of them. */
export function seeds(count: number): number[] {
  return Array.from({ length: triesAll ? count : Math.ceil(count / 3) }, (_, index) => index + 1);
}
