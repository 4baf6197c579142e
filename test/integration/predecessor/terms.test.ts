import { describe, expect, it } from 'vitest';
import { parseLease } from '../../../src/zookeeper/election/record.ts';
import { pass, poll } from '../../support/poll.ts';
import { Proxy } from '../../support/proxy.ts';
import { within } from '../../support/sessions.ts';
import { EXIT, abandoned, useZooKeeper } from '../../support/stage.ts';
import { expectWithin } from '../../support/yardstick.ts';
import { renewals } from './measures.ts';

const zookeeper = useZooKeeper({ alone: true });

const FLAGS = { 'zookeeper-session-timeout': '4s' };
const timeOf = (line: { readonly [field: string]: unknown } | undefined): number => Date.parse(String(line?.['time']));

describe('the start', () => {
  it('has no wait in it, neither random nor fixed (defect 1)', async () => {
    const took: { readonly loading: number; readonly electing: number }[] = [];
    for (let time = 0; time < 8; time++) {
      await using stage = zookeeper.stage();
      const at = Date.now();
      const candidate = stage.start({ flags: EXIT, command: ['true'] });
      expect(await candidate.end()).toBe(0);
      const [stood, elected] = ['standing for election', 'elected leader'].map((text) =>
        timeOf(candidate.said(text)[0]),
      ) as [number, number];
      took.push({ loading: stood - at, electing: elected - stood });
    }
    // The yardstick is what this machine needs to load a program. A fixed wait would show in each, one between zero and
    // two seconds in half.
    const middle = (key: keyof (typeof took)[number]): number =>
      took.map((each) => each[key]).toSorted((x, y) => x - y)[4] as number;
    expect(middle('electing')).toBeLessThan(3 * middle('loading'));
  });
});

describe.concurrent('a planned handover', () => {
  it.each(['a command that ended', 'SIGTERM'] as const)(
    'after %s takes a fraction of the session timeout (defect 2)',
    async (cause) => {
      await using stage = zookeeper.stage();
      // The longest that this server grants: whoever waited for the old lease would wait that long.
      const flags = { 'zookeeper-session-timeout': '10s' };
      const script = cause === 'SIGTERM' ? 'stay' : 'until [ -e "$journal.open" ]; do stay 0.02; done';
      const first = await stage.stand({ id: 'first', flags, script });
      const { pid } = await stage.journal.started();
      const second = await stage.stand({ id: 'second', flags });
      await second.says('next in line');
      const at = Date.now();
      if (cause === 'SIGTERM') first.signal('SIGTERM');
      else process.kill(pid, 'SIGKILL');
      const next = await stage.journal.started(1, { candidate: 'second' });
      expectWithin(next.time * 1000 - at, 4000);
    },
  );

  it.each([
    ['a stop', {}],
    ['exit', { 'on-child-error': 'exit' }],
    ['ignore', { 'on-child-error': 'ignore' }],
    ['reelect', { 'on-child-error': 'reelect', 'restart-delay': '1h', 'restart-max-delay': '1h' }],
  ])('by %s empties the lease, after many heartbeats too (defects 3, 7)', async (how, policy) => {
    await using stage = zookeeper.stage();
    const candidate = stage.start({ flags: { 'zookeeper-session-timeout': '1s', ...policy } });
    const { pid } = await stage.journal.started();
    const { version } = await renewals(stage, 6);
    expect(version).toBeGreaterThan(6);
    if (how === 'a stop') candidate.signal('SIGTERM');
    else process.kill(pid, 'SIGKILL');
    if (how === 'reelect') await candidate.says('resigned');
    else expect(await candidate.end()).toBe(how === 'a stop' ? 143 : how === 'exit' ? 137 : 0);
    // At this very moment: a lease that runs out would still be full.
    const { data, stat } = await zookeeper.observer.get(stage.basePath, within);
    expect(data).toHaveLength(0);
    expect(await stage.election()).toEqual(abandoned);
    // The heartbeat has stopped with the term.
    await pass(700);
    expect((await zookeeper.observer.get(stage.basePath, within)).stat.version).toBe(stat.version);
  });
});

