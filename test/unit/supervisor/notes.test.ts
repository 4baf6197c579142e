import { describe, expect, it } from 'vitest';
import { start, transition } from '../../../src/supervisor/machine.ts';
import type { Plan } from '../../../src/supervisor/state.ts';
import type { Effect, Event, State } from '../../../src/supervisor/state.ts';

const plan: Plan = {
  onChildSuccess: 'exit',
  onChildError: 'rerun',
  onElectionFailure: 'retry',
  onLeaseLoss: 'keep',
  killAfter: 10_000,
  stopSignal: 'SIGTERM',
  electionTimeout: undefined,
  runTimeout: undefined,
  restartDelay: 400,
  restartMaxDelay: 30_000,
  cron: undefined,
};

type Note = Extract<Effect, { kind: 'note' }>;

/** What a leader with this plan says on the last of these events, each at its instant. */
function said(changes: Partial<Plan>, ...events: readonly (readonly [at: number, event: Event])[]): Note[] {
  let state: State = start(plan, 0).state;
  if (state.name !== 'campaigning') throw new Error(`begins as ${state.name}`);
  const leadership = { term: 1, deadline: 1e9, leaseDuration: 6_000, confirmed: true };
  const elected: Event = { kind: 'elected', campaign: state.candidacy.campaign, leadership };
  let effects: readonly Effect[] = [];
  for (const [at, event] of [[0, elected] as const, ...events])
    ({ state, effects } = transition(state, event, { ...plan, ...changes }, at));
  return effects.filter((effect): effect is Note => effect.kind === 'note');
}

const ended = (run: number, code: number): Event => {
  return { kind: 'runEnded', run, outcome: { kind: 'exited', code }, exitCode: code };
};

describe('the line about the end of a run', () => {
  it('names the run, and has code, duration, failures and the next attempt as fields of their own', () => {
    expect(said({}, [1_500, ended(1, 3)])).toEqual([
      {
        kind: 'note',
        level: 'error',
        message: 'the run is over',
        run: 1,
        fields: { outcome: 'exit code 3', exitCode: 3, durationMs: 1_500, failures: 1, nextAttemptMs: 400 },
      },
    ]);
  });

  it('counts failures in a row', () => {
    const again: Event = { kind: 'leaseRenewed', term: 1, deadline: 1e9 };
    const [over] = said({}, [100, ended(1, 3)], [200, again], [500, { kind: 'deadline' }], [700, ended(2, 4)]);
    expect(over?.fields).toMatchObject({ exitCode: 4, durationMs: 200, failures: 2, nextAttemptMs: 800 });
  });

  it('tells the delay before it stands again, too', () => {
    const [over] = said({ onChildError: 'reelect' }, [100, ended(1, 3)]);
    expect(over?.fields).toMatchObject({ failures: 1, nextAttemptMs: 400 });
  });

  it('has no failures and no next attempt after a success that ends it', () => {
    const [over] = said({}, [100, ended(1, 0)]);
    expect(over?.fields).toEqual({ outcome: 'exit code 0', exitCode: 0, durationMs: 100 });
  });
});

describe('a resignation that failed', () => {
  it('says that leadership is not released, that no command runs here, and how long the lease lasts', () => {
    const failed: Event = { kind: 'resigned', resignation: 1, error: 'no answer' };
    expect(said({}, [100, ended(1, 0)], [200, failed])).toEqual([
      {
        kind: 'note',
        level: 'error',
        message: 'leadership not released: no command runs here, others take over when the lease has run out',
        fields: { leaseDuration: '6.0s', why: 'no answer' },
      },
    ]);
  });
});
