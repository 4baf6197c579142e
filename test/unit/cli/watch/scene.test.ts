import { describe, expect, it } from 'vitest';
import { changesBetween, sectionsOf, type Scene } from '../../../../src/cli/watch/scene.ts';
import { sceneOf, START } from '../../../support/scenes.ts';
import { lease, proposal } from '../../../support/snapshots.ts';

const standing = [proposal(3, 'a'), proposal(4, 'b')];
const held = { base: lease(3, 'a', { record: { fencingToken: 77 } }), proposals: standing };

async function between(before: Scene | undefined, after: Promise<Scene>): Promise<string[]> {
  return changesBetween(before && sectionsOf(before), sectionsOf(await after));
}

describe('a change', () => {
  it('is all that is there, at first', async () => {
    expect(await between(undefined, sceneOf(held))).toEqual(['connection', 'leader', 'candidates', 'lease']);
    expect(await between(undefined, sceneOf({}))).toEqual(['connection']);
  });

  it.each<[string, string[], () => Promise<Scene>]>([
    [
      'a heartbeat, and the time that passes',
      [],
      () => sceneOf({ ...held, base: lease(3, 'a', { age: 3, record: { fencingToken: 77 } }) }),
    ],
    [
      'a lease that has run out',
      ['lease'],
      () => sceneOf({ ...held, base: lease(3, 'a', { age: 5_001, record: { fencingToken: 77 } }) }),
    ],
    [
      'another leader',
      ['leader', 'lease'],
      () => sceneOf({ ...held, base: lease(4, 'b', { record: { fencingToken: 78 } }) }),
    ],
    [
      'another term of the same one',
      ['lease'],
      () => sceneOf({ ...held, base: lease(3, 'a', { record: { fencingToken: 78 } }) }),
    ],
    ['one that leaves', ['candidates'], () => sceneOf({ ...held, proposals: standing.slice(0, 1) })],
    ['another order', ['candidates'], () => sceneOf({ ...held, proposals: standing.toReversed() })],
    ['a note', ['notes'], () => sceneOf(held, { notes: ['a note'] })],
    ['lost contact', ['connection'], () => sceneOf(held, { connection: { state: 'lost', since: START, why: 'gone' } })],
    [
      'another server',
      ['connection'],
      () => sceneOf(held, { connection: { state: 'connected', since: START, server: 'zk2' } }),
    ],
    ['nobody any more', ['leader', 'candidates', 'lease'], () => sceneOf({})],
  ])('is there or not: %s', async (_, changes, after) => {
    expect(await between(await sceneOf(held), after())).toEqual(changes);
  });

  it('is not that another try to reach the ensemble has failed', async () => {
    const lost = (why: string) => sceneOf(held, { connection: { state: 'lost', since: START, why } });
    expect(await between(await lost('connection refused'), lost('timed out'))).toEqual([]);
  });
});
