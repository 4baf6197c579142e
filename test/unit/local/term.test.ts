import { mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import type { Term, TermEvent } from '../../../src/election/election.ts';
import { createLocalElection, type LocalElection } from '../../../src/local/election.ts';
import { folderOf, prepareFolder } from '../../../src/local/folder.ts';
import { writeLease } from '../../../src/local/lease.ts';
import { identityOf } from '../../../src/local/processes.ts';
import { writeRequest } from '../../../src/local/step-down.ts';
import { reserve, RESERVED_MS, reservedThrough } from '../../../src/local/tokens.ts';
import { poll } from '../../support/poll.ts';
import { silentLogger } from '../../support/silent-logger.ts';

/** Heartbeats are so rare that none comes while a test lasts. */
const RARELY_MS = 3_600_000;

let base: string;
let election: LocalElection;
let terms: Term[];

beforeEach(() => {
  terms = [];
  base = mkdtempSync(join(tmpdir(), 'ballot-term-'));
  election = createLocalElection({
    clock: systemClock,
    logger: silentLogger,
    stateDir: base,
    election: 'job',
    candidate: { candidateId: 'a', hostname: 'here' },
    stop: { onLeaseLoss: 'keep', stopSignal: 'SIGTERM', killAfter: 1_000, mark: () => [] },
    traces: () => [],
    forkKeeper: () => {
      throw new Error('nothing runs here');
    },
    leaseDuration: RARELY_MS,
  });
});

afterEach(async () => {
  for (const term of terms) await term.resign();
  await election.close(1_000);
  rmSync(base, { recursive: true, force: true });
});

/** A term, and what is heard of it. */
async function lead(): Promise<{ term: Term; events: TermEvent[] }> {
  const { signal } = new AbortController();
  const term = await election.campaign({ signal, patience: { opening: 1_000, standing: Infinity } });
  terms.push(term);
  const events: TermEvent[] = [];
  term.subscribe((event) => events.push(event));
  return { term, events };
}

const { lock, path } = folderOf('', 'job');

describe('a term on one host', () => {
  it.each<[string, (base: string) => void]>([
    ['the lock file is deleted', (at) => rmSync(join(at, lock))],
    [
      'the lock file is replaced',
      (at) => {
        writeFileSync(join(at, 'other'), '');
        renameSync(join(at, 'other'), join(at, lock));
      },
    ],
    ['the folder is moved away', (at) => renameSync(join(at, path), join(at, 'elsewhere'))],
  ])('is lost at once when %s', async (_what, strike) => {
    const { term, events } = await lead();
    expect(term.safeUntil).toBe(Infinity);
    strike(base);
    await poll(() => events.length > 0);
    const what = `the lock file ${join(base, lock)}`;
    expect(events).toEqual([{ kind: 'lost', cause: { kind: 'removed', what } }]);
    expect(term.safeUntil).toBe(-Infinity);
    await term.resign();
    expect((await lead()).term.fencingToken).toBeGreaterThan(term.fencingToken);
  });

  it('may not start anything from the instant on at which the lock is gone', async () => {
    const { term } = await lead();
    rmSync(join(base, lock));
    expect(term.safeUntil).toBe(-Infinity);
  });

  it('gives the command its descriptor to inherit, for as long as it lasts', async () => {
    expect(election.descriptor).toBeUndefined();
    const { term } = await lead();
    expect(election.descriptor).toBeGreaterThan(2);
    await term.resign();
    expect(election.descriptor).toBeUndefined();
    expect(term.safeUntil).toBe(-Infinity);
  });

  it('hears of a request to step down that was there before it, and removes those for terms before', async () => {
    const folder = prepareFolder(base, 'job');
    const candidate = { candidateId: 'b', hostname: 'here', process: identityOf(process.pid) };
    const leaderSince = new Date(0).toISOString();
    // Ahead of the clock, so that it is known which token comes next.
    writeLease(folder.lease, { ...candidate, state: 'resigned', fencingToken: 2 ** 50, leaderSince });
    writeRequest(folder, 2 ** 50, 'who is late', 0);
    writeRequest(folder, 2 ** 50 + 2, 'ops', 0);
    const { term, events } = await lead();
    expect(term.fencingToken).toBe(2 ** 50 + 2);
    await poll(() => events.length > 0);
    expect(events).toEqual([{ kind: 'stepDownAsked', by: 'ops' }]);
    const requests = (): string[] => readdirSync(folder.path).filter((name) => name.startsWith('step-down'));
    await poll(() => requests().length === 1, { what: 'the earlier request to be removed' });
  });

  it('has its token reserved before it begins, and more reserved for the next ones while it lasts', async () => {
    const folder = prepareFolder(base, 'job');
    const candidate = { candidateId: 'b', hostname: 'here', process: identityOf(process.pid) };
    const leaderSince = new Date(0).toISOString();
    writeLease(folder.lease, { ...candidate, state: 'resigned', fencingToken: 1, leaderSince });
    const reserved = reserve(folder, Date.now() - (RESERVED_MS * 3) / 4);
    const { term } = await lead();
    expect(term.fencingToken).toBeLessThanOrEqual(reserved);
    await poll(() => reservedThrough(folder) > reserved, { what: 'more to be reserved' });
    expect(reservedThrough(folder)).toBeGreaterThan(term.fencingToken + RESERVED_MS / 2);
    await term.resign();
    rmSync(join(folder.path, `tokens.${reservedThrough(folder)}`));
    const next = await lead();
    expect(reservedThrough(folder)).toBeGreaterThanOrEqual(next.term.fencingToken);
  });

  it('hears of a request later on', async () => {
    const { term, events } = await lead();
    const folder = folderOf(base, 'job');
    writeRequest(folder, term.fencingToken - 1, 'who is late', 0);
    await poll(() => readdirSync(folder.path).every((name) => !name.startsWith('step-down')), {
      what: 'its first look',
    });
    writeRequest(folder, term.fencingToken, 'ops', 0);
    await poll(() => events.length > 0);
    expect(events).toEqual([{ kind: 'stepDownAsked', by: 'ops' }]);
  });
});
