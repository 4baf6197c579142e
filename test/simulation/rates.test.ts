import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../support/virtual-clock.ts';
import { driftOverlap, overlaps } from './checks.ts';
import { build, judge } from './history.ts';
import { QUIET_SETTING } from './setting.ts';
import { Trace } from './trace.ts';

/**
 * The leader is cut off while it holds a lease of `lease` ms, its command takes no notice of SIGTERM; clocks run as
 * given. Returns for how long two commands overlapped, and what else went wrong.
 */
async function takeOver(lease: number, leaderRate: number, nextRate: number, cutAt: number) {
  const clock = new VirtualClock(cutAt);
  const problems: string[] = [];
  const setting = {
    ...QUIET_SETTING,
    candidates: 2,
    leaseDuration: lease,
    lease,
    sessionTimeout: Math.max(1500, Math.min(lease, 10_000)),
    habits: { ...QUIET_SETTING.habits, stubborn: 1 },
  };
  const world = build(clock, setting, new Trace(clock), {}, problems);
  const { hosts, ensemble, commands } = world;
  const [leader, next] = hosts;
  leader?.start(1 + leaderRate);
  clock.schedule(300, () => next?.start(1 + nextRate));
  await clock.run(2_000 + lease + cutAt);
  ensemble.cut('h1', ensemble.servers, 'none');
  expect(await clock.run(clock.time + 3 * lease + 10_000, () => commands.runs.length === 2)).toBe(true);
  await clock.run(clock.time + lease);
  const overlap = overlaps(commands.runs, clock.time)[0];
  return { overlap: overlap === undefined ? 0 : overlap.to - overlap.from, problems, verdict: judge(world, []) };
}

const LEASES = [500, 800, 1000, 2000, 5000, 10_000];
/** The leader is cut off at these moments between two renewals, ms. */
const MOMENTS = [0, 37, 74, 111, 148];

/**
 * What is promised: monotonic clocks of two hosts may run at rates that differ by up to 5 % (each within ±2.5 % of true
 * time), and the command of the one that is cut off is dead before the other starts its own. Clocks further apart are
 * not covered: the newer command then starts while the older one still has a little to go, never longer than the
 * difference makes; such clocks are broken (crystals keep within 0.01 %, NTP slews by 0.05 %), and the fencing token is
 * what storage is protected by.
 */
describe('a take-over by the clock, of a leader that is cut off', () => {
  it.each(LEASES)(
    'under a lease of %i ms happens after the end of its command, with clocks 5 percent apart',
    async (lease) => {
      for (const moment of MOMENTS) {
        for (const [leader, next] of [
          [-0.025, 0.025],
          [0.025, -0.025],
        ] as const) {
          const { overlap, problems, verdict } = await takeOver(lease, leader, next, moment);
          expect([overlap, ...problems, ...verdict]).toEqual([0]);
        }
      }
    },
  );

  it.each([2000, 5000, 10_000])(
    'under a lease of %i ms comes too early with clocks 10 percent apart, by no more than they differ',
    async (lease) => {
      const seen: number[] = [];
      for (const moment of MOMENTS) seen.push((await takeOver(lease, -0.05, 0.05, moment)).overlap);
      // Not promised, and shown to be so: who thinks that the margin covers this is told by this line.
      expect(Math.max(...seen)).toBeGreaterThan(0);
      expect(Math.max(...seen)).toBeLessThan(driftOverlap({ lease, rates: 0.05 }));
      for (const moment of MOMENTS) expect((await takeOver(lease, 0.05, -0.05, moment)).overlap).toBe(0);
    },
  );
});
