/** A leader that is killed around its ticks. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Session } from '../../src/zookeeper/port.ts';
import { expectNoOverlaps } from '../support/candidate.ts';
import {
  expectEachTickOnce,
  ledgerAt,
  ledgerWith,
  pairBefore,
  recordOf,
  serves,
  tickOf,
  ticksOf,
  until,
  type Pair,
} from '../support/cron.ts';
import { Proxy } from '../support/proxy.ts';
import { serversOf, sessionsAt } from '../support/sessions.ts';
import { startZooKeeper, type Ensemble } from '../support/zookeeper.ts';

let zookeeper: Ensemble;
let observer: Session;

beforeAll(async () => {
  zookeeper = await startZooKeeper();
  observer = await sessionsAt(serversOf(zookeeper)).opener.open({ timeout: 5000 });
});
afterAll(async () => {
  await observer?.close(3000);
  await zookeeper?.close();
});
afterEach(expectNoOverlaps);

const pass = (ms: number): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, ms));
const RERUN = { 'on-child-success': 'rerun', 'on-child-error': 'rerun' };
const ONCE = { ...RERUN, 'catch-up': 'once' };

const DEFAULT_SCRIPT = 'stay 0.2; exit 0';

/** Both serve with these flags; the leader, if asked to, by a way of its own. */
function pair(
  flags: Record<string, string>,
  more: { script?: string; leaderServers?: string; ahead?: number } = {},
): Promise<Pair> {
  return pairBefore(observer, zookeeper.connectString, { flags, script: DEFAULT_SCRIPT, ...more });
}

describe.concurrent('SIGKILL of the leader’s supervisor', () => {
  it('at a tick, at any moment around it: it is served once or recorded as lost, and none is served twice (catch-up=once)', async () => {
    const moments = [-25, -8, 0, 3, 6, 10, 20, 60];
    await Promise.all(moments.map(killedAt));
  });

  async function killedAt(moment: number): Promise<void> {
    await using prepared = await pair(ONCE, { ahead: 2000 });
    const { stage, leader, next, tick } = prepared;
    await until(tick + moment - 15);
    while (Date.now() < tick + moment) await new Promise((resolve) => setImmediate(resolve));
    leader.signal('SIGKILL');
    await serves(observer, stage, next);
    const record = await recordOf(observer, stage, tick);
    const starts = stage.journal.starts();
    expectEachTickOnce(stage.journal);
    if (record.candidateId === 'next') {
      expect(record.outcome).toBe('succeeded');
      expect(starts.map(({ candidate }) => candidate)).toEqual(['next']);
    } else {
      // It may have been killed between entry and spawn, or have spawned just before.
      expect(['lost', 'succeeded']).toContain(record.outcome);
      expect(starts.filter(({ candidate }) => candidate === 'next')).toEqual([]);
    }
  }

  it.each(['none', 'once'])('before a tick (catch-up=%s): the next one in line serves it', async (catchUp) => {
    await using prepared = await pair({ ...RERUN, 'catch-up': catchUp }, { ahead: 2500 });
    const { stage, leader, tick } = prepared;
    leader.signal('SIGKILL');
    const start = await stage.journal.started();
    expect([start.candidate, tickOf(start)]).toEqual(['next', tick]);
  });

  it('after a run has ended (catch-up=once): that tick is not served again, and its record stays', async () => {
    await using prepared = await pair(ONCE);
    const { stage, leader, next, tick } = prepared;
    await leader.says('the run is over');
    const record = await recordOf(observer, stage, tick);
    leader.signal('SIGKILL');
    await serves(observer, stage, next);
    await pass(700);
    expect(ticksOf(stage.journal)).toEqual([tick]);
    expect((await ledgerAt(observer, stage))?.runs).toEqual([record]);
    expect(record).toMatchObject({ outcome: 'succeeded', exitCode: 0, candidateId: 'leader' });
  });

  it.each(['none', 'once'])(
    'during a run (catch-up=%s): it is stopped, recorded as lost, and not run again',
    async (catchUp) => {
      await using prepared = await pair({ ...RERUN, 'catch-up': catchUp }, { script: 'stay' });
      const { stage, leader, next, tick } = prepared;
      const start = await stage.journal.started();
      leader.signal('SIGKILL');
      await leader.ended;
      const record = await recordOf(observer, stage, tick);
      expect(record).toMatchObject({ outcome: 'lost', candidateId: 'leader', fencingToken: Number(start.token) });
      expect(record).not.toHaveProperty('exitCode');
      await serves(observer, stage, next);
      await pass(700);
      expect(ticksOf(stage.journal)).toEqual([tick]);
      expect(leader.descendants()).toEqual([]);
    },
  );
});

