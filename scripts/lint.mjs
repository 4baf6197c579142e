/** `npm run lint`: every check of the source but the types. */
import { lintChecks, runChecks } from './checks.mjs';

const { failed } = await runChecks(lintChecks);
process.exitCode = failed === 0 ? 0 : 1;
