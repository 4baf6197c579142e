import { expect, it } from 'vitest';
import { Executions, type ExecutionParts } from '../../../src/supervisor/executions.ts';
import type { Term } from '../../../src/election/election.ts';
import { silentLogger } from '../../contract/coordinator.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

it('an entry in the ledger is waited for by the session timeout that was granted: a heartbeat of the term', async () => {
  const waited: number[] = [];
  let settle = (): void => undefined;
  const settled = new Promise<void>((resolve) => (settle = resolve));
  const ledger = {
    acknowledgedAt: -Infinity,
    enter: (_record: unknown, timeout: number) => {
      waited.push(timeout);
      return Promise.resolve('taken');
    },
  };
  const parts = {
    clock: new VirtualClock(1).process(),
    logger: silentLogger,
    onLeaseLoss: 'keep',
    book: { ledger, candidateId: 'a' },
    dispatch: () => settle(),
  };
  // The ensemble granted 30 s; the lease lasts longer.
  const term = { fencingToken: 7, leaseDuration: 60_000, heartbeat: 10_000 };
  const executions = new Executions(parts as unknown as ExecutionParts);
  executions.start({ kind: 'spawn', run: 1, term: 7, by: Infinity, tick: 0 }, term as unknown as Term);
  await settled;
  expect(waited).toEqual([10_000]);
});
