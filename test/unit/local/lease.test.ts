import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type LeaseRecord, lastToken, nextToken, readLease, writeLease } from '../../../src/local/lease.ts';
import { identityOf, isStopped, lives } from '../../../src/local/processes.ts';

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ballot-lease-'));
  path = join(folder, 'lease.json');
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const record: LeaseRecord = {
  candidateId: 'a',
  hostname: 'here',
  process: { pid: 7, startTime: '9', space: 'boot pid:[1]' },
  state: 'held',
  fencingToken: 12,
  leaderSince: '2026-11-26T08:00:00.000Z',
};

describe('the lease of an election on one host', () => {
  it('is read as it was written', () => {
    writeLease(path, record);
    expect(readLease(path)).toEqual({ kind: 'written', record });
  });

  it('was never held where there is no file', () => {
    expect(readLease(path)).toEqual({ kind: 'never' });
    expect(lastToken(readLease(path))).toBe(0);
  });

  it.each([
    ['', 'not JSON'],
    ['[]', 'not a JSON object'],
    ['{}', 'it names no candidate'],
    [JSON.stringify({ ...record, process: 7 }), 'it names no process'],
    [JSON.stringify({ ...record, process: { ...record.process, pid: '7' } }), 'it names no process'],
    [JSON.stringify({ ...record, state: 'lost' }), 'state is none that is known'],
    [JSON.stringify({ ...record, fencingToken: 'x' }), 'fencingToken is not a whole number'],
    [JSON.stringify({ ...record, leaderSince: 1 }), 'leaderSince is not a string'],
  ])('is unreadable: %s', (text, why) => {
    writeFileSync(path, text);
    expect(readLease(path)).toEqual({ kind: 'unreadable', why });
    expect(lastToken(readLease(path))).toBe(0);
  });
});

describe('the next token', () => {
  it('follows the clock, whatever was lost', () => {
    expect(nextToken(0, 1_000_000.7)).toBe(1_000_000);
  });

  it.each([
    [1_000_000, 999_999],
    [1_000_000, 1_000_000],
    [1_000_000, 1_000_001],
    [1_000_000, 0],
  ])('leaves room after the last one, %d, also at %d', (last, wall) => {
    expect(nextToken(last, wall)).toBeGreaterThan(last + 1);
  });
});

describe('a process that a file names', () => {
  it('lives while it is the same one', () => {
    const own = identityOf(process.pid);
    expect(lives(own)).toBe(true);
    expect(lives({ ...own, startTime: '1' })).toBe(false);
    expect(isStopped(own)).toBe(false);
  });

  it('is dead after a reboot, and not known in another namespace', () => {
    const own = identityOf(process.pid);
    const [boot = ''] = own.space.split(' ');
    expect(lives({ ...own, space: own.space.replace(boot, 'another-boot') })).toBe(false);
    expect(lives({ ...own, startTime: '1', space: `${boot} pid:[1]` })).toBe(true);
  });
});
