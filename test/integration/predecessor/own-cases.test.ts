/**
 * What Go's ballot tests of itself, held against ours. Most of it is tested elsewhere (docs/moving-from-go-ballot.md
 * names where); here are the cases that are in no other file.
 */
import { describe, expect, it } from 'vitest';
import type { Session } from '../../../src/zookeeper/session/port.ts';
import type { Candidate } from '../../support/candidate.ts';
import { pass, poll } from '../../support/poll.ts';
import { Proxy } from '../../support/proxy.ts';
import { restrictedZNode } from '../../support/restrict.ts';
import { serversOf, sessionsAt, within } from '../../support/sessions.ts';
import { EXIT, abandoned, useZooKeeper } from '../../support/stage.ts';
import { figure, renewals } from './measures.ts';

const zookeeper = useZooKeeper();

const POLICIES = ['run-anyway', 'exit', 'retry'] as const;

describe.concurrent.each(POLICIES)('on-election-failure=%s', (policy) => {
  const flags = { 'on-election-failure': policy };

  it.each([0, 3])('an election that succeeds: the command runs once, as leader, and exits with %i', async (code) => {
    await using stage = zookeeper.stage();
    const candidate = stage.start({ flags: { ...flags, ...EXIT }, script: `exit ${code}` });
    expect(await candidate.end()).toBe(code);
    const tokens = stage.journal.starts().map(({ token }) => token);
    expect(tokens).toEqual([String(candidate.said('elected leader')[0]?.['term'])]);
    expect(await stage.election()).toEqual(abandoned);
  });

  it('an election that is held by another has not failed: nothing runs here', async () => {
    await using stage = zookeeper.stage();
    const leader = await stage.stand();
    await stage.journal.started();
    const standby = await stage.stand({ flags: { ...flags, 'zookeeper-session-timeout': '1s' } });
    // For longer than a candidate does without an answer.
    await pass(1500);
    expect(stage.journal.starts(standby.id)).toEqual([]);
    leader.signal('SIGTERM');
    await leader.end();
    expect((await stage.journal.started(1, { candidate: standby.id })).token).not.toBe('-');
  });
});

describe.concurrent('a proposal that cannot be made, since an ACL forbids it', () => {
  it.each(['exit', 'retry'] as const)(
    'on-election-failure=%s: 77 at once, with the path: no retry mends it',
    async (policy) => {
      await using stage = zookeeper.stage(`/closed-to-${policy}`);
      await restrictedZNode(zookeeper.connectString, stage.basePath);
      const candidate = stage.start({ flags: { 'on-election-failure': policy } });
      expect(await candidate.end()).toBe(77);
      expect(candidate.said('the election failed')[0]?.['why']).toContain(stage.basePath);
      expect(stage.journal.entries()).toEqual([]);
    },
  );

  it('on-election-failure=run-anyway: the command runs once, without leadership', async () => {
    await using stage = zookeeper.stage('/closed-to-run-anyway');
    await restrictedZNode(zookeeper.connectString, stage.basePath);
    const candidate = stage.start({ flags: { 'on-election-failure': 'run-anyway' } });
    await candidate.says('the election failed; the command goes on without leadership', { count: 2 });
    expect(stage.journal.starts().map(({ token }) => token)).toEqual(['-']);
  });
});

