import { describe, expect, it } from 'vitest';
import type { Plan } from '../../../src/supervisor/state.ts';
import type { Effect, Event } from '../../../src/supervisor/state.ts';
import { DEFAULT_PLAN, elected, follow, type At } from '../../support/transitions.ts';

const plan: Plan = { ...DEFAULT_PLAN, killAfter: 3_600_000 };

/** Follows a leader whose command runs through events, each at its instant; returns the effects of the last. */
const afterEvents = (...events: readonly At[]): readonly Effect[] => follow(plan, elected(1e9), ...events).effects;

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
