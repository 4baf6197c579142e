import { describe, expect, it } from 'vitest';
import { start, transition } from '../../../src/supervisor/machine.ts';
import type { Plan } from '../../../src/supervisor/policy.ts';
import type { Effect, Event, State } from '../../../src/supervisor/state.ts';

const plan: Plan = {
  onChildSuccess: 'reelect',
  onChildError: 'reelect',
  onElectionFailure: 'retry',
  onLeaseLoss: 'keep',
  killAfter: 3_600_000,
  stopSignal: 'SIGTERM',
  electionTimeout: undefined,
  runTimeout: undefined,
  restartDelay: 100,
  restartMaxDelay: 30_000,
  cron: undefined,
};

/** Follows a leader whose command runs through events, each at its instant; returns the effects of the last. */
function afterEvents(...events: readonly (readonly [at: number, event: Event])[]): readonly Effect[] {
  let state: State = start(plan, 0).state;
  if (state.name !== 'campaigning') throw new Error(`begins as ${state.name}`);
  const { campaign } = state.candidacy;
  const leadership = { term: 1, deadline: 1e9, leaseDuration: 5000, confirmed: true };
  let effects: readonly Effect[] = [];
  for (const [at, event] of [[0, { kind: 'elected', campaign, leadership }] as const, ...events])
    ({ state, effects } = transition(state, event, plan, at));
  return effects;
}

const stop = (signal: NodeJS.Signals): Event => ({ kind: 'stopRequested', signal });
const lost: Event = { kind: 'leaseLost', term: 1, cause: { kind: 'wiped' } };
const signals = (effects: readonly Effect[]): string[] =>
  effects.flatMap((effect) => (effect.kind === 'signal' ? [effect.signal] : []));

describe('a second stop request', () => {
  it.each(['SIGTERM', 'SIGINT', 'SIGQUIT'] as const)('(%s) within a second of the first changes nothing', (second) => {
    for (const after of [0, 1, 999]) {
      expect(signals(afterEvents([100, stop('SIGTERM')], [100 + after, stop(second)]))).toEqual([]);
    }
  });

  it.each(['SIGTERM', 'SIGINT', 'SIGQUIT'] as const)('(%s) a second after the first kills', (second) => {
    for (const first of ['SIGTERM', 'SIGHUP'] as const)
      expect(signals(afterEvents([100, stop(first)], [1100, stop(second)]))).toEqual(['SIGKILL']);
  });

  it('is measured from the first one, however many come between', () => {
    const hail = [300, 600, 900].map((at) => [at, stop('SIGINT')] as const);
    expect(signals(afterEvents([100, stop('SIGINT')], ...hail, [1100, stop('SIGINT')]))).toEqual(['SIGKILL']);
  });

  it('by SIGHUP never kills', () => {
    for (const at of [101, 1100, 3_000_000])
      expect(signals(afterEvents([100, stop('SIGTERM')], [at, stop('SIGHUP')]))).toEqual([]);
  });
});

describe('the first stop request while a lost lease is being left', () => {
  it('is logged', () => {
    const said = afterEvents([100, lost], [200, stop('SIGTERM')]).flatMap((effect) =>
      effect.kind === 'note' ? [[effect.level, effect.message, effect.fields]] : [],
    );
    expect(said).toEqual([['info', 'ballot ends when the command has stopped', { signal: 'SIGTERM' }]]);
  });

  it('is the first: one a second later kills', () => {
    expect(signals(afterEvents([100, lost], [5000, stop('SIGTERM')], [5500, stop('SIGTERM')]))).toEqual([]);
    expect(signals(afterEvents([100, lost], [5000, stop('SIGTERM')], [6000, stop('SIGTERM')]))).toEqual(['SIGKILL']);
  });
});
