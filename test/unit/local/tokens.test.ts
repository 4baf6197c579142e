import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ElectionFolder, prepareFolder } from '../../../src/local/folder.ts';
import { type LeaseRecord, readLease, writeLease } from '../../../src/local/lease.ts';
import { identityOf } from '../../../src/local/processes.ts';
import {
  lastToken,
  nextToken,
  reserve,
  reserveAhead,
  RESERVED_MS,
  reservedThrough,
} from '../../../src/local/tokens.ts';

let base: string;
let folder: ElectionFolder;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'ballot-tokens-'));
  folder = prepareFolder(base, 'job');
});

afterEach(() => rmSync(base, { recursive: true, force: true }));

const here = identityOf(process.pid);
const leaderSince = new Date(0).toISOString();
const led = (fencingToken: number, space = here.space): LeaseRecord => ({
  ...{ candidateId: 'a', hostname: 'here', process: { ...here, space }, state: 'resigned', leaderSince },
  fencingToken,
});
const files = (): string[] => readdirSync(folder.path).filter((name) => name.startsWith('tokens.'));
const last = (): number => lastToken(folder, readLease(folder.lease));

describe('the next token', () => {
  it('follows the clock, whatever was lost', () => {
    expect(last()).toBe(0);
    expect(nextToken(0, 1_000_000.7)).toBe(1_000_000);
  });

  it.each([
    [1_000_000, 999_999],
    [1_000_000, 1_000_000],
    [1_000_000, 1_000_001],
    [1_000_000, 0],
  ])('leaves room after the last one, %d, also at %d', (before, wall) => {
    expect(nextToken(before, wall)).toBeGreaterThan(before + 1);
  });

  it('follows the one in the lease within one boot, whatever is reserved', () => {
    reserve(folder, 1_000);
    writeLease(folder.lease, led(5_000));
    expect(last()).toBe(5_000);
  });

  it('is behind all that are reserved after another boot: the lease may be an earlier one', () => {
    const reserved = reserve(folder, 1_000);
    writeLease(folder.lease, led(1_000, here.space.replace(/^\S+/, 'another-boot')));
    expect(last()).toBe(reserved);
    writeLease(folder.lease, led(reserved + 7, here.space.replace(/^\S+/, 'another-boot')));
    expect(last()).toBe(reserved + 7);
  });

  it.each<[string, () => void]>([
    ['cannot be read', () => writeFileSync(folder.lease, '')],
    ['is not there', () => rmSync(folder.lease)],
  ])('is behind all that are reserved when the lease %s', (_what, strike) => {
    const reserved = reserve(folder, 1_000);
    writeLease(folder.lease, led(1_000));
    strike();
    expect(last()).toBe(reserved);
  });
});

describe('a reservation', () => {
  it('is made for a token that has none, and lasts for a while', () => {
    expect(reserve(folder, 1_000)).toBe(1_000 + RESERVED_MS);
    expect(reserve(folder, 1_000 + RESERVED_MS)).toBe(1_000 + RESERVED_MS);
    expect(files()).toEqual([`tokens.${1_000 + RESERVED_MS}`]);
    reserve(folder, 1_001 + RESERVED_MS);
    expect(files()).toEqual([`tokens.${1_001 + 2 * RESERVED_MS}`]);
  });

  it('is made ahead of time when less than half of it is left', () => {
    const first = reserve(folder, 1_000);
    expect(reserveAhead(folder, first, 1_000, RESERVED_MS / 2)).toBe(first);
    const wall = 1_000 + RESERVED_MS / 2 + 1;
    expect(reserveAhead(folder, first, 1_000, wall)).toBe(wall + RESERVED_MS);
    expect(reservedThrough(folder)).toBe(wall + RESERVED_MS);
  });

  it('is not taken back by a former leader that is late', () => {
    const first = reserve(folder, 1_000);
    const next = reserve(folder, 2_000 + RESERVED_MS);
    reserveAhead(folder, first, 1_000, 1_000 + RESERVED_MS);
    expect(reservedThrough(folder)).toBe(next);
  });
});
