import { describe, expect, it } from 'vitest';
import { Incarnation } from '../../../src/election/incarnation.ts';

describe('Incarnation', () => {
  it('a candidate that has just come may claim at once', () => {
    const incarnation = new Incarnation();
    incarnation.see(7, 5000, 1000);
    incarnation.see(7, 5000, 2000);
    expect(incarnation.claimableAt).toBe(0);
  });

  it('one that knew another base znode waits for as long as a lease lasts, once', () => {
    const incarnation = new Incarnation();
    incarnation.see(7, 5000, 1000);
    incarnation.see(3, 5000, 2000);
    expect(incarnation.claimableAt).toBe(7000);
    incarnation.see(3, 5000, 4000);
    expect(incarnation.claimableAt).toBe(7000);
  });

  it('counts from when the loss was found out, not from when the next znode was made', () => {
    const incarnation = new Incarnation();
    incarnation.see(7, 5000, 1000);
    incarnation.see(undefined, 5000, 2000);
    incarnation.see(9, 5000, 60_000);
    expect(incarnation.claimableAt).toBe(7000);
  });
});
