import { describe, expect, it } from 'vitest';
import { AuthenticationError, UnavailableError } from '../../../src/errors.ts';
import { transition } from '../../../src/supervisor/machine.ts';
import { failureOf } from '../../../src/supervisor/policy.ts';
import type { Failure, Plan } from '../../../src/supervisor/state.ts';
import { DEFAULT_PLAN, effectsOf, elected, follow, runEnded, stateOf, type At } from '../../support/transitions.ts';

const deadline = (at: number): At => [at, { kind: 'deadline' }];
/** A renewal that was sent at this instant, and answered at once. */
const renewedAt = (at: number): At => [at + 1, { kind: 'leaseRenewed', term: 1, deadline: at + 5000 }];

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
    expect(state).toMatchObject({ name: 'waitingToStand', failedRuns: 1, due: 1300 });
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
    const after = follow(plan, ...over, renewedAt(501));
    expect(effectsOf(after, 'spawn')).toMatchObject([{ run: 2, term: 1 }]);
  });

  it('waits for what is missing to restart-delay', () => {
    const soon = follow(plan, elected(), runEnded(30, 0), renewedAt(31));
    expect(soon.state).toMatchObject({ name: 'waitingToRun', deadline: 100 });
    const step = transition(soon.state, { kind: 'deadline' }, plan, 100);
    expect(effectsOf(step, 'spawn')).toMatchObject([{ run: 2, term: 1 }]);
  });
});

describe('a lease that is lost while the command runs', () => {
  const lost: At = [1000, { kind: 'leaseLost', term: 1, cause: { kind: 'claimed', by: 'b' } }];
  const stopOf = (...events: readonly At[]) => stateOf(follow(DEFAULT_PLAN, elected(), ...events), 'stopping');

  it('stops it at once, with no more grace than a stop before the end of the lease has', () => {
    const step = follow(DEFAULT_PLAN, elected(), lost);
    expect(effectsOf(step, 'signal')).toEqual([{ kind: 'signal', run: 1, signal: 'SIGTERM' }]);
    // A third of the lease's 5 s, where kill-after would be 10 s.
    expect(stopOf(lost).deadline).toBeCloseTo(1000 + 5000 / 3);
  });

  it('cuts the grace of a stop that is under way', () => {
    expect(stopOf([900, { kind: 'stopRequested', signal: 'SIGTERM' }]).deadline).toBe(10_900);
    expect(stopOf([900, { kind: 'stopRequested', signal: 'SIGTERM' }], lost).deadline).toBeCloseTo(1000 + 5000 / 3);
  });

  it('is not given up by this candidate: nothing of it is left to resign', () => {
    const step = follow(DEFAULT_PLAN, elected(), lost, runEnded(1100, 143));
    expect(effectsOf(step, 'resign')).toEqual([]);
    expect(effectsOf(step, 'campaign')).toMatchObject([{ campaign: 2 }]);
  });

  it('of an earlier term is no matter of this one', () => {
    const { state } = follow(DEFAULT_PLAN, elected(), [1, { kind: 'leaseLost', term: 0, cause: { kind: 'wiped' } }]);
    expect(state.name).toBe('running');
  });
});

describe('a run that SIGKILL has not ended yet', () => {
  it('is killed again every 100 ms: a member may have forked in between', () => {
    const plan = { ...DEFAULT_PLAN, killAfter: 500 };
    const stop: At = [1000, { kind: 'stopRequested', signal: 'SIGTERM' }];
    const kills = [deadline(1500), deadline(1600), deadline(1700)];
    for (let count = 1; count <= kills.length; count += 1) {
      const step = follow(plan, elected(), stop, ...kills.slice(0, count));
      expect(effectsOf(step, 'signal')).toEqual([{ kind: 'signal', run: 1, signal: 'SIGKILL' }]);
      expect(step.state).toMatchObject({ deadline: 1500 + 100 * count });
    }
  });
});

describe('the first signal of a stop', () => {
  const signalOf = (signal: NodeJS.Signals): string | undefined =>
    effectsOf(
      follow({ ...DEFAULT_PLAN, stopSignal: 'SIGUSR1' }, elected(), [1, { kind: 'stopRequested', signal }]),
      'signal',
    )[0]?.signal;

  it('is the stop signal for SIGTERM, and what was sent for all others', () => {
    expect(['SIGTERM', 'SIGINT', 'SIGHUP'].map((signal) => signalOf(signal as NodeJS.Signals))).toEqual([
      'SIGUSR1',
      'SIGINT',
      'SIGHUP',
    ]);
  });
});

describe('a leader whose lease cannot be renewed', () => {
  const due: At = [3400, { kind: 'deadline' }];

  it('stops its command before the lease runs out, under `stop`', () => {
    const plan: Plan = { ...DEFAULT_PLAN, onLeaseLoss: 'stop' };
    const running = follow(plan, elected());
    expect(running.state.deadline).toBeCloseTo(5000 - 5000 / 3);
    const stopping = follow(plan, elected(), due);
    expect(effectsOf(stopping, 'signal')).toMatchObject([{ signal: 'SIGTERM' }]);
    expect(stopping.state.deadline).toBe(4750);
  });

  it('goes on under `keep`', () => {
    expect(follow(DEFAULT_PLAN, elected()).state.deadline).toBeUndefined();
  });

  it('starts nothing any more when its keeper may act', () => {
    // The command of a rerun is due after the instant at which the will acts, and the lease was not renewed since.
    const plan: Plan = { ...DEFAULT_PLAN, onChildSuccess: 'rerun', restartDelay: 4000 };
    const step = follow(plan, elected(), runEnded(100, 0), renewedAt(101), [4300, { kind: 'deadline' }]);
    expect(effectsOf(step, 'spawn')).toEqual([]);
    const again = follow(plan, elected(), runEnded(100, 0), renewedAt(2000), [4300, { kind: 'deadline' }]);
    expect(effectsOf(again, 'spawn')).toMatchObject([{ run: 2 }]);
  });
});

describe('an ensemble that does not believe this candidate', () => {
  const refused = failureOf(new AuthenticationError('refused'));
  const failed = (at: number, failure: Failure, campaign = 1): At => [
    at,
    { kind: 'electionFailed', campaign, failure, jitter: 0 },
  ];

  it.each(['retry', 'exit', 'run-anyway'] as const)('ends it, whatever the policy (%s)', (onElectionFailure) => {
    const step = follow({ ...DEFAULT_PLAN, onElectionFailure }, failed(10, refused));
    expect(stateOf(step, 'resigning').next).toEqual({ kind: 'exit', exitCode: 77 });
    expect(effectsOf(step, 'spawn')).toEqual([]);
  });

  it('stops a command that runs without leadership, and ends ballot', () => {
    const plan: Plan = { ...DEFAULT_PLAN, onElectionFailure: 'run-anyway' };
    const away = failureOf(new UnavailableError('away'));
    const step = follow(plan, failed(10, away), failed(900, refused, 2));
    expect(effectsOf(step, 'signal')).toMatchObject([{ signal: 'SIGTERM' }]);
    expect(effectsOf(step, 'campaign')).toEqual([]);
    expect(stateOf(step, 'stopping').ending).toMatchObject({ exitCode: 77 });
  });
});
