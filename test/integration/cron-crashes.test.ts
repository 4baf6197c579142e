/** A leader that is killed around its ticks. */
import { describe, expect, it } from 'vitest';
import type { Entry } from '../support/candidate.ts';
import {
  expectEachTickOnce,
  ledgerWith,
  pairBefore,
  recordAt,
  recordOf,
  serves,
  standCron,
  startedFor,
  tickOf,
  until,
  type Pair,
} from '../support/cron.ts';
import { pass } from '../support/poll.ts';
import { Proxy } from '../support/proxy.ts';
import { RERUN, useZooKeeper } from '../support/stage.ts';

const zookeeper = useZooKeeper();

const ONCE = { ...RERUN, 'catch-up': 'once' };

/** Both serve with these flags. */
function pair(
  flags: Record<string, string>,
  more: { script?: string; leaderServers?: string; ahead?: number } = {},
): Promise<Pair> {
  return pairBefore(zookeeper, { flags, ...more });
}

const candidatesOf = (entries: readonly Entry[]): string[] => entries.map(({ candidate }) => candidate);

describe.concurrent('SIGKILL of the leader’s supervisor', () => {
  it('at a tick, at any moment around it: it is served once or recorded as lost, and none is served twice (catch-up=once)', async () => {
    const moments = [-25, -5, 0, 4, 8, 15, 60];
    await Promise.all(moments.map(killedAt));
  });

  async function killedAt(moment: number): Promise<void> {
    await using prepared = await pair(ONCE, { ahead: 1000 });
    const { stage, leader, next, tick, starts } = prepared;
    await until(tick + moment - 15);
    while (Date.now() < tick + moment) await new Promise((resolve) => setImmediate(resolve));
    leader.signal('SIGKILL');
    await serves(stage, next);
    const record = await recordOf(stage, tick);
    expectEachTickOnce(stage.journal);
    if (record.candidateId === 'next') {
      expect(record.outcome).toBe('succeeded');
      expect(candidatesOf(starts())).toEqual(['next']);
    } else {
      // It may have been killed between entry and spawn, or have spawned just before.
      expect(['lost', 'succeeded']).toContain(record.outcome);
      expect(candidatesOf(starts())).not.toContain('next');
    }
  }

  it.each(['none', 'once'])('before a tick (catch-up=%s): the next one in line serves it', async (catchUp) => {
    const inTime = async (): Promise<boolean> => {
      await using prepared = await pair({ ...RERUN, 'catch-up': catchUp }, { ahead: 2500 });
      prepared.leader.signal('SIGKILL');
      const elected = await prepared.next.says('elected leader');
      // A busy machine may need longer than that for the take-over.
      if (Date.parse(String(elected['time'])) > prepared.tick - 100) return false;
      await startedFor(prepared);
      expect(candidatesOf(prepared.starts())).toEqual(['next']);
      return true;
    };
    while (!(await inTime())) continue;
  });

  it('after a run has ended (catch-up=once): that tick is not served again, and its record stays', async () => {
    await using prepared = await pair(ONCE);
    const { stage, leader, next, tick, starts } = prepared;
    const record = await recordOf(stage, tick);
    leader.signal('SIGKILL');
    await serves(stage, next);
    await pass(700);
    expect(candidatesOf(starts())).toEqual(['leader']);
    expect(await recordAt(prepared)).toEqual(record);
    expect(record).toMatchObject({ outcome: 'succeeded', exitCode: 0, candidateId: 'leader' });
  });

  it.each(['none', 'once'])(
    'during a run (catch-up=%s): it is stopped, recorded as lost, and not run again',
    async (catchUp) => {
      await using stage = zookeeper.stage();
      const options = { schedule: '@every 3s', flags: { ...RERUN, 'catch-up': catchUp } };
      const leader = await standCron(stage, { id: 'leader', ...options, script: 'stay' });
      const next = await standCron(stage, { id: 'next', ...options, script: 'exit 0' });
      await next.says('next in line');
      const start = await stage.journal.started();
      leader.signal('SIGKILL');
      await leader.ended;
      const record = await recordOf(stage, tickOf(start));
      expect(record).toMatchObject({ outcome: 'lost', candidateId: 'leader', fencingToken: Number(start.token) });
      expect(record).not.toHaveProperty('exitCode');
      await stage.journal.started(1, { candidate: 'next' });
      expectEachTickOnce(stage.journal);
      expect(leader.descendants()).toEqual([]);
    },
  );
});

describe.concurrent('the leader’s host is lost while it enters a tick in the ledger', () => {
  const SESSION = { 'zookeeper-session-timeout': '3s' };

  it('the entry was written, and nobody told it: the tick may have been served, so it is recorded as lost and not run again', async () => {
    await using proxy = await Proxy.start(zookeeper.server.port);
    await using prepared = await pair(ONCE, { leaderServers: proxy.address });
    const { stage, leader, next, tick, starts } = prepared;
    await until(tick - 150);
    proxy.blackHole('toClient');
    await ledgerWith(stage, 'the tick', ({ runs }) => runs.some((run) => run.tick === tick));
    // Well before it would start the tick without an answer, a heartbeat later.
    leader.kill();
    await serves(stage, next);
    await pass(700);
    expect(starts()).toEqual([]);
    expect(await recordAt(prepared)).toMatchObject({ candidateId: 'leader', outcome: 'lost' });
  });

  it.each([
    ['none', []],
    ['once', ['next']],
  ])('the entry was not written (catch-up=%s): served by %j', async (catchUp, served) => {
    await using proxy = await Proxy.start(zookeeper.server.port);
    const flags = { ...RERUN, ...SESSION, 'catch-up': catchUp };
    await using prepared = await pair(flags, { leaderServers: proxy.address });
    const { stage, leader, next, tick, starts } = prepared;
    await until(tick - 150);
    proxy.blackHole('toServer');
    await until(tick + 200);
    leader.kill();
    await serves(stage, next);
    if (served.length > 0) await startedFor(prepared);
    await pass(700);
    expect(candidatesOf(starts())).toEqual(served);
    expect((await recordAt(prepared))?.candidateId).toBe(served[0]);
  });

  it('the entry arrives when somebody else has served the tick: it is refused', async () => {
    await using proxy = await Proxy.start(zookeeper.server.port);
    await using prepared = await pair({ ...ONCE, ...SESSION }, { leaderServers: proxy.address });
    const { stage, leader, next, tick, starts } = prepared;
    await until(tick - 150);
    proxy.stall('toServer');
    await until(tick + 200);
    leader.kill();
    await serves(stage, next);
    const record = await recordOf(stage, tick);
    expect(record).toMatchObject({ candidateId: 'next', outcome: 'succeeded' });
    proxy.forward();
    await pass(1000);
    expect(await recordAt(prepared)).toEqual(record);
    expect(candidatesOf(starts())).toEqual(['next']);
  });
});

describe.concurrent('a host that is lost', () => {
  it.each([
    ['none', []],
    ['once', ['next']],
  ])('with a tick before its lease runs out: under catch-up=%s served by %j', async (catchUp, served) => {
    const flags = { ...RERUN, 'catch-up': catchUp, 'zookeeper-session-timeout': '3s' };
    await using prepared = await pair(flags, { ahead: 700 });
    const { stage, leader, next, tick, starts } = prepared;
    leader.kill();
    await serves(stage, next);
    expect(Date.now()).toBeGreaterThan(tick);
    if (served.length > 0) await startedFor(prepared);
    await pass(700);
    expect(candidatesOf(starts())).toEqual(served);
  });
});
