import { beforeEach, describe, expect, it } from 'vitest';
import { isAlive, type Candidate } from '../../support/candidate.ts';
import { pass } from '../../support/poll.ts';
import { EXIT, useZooKeeper, type Stage } from '../../support/stage.ts';

const zookeeper = useZooKeeper({ observer: false, alone: true });

// Tests stop and start the server.
beforeEach(() => zookeeper.restartStopped());

describe('resigning fails, since ZooKeeper is gone', () => {
  /** A leader whose command ends while the server is away. */
  async function bereft(stage: Stage, flags: Record<string, string>, code: number): Promise<Candidate> {
    const candidate = await stage.stand({
      flags: { 'zookeeper-session-timeout': '4s', ...flags },
      traps: `trap 'exit ${code}' USR1`,
    });
    await stage.journal.started();
    return candidate;
  }

  it('by policy: the end says so, unless the command’s own code does; or it stands again', async () => {
    const REELECT = { 'on-child-success': 'reelect', 'on-child-error': 'reelect' };
    const IGNORE = { 'on-child-success': 'ignore', 'on-child-error': 'ignore' };
    const cases = [
      { flags: { ...REELECT, 'on-election-failure': 'exit' }, code: 0, ends: 69 },
      { flags: { ...REELECT, 'on-election-failure': 'exit' }, code: 3, ends: 69 },
      { flags: EXIT, code: 0, ends: 69 },
      { flags: EXIT, code: 3, ends: 3 },
      { flags: IGNORE, code: 3, ends: 69 },
      { flags: { ...REELECT, 'on-election-failure': 'retry' }, code: 0, ends: undefined },
      { flags: { ...REELECT, 'on-election-failure': 'run-anyway' }, code: 0, ends: undefined },
    ].map((each) => ({ ...each, stage: zookeeper.stage() }));
    try {
      const candidates = await Promise.all(cases.map(({ stage, flags, code }) => bereft(stage, flags, code)));
      const firsts = await Promise.all(cases.map(({ stage }) => stage.journal.started()));
      await zookeeper.server.stop();
      for (const candidate of candidates) candidate.signal('SIGUSR1');
      const ended = cases.flatMap(({ ends }, index) => (ends === undefined ? [] : [candidates[index] as Candidate]));
      expect(await Promise.all(ended.map((candidate) => candidate.end()))).toEqual(
        cases.flatMap(({ ends }) => ends ?? []),
      );
      for (const candidate of candidates) {
        await candidate.says('leadership not released').catch((error: unknown) => {
          if (candidate.isRunning) throw error;
        });
        expect(candidate.said('leadership not released')[0]?.level).toBe('error');
      }
      // `run-anyway` runs without leadership meanwhile, `retry` does not.
      const [retrying, anyway] = [cases[5], cases[6]] as [(typeof cases)[number], (typeof cases)[number]];
      expect((await anyway.stage.journal.started(2)).token).toBe('-');
      expect(retrying.stage.journal.starts()).toHaveLength(1);
      await zookeeper.server.restart();
      const again = await retrying.stage.journal.started(2);
      expect(Number(again.token)).toBeGreaterThan(Number(firsts[5]?.token));
      await candidates[6]?.says('elected leader: the command that runs already');
      expect(anyway.stage.journal.starts()).toHaveLength(2);
      for (const [index, { stage }] of cases.entries()) {
        if (cases[index]?.ends === undefined) continue;
        expect(stage.journal.starts()).toHaveLength(1);
        expect(firsts[index] !== undefined && isAlive(firsts[index].pid)).toBe(false);
      }
    } finally {
      await Promise.all(cases.map(({ stage }) => stage[Symbol.asyncDispose]()));
    }
  });

  it('only for a moment: it is done when ZooKeeper is back in time', async () => {
    await using stage = zookeeper.stage();
    const candidate = await stage.stand({
      flags: { 'zookeeper-session-timeout': '8s', ...EXIT },
      traps: "trap 'exit 0' USR1",
    });
    await stage.journal.started();
    zookeeper.server.pause();
    candidate.signal('SIGUSR1');
    await pass(1000);
    expect(candidate.isRunning).toBe(true);
    zookeeper.server.resume();
    expect(await candidate.end()).toBe(0);
    const { lease, candidates } = await stage.info();
    expect([lease?.state, candidates]).toEqual([undefined, []]);
  });
});
