import { describe, expect, it } from 'vitest';
import type { RunConfig } from '../../../src/config/config.ts';
import { fields, optionOf, type Field } from '../../../src/config/options.ts';
import { checkTogether } from '../../../src/config/rules.ts';

const defaults = Object.fromEntries(
  fields.map((field) => {
    const { kind, default: text } = optionOf(field);
    return [field, text === undefined ? undefined : kind.parse(text)];
  }),
) as unknown as RunConfig;

const sources = Object.fromEntries(fields.map((field) => [field, `from ${field}`])) as Record<Field, string>;

const check = (changes: Partial<RunConfig>): string[] => checkTogether({ ...defaults, ...changes }, sources);

describe('rules between fields', () => {
  it.each<[string, Partial<RunConfig>]>([
    ['the defaults', {}],
    ['stop with its defaults', { onLeaseLoss: 'stop' }],
    ['the shortest lease', { onLeaseLoss: 'stop', leaseDuration: 500 }],
    ['a lease of the session timeout', { leaseDuration: 5_000 }],
    ['a longer lease', { leaseDuration: 60_000 }],
    ['equal delays', { restartDelay: 30_000 }],
    ['no grace at all', { onLeaseLoss: 'stop', leaseDuration: 500, killAfter: 0 }],
    ['a mixed fleet', { mixedFleet: true, leaseDuration: 5_000 }],
  ])('%s may be', (_, changes) => {
    expect(check(changes)).toEqual([]);
  });

  it('a lease shorter than the session is for stop alone', () => {
    expect(check({ leaseDuration: 4_999 })).toEqual([
      'lease-duration 4.999s (from leaseDuration) must be at least zookeeper-session-timeout 5s (from zookeeperSessionTimeout): ' +
        'with on-lease-loss=keep a shorter lease is lost while its session lives; use on-lease-loss=stop for one',
    ]);
  });

  it('the longest pause is not shorter than the first', () => {
    expect(check({ restartDelay: 2_000, restartMaxDelay: 1_000 })).toEqual([
      'restart-max-delay 1s (from restartMaxDelay) must be at least restart-delay 2s (from restartDelay): ' +
        'the longest pause cannot be shorter than the first',
    ]);
  });

  it("in a mixed fleet the lease is not longer than what Go's ballot waits for", () => {
    expect(check({ mixedFleet: true, leaseDuration: 6_000 })).toHaveLength(1);
  });

  it('reports all at once', () => {
    expect(check({ leaseDuration: 600, restartDelay: 2_000, restartMaxDelay: 1_000 })).toHaveLength(2);
  });
});
