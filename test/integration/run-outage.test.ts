import { beforeEach, describe, expect, it } from 'vitest';
import { isAlive, type Candidate, type Entry } from '../support/candidate.ts';
import { pass, poll } from '../support/poll.ts';
import { Proxy } from '../support/proxy.ts';
import { clientChoice } from '../support/sessions.ts';
import { useZooKeeper, type Stage } from '../support/stage.ts';
import { expectWithin } from '../support/yardstick.ts';

/** After an outage the leader has as long as this to come back before the standby. */
const SESSION = 4000;
const FLAGS = { 'zookeeper-session-timeout': `${SESSION}ms` };
/** The server keeps a session for up to two ticks longer than it lasts. */
const LONGER_THAN_SESSION = SESSION + 1500;

const zookeeper = useZooKeeper({ observer: false, alone: true });

beforeEach(() => zookeeper.restartStopped());

const seconds = (): number => Date.now() / 1000;

/** A leader and a standby. */
async function two(stage: Stage, flags: Record<string, string> = {}): Promise<[Candidate, Candidate, Entry]> {
  const leader = await stage.stand({ id: 'leader', flags: { ...FLAGS, ...flags } });
  const standby = await stage.stand({ id: 'standby', flags: { ...FLAGS, ...flags } });
  return [leader, standby, await stage.journal.started()];
}

/**
 * The same run goes on in the same term, renewed; then the leader leaves, and the standby follows: nobody's place was
 * lost for good.
 */
async function expectUndisturbed(stage: Stage, [leader, standby, start]: [Candidate, Candidate, Entry]): Promise<void> {
  const { lease, candidates } = await poll(
    async () => {
      const report = await stage.info();
      return report.candidates.length === 2 && report.lease?.expiresIn !== undefined && report;
    },
    { interval: 200, what: 'both candidates in the queue, and a lease that is renewed' },
  );
  expect(lease).toMatchObject({ state: 'held', holder: 'leader', fencingToken: Number(start.token) });
  expect(candidates.map(({ candidateId }) => candidateId).toSorted()).toEqual(['leader', 'standby']);
  expect(stage.journal.entries()).toEqual([start]);
  expect(isAlive(start.pid)).toBe(true);
  expect(leader.said('the lease is lost')).toEqual([]);
  leader.signal('SIGTERM');
  expect(await leader.end()).toBe(143);
  const next = await stage.journal.started(1, { candidate: standby.id });
  expect(Number(next.token)).toBeGreaterThan(Number(start.token));
}

describe('under on-lease-loss=keep, a leader and a standby', () => {
  it.each([clientChoice, 'wire'])('do not mind a server that is killed and back (client %s)', async (client) => {
    await using stage = zookeeper.stage();
    const both = await two(stage, { 'zookeeper-client': client });
    await zookeeper.server.restart();
    await expectUndisturbed(stage, both);
  });

  it('do not mind a server that is away for longer than their sessions last', async () => {
    await using stage = zookeeper.stage();
    const both = await two(stage);
    await zookeeper.server.stop();
    await both[0].says('staying in role');
    await pass(LONGER_THAN_SESSION);
    await zookeeper.server.restart();
    await expectUndisturbed(stage, both);
  });

  it('do not mind a server that is frozen for longer than their sessions last', async () => {
    await using stage = zookeeper.stage();
    const both = await two(stage);
    zookeeper.server.pause();
    try {
      await both[0].says('staying in role');
      await pass(LONGER_THAN_SESSION);
    } finally {
      zookeeper.server.resume();
    }
    await expectUndisturbed(stage, both);
  });

  it('do not mind a server that is frozen for a moment', async () => {
    await using stage = zookeeper.stage();
    const both = await two(stage);
    zookeeper.server.pause();
    await pass(800);
    zookeeper.server.resume();
    await expectUndisturbed(stage, both);
  });
});

describe('under on-lease-loss=keep, a leader that alone is cut off', () => {
  it('learns when it is back that another one leads: it stops its command and stands at the end', async () => {
    await using proxy = await Proxy.start(zookeeper.server.port);
    await using stage = zookeeper.stage();
    stage.overlapsAllowed = true;
    const cutOff = await stage.stand({ id: 'cut-off', servers: proxy.address, flags: FLAGS });
    const start = await stage.journal.started();
    const other = await stage.stand({ id: 'other', flags: FLAGS });
    proxy.blackHole();
    const next = await stage.journal.started(1, { candidate: other.id });
    expect(Number(next.token)).toBeGreaterThan(Number(start.token));
    expect(isAlive(start.pid)).toBe(true);
    proxy.forward();
    await cutOff.says('the lease is lost');
    await poll(() => !isAlive(start.pid), { what: 'the end of the command that is no longer the leader’s' });
    await cutOff.says('standing by, next in line');
    expect(isAlive(next.pid)).toBe(true);
    other.signal('SIGTERM');
    await other.end();
    const again = await stage.journal.started(2, { candidate: cutOff.id });
    expect(Number(again.token)).toBeGreaterThan(Number(next.token));
  });
});

