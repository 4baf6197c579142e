import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isAlive } from '../support/candidate.ts';
import { poll } from '../support/poll.ts';
import { Stage, useZooKeeper } from '../support/stage.ts';

/** How long a candidate does without ZooKeeper before it says so is the session timeout: a short one. */
const SHORT = { 'zookeeper-session-timeout': '1s' };

const zookeeper = useZooKeeper({ observer: false, alone: true });

// Away, but its address is known and free.
beforeEach(() => zookeeper.server.stop());
afterEach(() => zookeeper.server.stop());

describe('without ZooKeeper, on-election-failure=exit', () => {
  it('ends with 69, and names the address and what it answered', async () => {
    await using stage = zookeeper.stage();
    const candidate = stage.start({ flags: { ...SHORT, 'on-election-failure': 'exit' } });
    expect(await candidate.end()).toBe(69);
    const [failure] = candidate.said('the election failed');
    expect(failure?.['why']).toContain(zookeeper.server.address);
    expect(failure?.['why']).toContain('connection refused');
    expect(stage.journal.entries()).toEqual([]);
  });

  it('and a host name that does not exist: 69 as well, with that name', async () => {
    await using stage = new Stage('no-such-host.invalid:2181');
    const candidate = stage.start({ flags: { ...SHORT, 'on-election-failure': 'exit' } });
    expect(await candidate.end()).toBe(69);
    expect(candidate.said('the election failed')[0]?.['why']).toContain('no-such-host.invalid:2181');
  });

  it('and a later leader that loses ZooKeeper stays in role all the same', async () => {
    await using stage = zookeeper.stage();
    await zookeeper.server.restart();
    const candidate = stage.start({ flags: { ...SHORT, 'on-election-failure': 'exit' } });
    const { pid } = await stage.journal.started();
    await zookeeper.server.stop();
    await candidate.says('the lease cannot be renewed');
    await zookeeper.server.restart();
    // By the same session or, where that has expired meanwhile, by another.
    await candidate.says('the lease is renewed again');
    expect(isAlive(pid)).toBe(true);
    expect(stage.journal.starts()).toHaveLength(1);
  });
});

describe('without ZooKeeper, on-election-failure=retry', () => {
  it('runs nothing, and leads within seconds of the server’s start', async () => {
    await using stage = zookeeper.stage();
    const candidates = [stage.start({ flags: SHORT }), stage.start({ flags: SHORT })];
    await Promise.all(candidates.map((candidate) => candidate.says('the election failed', { count: 2 })));
    expect(stage.journal.entries()).toEqual([]);
    await zookeeper.server.restart();
    await stage.journal.started(1);
    await poll(() => candidates.some((candidate) => candidate.said('standing by').length > 0), { what: 'a standby' });
    expect(stage.journal.starts()).toHaveLength(1);
  });

  it('gives up after election-timeout with 75', async () => {
    await using stage = zookeeper.stage();
    const candidate = stage.start({ flags: { ...SHORT, 'election-timeout': '1500ms' } });
    expect(await candidate.end()).toBe(75);
    expect(candidate.said('not elected within')[0]?.['why']).toMatch(/ZooKeeper/);
    expect(stage.journal.entries()).toEqual([]);
  });
});

