import { describe, expect, it } from 'vitest';
import { electionRetryDelay, margin, nextProbe, observe, stopInstants, timings } from '../../../src/election/timing.ts';

describe('timings', () => {
  it.each([
    ['the session timeout by default', 5000, undefined, 'keep', { leaseDuration: 5000, heartbeat: 5000 / 3 }],
    [
      'a longer lease beats at the pace of the session',
      6000,
      60_000,
      'keep',
      { leaseDuration: 60_000, heartbeat: 2000 },
    ],
    ['a shorter lease beats at its own pace under stop', 6000, 900, 'stop', { leaseDuration: 900, heartbeat: 300 }],
    ['never shorter than the granted session under keep', 6000, 5000, 'keep', { leaseDuration: 6000, heartbeat: 2000 }],
  ] as const)('%s', (_name, session, lease, policy, expected) => {
    const result = timings(session, lease, policy);
    expect(result).toMatchObject(expected);
    // Two renewals may fail in a row, each with time to be acknowledged, before the lease runs out.
    expect(2 * result.heartbeat + result.acknowledgeWithin).toBeLessThan(result.leaseDuration);
  });
});

describe('stopInstants', () => {
  it.each([500, 1000, 4000, 5000, 60_000])(
    'a lease of %d ms: first signal, then SIGKILL, then the end of the lease',
    (duration) => {
      for (const killAfter of [0, 50, 500, 10_000, 3_600_000]) {
        const { termAt, killAt } = stopInstants(100_000, duration, killAfter);
        expect(termAt).toBeLessThanOrEqual(killAt);
        expect(100_000 - killAt).toBe(margin(duration));
        expect(margin(duration)).toBeGreaterThanOrEqual(Math.max(100, duration * 0.05));
        // What is stopped was renewed a heartbeat ago at least: a renewal in good time is never taken for a late one.
        expect(termAt).toBeGreaterThanOrEqual(100_000 - duration + timings(duration, duration, 'stop').heartbeat);
      }
    },
  );

  it('the grace is what the user grants, and no more than a third of the lease', () => {
    expect(stopInstants(100_000, 6000, 1000).termAt).toBe(99_000);
    expect(stopInstants(100_000, 6000, 10_000).termAt).toBe(98_000);
    expect(stopInstants(100_000, 6000, 0)).toEqual({ termAt: 99_700, killAt: 99_700 });
  });
});

describe('observe', () => {
  it('counts from the first sight of the last change', () => {
    const first = observe(undefined, 7, 1000);
    expect(first).toEqual({ change: 7, since: 1000 });
    expect(observe(first, 7, 5000)).toBe(first);
    expect(observe(first, 8, 5000)).toEqual({ change: 8, since: 5000 });
    expect(observe(undefined, 7, 5000), 'contact was broken').toEqual({ change: 7, since: 5000 });
  });
});

describe('nextProbe', () => {
  it('proves contact while a renewal is overdue, the last time well before the claim', () => {
    const probes: number[] = [];
    for (let now: number | undefined = 10_000; now !== undefined;) {
      now = nextProbe(10_000, 5000, now);
      if (now !== undefined) probes.push(now);
    }
    expect(probes).toEqual([12_000, 13_000, 14_000]);
    // A holder that renews on time is never probed for.
    expect(probes[0]).toBeGreaterThan(10_000 + timings(5000, 5000, 'stop').heartbeat);
  });
});

describe('the pause after a failed election', () => {
  const longest = 1 - Number.EPSILON;

  it('doubles from failure to failure, up to 5 s', () => {
    const most = [1, 2, 3, 4, 5, 6, 7, 8, 50].map((failures) => Math.round(electionRetryDelay(failures, longest)));
    expect(most).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
  });

  it('is drawn from the upper half of that', () => {
    expect([0, 0.5, longest].map((jitter) => Math.round(electionRetryDelay(1, jitter)))).toEqual([50, 75, 100]);
    expect([0, 0.5, longest].map((jitter) => Math.round(electionRetryDelay(50, jitter)))).toEqual([2500, 3750, 5000]);
  });
});
