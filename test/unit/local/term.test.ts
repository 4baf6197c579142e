import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import type { Term, TermEvent } from '../../../src/election/election.ts';
import { createLocalElection, type LocalElection } from '../../../src/local/election.ts';
import { folderOf } from '../../../src/local/folder.ts';
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
});