describe('a heartbeat that fails', () => {
  it('because the server stood still is followed by heartbeats that succeed, in the same term (defect 4)', async () => {
    await using stage = zookeeper.stage();
    const leader = await stage.stand({ flags: FLAGS });
    const start = await stage.journal.started();
    await stage.stand({ id: 'standby', flags: FLAGS });
    zookeeper.server.pause();
    try {
      await leader.says('the lease cannot be renewed');
    } finally {
      zookeeper.server.resume();
    }
    await leader.says('the lease is renewed again');
    // For longer than the lease lasts, so that nothing but renewals keeps the standby away.
    await renewals(stage, 4);
    expect((await stage.election())?.lease).toMatchObject({
      record: { candidateId: leader.id, fencingToken: Number(start.token) },
    });
    expect(stage.journal.entries()).toEqual([start]);
  });
});

describe.concurrent('a heartbeat that fails', () => {
  it('although it was applied, because its answer was lost, is followed by heartbeats that succeed (defect 4)', async () => {
    await using proxy = await Proxy.start(zookeeper.server.port);
    await using stage = zookeeper.stage();
    const leader = await stage.stand({ servers: proxy.address, flags: FLAGS });
    const start = await stage.journal.started();
    await renewals(stage, 1);
    proxy.blackHole('toClient');
    // Applied, and nobody told the leader: the version that it remembers is an old one from here on.
    await renewals(stage, 1);
    await leader.says('the lease cannot be renewed');
    proxy.forward();
    await leader.says('the lease is renewed again');
    await renewals(stage, 4);
    expect(stage.journal.entries()).toEqual([start]);
    leader.signal('SIGTERM');
    expect(await leader.end()).toBe(143);
    expect(await stage.election()).toEqual(abandoned);
  });
});

describe.concurrent('a session timeout that the server does not grant (defect 23)', () => {
  // A server that ticks every 500 ms grants 1 s to 10 s.
  it.each([
    ['longer', '60s', '10s', 10_000],
    ['shorter', '600ms', '1s', 1000],
  ])('since it is %s: the granted one is logged, and is what lease and proposal say', async (_, asked, granted, ms) => {
    await using stage = zookeeper.stage();
    const candidate = await stage.stand({ flags: { 'zookeeper-session-timeout': asked } });
    await stage.journal.started();
    expect(await candidate.says('ZooKeeper grants another session timeout than asked for')).toMatchObject({
      grantedMs: ms,
    });
    const { stat, data } = await poll(() => zookeeper.observer.get(stage.basePath, within));
    expect(parseLease(data)).toMatchObject({
      kind: 'held',
      duration: ms,
      record: { sessionTimeout: granted, leaseDuration: granted },
    });
    expect(stat.version).toBeGreaterThan(0);
    const [proposal] = (await stage.election())?.proposals ?? [];
    const record = JSON.parse(
      (await zookeeper.observer.get(`${stage.basePath}/${proposal}`, within)).data.toString(),
    ) as Record<string, string>;
    expect(record['sessionTimeout']).toBe(granted);
  });

  it('since it is shorter: whoever takes over waits for the granted one', async () => {
    await using stage = zookeeper.stage();
    const flags = { 'zookeeper-session-timeout': '600ms' };
    const leader = await stage.stand({ flags });
    await stage.journal.started();
    await stage.stand({ id: 'next', flags });
    // The whole host is gone: nobody gives the lease up.
    leader.kill();
    const { stat } = await zookeeper.observer.get(stage.basePath, within);
    const next = await stage.journal.started(1, { candidate: 'next' });
    // The server's stamp and the journal's, of one clock, cut to milliseconds.
    expect(next.time * 1000 - stat.mtime).toBeGreaterThan(998);
  });
});
