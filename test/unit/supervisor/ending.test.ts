import { describe, expect, it } from 'vitest';
import { transition } from '../../../src/supervisor/machine.ts';
import type { Plan } from '../../../src/supervisor/policy.ts';
import { DEFAULT_PLAN, effectsOf, elected, follow, runEnded, stateOf, type At } from '../../support/transitions.ts';

const deadline = (at: number): At => [at, { kind: 'deadline' }];

describe('a run that takes too long, and whose lease runs out while it is being stopped', () => {
  // SIGKILL is due 250 ms before the end of the lease.
  const plan: Plan = { ...DEFAULT_PLAN, onLeaseLoss: 'stop', runTimeout: 1000 };
  const stopped = [elected(), deadline(1000), deadline(4750)] as const;

  it('is being stopped for both', () => {
    const step = follow(plan, ...stopped);
    const { alive } = stateOf(follow(plan, elected(), deadline(1000)), 'running');
    expect(alive[0].stop?.reason.kind).toBe('runTimeout');
    expect(effectsOf(step, 'signal')).toEqual([{ kind: 'signal', run: 1, signal: 'SIGKILL' }]);
  });

  it.each(['runTimeout', 'leaseLost'] as const)('keeps its own policy (%s)', (cause) => {
    const lost: At = [1100, { kind: 'leaseLost', term: 1, cause: { kind: 'wiped' } }];
    const late = cause === 'leaseLost' ? [elected(), deadline(1000), lost] : stopped;
    const exit = follow({ ...plan, onChildError: 'exit' }, ...late, runEnded(4800, 0));
    expect(stateOf(exit, 'resigning').next).toEqual({ kind: 'exit', exitCode: 124 });
    const ignore = follow({ ...plan, onChildError: 'ignore' }, ...late, runEnded(4800, 0));
    expect(stateOf(ignore, 'resigning').next).toEqual({ kind: 'exit', exitCode: 0 });
  });

  it('counts as a failure: this candidate pauses before it stands again', () => {
    const lost: At = [1100, { kind: 'leaseLost', term: 1, cause: { kind: 'wiped' } }];
    const { state } = follow(plan, elected(), deadline(1000), lost, runEnded(1200, 143));
    expect(state).toMatchObject({ name: 'backingOff', failedRuns: 1, due: 1300 });
  });
});

describe('a rerun', () => {
  const plan: Plan = { ...DEFAULT_PLAN, onChildSuccess: 'rerun', restartDelay: 100 };
  const over = [elected(), runEnded(500, 0)] as const;

  it('asks for a renewal at once: it waits for one that was sent after the run before', () => {
    const step = follow(plan, ...over);
    expect(effectsOf(step, 'renew')).toEqual([{ kind: 'renew', term: 1 }]);
    expect(effectsOf(step, 'spawn')).toEqual([]);
  });

  it('starts when the lease was renewed since', () => {
    const renewed = (at: number, sentAt: number): At => [
      at,
      { kind: 'leaseRenewed', term: 1, deadline: sentAt + 5000 },
    ];
    const before = follow(plan, ...over, renewed(502, 499));
    expect(effectsOf(before, 'spawn')).toEqual([]);
    const after = follow(plan, ...over, renewed(502, 501));
    expect(effectsOf(after, 'spawn')).toMatchObject([{ run: 2, term: 1 }]);
  });

  it('waits for what is missing to restart-delay', () => {
    const soon = follow(plan, elected(), runEnded(30, 0), [31, { kind: 'leaseRenewed', term: 1, deadline: 5031 }]);
    expect(soon.state).toMatchObject({ name: 'backingOff', deadline: 100 });
    const step = transition(soon.state, { kind: 'deadline' }, plan, 100);
    expect(effectsOf(step, 'spawn')).toMatchObject([{ run: 2, term: 1 }]);
  });
});
