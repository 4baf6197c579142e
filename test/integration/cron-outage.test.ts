/** ZooKeeper is away over ticks. */
import { describe, expect, it } from 'vitest';
import type { Candidate } from '../support/candidate.ts';
import {
  beforeTick,
  expectEachTickOnce,
  expectEveryTick,
  ledgerWith,
  serves,
  startCron,
  standCron,
  tickOf,
  ticksOf,
} from '../support/cron.ts';
import { pass, poll } from '../support/poll.ts';
import { Proxy } from '../support/proxy.ts';
import { sessionsAt, serversOf, within } from '../support/sessions.ts';
import { RERUN, Stage, type Observed } from '../support/stage.ts';
import { startZooKeeper, type Ensemble } from '../support/zookeeper.ts';
import { renewals } from './predecessor/measures.ts';

const EVERY = 2000;
const schedule = '@every 2s';
const KEEP = { ...RERUN, 'on-lease-loss': 'keep', 'zookeeper-session-timeout': '3s' };
const STOP = { ...RERUN, 'on-lease-loss': 'stop', 'zookeeper-session-timeout': '3s' };
const script = 'stay 0.1; exit 0';

/** A server of one's own, since it is to go away. */
async function withServer(work: (zookeeper: Ensemble) => Promise<void>): Promise<void> {
  await using zookeeper = await startZooKeeper();
  await work(zookeeper);
}

/** What `work` makes of the election, through a session that lasts no longer. */
async function observed<T>(
  zookeeper: Ensemble,
  { basePath }: Stage,
  work: (election: Observed) => Promise<T>,
): Promise<T> {
  const observer = await sessionsAt(serversOf(zookeeper)).opener.open(within);
  try {
    return await work({ basePath, observer });
  } finally {
    await observer.close(3000);
  }
}

/** The ledger comes to hold every tick that was started, each with its outcome. */
async function expectAllWritten(
  zookeeper: Ensemble,
  stage: Stage,
  isExpected = (outcome: string | undefined): boolean => outcome === 'succeeded',
): Promise<void> {
  const served = ticksOf(stage.journal);
  const written = await observed(zookeeper, stage, (election) =>
    ledgerWith(election, 'all that was started', ({ runs }) => {
      const ended = runs.filter(({ outcome }) => outcome !== undefined);
      return served.every((tick) => ended.some((run) => run.tick === tick)) && ended;
    }),
  );
  expect(written.filter(({ outcome }) => !isExpected(outcome))).toEqual([]);
}

describe.concurrent('on-lease-loss=keep', () => {
  it.each(['killed', 'frozen'])(
    'a server that is %s over several ticks: all are served, and written when it is back',
    (how) =>
      withServer(async (zookeeper) => {
        await using stage = new Stage(zookeeper.connectString);
        const leader = await standCron(stage, { schedule, flags: KEEP, script });
        await standCron(stage, { schedule, flags: KEEP, script });
        await stage.journal.started();
        await beforeTick(EVERY, 500);
        if (how === 'killed') await zookeeper.server.stop();
        else zookeeper.server.pause();
        const before = stage.journal.starts().length;
        await stage.journal.started(before + 3);
        if (how === 'killed') await zookeeper.server.restart();
        else zookeeper.server.resume();
        await leader.says('the lease is renewed again');
        await stage.journal.started(before + 5);
        expectEveryTick(stage, EVERY);
        expect(new Set(stage.journal.starts().map(({ token }) => token)).size).toBe(1);
        await expectAllWritten(zookeeper, stage);
      }),
  );

  it('a leader that was stopped while the server is away hands its command over to nobody, and ends', () =>
    withServer(async (zookeeper) => {
      await using stage = new Stage(zookeeper.connectString);
      const leader = await standCron(stage, { schedule, flags: KEEP, script: 'stay' });
      await stage.journal.started();
      await zookeeper.server.stop();
      await leader.says('staying in role');
      leader.signal('SIGTERM');
      expect(await leader.end()).toBe(143);
      expect(leader.descendants()).toEqual([]);
    }));

  it('a leader that is cut off alone goes on serving, and so does the one that takes over, until it learns of it', () =>
    withServer(async (zookeeper) => {
      await using proxy = await Proxy.start(zookeeper.server.port);
      await using stage = new Stage(zookeeper.connectString);
      stage.overlapsAllowed = true;
      const cutOff = await standCron(stage, { id: 'cut-off', schedule, flags: KEEP, script, servers: proxy.address });
      const other = await standCron(stage, { id: 'other', schedule, flags: KEEP, script });
      await stage.journal.started();
      proxy.blackHole();
      await stage.journal.started(1, { candidate: other.id });
      proxy.forward();
      await cutOff.says('the lease is lost');
      await cutOff.says('standing by, next in line');
      const both = ticksOf(stage.journal, cutOff.id).length;
      await pass(EVERY + 500);
      expect(ticksOf(stage.journal, cutOff.id)).toHaveLength(both);
      // What the one that was cut off ran in its term is not written over what the later term has written.
      const token = Number(stage.journal.starts(other.id)[0]?.token);
      await observed(zookeeper, stage, (election) =>
        ledgerWith(election, 'the later token', (ledger) => ledger.fencingToken === token),
      );
    }));
});

