import { describe, expect, it } from 'vitest';
import type { Plan } from '../../../src/supervisor/state.ts';
import type { Step } from '../../../src/supervisor/state.ts';
import { DEFAULT_PLAN, effectsOf, elected, follow, runEnded, stateOf, type At } from '../../support/transitions.ts';

type Concurrency = NonNullable<Plan['cron']>['concurrency'];

const plan = (concurrency: Concurrency): Plan => ({
  ...DEFAULT_PLAN,
  onChildSuccess: 'rerun',
  onChildError: 'rerun',
  cron: { concurrency },
});
const tick = (at: number, term = 1): At => [at, { kind: 'tick', term, tick: at }];
const started = (at: number, run = 1): At => [at, { kind: 'runStarted', run, term: 1, pid: 7 }];

/** A leader whose run of tick 100 is under way, and what follows. */
const beside = (concurrency: Concurrency, ...events: readonly At[]): Step =>
  follow(plan(concurrency), elected(), tick(100), started(101), ...events);
const spawned = (step: Step) => effectsOf(step, 'spawn').map(({ run, tick: at }) => ({ run, tick: at }));

describe('a tick that comes while the command runs', () => {
  it('is settled without a run under `skip`', () => {
    const step = beside('skip', tick(200));
    expect(effectsOf(step, 'skip')).toEqual([{ kind: 'skip', tick: 200 }]);
    expect(spawned(step)).toEqual([]);
    expect(spawned(beside('skip', tick(200), runEnded(300, 0)))).toEqual([]);
  });

  it('waits under `queue`, at most one: the latest', () => {
    expect(spawned(beside('queue', tick(200), tick(250)))).toEqual([]);
    expect(stateOf(beside('queue', tick(200), tick(250)), 'running').waiting).toBe(250);
    expect(spawned(beside('queue', tick(200), tick(250), runEnded(300, 0)))).toEqual([{ run: 2, tick: 250 }]);
  });

  it('starts beside it under `allow`', () => {
    expect(spawned(beside('allow', tick(200)))).toEqual([{ run: 2, tick: 200 }]);
    expect(stateOf(beside('allow', tick(200)), 'running').alive).toHaveLength(2);
  });

  it('stops it under `replace`, and starts when nothing of it is left', () => {
    const step = beside('replace', tick(200));
    expect(effectsOf(step, 'signal')).toEqual([{ kind: 'signal', run: 1, signal: 'SIGTERM' }]);
    expect(spawned(step)).toEqual([]);
    expect(spawned(beside('replace', tick(200), runEnded(300, 143)))).toEqual([{ run: 2, tick: 200 }]);
  });

  it('is no failure of the run that it replaces, whatever code that ends with', () => {
    const step = beside('replace', tick(200), runEnded(300, 143));
    expect(step.state).toMatchObject({ name: 'running', failedRuns: 0 });
    expect(effectsOf(step, 'recordEnd')).toMatchObject([{ outcome: 'replaced' }]);
  });

  it('of an earlier term is nobody’s', () => {
    expect(beside('allow', tick(200, 0)).effects).toEqual([]);
  });
});
