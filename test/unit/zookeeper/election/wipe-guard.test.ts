import { describe, expect, it } from 'vitest';
import { Incarnation } from '../../../../src/zookeeper/election/wipe-guard.ts';

const first = { czxid: 7, ctime: 1 };

describe('Incarnation', () => {
  it('a candidate that has just come may claim at once', () => {
    const incarnation = new Incarnation();
    incarnation.see(first, 5000, 1000);
    incarnation.see({ ...first }, 5000, 2000);
    expect(incarnation.claimableAt).toBe(0);
  });

  it.each([
    ['another transaction', { czxid: 3, ctime: 2 }],
    ['the same number in an ensemble that counts from the beginning again', { czxid: 7, ctime: 2 }],
  ])('one that knew another base znode waits for as long as a lease lasts, once: %s', (_name, second) => {
    const incarnation = new Incarnation();
    incarnation.see(first, 5000, 1000);
    incarnation.see(second, 5000, 2000);
    expect(incarnation.claimableAt).toBe(7000);
    incarnation.see(second, 5000, 4000);
    expect(incarnation.claimableAt).toBe(7000);
  });

  it('counts from when the loss was found out, not from when the next znode was made', () => {
    const incarnation = new Incarnation();
    incarnation.see(first, 5000, 1000);
    incarnation.see(undefined, 5000, 2000);
    incarnation.see({ czxid: 9, ctime: 9 }, 5000, 60_000);
    expect(incarnation.claimableAt).toBe(7000);
  });

  it('waits for the longest lease that was seen: the lost one may have been that', () => {
    const incarnation = new Incarnation();
    incarnation.see(first, 30_000, 1000);
    incarnation.see(first, 5000, 2000);
    incarnation.see({ czxid: 9, ctime: 9 }, 5000, 3000);
    expect(incarnation.claimableAt).toBe(33_000);
  });
});
