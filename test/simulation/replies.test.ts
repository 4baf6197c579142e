import { describe, expect, it } from 'vitest';
import { LEDGER } from './ledger-chronicle.ts';
import { triesAll } from '../support/depth.ts';
import { perform, type Job } from './pool.ts';
import { replay } from './replies.ts';
import type { Fate, Request } from './server.ts';
import type { Mode } from './setting.ts';

type Reply = Extract<Job, { kind: 'reply' }>;

const OF_WRITES: readonly Fate[] = ['lost', 'unanswered', 'late', 'mute'];
/** A read changes nothing: whether it was done is all the same. */
const OF_READS: readonly Fate[] = ['lost', 'mute'];

/** Under `run cron` what there is besides: the requests for the ledger. */
function fatesOf(mode: Mode, { kind, path }: Request): readonly Fate[] {
  if (mode === 'cron' && path !== LEDGER) return [];
  return kind === 'get' || kind === 'exists' || kind === 'children' ? OF_READS : OF_WRITES;
}

/** Without `--all` every other one is tried, on even days since 1970 the first, on odd ones the second. */
const turn = Math.floor(Date.now() / 86_400_000) % 2;

/**
 * Whether what it follows is a series that has been disturbed twice already: heartbeats, whose two writes or one read
 * come again and again.
 */
function isRepeated(requests: readonly Request[], index: number): boolean {
  const isSame = (other: Request | undefined): boolean =>
    other?.kind === requests[index]?.kind && other?.path === requests[index]?.path;
  return isSame(requests[index - 2]) && isSame(requests[index - 4]);
}

/**
 * One scripted history of three candidates (campaigns, claims, renewals, two orderly handovers, candidates that come
 * back), told again for every request that any of them sends, of a series of heartbeats for the first ones: that one
 * request is lost, or its answer is.
 */
describe('a connection that breaks around any single request', () => {
  it.each([
    ['and nothing else happens', 'once', false],
    ['while its candidate is asked to stop', 'once', true],
    ['under run cron, a request for its ledger', 'cron', false],
    ['under run cron, a request for its ledger while its candidate is asked to stop', 'cron', true],
  ] as const)(
    '%s: one command, no ghost in the queue, no lease that nobody holds for longer than it lasts',
    async (_what, mode, stop) => {
      const undisturbed = await replay(mode);
      expect(undisturbed.problems).toEqual([]);
      if (mode === 'once') expect(undisturbed.longestGap).toBeLessThan(100);
      const jobs = Object.entries(undisturbed.requests).flatMap(([host, requests]) =>
        requests.flatMap((request, index) =>
          (isRepeated(requests, index) ? [] : fatesOf(mode, request)).map((fate): Reply => ({
            kind: 'reply',
            incident: { mode, host, ordinal: index + 1, fate, stop },
          })),
        ),
      );
      expect(jobs.length).toBeGreaterThan(mode === 'once' ? 200 : 40);
      const wrong: string[] = [];
      await perform(triesAll ? jobs : jobs.filter((_, index) => index % 2 === turn), ({ incident }, { problems }) => {
        if (problems.length > 0) wrong.push([JSON.stringify(incident), ...problems].join('\n  '));
      });
      expect(wrong).toEqual([]);
    },
  );
});
