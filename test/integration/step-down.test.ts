/** `ballot step-down` on real leaders. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { encodeLease, formatGoTime, type LeaseRecord } from '../../src/zookeeper/election/record.ts';
import { runBallot, type Ended } from '../support/ballot.ts';
import { pass, poll } from '../support/poll.ts';
import { within } from '../support/sessions.ts';
import { RERUN, useZooKeeper, type Stage } from '../support/stage.ts';
import { expectWithin } from '../support/yardstick.ts';
import { startZooKeeper } from '../support/zookeeper.ts';
import { GoCandidate } from './faults/go-candidate.ts';

const zookeeper = useZooKeeper({ alone: true });

const at = (basePath: string): string[] => [
  `--zookeeper-servers=${zookeeper.connectString}`,
  `--zookeeper-base-path=${basePath}`,
];
/** Waits for as long as the slowest machine may need. */
const stepDown = ({ basePath }: Pick<Stage, 'basePath'>, ...args: string[]): Promise<Ended> =>
  runBallot(['step-down', '--timeout=60s', ...args, ...at(basePath)]);

const leaderOf = async (stage: Stage): Promise<LeaseRecord | undefined> => {
  const lease = (await stage.election())?.lease;
  return lease?.kind === 'held' ? lease.record : undefined;
};

/** A lease that nobody renews, of somebody who never stood. */
async function forgedLease(basePath: string, changes: Partial<LeaseRecord> = {}): Promise<LeaseRecord> {
  const now = formatGoTime(Date.now());
  const who = { candidateId: 'gone', hostname: 'host-a', pid: '11' };
  const times = { proposalTime: now, lastSeenTime: now, sessionTimeout: '4s', leaseDuration: '4s' };
  const record = { ...who, ...times, proposalNode: `${basePath}/proposal-0000000000`, fencingToken: 5, ...changes };
  await zookeeper.observer.create(basePath, encodeLease(record), 'persistent', within);
  return record;
}

describe('a leader that is asked to step down', () => {
  it('stops its command first, whatever its policy, and stands again at the end of the queue', async () => {
    await using stage = zookeeper.stage();
    const first = await stage.stand({ id: 'a', flags: RERUN });
    await stage.stand({ id: 'b', flags: RERUN });
    await stage.stand({ id: 'c' });
    await stage.journal.started(1, { candidate: 'a' });
    const asked = await stepDown(stage, '--wait');
    expect(asked).toMatchObject({ code: 0, stderr: '' });
    expect(asked.stdout).toMatch(/^b on \S+, term \d+ leads\n$/);
    await stage.journal.started(1, { candidate: 'b' });
    // Overlaps are looked for when the stage ends.
    expect(stage.journal.ends('a')).toHaveLength(1);
    expect(await first.says('asked to step down: stopping the command')).toMatchObject({
      by: expect.stringMatching(/^\S+ on \S+, pid \d+$/) as string,
    });
    await poll(async () => (await stage.info()).candidates.map(({ candidateId }) => candidateId).join('') === 'bca', {
      what: 'the former leader at the end of the queue',
    });
    expect(await stage.history()).toMatchObject([{ outcome: 'stopped' }, { outcome: 'running' }]);
  });

  it('by several at once steps down once; the next leader is not asked', async () => {
    await using stage = zookeeper.stage();
    await stage.stand({ id: 'a', traps: "trap '' TERM", flags: { 'kill-after': '1h' } });
    const next = await stage.stand({ id: 'b' });
    const { pid } = await stage.journal.started(1, { candidate: 'a' });
    const asked = await Promise.all([stepDown(stage), stepDown(stage), stepDown(stage)]);
    expect(asked.map(({ code }) => code)).toEqual([0, 0, 0]);
    const said = asked.map(({ stdout }) => stdout).sort((one, other) => one.length - other.length);
    expect(said[0]).toMatch(/^a on \S+, term \d+ is asked to step down\n$/);
    for (const later of said.slice(1))
      expect(later).toMatch(/ is asked to step down already, by \S+ on \S+, pid \d+\n$/);
    process.kill(pid, 'SIGKILL');
    await stage.journal.started(1, { candidate: 'b' });
    // Two renewals later it would have heard of anything that was meant for it.
    await poll(async () => (await leaderOf(stage))?.fencingToken !== undefined, { what: 'the first renewal' });
    const { lastSeenTime } = (await leaderOf(stage)) as LeaseRecord;
    await poll(async () => (await leaderOf(stage))?.lastSeenTime !== lastSeenTime, { what: 'the next renewal' });
    expect(next.said('asked to step down')).toEqual([]);
    expect((await leaderOf(stage))?.candidateId).toBe('b');
  });

  it('of a schedule hands its ledger over: no tick is served twice, none is lost', async () => {
    await using stage = zookeeper.stage();
    const cron = {
      mode: 'cron',
      script: ':',
      flags: { ...RERUN, schedule: '@every 1s', 'catch-up': 'once' },
    } as const;
    await stage.stand({ id: 'a', ...cron });
    await stage.stand({ id: 'b', ...cron });
    for (const [turn, from] of ['a', 'b', 'a'].entries()) {
      await stage.journal.started(Math.floor(turn / 2) * 2 + 2, { candidate: from });
      const { code, stdout } = await stepDown(stage, '--wait');
      expect({ code, stdout }).toEqual({ code: 0, stdout: expect.not.stringMatching(`^${from} `) as string });
    }
    await stage.journal.started(4, { candidate: 'b' });
    const started = stage.journal.starts().map(({ tick }) => tick);
    expect(new Set(started).size).toBe(started.length);
    // A run may have been stopped before it could write anything: the ledger knows of it.
    const entered = (await stage.history()) as { readonly tick: string }[];
    const ticks = entered.map(({ tick }) => Date.parse(tick));
    expect(ticks.length).toBeGreaterThanOrEqual(started.length);
    expect(ticks.slice(1).map((tick, index) => tick - (ticks[index] ?? NaN))).toEqual(ticks.slice(1).map(() => 1000));
  });

  it('and stands alone leads again, in a new term', async () => {
    await using stage = zookeeper.stage();
    await stage.stand({ id: 'a' });
    const { token } = await stage.journal.started(1);
    const { code, stdout } = await stepDown(stage, '--wait');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^a on \S+, term \d+ (leads again: nobody else stood|leads no more; nobody else stands)\n$/);
    const again = await stage.journal.started(2);
    expect(Number(again.token)).toBeGreaterThan(Number(token));
  });

  it('is told to at once, and followed for as long as its command takes', async () => {
    await using stage = zookeeper.stage();
    await stage.stand({ id: 'a', traps: "trap '' TERM", flags: { 'kill-after': '1h' } });
    await stage.stand({ id: 'b' });
    await stage.journal.started(1, { candidate: 'a' });
    const { code, stdout } = await stepDown(stage);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^a on \S+, term \d+ is asked to step down\n$/);
    const waiting = await runBallot(['step-down', '--wait', '--timeout=2s', ...at(stage.basePath)]);
    expect(waiting).toMatchObject({ code: 69, stdout: '' });
    expect(waiting.stderr).toMatch(/a on \S+, term \d+ was asked to step down, and is not known to have done so/);
    expect(waiting.stderr).toContain('kill-after');
    expect((await leaderOf(stage))?.candidateId).toBe('a');
  });

  it('in an election with Go’s ballot gives the lead to it, and disturbs none of its candidates', async () => {
    await using stage = zookeeper.stage();
    const ours = await stage.stand({ id: 'ours', flags: { 'mixed-fleet': 'true' } });
    const go = await GoCandidate.enter(zookeeper.ensemble, stage.basePath, 'go', stage.journal.command());
    onTestFinished(() => go.resign());
    const behind = await GoCandidate.enter(zookeeper.ensemble, stage.basePath, 'behind', stage.journal.command());
    onTestFinished(() => behind.resign());
    await stage.journal.started(1, { candidate: 'ours' });
    const { code, stdout } = await stepDown(stage, '--wait');
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'go on go-host leads\n' });
    await poll(() => go.leads, { what: 'the command of Go’s ballot' });
    expect([go.driven, behind.driven, go.failure, behind.failure]).toEqual([0, 0, undefined, undefined]);
    await ours.says('standing by in the queue');
    const refused = await stepDown(stage);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain('go on go-host leads ' + stage.basePath + ": it is of Go's ballot");
  });
});