describe.concurrent('on-lease-loss=stop', () => {
  it('a tick that cannot be recorded is not started, although the lease lasts; with the server back, ticks are served again', () =>
    withServer(async (zookeeper) => {
      await using stage = new Stage(zookeeper.connectString);
      const flags = { ...STOP, 'zookeeper-session-timeout': '6s' };
      const first = await standCron(stage, { schedule: '@every 1s', flags, script });
      await standCron(stage, { schedule: '@every 1s', flags, script });
      await stage.journal.started();
      // From a renewal on the lease lasts for two heartbeats before it ends runs: who started a tick without its entry,
      // after one of them, would do so in time.
      await observed(zookeeper, stage, (election) => renewals(election, 1));
      await zookeeper.server.stop();
      const awayAt = Date.now();
      await pass(7000);
      expect(ticksOf(stage.journal).filter((tick) => tick > awayAt)).toEqual([]);
      expect(first.isRunning).toBe(true);
      const backAt = Date.now();
      await zookeeper.server.restart();
      await stage.journal.started(ticksOf(stage.journal).length + 2);
      expectEachTickOnce(stage.journal);
      expect(ticksOf(stage.journal).at(-1)).toBeGreaterThan(backAt);
      // The end of a run that was under way could not be written before somebody else led.
      await expectAllWritten(zookeeper, stage, (outcome) => outcome === 'succeeded' || outcome === 'lost');
    }));

  it('under catch-up=once the latest of those is made up', () =>
    withServer(async (zookeeper) => {
      await using stage = new Stage(zookeeper.connectString);
      const flags = { ...STOP, 'catch-up': 'once' };
      const candidate = await standCron(stage, { schedule: '@every 5s', flags, script });
      await stage.journal.started();
      const tick = await beforeTick(5000, 700);
      await zookeeper.server.stop();
      await pass(1700);
      const before = stage.journal.starts().length;
      expect(ticksOf(stage.journal)).not.toContain(tick);
      const backAt = Date.now();
      await zookeeper.server.restart();
      const made = await stage.journal.started(before + 1);
      // The latest one when it was elected, or at any moment from then on until the command has begun.
      const latest = (ms: number): number => Math.floor(ms / 5000) * 5000;
      const electedAt = Date.parse(String(candidate.said('elected leader').at(-1)?.['time']));
      expect(tickOf(made)).toBeGreaterThanOrEqual(latest(Math.max(electedAt, backAt)));
      expect(tickOf(made)).toBeLessThanOrEqual(latest(made.time * 1000));
      expectEachTickOnce(stage.journal);
    }));

  it('the answer to an entry is lost: whatever the leader makes of it, no tick is served twice, and none is left open', () =>
    withServer(async (zookeeper) => {
      await using proxy = await Proxy.start(zookeeper.server.port);
      await using stage = new Stage(zookeeper.connectString);
      const leader = await standCron(stage, {
        schedule,
        flags: { ...STOP, 'zookeeper-session-timeout': '6s' },
        script,
        servers: proxy.address,
      });
      await stage.journal.started();
      const tick = await beforeTick(EVERY, 200);
      proxy.blackHole('toClient');
      await pass(700);
      proxy.forward();
      await leader.says('regained contact');
      await stage.journal.started(ticksOf(stage.journal).length + 2);
      expectEachTickOnce(stage.journal);
      await expectAllWritten(zookeeper, stage);
      expect(ticksOf(stage.journal).filter((each) => each === tick).length).toBeLessThanOrEqual(1);
    }));
});