describe.concurrent('a place in the queue', () => {
  it('whose predecessor leaves between the look and the watch is looked at again', async () => {
    await using proxy = await Proxy.start(zookeeper.server.port);
    const others: Session[] = [];
    // Every request takes half a second: the predecessor leaves at each stage between proposal and watch.
    const stages = [400, 800, 1200, 1600].map((after) => ({ after, stage: zookeeper.stage() }));
    try {
      for (const { stage } of stages) {
        const other = await sessionsAt(serversOf(zookeeper)).opener.open(within);
        others.push(other);
        await other.create(stage.basePath, Buffer.alloc(0), 'persistent', within);
        await other.create(`${stage.basePath}/proposal-`, Buffer.from('{}'), 'ephemeral-sequential', within);
      }
      proxy.delay(250);
      await Promise.all(
        stages.map(async ({ after, stage }, index) => {
          stage.start({ servers: proxy.address });
          await poll(async () => (await stage.election())?.proposals.length === 2, {
            what: 'a proposal',
          });
          await pass(after);
          await others[index]?.close(3000);
          await stage.journal.started();
        }),
      );
    } finally {
      await Promise.all(stages.map(({ stage }) => stage[Symbol.asyncDispose]()));
      await Promise.all(others.map((other) => other.close(1000)));
    }
  });

  it('that is taken from a standby is taken anew at the end, and leads from there', async () => {
    await using stage = zookeeper.stage();
    const candidates: Candidate[] = [];
    for (const id of ['a', 'b', 'c', 'd']) candidates.push(await stage.stand({ id }));
    const [, , third] = (await stage.election())?.proposals ?? [];
    await zookeeper.observer.delete(`${stage.basePath}/${third}`, -1, within);
    // Nobody tells a standby of its own proposal: it finds out when the queue moves.
    const order: string[] = [];
    for (const next of ['a', 'b', 'd', 'c']) {
      const { candidate } = await stage.journal.started(order.length + 1);
      order.push(candidate);
      if (next === 'c') break;
      const leader = candidates.find(({ id }) => id === candidate) as Candidate;
      leader.signal('SIGTERM');
      await leader.end();
    }
    expect(order).toEqual(['a', 'b', 'd', 'c']);
  });

  it('that is taken from a leader is taken anew: the term goes on, and resigning leaves nothing behind', async () => {
    await using stage = zookeeper.stage();
    const leader = await stage.stand();
    const start = await stage.journal.started();
    const [own] = (await stage.election())?.proposals ?? [];
    await zookeeper.observer.delete(`${stage.basePath}/${own}`, -1, within);
    await poll(async () => {
      const [now] = (await stage.election())?.proposals ?? [];
      return now !== undefined && now !== own;
    });
    await renewals(stage, 2);
    expect(stage.journal.entries()).toEqual([start]);
    leader.signal('SIGTERM');
    expect(await leader.end()).toBe(143);
    expect(await stage.election()).toEqual(abandoned);
  });

  it('that is gone already when its leader resigns is none the worse for it', async () => {
    await using stage = zookeeper.stage();
    // Heartbeats far apart: it does not find out before.
    const leader = await stage.stand({ flags: { 'zookeeper-session-timeout': '10s' } });
    await stage.journal.started();
    await renewals(stage, 1);
    for (const name of (await stage.election())?.proposals ?? [])
      await zookeeper.observer.delete(`${stage.basePath}/${name}`, -1, within);
    leader.signal('SIGTERM');
    expect(await leader.end()).toBe(143);
    expect(leader.said('leadership not released')).toEqual([]);
    expect(await stage.election()).toEqual(abandoned);
  });
});

describe.concurrent('a claim that meets another version of the lease', () => {
  it('is lost: nothing runs before that lease has run out', async () => {
    await using proxy = await Proxy.start(zookeeper.server.port);
    await using stage = zookeeper.stage();
    const record = (candidateId: string): Buffer =>
      Buffer.from(
        JSON.stringify({
          ...{ candidateId, hostname: 'h', pid: '1', proposalTime: '2026-11-21 03:06:35 +0000 UTC' },
          ...{ proposalNode: `${stage.basePath}/proposal-0000000000`, sessionTimeout: '4s' },
        }),
      );
    await zookeeper.observer.create(stage.basePath, record('first'), 'persistent', within);
    const candidate = stage.start({
      servers: proxy.address,
      flags: { 'log-level': 'debug', 'zookeeper-session-timeout': '8s' },
    });
    await candidate.says('next in line');
    proxy.delay(300);
    // Its watch tells it 0.3 s later, it reads what is vacant at 0.6 s, and the claim arrives at 1.2 s: in between
    // somebody else has claimed.
    await zookeeper.observer.set(stage.basePath, Buffer.alloc(0), -1, within);
    await pass(900);
    const { mtime } = await zookeeper.observer.set(stage.basePath, record('usurper'), -1, within);
    await poll(() => candidate.said('next in line').some(({ leader }) => leader === 'usurper'), {
      what: 'the usurper seen',
    });
    proxy.delay(0);
    const start = await stage.journal.started();
    expect(start.time * 1000 - mtime).toBeGreaterThan(3998);
  });
});

describe('a leader that stands alone', () => {
  it('needs one watch, for a request to step down', async () => {
    const before = await figure(zookeeper.server, 'zk_watch_count');
    await using stage = zookeeper.stage();
    const leader = await stage.stand();
    await stage.journal.started();
    await renewals(stage, 2);
    expect(await figure(zookeeper.server, 'zk_watch_count')).toBe(before + 1);
    leader.signal('SIGTERM');
    await leader.end();
  });
});
