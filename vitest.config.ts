import { defineConfig } from 'vitest/config';
import { BaseSequencer } from 'vitest/node';

/** Suites that talk to real servers and processes: they run against the built `dist`. */
const real = { globalSetup: ['test/support/built.ts'], hookTimeout: 300_000, isolate: false };

/** Every fault, at random instants. */
const FAULTS = ['test/integration/faults/**/*.test.ts'];

/** What Go's ballot does, and did wrong, beside ours. */
const PREDECESSOR = ['test/integration/predecessor/**/*.test.ts'];

/**
 * So many files at a time: more than processors, for most of the time they wait for leases, sessions and servers. With
 * too many a slow machine has no processor left for heartbeats: scripts/suite.mjs asks for more where it is quick.
 */
const WAITING = Number(process.env['TEST_WORKERS'] ?? 3);

/** Files that take long by themselves, whatever the machine: begun last, they would be waited for alone. */
const SLOW = [
  'run-outage',
  'zookeeper-election',
  'run-ensemble',
  'predecessor/queue',
  'run-standstill',
  'supervisor/sweep',
];

class SlowFirst extends BaseSequencer {
  override async sort(files: Parameters<BaseSequencer['sort']>[0]): ReturnType<BaseSequencer['sort']> {
    const isSlow = ({ moduleId }: (typeof files)[number]): boolean =>
      SLOW.some((name) => moduleId.endsWith(`/${name}.test.ts`));
    const sorted = await super.sort(files);
    return [...sorted.filter(isSlow), ...sorted.filter((file) => !isSlow(file))];
  }
}

/**
 * Limits are for hangs: a busy machine is slow. `isolate: false`: the files of a worker share its modules, which saves
 * a third of the processor time of the unit tests. Nothing mocks a module, and what a file opens it closes.
 */
export default defineConfig({
  define: { BALLOT_VERSION: JSON.stringify('0.0.0-test') },
  test: {
    // A test that passes at the second attempt has failed.
    retry: 0,
    restoreMocks: true,
    sequence: { sequencer: SlowFirst },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          sequence: { groupOrder: 0 },
          include: ['test/unit/**/*.test.ts'],
          isolate: false,
          // By itself vitest leaves one processor to others.
          maxWorkers: 2,
          testTimeout: 600_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'simulation',
          sequence: { groupOrder: 1 },
          include: ['test/simulation/**/*.test.ts'],
          isolate: false,
          testTimeout: 300_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'contract',
          sequence: { groupOrder: 2 },
          include: ['test/contract/**/*.test.ts'],
          maxWorkers: 3,
          testTimeout: 300_000,
          ...real,
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          sequence: { groupOrder: 3 },
          include: ['test/integration/**/*.test.ts'],
          exclude: [...FAULTS, ...PREDECESSOR],
          testTimeout: 300_000,
          maxWorkers: WAITING,
          ...real,
        },
      },
      {
        extends: true,
        test: {
          name: 'predecessor',
          sequence: { groupOrder: 4 },
          include: PREDECESSOR,
          testTimeout: 300_000,
          maxWorkers: WAITING,
          ...real,
        },
      },
      {
        extends: true,
        test: {
          name: 'faults',
          sequence: { groupOrder: 5 },
          include: FAULTS,
          testTimeout: 300_000,
          maxWorkers: 2,
          ...real,
        },
      },
    ],
  },
});