describe.concurrent('on-election-failure=run-anyway', () => {
  const ANYWAY = { ...RERUN, 'on-election-failure': 'run-anyway', 'zookeeper-session-timeout': '1s' };

  it('each candidate serves the ticks by itself, without a token; with the server back one serves them, recorded', () =>
    withServer(async (zookeeper) => {
      await zookeeper.server.stop();
      await using stage = new Stage(zookeeper.connectString);
      stage.overlapsAllowed = true;
      const both = [1, 2].map(() => startCron(stage, { schedule, flags: ANYWAY, script }));
      await Promise.all(both.map(({ id }) => stage.journal.started(2, { candidate: id })));
      expect(new Set(stage.journal.starts().map(({ token }) => token))).toEqual(new Set(['-']));
      for (const { id } of both) {
        const ticks = ticksOf(stage.journal, id);
        expect(ticks).toEqual(ticks.map((_, index) => (ticks[0] as number) + index * EVERY));
      }
      await zookeeper.server.restart();
      const leads = (): Candidate | undefined => both.find((candidate) => candidate.said('elected leader').length > 0);
      const leader = await poll(leads, { what: 'a leader' });
      await observed(zookeeper, stage, (election) => serves(election, leader));
      // Whoever stands in the queue again serves nothing without leadership.
      const other = both.find((candidate) => candidate !== leader) as Candidate;
      await other.says('standing by');
      const anyway = stage.journal.starts(other.id).length;
      // What it ran anyway counts as settled when it leads.
      await poll(() => Number(stage.journal.starts(leader.id).at(-1)?.token) > 0, { what: 'a tick served as leader' });
      await stage.journal.started(stage.journal.starts(leader.id).length + 2, { candidate: leader.id });
      expect(stage.journal.starts(other.id)).toHaveLength(anyway);
      const ticks = ticksOf(stage.journal, leader.id);
      expect(ticks).toEqual([...new Set(ticks)].toSorted((a, b) => a - b));
      const led = stage.journal.starts(leader.id).filter(({ token }) => token !== '-');
      await observed(zookeeper, stage, (election) =>
        ledgerWith(election, 'the ticks of the leader', ({ runs }) =>
          led.every((start) => runs.some((run) => run.tick === tickOf(start) && run.candidateId === leader.id)),
        ),
      );
    }));

  it.each([
    ['exit', 3],
    ['ignore', undefined],
  ])('a run that failed, %s: ends with %s', (policy, code) =>
    withServer(async (zookeeper) => {
      await zookeeper.server.stop();
      await using stage = new Stage(zookeeper.connectString);
      const flags = { ...ANYWAY, 'on-child-error': policy };
      const candidate = startCron(stage, { schedule: '@every 1s', flags, script: 'exit 3' });
      if (code === undefined) await stage.journal.started(3);
      else expect(await candidate.end()).toBe(code);
      expect(stage.journal.starts().map(({ token }) => token)).toEqual(stage.journal.starts().map(() => '-'));
      expectEveryTick(stage, 1000);
    }),
  );
});