describe.concurrent('the leader’s host is lost while it enters a tick in the ledger', () => {
  const SESSION = { 'zookeeper-session-timeout': '3s' };

  it('the entry was written, and nobody told it: the tick may have been served, so it is recorded as lost and not run again', async () => {
    await using proxy = await Proxy.start(zookeeper.server.port);
    await using prepared = await pair(ONCE, { leaderServers: proxy.address });
    const { stage, leader, next, tick } = prepared;
    await until(tick - 150);
    proxy.blackHole('toClient');
    await ledgerWith(observer, stage, 'the tick', ({ runs }) => runs.some((run) => run.tick === tick));
    // Well before it would start the tick without an answer, a heartbeat later.
    leader.kill();
    await serves(observer, stage, next);
    await pass(700);
    expect(stage.journal.entries()).toEqual([]);
    expect((await ledgerAt(observer, stage))?.runs).toEqual([
      expect.objectContaining({ tick, candidateId: 'leader', outcome: 'lost' }),
    ]);
  });

  it.each([
    ['none', []],
    ['once', ['next']],
  ])('the entry was not written (catch-up=%s): served by %j', async (catchUp, served) => {
    await using proxy = await Proxy.start(zookeeper.server.port);
    const flags = { ...RERUN, ...SESSION, 'catch-up': catchUp };
    await using prepared = await pair(flags, { leaderServers: proxy.address });
    const { stage, leader, next, tick } = prepared;
    await until(tick - 150);
    proxy.blackHole('toServer');
    await until(tick + 200);
    leader.kill();
    await serves(observer, stage, next);
    if (served.length > 0) await stage.journal.started(served.length);
    await pass(700);
    expect(stage.journal.starts().map(({ candidate }) => candidate)).toEqual(served);
    expect(ticksOf(stage.journal)).toEqual(served.map(() => tick));
    expect((await ledgerAt(observer, stage))?.runs.map((run) => run.candidateId)).toEqual(served);
  });

  it('the entry arrives when somebody else has served the tick: it is refused', async () => {
    await using proxy = await Proxy.start(zookeeper.server.port);
    await using prepared = await pair({ ...ONCE, ...SESSION }, { leaderServers: proxy.address });
    const { stage, leader, next, tick } = prepared;
    await until(tick - 150);
    proxy.stall('toServer');
    await until(tick + 200);
    leader.kill();
    await serves(observer, stage, next);
    const record = await recordOf(observer, stage, tick);
    expect(record).toMatchObject({ candidateId: 'next', outcome: 'succeeded' });
    proxy.forward();
    await pass(1000);
    expect((await ledgerAt(observer, stage))?.runs).toEqual([record]);
    expect(ticksOf(stage.journal)).toEqual([tick]);
  });
});

describe.concurrent('a host that is lost', () => {
  it.each([
    ['none', 0],
    ['once', 1],
  ])('with a tick before its lease runs out: catch-up=%s starts %i', async (catchUp, starts) => {
    const flags = { ...RERUN, 'catch-up': catchUp, 'zookeeper-session-timeout': '3s' };
    await using prepared = await pair(flags);
    const { stage, leader, next, tick } = prepared;
    await until(tick - 700);
    leader.kill();
    await serves(observer, stage, next);
    expect(Date.now()).toBeGreaterThan(tick);
    if (starts > 0) await stage.journal.started(starts);
    await pass(700);
    expect(ticksOf(stage.journal)).toEqual(Array.from({ length: starts }, () => tick));
  });
});
