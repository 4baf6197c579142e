import { describe, expect, it } from 'vitest';
import { ageByServer } from '../../../../src/zookeeper/election/expiry.ts';

describe('ageByServer', () => {
  const epoch = 2 ** 32;
  it('compares stamps of one epoch alone: another ensemble leader has another clock', () => {
    expect(ageByServer({ mtime: 1000, mzxid: 3 * epoch + 5 }, { mtime: 6000, mzxid: 3 * epoch + 9 })).toBe(5000);
    expect(ageByServer({ mtime: 1000, mzxid: 3 * epoch + 5 }, { mtime: 6000, mzxid: 4 * epoch + 1 })).toBeUndefined();
  });

  it('an ensemble clock that stepped back gives no age to rely on', () => {
    expect(ageByServer({ mtime: 6000, mzxid: 5 }, { mtime: 1000, mzxid: 9 })).toBe(-5000);
  });
});
