import { afterAll, beforeAll } from 'vitest';
import { startZooKeeper, type Ensemble } from '../../support/zookeeper.ts';
import { prove } from './proof.ts';
import { TRIALS } from './trials.ts';

let shared: Ensemble;
beforeAll(async () => {
  shared = await startZooKeeper();
});
afterAll(() => shared?.close());

prove('', TRIALS, (trial, options) => trial.hold(shared, options));
