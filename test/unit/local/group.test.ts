import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { groupNumber } from '../../../src/local/group.ts';

const own = process.getegid?.() as number;

it('is known by its number and by its name', () => {
  const name = execFileSync('id', ['-gn'], { encoding: 'utf8' }).trim();
  expect([groupNumber(String(own)), groupNumber(name)]).toEqual([own, own]);
});

it('that is not there is refused', () => {
  expect(() => groupNumber('no-such-group')).toThrow('state-group no-such-group: there is no such group on this host');
});