describe('without ZooKeeper, on-election-failure=run-anyway', () => {
  const ANYWAY = { ...SHORT, 'on-election-failure': 'run-anyway' };

  it('runs the command without a fencing token; with the server back it is the leader’s, not started again', async () => {
    await using stage = zookeeper.stage();
    const candidate = stage.start({ flags: ANYWAY, env: { BALLOT_FENCING_TOKEN: '99' } });
    const start = await stage.journal.started();
    expect(start.token).toBe('-');
    await candidate.says('the election failed; the command goes on');
    await zookeeper.server.restart();
    const elected = await candidate.says('elected leader: the command that runs already');
    // The run is named in the lease by the first renewal.
    const { lease, leader } = await poll(async () => {
      const report = await stage.info();
      return report.lease?.runId !== undefined && report;
    });
    expect(leader.candidateId).toBe(candidate.id);
    expect(lease).toMatchObject({ state: 'held', holder: candidate.id, fencingToken: elected['term'] });
    expect(lease).toHaveProperty('runId', candidate.said('the command runs')[0]?.['runId']);

    const standby = await stage.stand({ flags: SHORT });
    expect(isAlive(start.pid)).toBe(true);
    expect(stage.journal.starts()).toHaveLength(1);
    candidate.signal('SIGTERM');
    expect(await candidate.end()).toBe(143);
    expect((await stage.journal.started(1, { candidate: standby.id })).token).not.toBe('-');
    expect(stage.journal.overlaps()).toEqual([]);
  });

  it('two that ran anyway: one becomes leader, the other runs on beside it, as was asked for', async () => {
    await using stage = zookeeper.stage();
    stage.overlapsAllowed = true;
    const both = [stage.start({ flags: ANYWAY }), stage.start({ flags: ANYWAY })];
    await stage.journal.started(2);
    await zookeeper.server.restart();
    await poll(() => both.some((candidate) => candidate.said('elected leader').length > 0), { what: 'a leader' });
    await poll(() => both.some((candidate) => candidate.said('standing by').length > 0), { what: 'a standby' });
    expect(stage.journal.starts()).toHaveLength(2);
    expect(both.flatMap((candidate) => candidate.said('elected leader'))).toHaveLength(1);
  });

  it('SIGTERM stops the command and ends, without a server to tell', async () => {
    await using stage = zookeeper.stage();
    const candidate = stage.start({ flags: ANYWAY });
    await stage.journal.started();
    candidate.signal('SIGTERM');
    expect(await candidate.end()).toBe(143);
    expect(candidate.descendants()).toEqual([]);
  });

  it('SIGKILL of ballot leaves no command behind, between two campaigns too', async () => {
    await using stage = zookeeper.stage();
    const candidate = stage.start({ flags: ANYWAY });
    const { pid } = await stage.journal.started();
    // The pause that follows has grown to more than a second.
    await candidate.says('the election failed; the command goes on', { count: 6 });
    candidate.signal('SIGKILL');
    await poll(() => !isAlive(pid), { what: 'the end of the command' });
  });

  const runs = [
    { after: 'on-child-success', script: 'stay 0.1; exit 0', code: 0 },
    { after: 'on-child-error', script: 'stay 0.1; exit 3', code: 3 },
  ];

  it.concurrent.each(
    runs.flatMap(({ code, ...run }) => [
      { ...run, policy: 'exit', expected: code },
      { ...run, policy: 'ignore', expected: 0 },
    ]),
  )('$after $policy ends ballot with $expected', async ({ after, script, policy, expected }) => {
    await using stage = zookeeper.stage();
    const candidate = stage.start({ flags: { ...ANYWAY, [after]: policy }, script });
    expect(await candidate.end()).toBe(expected);
    expect(stage.journal.starts().map(({ token }) => token)).toEqual(['-']);
    expect(candidate.stderr).toBe('');
  });

  it('rerun and reelect run again, after each kind of end, and once more as leader when there is a server', async () => {
    const cases = runs.flatMap(({ after, script }) =>
      ['rerun', 'reelect'].map((policy) => ({
        stage: zookeeper.stage(),
        flags: { ...ANYWAY, [after]: policy },
        script,
      })),
    );
    try {
      const candidates = cases.map(({ stage, ...options }) => stage.start(options));
      await Promise.all(cases.map(({ stage }) => stage.journal.started(2)));
      for (const { stage } of cases)
        for (const { token } of stage.journal.starts().slice(0, 2)) expect(token).toBe('-');
      await zookeeper.server.restart();
      const leads = ({ stage }: (typeof cases)[number]): boolean => stage.journal.starts().at(-1)?.token !== '-';
      await poll(() => cases.every(leads), { what: 'runs as leader' });
      for (const candidate of candidates) candidate.signal('SIGTERM');
      for (const candidate of candidates) {
        // Stopped while running, between two runs, or just as the run had come to its own end.
        expect([0, 3, 143]).toContain(await candidate.end());
        expect(candidate.stderr).toBe('');
      }
    } finally {
      await Promise.all(cases.map(({ stage }) => stage[Symbol.asyncDispose]()));
    }
  });
});
