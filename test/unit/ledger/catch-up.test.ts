import { describe, expect, it } from 'vitest';
import { HANDOVER_MS, reckon, type CatchUpRules, type Past } from '../../../src/ledger/catch-up.ts';
import { parseSchedule } from '../../../src/cron/expression.ts';

const { schedule } = parseSchedule('@hourly', { timezone: 'UTC', seed: '/x' });
const HOUR = 3_600_000;
const MINUTE = 60_000;

/** Ticks are on the hour; `at(3, 10)` is ten minutes after the third. */
const at = (hour: number, minutes = 0, ms = 0): number => hour * HOUR + minutes * MINUTE + ms;

const NONE: CatchUpRules = { catchUp: 'none', startDeadline: undefined, mixedFleet: false };
const ONCE: CatchUpRules = { ...NONE, catchUp: 'once' };
const crashed = (through: number | undefined): Past => ({ through, handedOver: undefined, isOfAnother: false });
const inOrder = (through: number, handedOver: number): Past => ({ through, handedOver, isOfAnother: false });
const changed = (past: Past): Past => ({ ...past, isOfAnother: true });

const CASES: readonly [
  what: string,
  past: Past,
  now: number,
  rules: CatchUpRules,
  expected: { through: number; start?: number; why?: 'handed over' | 'made up'; givenUp?: number },
][] = [
  ['nobody has ever led: nothing is made up', crashed(undefined), at(5, 1), ONCE, { through: at(5, 1) }],
  ['no tick since', crashed(at(5)), at(5, 59), ONCE, { through: at(5) }],
  ['on the very tick', crashed(at(5)), at(6), NONE, { through: at(6), givenUp: at(6) }],
  ['crash, none: given up', crashed(at(5)), at(6, 1), NONE, { through: at(6), givenUp: at(6) }],
  ['crash, none: all given up', crashed(at(5)), at(9, 1), NONE, { through: at(9), givenUp: at(9) }],
  ['crash, once', crashed(at(5)), at(6, 1), ONCE, { through: at(5), start: at(6), why: 'made up' }],
  [
    'crash, once, several: the latest alone',
    crashed(at(5)),
    at(9, 1),
    ONCE,
    { through: at(8), start: at(9), why: 'made up', givenUp: at(8) },
  ],
  [
    'once, just within start-deadline',
    crashed(at(5)),
    at(6, 10),
    { ...ONCE, startDeadline: 10 * MINUTE },
    { through: at(5), start: at(6), why: 'made up' },
  ],
  [
    'once, beyond start-deadline',
    crashed(at(5)),
    at(6, 10, 1),
    { ...ONCE, startDeadline: 10 * MINUTE },
    { through: at(6), givenUp: at(6) },
  ],
  [
    'handed over, and the tick fell in between',
    inOrder(at(5), at(5, 59, 59_990)),
    at(6, 0, 30),
    NONE,
    { through: at(5), start: at(6), why: 'handed over' },
  ],
  [
    'handed over just after a tick that nobody has started',
    inOrder(at(5), at(6, 0, 5)),
    at(6, 0, 30),
    NONE,
    { through: at(5), start: at(6), why: 'handed over' },
  ],
  [
    'handed over with a tick that had waited for a long run to end',
    inOrder(at(5), at(6, 12)),
    at(6, 12, 30),
    NONE,
    { through: at(5), start: at(6), why: 'handed over' },
  ],
  [
    'handed over, and nobody led for longer than a handover takes',
    inOrder(at(5), at(5, 59)),
    at(6, 0, HANDOVER_MS + 1),
    NONE,
    { through: at(6), givenUp: at(6) },
  ],
  [
    'the same with once',
    inOrder(at(5), at(5, 59)),
    at(6, 0, HANDOVER_MS + 1),
    ONCE,
    { through: at(5), start: at(6), why: 'made up' },
  ],
  [
    'handed over in a mixed fleet: somebody else may have run it',
    inOrder(at(5), at(5, 59)),
    at(6, 0, 30),
    { ...NONE, mixedFleet: true },
    { through: at(6), givenUp: at(6) },
  ],
  [
    'once in a mixed fleet',
    crashed(at(5)),
    at(6, 1),
    { ...ONCE, mixedFleet: true },
    { through: at(6), givenUp: at(6) },
  ],
  [
    'another schedule before, crash, once: nothing of the past',
    changed(crashed(at(5))),
    at(6, 1),
    ONCE,
    { through: at(6, 1) },
  ],
  [
    'another schedule before, handed over just now: nothing of the past',
    changed(inOrder(at(5), at(5, 59, 59_990))),
    at(6, 0, 30),
    NONE,
    { through: at(6, 0, 30) },
  ],
  ['another schedule before, ahead of this clock', changed(crashed(at(7))), at(6, 1), ONCE, { through: at(7) }],
  ['a ledger that is ahead of this clock', crashed(at(7)), at(6, 1), ONCE, { through: at(7) }],
];

describe('ticks of the past, as a new leader reckons with them', () => {
  it.each(CASES)('%s', (_what, past, now, rules, expected) => {
    expect(reckon(schedule, past, now, rules)).toEqual({
      start: undefined,
      why: undefined,
      givenUp: undefined,
      ...expected,
    });
  });

  it('settles nothing that is to be started, and nothing that is to come', () => {
    for (const [, past, now, rules] of CASES) {
      const { through, start } = reckon(schedule, past, now, rules);
      expect(through).toBeGreaterThanOrEqual(past.through ?? 0);
      if (start !== undefined) expect(through).toBeLessThan(start);
      expect(through).toBeLessThanOrEqual(Math.max(now, past.through ?? 0));
    }
  });
});
