import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Candidate } from '../../support/candidate.ts';
import { within } from '../../support/sessions.ts';
import { useZooKeeper } from '../../support/stage.ts';
import { figure, heapSnapshots, liveHeap, renewals, requestNumbers, sessionsInLine } from './measures.ts';

const zookeeper = useZooKeeper();

describe('a change in the queue wakes one candidate (defect 10)', () => {
  it('the one behind who leaves; nobody else asks the server for anything', async () => {
    await using stage = zookeeper.stage();
    const candidates: Candidate[] = [];
    for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) candidates.push(await stage.stand({ id }));
    await candidates[1]?.says('standing by, next in line');
    await renewals(stage, 1);
    const line = await sessionsInLine(stage);
    expect(new Set(line).size).toBe(6);
    /** Requests of each, in the order of `line`, while `change` happens and for two heartbeats after. */
    const requestsDuring = async (change: () => Promise<void>): Promise<number[]> => {
      const before = await requestNumbers(zookeeper.server);
      await change();
      await renewals(stage, 2);
      const after = await requestNumbers(zookeeper.server);
      return line.map((session) => (after.get(session) ?? NaN) - (before.get(session) ?? NaN));
    };

    // Renewals wake the next in line alone, which watches the lease.
    const renewed = await requestsDuring(async () => undefined);
    expect(renewed[0]).toBeGreaterThanOrEqual(2);
    expect(renewed[1]).toBeGreaterThanOrEqual(1);
    expect(renewed.slice(2)).toEqual([0, 0, 0, 0]);

    // d leaves: e looks at the queue and watches c. Its own end makes the connection of d unknown.
    const left = await requestsDuring(async () => {
      candidates[3]?.signal('SIGTERM');
      await candidates[3]?.end();
    });
    expect([left[2], left[5]]).toEqual([0, 0]);
    expect(left[4]).toBeGreaterThanOrEqual(1);
    expect(left[4]).toBeLessThanOrEqual(3);

    // a leaves: b leads, c is the next in line. The others stand where they stand.
    const handedOver = await requestsDuring(async () => {
      candidates[0]?.signal('SIGTERM');
      await candidates[0]?.end();
      await stage.journal.started(1, { candidate: 'b' });
    });
    expect(handedOver[2]).toBeGreaterThan(0);
    expect(handedOver.slice(4)).toEqual([0, 0]);
  });
});

describe('many changes (defect 11)', () => {
  const requests = 1000;
  /** Memory that belongs to a process alone, KiB. `NaN` when it is gone. */
  const anonymous = (pid: number): number => {
    const status = existsSync(`/proc/${pid}`) ? readFileSync(`/proc/${pid}/status`, 'utf8') : '';
    return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1]);
  };

  it('leave no watch and no memory behind', async () => {
    await using stage = zookeeper.stage();
    const rubbish = Buffer.from('held by nobody who says who');
    await zookeeper.observer.create(stage.basePath, rubbish, 'persistent', within);
    const candidate = stage.start({
      flags: { 'zookeeper-session-timeout': '10s' },
      env: { NODE_OPTIONS: heapSnapshots(stage.journal.folder) },
    });
    await candidate.says('the lease cannot be read');
    const [session] = await sessionsInLine(stage);
    const asked = async (): Promise<number> =>
      (await requestNumbers(zookeeper.server)).get(session as bigint) as number;
    /** Writes the lease until the candidate, woken by its watch each time, has sent so many requests. */
    const changes = async (requests: number): Promise<void> => {
      const end = (await asked()) + requests;
      while ((await asked()) < end)
        for (let i = 0; i < 50; i++) await zookeeper.observer.set(stage.basePath, rubbish, -1, within);
    };
    // Nobody may take the lease for abandoned while a heap is written down.
    const beat = setInterval(
      () => void zookeeper.observer.set(stage.basePath, rubbish, -1, within).catch(() => undefined),
      500,
    );
    onTestFinished(() => clearInterval(beat));
    const measure = async (): Promise<{ grown: number; kept: number }> => {
      const [keeper] = candidate.keepers() as [number];
      await changes(500);
      const [heap, memory] = [await liveHeap(candidate.pid, stage.journal.folder), anonymous(keeper)];
      await changes(requests);
      const grown = (await liveHeap(candidate.pid, stage.journal.folder)) - heap;
      // On a busy machine the session may have gone to another keeper: that tells nothing.
      return candidate.keepers()[0] === keeper ? { grown, kept: anonymous(keeper) - memory } : measure();
    };
    const { grown, kept } = await measure();
    // Nothing is kept of a request, nor of a watch that has fired. (What grows is compiled code, and less and less.)
    expect(grown / requests).toBeLessThan(300);
    // The keeper's garbage is not collected on demand: what it may gather besides.
    expect(kept).toBeLessThan(6 * 1024);
    expect(await figure(zookeeper.server, 'zk_watch_count')).toBeLessThanOrEqual(1);
    expect(stage.journal.entries()).toEqual([]);
  });
});
