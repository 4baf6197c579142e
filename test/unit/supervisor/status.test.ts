import { expect, it } from 'vitest';
import { getsOn, stageOf, statusOf } from '../../../src/supervisor/status.ts';
import type { Plan } from '../../../src/supervisor/state.ts';
import { DEFAULT_PLAN, elected, follow, runEnded, type At } from '../../support/transitions.ts';

const FACTS = {
  election: '/jobs/a',
  outlook: 'what is waited for',
  leaderSince: Date.UTC(2026, 10, 21, 8, 59, 47, 698),
};
const LEADER = 'leader of /jobs/a since 2026-11-21T08:59:47Z';

const placed: At = [0, { kind: 'placed', campaign: 1 }];
const unavailable = { kind: 'unavailable', message: 'away', exitCode: 69 } as const;
const failed: At = [0, { kind: 'electionFailed', campaign: 1, failure: unavailable, jitter: 0 }];
const stop: At = [10, { kind: 'stopRequested', signal: 'SIGTERM' }];
const cron: Partial<Plan> = { cron: { concurrency: 'allow' } };
const tick = (at: number): At => [at, { kind: 'tick', term: 1, tick: at }];

const CASES: [name: string, stage: string, status: string, plan: Partial<Plan>, ...events: At[]][] = [
  ['without a place', 'before', 'not standing in /jobs/a yet: what is waited for', {}],
  ['with a place', 'standing', 'standing by in /jobs/a: what is waited for', {}, placed],
  ['after a failed election', 'before', 'not standing in /jobs/a yet: what is waited for', {}, failed],
  ['elected', 'standing', `${LEADER}, run 1.1`, {}, elected()],
  [
    'running again',
    'standing',
    `${LEADER}, about to run the command`,
    { onChildError: 'rerun' },
    elected(),
    runEnded(1, 1),
  ],
  [
    'in doubt',
    'standing',
    `${LEADER}, the lease cannot be renewed, run 1.1`,
    {},
    elected(),
    [9, { kind: 'leaseUnconfirmed', term: 1, why: '' }],
  ],
  ['serving a schedule', 'standing', `${LEADER}, no run before the next tick`, cron, elected()],
  ['with two runs', 'standing', `${LEADER}, runs 1.1, 1.2`, cron, elected(), tick(1), tick(2)],
  [
    'under run-anyway',
    'standing',
    'without leadership in /jobs/a (what is waited for), run 1',
    { onElectionFailure: 'run-anyway' },
    failed,
  ],
  ['asked to stop', 'ending', 'stopping run 1.1 in /jobs/a', {}, elected(), stop],
  [
    'with a lost lease',
    'standing',
    'stopping run 1 in /jobs/a',
    {},
    elected(),
    [9, { kind: 'leaseLost', term: 1, cause: { kind: 'wiped' } }],
  ],
  ['resigning to stand again', 'standing', 'resigning from /jobs/a', {}, elected(), runEnded(9, 0)],
  ['resigning to end', 'ending', 'resigning from /jobs/a', { onChildSuccess: 'exit' }, elected(), runEnded(9, 0)],
  ['out of it', 'ending', 'out of /jobs/a', {}, stop, [11, { kind: 'resigned', resignation: 1, error: undefined }]],
];

it.each(CASES)('%s: %s, “%s”', (_, stage, status, plan, ...events) => {
  const { state } = follow({ ...DEFAULT_PLAN, ...plan }, ...events);
  const isPlaced = events.includes(placed);
  expect([stageOf(state, isPlaced), statusOf(state, { ...FACTS, isPlaced })]).toEqual([stage, status]);
});

it('a supervisor that leaves a deadline without an answer does not get on', () => {
  const stopping = follow(DEFAULT_PLAN, elected(), stop).state;
  expect(stopping.deadline).toBe(10_010);
  expect([15_000, 20_010, 20_011, 99_999].map((now) => getsOn(stopping, now))).toEqual([true, true, false, false]);
  // Nothing is due.
  expect(getsOn(follow(DEFAULT_PLAN).state, 10 ** 9)).toBe(true);
});
