import { describe, expect, it } from 'vitest';
import type { Plan } from '../../../src/supervisor/state.ts';
import { DEFAULT_PLAN, effectsOf, elected, follow, runEnded, stateOf, type At } from '../../support/transitions.ts';

const asked = (at: number, term = 1): At => [at, { kind: 'stepDownAsked', term, by: 'ops on vm7' }];
const policies = ['rerun', 'reelect', 'exit', 'ignore'] as const;
const AGAIN = { kind: 'stand', delay: 0 };

describe('a leader that is asked to step down', () => {
  it('stops its command in order, and gives up the lease when nothing of it is left', () => {
    const stopping = follow(DEFAULT_PLAN, elected(), asked(1000));
    expect(effectsOf(stopping, 'signal')).toEqual([{ kind: 'signal', run: 1, signal: 'SIGTERM' }]);
    expect(effectsOf(stopping, 'resign')).toEqual([]);
    expect(stateOf(stopping, 'stopping').deadline).toBe(1000 + DEFAULT_PLAN.killAfter);
    const over = follow(DEFAULT_PLAN, elected(), asked(1000), runEnded(1200, 143));
    expect(stateOf(over, 'resigning')).toMatchObject({ next: AGAIN, leaving: false });
    expect(effectsOf(over, 'resign')).toMatchObject([{ term: 1, leave: false, orStay: false }]);
    expect(effectsOf(over, 'recordEnd')).toMatchObject([{ outcome: 'stopped' }]);
  });

  it('says who asked, and takes the end that follows for no error', () => {
    const [said] = effectsOf(follow(DEFAULT_PLAN, elected(), asked(1000)), 'note');
    expect(said).toMatchObject({
      level: 'info',
      message: 'asked to step down: stopping the command',
      fields: { term: 1, by: 'ops on vm7', ranFor: '1.0s' },
    });
    const [over] = effectsOf(follow(DEFAULT_PLAN, elected(), asked(1000), runEnded(1200, 143)), 'note');
    expect(over).toMatchObject({ level: 'info', message: 'the run is over' });
  });

  it.each(policies)('stands again, whatever the policy (%s)', (policy) => {
    const plan: Plan = { ...DEFAULT_PLAN, onChildSuccess: policy, onChildError: policy };
    for (const code of [0, 143]) {
      const over = follow(plan, elected(), asked(1000), runEnded(1200, code));
      expect(stateOf(over, 'resigning').next).toEqual(AGAIN);
    }
  });

  it('leaves the policy to a run that was being stopped for itself', () => {
    const plan: Plan = { ...DEFAULT_PLAN, runTimeout: 500, onChildError: 'exit' };
    const late: At = [500, { kind: 'deadline' }];
    const over = follow(plan, elected(), late, asked(600), runEnded(700, 143));
    expect(stateOf(over, 'resigning').next).toEqual({ kind: 'exit', exitCode: 124 });
  });

  it('ends when a stop is asked for meanwhile', () => {
    const stop: At = [1100, { kind: 'stopRequested', signal: 'SIGTERM' }];
    const over = follow(DEFAULT_PLAN, elected(), asked(1000), stop, runEnded(1200, 143));
    expect(stateOf(over, 'resigning').next).toEqual({ kind: 'exit', exitCode: 143 });
  });

  it('passes over a request for another term, and one that it hears again', () => {
    expect(follow(DEFAULT_PLAN, elected(), asked(1000, 2)).state.name).toBe('running');
    expect(follow(DEFAULT_PLAN, elected(), asked(1000), asked(2000)).effects).toEqual([]);
  });

  it('pauses on for as long as its failed runs ask for', () => {
    const plan: Plan = { ...DEFAULT_PLAN, onChildError: 'rerun', restartDelay: 5000 };
    const step = follow(plan, elected(), runEnded(100, 1), asked(1100));
    expect(stateOf(step, 'resigning').next).toEqual({ kind: 'stand', delay: 4000 });
  });
});

describe('a leader of a schedule that is asked to step down', () => {
  const plan: Plan = { ...DEFAULT_PLAN, onChildSuccess: 'rerun', cron: { concurrency: 'queue' } };
  const tick = (at: number): At => [at, { kind: 'tick', term: 1, tick: at }];
  const started: At = [110, { kind: 'runStarted', run: 1, term: 1, pid: 7 }];
  const unconfirmed: At = [150, { kind: 'leaseUnconfirmed', term: 1, why: 'no answer' }];

  it('hands its ledger over at once while nothing runs', () => {
    const step = follow(plan, elected(), asked(1000));
    expect(effectsOf(step, 'resign')).toMatchObject([{ term: 1, leave: false, orStay: true }]);
    expect(stateOf(step, 'resigning')).toMatchObject({ next: AGAIN, stays: { tick: undefined } });
  });

  it('hands it over after the run, which it stops', () => {
    const stopping = follow(plan, elected(), tick(100), started, asked(1000));
    expect(effectsOf(stopping, 'signal')).toMatchObject([{ run: 1, signal: 'SIGTERM' }]);
    const over = follow(plan, elected(), tick(100), started, asked(1000), runEnded(1200, 143));
    expect(effectsOf(over, 'resign')).toMatchObject([{ orStay: true }]);
  });

  it('waits for the next renewal while nobody could take over, and serves on until then', () => {
    const step = follow(plan, elected(), unconfirmed, asked(200));
    expect(stateOf(step, 'scheduled').handover).toBe(true);
    const renewed: At = [300, { kind: 'leaseRenewed', term: 1, deadline: 5300 }];
    expect(follow(plan, elected(), unconfirmed, asked(200), renewed).state.name).toBe('resigning');
  });

  it('serves a tick that waits if it has to stay', () => {
    // The run before failed: the tick that waited for it waits for restart-delay as well.
    const failed = [elected(), tick(100), started, tick(120), runEnded(130, 1)] as const;
    expect(stateOf(follow(plan, ...failed), 'waitingToRun').tick).toBe(120);
    const step = follow(plan, ...failed, asked(140));
    expect(stateOf(step, 'resigning').stays?.tick).toBe(120);
    expect(follow(plan, ...failed, unconfirmed, asked(160)).state.name).toBe('waitingToRun');
  });

  it('does not stay in a term that its keeper may have given up', () => {
    const over = follow(plan, elected(), tick(100), asked(105), [106, { kind: 'tooLate', run: 1 }]);
    expect(effectsOf(over, 'resign')).toMatchObject([{ orStay: false }]);
    const fenced = follow(plan, elected(), tick(100), asked(105), [106, { kind: 'notEntered', run: 1, why: 'fenced' }]);
    expect(effectsOf(fenced, 'resign')).toMatchObject([{ orStay: false }]);
  });
});

describe('a command that runs without leadership', () => {
  const plan: Plan = { ...DEFAULT_PLAN, onElectionFailure: 'run-anyway' };
  const failure = { kind: 'unavailable', message: 'no answer', exitCode: 69 } as const;
  const anyway: At = [0, { kind: 'electionFailed', campaign: 1, failure, jitter: 0 }];

  it('is nothing to a request', () => {
    expect(follow(plan, anyway, asked(100)).effects).toEqual([]);
  });
});
