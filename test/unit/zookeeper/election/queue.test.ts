import { describe, expect, it } from 'vitest';
import { isProposal, placeOf, sortProposals } from '../../../../src/zookeeper/election/queue.ts';

const name = (sequence: number): string => {
  const digits = String(Math.abs(sequence)).padStart(sequence < 0 ? 9 : 10, '0');
  return `proposal-${sequence < 0 ? '-' : ''}${digits}`;
};

describe('a name is a proposal', () => {
  it.each([
    'proposal-0000000000',
    'proposal-0000000042',
    'proposal-2147483647',
    'proposal--2147483648',
    'proposal--000000001',
  ])('%s', (proposal) => expect(isProposal(proposal)).toBe(true));

  it.each([
    'config',
    'runs',
    '',
    'proposal-',
    'proposal-1',
    'proposal-000000000',
    'proposal-00000000000',
    'proposal-2147483648',
    'proposal-9999999999',
    'proposal--2147483649',
    'proposal-000000000x',
    'Proposal-0000000000',
    'xproposal-0000000000',
    'proposal-0000000000 ',
    'proposal-0000000000\n',
    'proposal-٠١٢٣٤٥٦٧٨٩',
  ])('but not %j', (foreign) => expect(isProposal(foreign)).toBe(false));
});

describe('the queue', () => {
  it('is in the order of the sequence numbers, without foreign children', () => {
    const children = ['runs', name(11), 'config', name(9), name(10), 'zzz', name(100)];
    expect(sortProposals(children)).toEqual([9, 10, 11, 100].map(name));
  });

  it('is empty without proposals', () => {
    expect(sortProposals([])).toEqual([]);
    expect(sortProposals(['runs'])).toEqual([]);
  });

  it('begins with the smallest number as long as none has wrapped, however far apart they are', () => {
    expect(sortProposals([name(2 ** 31 - 1), name(0), name(5)])).toEqual([0, 5, 2 ** 31 - 1].map(name));
    expect(sortProposals([name(2 ** 31 - 1), name(0)])).toEqual([0, 2 ** 31 - 1].map(name));
  });

  it('goes on past the wrap of the counter at 2^31', () => {
    const order = [2 ** 31 - 2, 2 ** 31 - 1, -(2 ** 31), -(2 ** 31) + 1];
    expect(sortProposals([...order].reverse().map(name))).toEqual(order.map(name));
  });

  it('goes on past zero after the wrap', () => {
    const order = [-(2 ** 31) + 7, -2, -1, 0, 1];
    expect(sortProposals([0, 1, -1, -(2 ** 31) + 7, -2].map(name))).toEqual(order.map(name));
  });

  it('keeps the order of those who stay when somebody comes or goes, across the wrap too', () => {
    const start = 2 ** 31 - 20;
    const all = Array.from({ length: 40 }, (_, index) => name((start + index) | 0));
    for (let gone = 0; gone < all.length; gone++) {
      const rest = all.filter((_, index) => index !== gone);
      expect(sortProposals([...rest].sort())).toEqual(rest);
    }
  });
});

describe('a place in the queue', () => {
  const children = ['runs', name(3), name(1), name(2)];

  it('is the first when nothing is before it, foreign children aside', () => {
    expect(placeOf(['config', ...children], name(1))).toEqual({
      present: true,
      predecessors: [],
      predecessor: undefined,
    });
  });

  it('has those before it in order, the last of them its predecessor', () => {
    expect(placeOf(children, name(3))).toEqual({
      present: true,
      predecessors: [name(1), name(2)],
      predecessor: name(2),
    });
  });

  it('is not there when its own proposal is gone', () => {
    expect(placeOf(children, name(4))).toEqual({ present: false, predecessors: [], predecessor: undefined });
  });
});
