import { describe, expect, it } from 'vitest';
import { perform, type Job } from './pool.ts';
import { replay } from './replies.ts';
import type { Fate, Request } from './server.ts';

type Reply = Extract<Job, { kind: 'reply' }>;

const OF_WRITES: readonly Fate[] = ['lost', 'unanswered', 'late', 'mute'];
/** A read changes nothing: whether it was done is all the same. */
const OF_READS: readonly Fate[] = ['lost', 'mute'];

const fatesOf = ({ kind }: Request): readonly Fate[] =>
  kind === 'get' || kind === 'exists' || kind === 'children' ? OF_READS : OF_WRITES;

/**
 * One scripted history of three candidates (campaigns, claims, renewals, two orderly handovers, candidates that come back), told again for every request that any of them sends: that one request
 * is lost, or its answer is.
 */
describe('a connection that breaks around any single request', () => {
  it.each([
    ['and nothing else happens', false],
    ['while its candidate is asked to stop', true],
  ])(
    '%s: one command, no ghost in the queue, no lease that nobody holds for longer than it lasts',
    async (_what, stop) => {
      const undisturbed = await replay();
      expect(undisturbed.problems).toEqual([]);
      expect(undisturbed.longestGap).toBeLessThan(100);
      const jobs = Object.entries(undisturbed.requests).flatMap(([host, requests]) =>
        requests.flatMap((request, index) =>
          fatesOf(request).map((fate): Reply => ({
            kind: 'reply',
            incident: { host, ordinal: index + 1, fate, stop },
          })),
        ),
      );
      expect(jobs.length).toBeGreaterThan(300);
      const wrong: string[] = [];
      await perform(jobs, ({ incident }, { problems }) => {
        if (problems.length > 0) wrong.push([JSON.stringify(incident), ...problems].join('\n  '));
      });
      expect(wrong).toEqual([]);
    },
  );
});
