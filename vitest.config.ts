import { defineConfig } from 'vitest/config';

/** Suites that talk to real servers and processes: they run against the built `dist`. */
const real = { globalSetup: ['test/support/built.ts'], hookTimeout: 60_000 };

export default defineConfig({
  define: { BALLOT_VERSION: JSON.stringify('0.0.0-test') },
  test: {
    // A test that passes at the second attempt has failed.
    retry: 0,
    restoreMocks: true,
    projects: [
      {
        extends: true,
        test: { name: 'unit', sequence: { groupOrder: 0 }, include: ['test/unit/**/*.test.ts'], testTimeout: 10_000 },
      },
      {
        extends: true,
        test: {
          name: 'simulation',
          sequence: { groupOrder: 1 },
          include: ['test/simulation/**/*.test.ts'],
          testTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'contract',
          sequence: { groupOrder: 2 },
          include: ['test/contract/**/*.test.ts'],
          maxWorkers: 2,
          testTimeout: 30_000,
          ...real,
        },
      },
      // Two files at a time: each has a server and several processes of its own, and timings are part of what is tested.
      {
        extends: true,
        test: {
          name: 'integration',
          sequence: { groupOrder: 3 },
          include: ['test/integration/**/*.test.ts'],
          testTimeout: 60_000,
          maxWorkers: 2,
          ...real,
        },
      },
    ],
  },
});
