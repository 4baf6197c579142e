/** Go's own policy cases with `run cron`, its defects there, and its candidates in one election with ours. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Candidate } from '../../support/candidate.ts';
import {
  dailyAt,
  expectEveryTick,
  ledgerAt,
  secondAfter,
  serves,
  standCron,
  startCron,
  ticksOf,
} from '../../support/cron.ts';
import { pass, poll } from '../../support/poll.ts';
import { freePorts } from '../../support/ports.ts';
import { Proxy } from '../../support/proxy.ts';
import { restrictedZNode } from '../../support/restrict.ts';
import { within } from '../../support/sessions.ts';
import { Stage, abandoned, useZooKeeper } from '../../support/stage.ts';
import { GoCandidate } from '../faults/go-candidate.ts';

const zookeeper = useZooKeeper();
let dead: string;

beforeAll(async () => {
  dead = `127.0.0.1:${(await freePorts(1))[0]}`;
});

const schedule = '@every 1s';
const SHORT = { 'zookeeper-session-timeout': '1s' };
const POLICIES = ['run-anyway', 'exit', 'retry'] as const;

describe.concurrent('an election that fails', () => {
  it('on-election-failure=exit: 69, and nothing was run', async () => {
    await using stage = new Stage(dead);
    const candidate = startCron(stage, { schedule, flags: { ...SHORT, 'on-election-failure': 'exit' } });
    expect(await candidate.end()).toBe(69);
    expect(stage.journal.entries()).toEqual([]);
  });

  it('on-election-failure=retry: tries again, and runs nothing meanwhile', async () => {
    await using stage = new Stage(dead);
    const candidate = startCron(stage, { schedule, flags: SHORT });
    await candidate.says('the election failed', { count: 3 });
    expect(stage.journal.entries()).toEqual([]);
    candidate.signal('SIGTERM');
    expect(await candidate.end()).toBe(0);
  });

  it('on-election-failure=run-anyway: serves the ticks without leadership', async () => {
    await using stage = zookeeper.stage('/cron-closed-to-run-anyway');
    await restrictedZNode(zookeeper.connectString, stage.basePath);
    const candidate = startCron(stage, {
      schedule,
      flags: { 'on-election-failure': 'run-anyway' },
      script: 'echo "token ${BALLOT_FENCING_TOKEN-none}"',
    });
    await stage.journal.started(3);
    expectEveryTick(stage, 1000);
    await poll(() => candidate.wrote().length >= 3);
    expect(new Set(candidate.wrote())).toEqual(new Set(['token none']));
  });

  it.each(['exit', 'retry'] as const)('by an ACL, on-election-failure=%s: 77', async (policy) => {
    await using stage = zookeeper.stage(`/cron-closed-to-${policy}`);
    await restrictedZNode(zookeeper.connectString, stage.basePath);
    const candidate = startCron(stage, { schedule, flags: { 'on-election-failure': policy } });
    expect(await candidate.end()).toBe(77);
    expect(stage.journal.entries()).toEqual([]);
  });
});

describe.concurrent.each(POLICIES)('an election that succeeds, on-election-failure=%s', (policy) => {
  it.each([0, 3])('serves as leader, and ends with the command’s %i under exit', async (code) => {
    await using stage = zookeeper.stage();
    const flags = { 'on-election-failure': policy, 'on-child-success': 'exit', 'on-child-error': 'exit' };
    const candidate = startCron(stage, { schedule, flags, script: `exit ${code}` });
    expect(await candidate.end()).toBe(code);
    const tokens = stage.journal.starts().map(({ token }) => token);
    expect(tokens).toEqual([String(candidate.said('elected leader')[0]?.['term'])]);
    expect(await stage.election()).toEqual(abandoned);
  });
});

describe.concurrent.each([
  ['succeeds', 'on-child-success', 0],
  ['fails', 'on-child-error', 3],
] as const)('a command that %s', (_, after, code) => {
  it('reelect: resigns, and is elected anew', async () => {
    await using stage = zookeeper.stage();
    const candidate = startCron(stage, { schedule, flags: { [after]: 'reelect' }, script: `exit ${code}` });
    await stage.journal.started(3);
    expectEveryTick(stage, 1000);
    const tokens = stage.journal.starts().map(({ token }) => Number(token));
    expect(tokens).toEqual([...new Set(tokens)].toSorted((a, b) => a - b));
    expect(candidate.said('resigned').length).toBeGreaterThanOrEqual(2);
  });

  it.each(['rerun', 'ignore'])('%s: stays leader, in the same term', async (policy) => {
    await using stage = zookeeper.stage();
    const candidate = startCron(stage, { schedule, flags: { [after]: policy }, script: `exit ${code}` });
    await stage.journal.started(3);
    expectEveryTick(stage, 1000);
    expect(new Set(stage.journal.starts().map(({ token }) => token)).size).toBe(1);
    expect(candidate.isRunning).toBe(true);
  });

  // Under `keep` the leader stays in role while ZooKeeper is away: it does not resign, so that cannot fail.
  it('reelect, and resigning fails: ends with an error under on-election-failure=exit', async () => {
    await using proxy = await Proxy.start(zookeeper.server.port);
    await using stage = zookeeper.stage();
    // The lease outlives the end of the run: otherwise there is nothing to release.
    const flags = { [after]: 'reelect', 'on-election-failure': 'exit', 'on-lease-loss': 'stop' };
    const traps = `trap 'exit ${code}' USR1`;
    const candidate = startCron(stage, { schedule, flags, traps, servers: proxy.address });
    await stage.journal.started();
    await candidate.says('the command runs');
    proxy.refuse();
    candidate.signal('SIGUSR1');
    expect(await candidate.end()).toBe(69);
    expect(candidate.said('leadership not released')[0]?.level).toBe('error');
  });
});

describe.concurrent('defect 28', () => {
  it('a command that takes nearly as long as its interval is not served at every other tick only', async () => {
    await using stage = zookeeper.stage();
    const script = 'stay 1.6; exit 0';
    for (const id of ['a', 'b']) await standCron(stage, { id, schedule: '@every 2s', script });
    await stage.journal.started(5);
    expectEveryTick(stage, 2000);
    // The first one leads until there is a second.
    const starts = stage.journal.starts();
    const since = starts.findIndex(({ candidate }) => candidate === 'b');
    const inTurn = starts.slice(since).map(({ candidate }) => candidate);
    expect(since).toBeLessThan(3);
    expect(inTurn).toEqual(inTurn.map((_, index) => ['b', 'a'][index % 2]));
  });
});

describe.concurrent('defect 29: a schedule that is none', () => {
  it.each(['TZ=UTC', 'CRON_TZ=UTC', 'TZ=UTC ', '', '* * *', '0 0 30 2 *'])(
    '“%s” is refused at start: 78',
    async (text) => {
      await using stage = zookeeper.stage();
      const candidate = startCron(stage, { schedule: text });
      expect(await candidate.end()).toBe(78);
      expect(candidate.stderr).toContain('schedule');
      expect(stage.journal.entries()).toEqual([]);
      expect(await stage.election()).toBeUndefined();
    },
  );
});

describe.concurrent("candidates of Go's in the same election (mixed-fleet)", () => {
  const MIXED = { 'mixed-fleet': 'true' };

  /** It plays a leader whose command runs for as long as it leads: what it does with ticks is its own business. */
  const go = (stage: Stage): Promise<GoCandidate> =>
    GoCandidate.enter(zookeeper, stage.basePath, 'go', stage.journal.command());

  const ours = (stage: Stage, flags: Record<string, string> = {}): Promise<Candidate> =>
    standCron(stage, { id: 'ours', schedule, flags: { ...MIXED, ...flags }, script: 'stay 0.1' });

  it('the ledger beside the proposals holds nobody up: Go follows our leader, and ours follows Go', async () => {
    await using stage = zookeeper.stage();
    const leader = await ours(stage, { 'on-child-success': 'rerun' });
    await stage.journal.started(2, { candidate: 'ours' });
    const follower = await go(stage);
    expect(await zookeeper.observer.children(stage.basePath, within)).toContain('runs');
    leader.signal('SIGTERM');
    await leader.end();
    await stage.journal.started(1, { candidate: 'go' });
    const second = await ours(stage);
    await second.says('next in line');
    const before = ticksOf(stage.journal, 'ours').length;
    await follower.resign();
    expect(follower).toMatchObject({ driven: 0, failure: undefined });
    await stage.journal.started(before + 2, { candidate: 'ours' });
    const ticks = ticksOf(stage.journal, 'ours');
    expect(ticks).toEqual([...new Set(ticks)]);
  });

  it('a handover tells nothing of what Go’s leaders ran: no tick is served that passed before the election', async () => {
    await using stage = zookeeper.stage();
    const tick = secondAfter(15_000);
    const first = startCron(stage, { schedule: dailyAt(tick), flags: MIXED });
    await serves(stage, first);
    first.signal('SIGTERM');
    await first.end();
    await poll(() => Date.now() > tick + 300);
    const second = startCron(stage, { schedule: dailyAt(tick), flags: MIXED });
    await serves(stage, second);
    await pass(700);
    expect(stage.journal.entries()).toEqual([]);
    expect((await ledgerAt(stage))?.through).toBeGreaterThanOrEqual(tick);
  });

  it('catch-up=once is refused: nobody knows what Go has run', async () => {
    await using stage = zookeeper.stage();
    const candidate = startCron(stage, { schedule, flags: { ...MIXED, 'catch-up': 'once' } });
    expect(await candidate.end()).toBe(78);
    expect(candidate.stderr).toMatch(/catch-up[^]*mixed-fleet|mixed-fleet[^]*catch-up/);
  });
});
