import { expect, it } from 'vitest';
import type { Election } from '../../../src/election/election.ts';
import { Supervisor, type Change } from '../../../src/supervisor/supervisor.ts';
import { silentLogger } from '../../support/silent-logger.ts';
import { DEFAULT_PLAN } from '../../support/transitions.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

/** An election that nobody wins. */
const election: Election = {
  campaign: () => new Promise(() => undefined),
  outlook: 'nobody leads',
  setRuns: () => undefined,
  register: () => {
    throw new Error('there is no ledger here');
  },
  close: () => Promise.resolve(),
};

it('tells every observer what happens, and the others when one of them leaves', async () => {
  const supervisor = new Supervisor(
    {
      election,
      launch: () => {
        throw new Error('nothing is started here');
      },
      clock: new VirtualClock(1).process(),
      logger: silentLogger,
      patience: 1000,
      candidateId: 'a',
    },
    DEFAULT_PLAN,
  );
  const [first, second]: [Change[], Change[]] = [[], []];
  supervisor.observe((change) => first.push(change));
  const leave = supervisor.observe((change) => second.push(change));
  const over = supervisor.run();
  supervisor.requestStop('SIGTERM');
  expect(first).toEqual([]);
  await Promise.resolve();
  leave();
  expect(await over).toBe(0);
  expect(first.map(({ event, state }) => [event.kind, state.name])).toEqual([
    ['stopRequested', 'resigning'],
    ['resigned', 'done'],
  ]);
  expect(second).toEqual(first.slice(0, 1));
});
