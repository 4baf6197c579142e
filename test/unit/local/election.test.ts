import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import type { Term } from '../../../src/election/election.ts';
import { createLocalElection, type LocalElection, type LocalOptions } from '../../../src/local/election.ts';
import { folderOf } from '../../../src/local/folder.ts';
import type { Locks } from '../../../src/local/lock.ts';
import { readQueue } from '../../../src/local/queue.ts';
import { silentLogger } from '../../support/silent-logger.ts';

const patience = { opening: 1_000, standing: Infinity };
const never = new AbortController().signal;

let base: string;
let elections: LocalElection[];

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'ballot-election-'));
  elections = [];
});

afterEach(async () => {
  for (const election of elections) await election.close(1_000);
  rmSync(base, { recursive: true, force: true });
});

function candidate(candidateId: string, more: Partial<LocalOptions> = {}): LocalElection {
  const election = createLocalElection({
    clock: systemClock,
    logger: silentLogger,
    stateDir: base,
    election: 'job',
    candidate: { candidateId, hostname: 'here' },
    stop: { onLeaseLoss: 'keep', stopSignal: 'SIGTERM', killAfter: 1_000, mark: () => [] },
    traces: () => [],
    forkKeeper: () => {
      throw new Error('nothing runs here');
    },
    ...more,
  });
  elections.push(election);
  return election;
}

/** A lock that is given when the test says so. */
function lockOnDemand(): { readonly locks: Locks; grant(): void; readonly isClosed: boolean } {
  let grant: () => void = () => undefined;
  const granted = new Promise<void>((resolve) => (grant = resolve));
  let isClosed = false;
  const close = (): void => void (isClosed = true);
  return {
    locks: () => ({
      descriptor: 0,
      file: { dev: 0, ino: 0 },
      granted,
      isInLine: () => true,
      isInPlace: () => true,
      close,
    }),
    grant,
    get isClosed() {
      return isClosed;
    },
  };
}

/** Begins a campaign, and resolves when that has its place: to its end, which may be asked for. */
function stand(election: LocalElection, signal: AbortSignal): Promise<() => Promise<Term>> {
  return new Promise((resolve) => {
    const campaign = election.campaign({
      signal,
      patience,
      onPlace: () => queueMicrotask(() => resolve(() => campaign)),
    });
    campaign.catch(() => undefined); // looked at by those tests that expect it
  });
}

describe('a candidate on one host', () => {
  it('that waited for the lock of a file that was deleted goes on to the one that is there', async () => {
    const leader = await candidate('a').campaign({ signal: never, patience });
    const next = await stand(candidate('b'), never);
    rmSync(folderOf(base, 'job').lock);
    await leader.resign();
    const term = await next();
    // It looks at the lock: of the deleted file it would be in the past.
    expect(term.safeUntil).toBe(Infinity);
    await term.resign();
  });

  it('has its place when the kernel has it, however long its helper takes: who comes next is behind it', async () => {
    const leader = await candidate('a').campaign({ signal: never, patience });
    const slow = join(base, 'slow');
    mkdirSync(slow);
    writeFileSync(join(slow, 'flock'), `#!/bin/sh\nsleep 0.5\nPATH=\${PATH#*:}\nexec flock "$@"\n`, { mode: 0o755 });
    vi.stubEnv('PATH', `${slow}:${process.env['PATH']}`);
    const second = await stand(candidate('b'), never);
    vi.unstubAllEnvs();
    const third = await stand(candidate('c'), never);
    await leader.resign();
    const winner = await Promise.race([second().then(() => 'b'), third().then(() => 'c')]);
    expect(winner).toBe('b');
  });

  it('gives a lock back that comes in the instant in which its campaign is called off', async () => {
    const lock = lockOnDemand();
    const off = new AbortController();
    const campaign = await stand(candidate('a', { locks: lock.locks }), off.signal);
    off.abort(new Error('called off'));
    lock.grant();
    await expect(campaign()).rejects.toBe(off.signal.reason);
    expect(lock.isClosed).toBe(true);
    expect(readQueue(folderOf(base, 'job').queue).living).toEqual([]);
  });
});
