import { mkdirSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import type { ElectionView, Observer } from '../../../src/election/observer.ts';
import { type ElectionFolder, folderOf, prepareFolder } from '../../../src/local/folder.ts';
import { type LeaseRecord, writeLease } from '../../../src/local/lease.ts';
import { followFolder, observe } from '../../../src/local/observer.ts';
import { identityOf } from '../../../src/local/processes.ts';
import { wasWrittenAfter, writeRequest } from '../../../src/local/step-down.ts';
import { pass, poll } from '../../support/poll.ts';
import { silentLogger } from '../../support/silent-logger.ts';

/** Longer than a tick of a file system's clock, ms. */
const TICK_MS = 30;

let base: string;
let folder: ElectionFolder;
let end: AbortController;
let observer: Observer;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'ballot-observer-'));
  folder = folderOf(base, 'job');
  end = new AbortController();
  observer = observe(folder, systemClock, end.signal);
});
afterEach(() => {
  end.abort(new Error('the test is over'));
  rmSync(base, { recursive: true, force: true });
});

/** A lease of this very process. */
function lead(changes: Partial<LeaseRecord> = {}): LeaseRecord {
  prepareFolder(base, 'job');
  writeFileSync(folder.lock, '');
  const record: LeaseRecord = {
    candidateId: 'a',
    hostname: 'here',
    process: identityOf(process.pid),
    state: 'held',
    fencingToken: 7,
    leaderSince: new Date(0).toISOString(),
    lockInode: statSync(folder.lock).ino,
    ...changes,
  };
  writeLease(folder.lease, record);
  return record;
}

const answer = () => observer.whoLeads({ candidateId: 'a', hostname: 'here', isThorough: false });

describe('a lease on one host', () => {
  it('is fresh while its holder lives and its lock file is in place', async () => {
    lead();
    expect(await answer()).toMatchObject({ leads: true });
    // As an earlier ballot wrote it.
    lead({ lockInode: undefined as never });
    expect(await answer()).toMatchObject({ leads: true });
  });

  it.each<[string, () => void]>([
    ['deleted', () => rmSync(folder.lock)],
    [
      'replaced',
      () => {
        writeFileSync(join(base, 'other'), '');
        renameSync(join(base, 'other'), folder.lock);
      },
    ],
  ])('is lost when its lock file was %s, though nobody has written that', async (_how, strike) => {
    lead();
    strike();
    expect(await answer()).toMatchObject({ leads: false, why: expect.stringContaining('its lease is lost') as string });
    const { report } = await observer.see('runs');
    expect(report.lease).toMatchObject({ state: 'held', expiresIn: 0 });
    expect(report.leader?.notes).toContain('the lock file was deleted or replaced: its lease is lost');
    await expect(observer.askToStepDown('ops')).rejects.toThrow(/^nobody leads .*: the lock file was deleted/);
  });

  it('of a process that is gone is not fresh', async () => {
    lead({ process: { ...identityOf(process.pid), startTime: '1' } });
    expect(await answer()).toMatchObject({ leads: false, why: 'its process is gone, and has not resigned' });
  });
});

describe('a request to step down', () => {
  it('came too late when the term had ended before; in doubt it did not', async () => {
    const record = lead();
    await pass(TICK_MS);
    writeRequest(folder, 7, 'ops', 0);
    expect(wasWrittenAfter(folder, 7)).toBe(true);
    await pass(TICK_MS);
    writeLease(folder.lease, { ...record, state: 'resigned' });
    expect(wasWrittenAfter(folder, 7)).toBe(false);
    // A later leader has tidied up.
    expect(wasWrittenAfter(folder, 6)).toBe(true);
  });

  it('is not replaced by another for the same term', () => {
    lead();
    expect(writeRequest(folder, 7, 'first', 0)).toBe('first');
    expect(writeRequest(folder, 7, 'second', 0)).toBe('first');
    expect(writeRequest(folder, 9, 'second', 0)).toBe('second');
  });
});

describe('an election on one host that is followed', () => {
  function follow(): { views: ElectionView[]; over: Promise<unknown> } {
    const views: ElectionView[] = [];
    const told = (view: ElectionView): void => void views.push(view);
    const options = { folder, clock: systemClock, logger: silentLogger, register: 'runs', server: 'here' };
    const over = followFolder({ ...options, signal: end.signal, told }).catch((error: unknown) => error);
    return { views, over };
  }
  const sight = (view: ElectionView | undefined) => view?.sightAt?.({ now: 0, wall: 5_000 });

  it('is seen before it exists, as it begins, and when it is made anew', async () => {
    rmSync(base, { recursive: true });
    const { views, over } = follow();
    await poll(() => sight(views.at(-1))?.deserted?.exists === false, { what: 'that there is none' });
    lead();
    await poll(() => sight(views.at(-1))?.report.leader?.candidateId === 'a', { what: 'the leader' });
    expect(sight(views.at(-1))?.report.lease?.leadsFor).toBe(5_000);
    rmSync(folder.path, { recursive: true });
    await poll(() => sight(views.at(-1))?.deserted?.exists === false, { what: 'that it is gone' });
    lead({ candidateId: 'b' });
    await poll(() => sight(views.at(-1))?.report.leader?.candidateId === 'b', { what: 'the next leader' });
    const reason = new Error('enough');
    end.abort(reason);
    expect(await over).toBe(reason);
  });

  it('ends where the folder must not be trusted', async () => {
    const { views, over } = follow();
    await poll(() => views.length > 0);
    mkdirSync(folder.path, { mode: 0o755 });
    expect(String(await over)).toContain('is open to other users');
  });
});