describe('step-down is refused with 1', () => {
  const refusal = async (basePath: string): Promise<string> => {
    const { code, stdout, stderr } = await stepDown({ basePath }, '--wait');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    return stderr;
  };

  it('where no election was ever held, and makes nothing there', async () => {
    expect(await refusal('/never')).toContain('nobody leads: there is no znode /never');
    expect(await zookeeper.observer.exists('/never', within)).toBeUndefined();
  });

  it('while the lease is vacant, or cannot be read', async () => {
    await zookeeper.observer.create('/vacant', Buffer.alloc(0), 'persistent', within);
    expect(await refusal('/vacant')).toContain('nobody leads /vacant: the lease is vacant');
    await zookeeper.observer.create('/rubbish', Buffer.from('what is this?'), 'persistent', within);
    expect(await refusal('/rubbish')).toContain('the lease in /rubbish cannot be read: not JSON');
    expect(await zookeeper.observer.children('/rubbish', within)).toEqual([]);
  });

  it('when the lease has run out by the ensemble’s clock', async () => {
    await forgedLease('/expired', { leaseDuration: '100ms' });
    await pass(300);
    expect(await refusal('/expired')).toMatch(/nobody leads \/expired: the lease of gone on host-a ran out \S+ ago/);
  });
});

describe('step-down without an answer', () => {
  it('ends with 69 in time when ZooKeeper is away, and asks nobody', async () => {
    const frozen = await startZooKeeper();
    onTestFinished(() => frozen.close());
    frozen.server.pause();
    const where = [`--zookeeper-servers=${frozen.connectString}`, '--timeout=1s'];
    const { code, stdout, stderr, took } = await runBallot(['step-down', ...where]);
    expect({ code, stdout }).toEqual({ code: 69, stdout: '' });
    expect(stderr).toContain('no answer from ZooKeeper');
    expect(stderr).not.toContain('was to be asked');
    expectWithin(took, 2500);
  });

  it('ends with 64 for a time that it does not know, and for a command', async () => {
    expect(await runBallot(['step-down', '--timeout', '5'])).toMatchObject({ code: 64, stdout: '' });
    expect(await runBallot(['step-down', '--', 'true'])).toMatchObject({ code: 64, stdout: '' });
  });
});