describe('under on-lease-loss=stop', () => {
  const STOP = { ...FLAGS, 'on-lease-loss': 'stop', 'kill-after': '300ms' };
  /** Writes a sign of life every 50 ms, and not for ever. */
  const BEATING = 'for _ in {1..1800}; do note beat; stay 0.05; done';

  it('a command is gone before the lease runs out, whether it listens or not, and runs again when the server is back', async () => {
    await using listening = zookeeper.stage();
    await using deaf = zookeeper.stage();
    // The margin before the lease's end is 5 % of it: half a second, which is enough for a busy machine too.
    const flags = { ...STOP, 'zookeeper-session-timeout': '10s', 'kill-after': '1500ms' };
    const cases = await Promise.all([
      listening.stand({ flags, script: BEATING }).then((candidate) => ({ candidate, stage: listening })),
      deaf.stand({ flags, script: BEATING, traps: "trap '' TERM" }).then((candidate) => ({ candidate, stage: deaf })),
    ]);
    const starts = await Promise.all(cases.map(({ stage }) => stage.journal.started()));
    await zookeeper.server.stop();
    // Whatever was acknowledged was sent before.
    const runsOut = seconds() + 10;
    for (const { candidate, stage } of cases) {
      await candidate.says('the run is over');
      // The command's own word: when a supervisor says it, it may have waited for a processor in between.
      const beats = stage.journal.entries().filter(({ event }) => event === 'beat');
      expect(beats.length).toBeGreaterThan(20);
      expect(beats.at(-1)?.time).toBeLessThan(runsOut);
      expect(candidate.descendants()).toEqual([]);
      // On a machine too busy for the supervisor to be in time, its keeper has acted.
      const acted = [...candidate.said('the lease runs out without a renewal'), ...candidate.said('the lease is lost')];
      expect(acted).not.toEqual([]);
    }
    expect(listening.journal.ends()).toHaveLength(1);
    expect(deaf.journal.ends()).toHaveLength(0);
    await zookeeper.server.restart();
    for (const [index, { stage }] of cases.entries())
      expect(Number((await stage.journal.started(2)).token)).toBeGreaterThan(Number(starts[index]?.token));
  });

  it('a short outage is not noticed by the command', async () => {
    await using proxy = await Proxy.start(zookeeper.server.port);
    await using stage = zookeeper.stage();
    const flags = { ...STOP, 'zookeeper-session-timeout': '8s' };
    const candidate = await stage.stand({ flags, servers: proxy.address });
    const start = await stage.journal.started();
    proxy.refuse();
    await candidate.says('lost contact');
    proxy.forward();
    await candidate.says('regained contact');
    await poll(async () => (await stage.info()).lease?.fencingToken === Number(start.token), { what: 'a lease' });
    expect(stage.journal.entries()).toEqual([start]);
  });

  it('a leader that alone is cut off has stopped before the standby starts', async () => {
    await using proxy = await Proxy.start(zookeeper.server.port);
    await using stage = zookeeper.stage();
    const traps = "trap 'stay 30' TERM";
    await stage.stand({ id: 'cut-off', servers: proxy.address, flags: STOP, traps });
    await stage.journal.started();
    const standby = await stage.stand({ id: 'standby', flags: STOP });
    proxy.blackHole();
    await stage.journal.started(1, { candidate: standby.id });
    expect(stage.journal.overlaps()).toEqual([]);
  });

  it('a lease shorter than the session: the standby takes over from a cut-off leader within it, and never overlaps', async () => {
    await using proxy = await Proxy.start(zookeeper.server.port);
    await using stage = zookeeper.stage();
    const flags = { ...STOP, 'zookeeper-session-timeout': '10s', 'lease-duration': '1500ms' };
    await stage.stand({ id: 'cut-off', servers: proxy.address, flags });
    await stage.journal.started();
    const standby = await stage.stand({ id: 'standby', flags });
    // One renewal at least, so that the standby knows its place as the next in line.
    await standby.says('next in line');
    const at = seconds();
    proxy.blackHole();
    const next = await stage.journal.started(1, { candidate: standby.id });
    // Nowhere near the ten seconds of the session.
    expectWithin(1000 * (next.time - at), 6000);
    expect(stage.journal.overlaps()).toEqual([]);
  });
});

