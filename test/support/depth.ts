/**
 * What can be tried in several ways is tried in all of them, not in some: `npm test -- --all` (scripts/test.mjs). A
 * single file: `TEST_DEPTH=all npx vitest run FILE`.
 */
export const triesAll = process.env['TEST_DEPTH'] === 'all';
