import { expect, it } from 'vitest';
import { whereCommandRuns, type OutageFacts } from '../../../../src/zookeeper/election/outage.ts';

const facts: OutageFacts = {
  why: 'no server answers',
  runs: 0,
  leads: true,
  candidateId: 'a',
  lastLease: undefined,
  onLeaseLoss: 'stop',
};

it('says where the command runs, and nothing of a command where there is none', () => {
  expect(whereCommandRuns(facts, 1000, 2000)).toEqual({ command: 'runs nowhere, as far as known', leader: 'a' });
  expect(whereCommandRuns({ ...facts, withoutCommand: true }, 1000, 2000)).toEqual({ leader: 'a' });
});