describe('a stop while the server is away', () => {
  const cases = [
    { what: 'ends with the command’s code', traps: '', code: 143 },
    // Nobody knows whether the lease is given up: not a success.
    { what: 'of a command that ends with 0 ends with 69', traps: "trap 'exit 0' TERM", code: 69 },
  ];

  it(`${cases.map(({ what }) => what).join(', ')}, and leaves nothing behind`, async () => {
    const stages = cases.map(() => zookeeper.stage());
    try {
      const leaders = await Promise.all(
        cases.map(({ traps }, index) => (stages[index] as Stage).stand({ flags: FLAGS, traps })),
      );
      const starts = await Promise.all(stages.map(({ journal }) => journal.started()));
      await zookeeper.server.stop();
      await Promise.all(leaders.map((leader) => leader.says('staying in role')));
      const keepers = leaders.flatMap((leader) => leader.keepers());
      for (const leader of leaders) leader.signal('SIGTERM');
      await poll(() => starts.every(({ pid }) => !isAlive(pid)), { what: 'the end of the commands' });
      const codes = await Promise.all(leaders.map((leader) => leader.end()));
      expect(codes).toEqual(cases.map(({ code }) => code));
      for (const leader of leaders) expect(leader.said('leadership not released')).toHaveLength(1);
      await poll(() => keepers.every((keeper) => !isAlive(keeper)), { what: 'the end of the keepers' });
    } finally {
      await Promise.all(stages.map((stage) => stage[Symbol.asyncDispose]()));
    }
  });

  it('ends within three seconds of the command, however long the lease lasts, and says that it runs out by itself', async () => {
    await using stage = zookeeper.stage();
    const [leader, standby] = await two(stage, { 'zookeeper-session-timeout': '10s' });
    await zookeeper.server.stop();
    await Promise.all([leader, standby].map((candidate) => candidate.says('lost contact')));
    for (const candidate of [leader, standby]) candidate.signal('SIGTERM');
    expect([await leader.end(), await standby.end()]).toEqual([143, 0]);
    const timeOf = (candidate: Candidate, text: string): number =>
      Date.parse(String(candidate.said(text)[0]?.['time']));
    // A busy machine may take another moment; a lease or a session would take ten seconds.
    expectWithin(timeOf(leader, 'ballot ends') - timeOf(leader, 'the run is over'), 5_000);
    expectWithin(timeOf(standby, 'ballot ends') - timeOf(standby, 'stopping'), 5_000);
    const [failure, ...others] = leader.said('leadership not released');
    expect(failure?.['why']).toContain('it runs out by itself');
    expect(others).toEqual([]);
  });

  it('ends a standby with 0', async () => {
    await using stage = zookeeper.stage();
    const [, standby] = await two(stage);
    await zookeeper.server.stop();
    await standby.says('lost contact');
    standby.signal('SIGTERM');
    expect(await standby.end()).toBe(0);
  });
});

describe('a keeper', () => {
  it.each(['SIGKILL', 'SIGSTOP'] as const)(
    'that gets %s is replaced: the term goes on, with the same command',
    async (signal) => {
      await using stage = zookeeper.stage();
      const both = await two(stage);
      const [keeper] = both[0].keepers();
      process.kill(keeper as number, signal);
      await both[0].says('regained contact');
      await poll(() => !isAlive(keeper as number), { what: 'the end of the old keeper' });
      expect(both[0].keepers()).toHaveLength(1);
      await expectUndisturbed(stage, both);
    },
  );

  it('of a standby that is killed is replaced: it keeps its place', async () => {
    await using stage = zookeeper.stage();
    const both = await two(stage);
    const [keeper] = both[1].keepers();
    process.kill(keeper as number, 'SIGKILL');
    await both[1].says('regained contact');
    await expectUndisturbed(stage, both);
  });
});

describe('a server that comes back with nothing', () => {
  it('ends the term: the candidates open new sessions, and one of them leads', async () => {
    await using stage = zookeeper.stage();
    // The lease is lost with the data: whoever is back first claims a vacant one, and the former leader learns of it
    // when it is back itself.
    stage.overlapsAllowed = true;
    const [leader, standby, start] = await two(stage);
    await zookeeper.server.restart({ wipe: true });
    await leader.says('the lease is lost');
    await poll(() => !isAlive(start.pid), { what: 'the end of the first run' });
    await stage.journal.started(2);
    await poll(
      async () => {
        const report = await stage.info();
        return report.candidates.length === 2 && report.lease?.state === 'held';
      },
      { interval: 200, what: 'a leader and a standby' },
    );
    expect(isAlive(start.pid)).toBe(false);
    const leads = stage.journal.starts().at(-1)?.candidate === leader.id ? leader : standby;
    leads.signal('SIGTERM');
    expect(await leads.end()).toBe(143);
    await stage.journal.started(3);
  });

  it('ends a standby’s wait just so', async () => {
    await using stage = zookeeper.stage();
    const [leader, standby] = await two(stage);
    leader.signal('SIGKILL');
    await leader.ended;
    await zookeeper.server.restart({ wipe: true });
    for (const pid of leader.descendants()) process.kill(pid, 'SIGKILL');
    await stage.journal.started(1, { candidate: standby.id });
  });
});
