import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endLease, type LeaseRecord, readLease, writeLease } from '../../../src/local/lease.ts';
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

  it.each(['resigned', 'expired'] as const)('says that its term is over: %s', (state) => {
    writeLease(path, record);
    const { ino } = statSync(path);
    endLease(path, record, state);
    expect(readLease(path)).toEqual({ kind: 'written', record: { ...record, state } });
    expect(statSync(path).ino).toBe(ino);
  });

  it.each<[string, () => void]>([
    ['was deleted', () => rmSync(path)],
    ['was rewritten by hand', () => writeFileSync(path, JSON.stringify(record))],
  ])('says so as well where it %s meanwhile', (_what, meanwhile) => {
    writeLease(path, record);
    meanwhile();
    endLease(path, record, 'resigned');
    expect(readLease(path)).toEqual({ kind: 'written', record: { ...record, state: 'resigned' } });
  });

  it('was never held where there is no file', () => {
    expect(readLease(path)).toEqual({ kind: 'never' });
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
