/** The ledger of runs as it is in ZooKeeper, and what is done to it from outside. */
import { describe, expect, it } from 'vitest';
import { encodeLedger, type Ledger, type RunRecord } from '../../src/ledger/record.ts';
import {
  expectEachTickOnce,
  expectEveryTick,
  ledgerAt,
  ledgerWith,
  recordOf,
  serves,
  standCron,
  startCron,
  tickOf,
  ticksOf,
} from '../support/cron.ts';
import { within } from '../support/sessions.ts';
import { RERUN, useZooKeeper, type Stage } from '../support/stage.ts';

const zookeeper = useZooKeeper();

const MOST_BYTES = 512 * 1024;

/** An election with nothing but that in its ledger. */
async function withLedger(stage: Stage, data: Buffer | string): Promise<void> {
  await zookeeper.observer.create(stage.basePath, Buffer.alloc(0), 'persistent', within);
  await zookeeper.observer.create(`${stage.basePath}/runs`, Buffer.from(data), 'persistent', within);
}

describe.concurrent('each run is in the ledger', () => {
  it('with its tick, its candidate, its term, its start, its end and its outcome', async () => {
    await using stage = zookeeper.stage();
    const script = 'case ${BALLOT_RUN_ID##*.} in 1) exit 0;; 2) exit 3;; 3) kill -KILL $$;; esac; stay';
    const leader = startCron(stage, { id: 'the-leader', schedule: '@every 1s', flags: RERUN, script });
    await stage.journal.started(4);
    leader.signal('SIGTERM');
    expect(await leader.end()).toBe(143);
    const starts = stage.journal.starts();
    const token = Number(starts[0]?.token);
    const ledger = await ledgerAt(stage);
    const { runs = [] } = ledger ?? {};
    const expected = [
      { outcome: 'succeeded', exitCode: 0 },
      { outcome: 'failed', exitCode: 3 },
      { outcome: 'failed', exitCode: 137 },
      { outcome: 'stopped', exitCode: 143 },
    ];
    expect(runs).toEqual(
      expected.map((ending, index) => ({
        runId: `${token}.${index + 1}`,
        tick: tickOf(starts[index] as (typeof starts)[number]),
        candidateId: 'the-leader',
        fencingToken: token,
        start: expect.any(Number) as number,
        end: expect.any(Number) as number,
        ...ending,
      })),
    );
    for (const [index, { tick, start, end = NaN }] of runs.entries()) {
      expect(start).toBeGreaterThanOrEqual(tick ?? Infinity);
      expect(start).toBeLessThanOrEqual((starts[index]?.time as number) * 1000);
      expect(end).toBeGreaterThanOrEqual(start);
    }
    expect(ledger).toMatchObject({ fencingToken: token, handedOver: expect.any(Number) as number });
    expect(ledger?.through).toBeGreaterThanOrEqual(runs.at(-1)?.tick as number);
  });

  it('also one that was stopped for its length, was replaced, or could not be started', async () => {
    await using late = zookeeper.stage();
    await using replaced = zookeeper.stage();
    await using missing = zookeeper.stage();
    const schedule = '@every 2s';
    startCron(late, { schedule, flags: { ...RERUN, 'run-timeout': '200ms' } });
    startCron(replaced, { schedule, flags: { ...RERUN, concurrency: 'replace' } });
    startCron(missing, { schedule, flags: RERUN, command: ['/no/such/command'] });
    const first = (stage: Stage): Promise<RunRecord> =>
      ledgerWith(stage, 'an outcome', ({ runs: [run] }) => run?.outcome !== undefined && run);
    expect(await first(late)).toMatchObject({ outcome: 'timed out', exitCode: 124 });
    expect(await first(replaced)).toMatchObject({ outcome: 'replaced' });
    expect(await first(missing)).toMatchObject({ outcome: 'not started', exitCode: 127 });
  });

  it('with the number of ticks that were skipped while it ran', async () => {
    await using stage = zookeeper.stage();
    startCron(stage, { schedule: '@every 1s', flags: RERUN, script: 'stay 2.5; exit 0' });
    const tick = tickOf(await stage.journal.started());
    expect(await recordOf(stage, tick)).toMatchObject({ outcome: 'succeeded', skipped: 2 });
  });

  it('of every candidate that leads: ballot history prints them', async () => {
    await using stage = zookeeper.stage();
    const script = 'stay 0.1';
    for (const id of ['a', 'b', 'c']) await standCron(stage, { id, schedule: '@every 2s', script });
    await stage.journal.started(4);
    const starts = stage.journal.starts();
    await recordOf(stage, tickOf(starts[2] as (typeof starts)[number]));
    const printed = (await stage.history()) as { tick: string; candidateId: string; fencingToken: number }[];
    expect(printed.slice(0, 3).map(({ tick, candidateId, fencingToken }) => [tick, candidateId, fencingToken])).toEqual(
      starts.slice(0, 3).map(({ tick, candidate, token }) => [tick, candidate, Number(token)]),
    );
  });
});

describe.concurrent('a ledger that cannot be read', () => {
  it.each([
    ['no JSON', 'rubbish \u001b[2J'],
    ['a list', '[]'],
    ['another object', '{"runs":"none"}'],
    ['900 KB', 'x'.repeat(900_000)],
    ['bytes', Buffer.from([0, 255, 254, 10, 13])],
  ])('(%s) is said, with the beginning of it, and replaced: ticks are served', async (_, data) => {
    await using stage = zookeeper.stage();
    await withLedger(stage, data);
    const candidate = startCron(stage, {
      schedule: '@every 1s',
      flags: { ...RERUN, 'catch-up': 'once' },
      script: 'exit 0',
    });
    await stage.journal.started(2);
    expectEveryTick(stage, 1000);
    const warnings = candidate.log.filter(({ level, msg }) => level === 'warn' && msg.includes('ledger'));
    expect(warnings).toHaveLength(1);
    const excerpt = warnings[0]?.['excerpt'] as string;
    expect(excerpt.length).toBeLessThanOrEqual(80);
    expect(excerpt).not.toContain('\u001b');
    // Nobody knows what was served: nothing is made up.
    const { term, time } = candidate.said('elected leader')[0] as { term?: unknown; time?: unknown };
    expect(ticksOf(stage.journal)[0]).toBeGreaterThan(Date.parse(String(time)) - 1);
    expect(await ledgerAt(stage)).toMatchObject({ fencingToken: term });
  });
});

describe.concurrent('a ledger of many runs', () => {
  const record = (index: number, candidateId: string): RunRecord => ({
    runId: `1.${index + 1}`,
    tick: 1_700_000_000_000 + index * 1000,
    candidateId,
    fencingToken: 1,
    start: 1_700_000_000_000 + index * 1000,
    end: 1_700_000_000_500 + index * 1000,
    outcome: 'succeeded',
    exitCode: 0,
  });
  const runs = (count: number, candidateId: string): RunRecord[] =>
    Array.from({ length: count }, (_, index) => record(index, candidateId));

  it('keeps the 50 newest', async () => {
    await using stage = zookeeper.stage();
    const before = runs(50, 'before');
    await withLedger(stage, encodeLedger({ fencingToken: 1, through: before.at(-1)?.tick as number, runs: before }));
    startCron(stage, { id: 'now', schedule: '@every 1s', flags: RERUN, script: 'exit 0' });
    await stage.journal.started(3);
    const ids = (await ledgerAt(stage))?.runs.map(({ candidateId }) => candidateId);
    expect(ids).toHaveLength(50);
    expect(ids?.slice(-2)).toEqual(['now', 'now']);
    expect((await ledgerAt(stage))?.runs.at(0)?.tick).toBeGreaterThanOrEqual(before[2]?.tick as number);
  });

  it('never grows over 512 KiB, however long the names are', async () => {
    await using stage = zookeeper.stage();
    const id = 'now';
    const before = runs(25, 'n'.repeat(20_000));
    await withLedger(stage, encodeLedger({ fencingToken: 1, through: before.at(-1)?.tick as number, runs: before }));
    startCron(stage, { id, schedule: '@every 1s', flags: RERUN, script: 'exit 0' });
    await stage.journal.started(4);
    const { data } = await zookeeper.observer.get(`${stage.basePath}/runs`, within);
    expect(data.length).toBeLessThanOrEqual(MOST_BYTES);
    const kept = (await ledgerAt(stage))?.runs ?? [];
    expect(kept.length).toBeGreaterThan(20);
    expect(kept.at(-1)?.candidateId).toBe(id);
  });
});

describe.concurrent('a ledger that is changed by somebody else while a leader serves', () => {
  it.each([
    ['deleted', (path: string): Promise<unknown> => zookeeper.observer.delete(path, -1, within)],
    ['emptied', (path: string): Promise<unknown> => zookeeper.observer.set(path, Buffer.alloc(0), -1, within)],
    ['overwritten', (path: string): Promise<unknown> => zookeeper.observer.set(path, Buffer.from('mine'), -1, within)],
  ])('%s: it is made anew, every tick is served, and none twice', async (_, change) => {
    await using stage = zookeeper.stage();
    const leader = startCron(stage, { schedule: '@every 1s', flags: RERUN, script: 'stay 0.1' });
    await serves(stage, leader);
    await stage.journal.started(2);
    await change(`${stage.basePath}/runs`);
    await stage.journal.started(5);
    expectEveryTick(stage, 1000);
    expect(leader.said('elected leader')).toHaveLength(1);
    expect((await ledgerAt(stage))?.runs.map(({ tick }) => tick)).toContain(ticksOf(stage.journal)[3]);
  });

  it('taken by a later term: this one starts no tick any more, and the term after both does', async () => {
    await using stage = zookeeper.stage();
    const flags = { ...RERUN, 'catch-up': 'once' };
    const leader = await standCron(stage, { schedule: '@every 1s', flags, script: 'exit 0' });
    const next = await standCron(stage, { schedule: '@every 1s', flags, script: 'exit 0' });
    await serves(stage, leader);
    await stage.journal.started(2);
    const before = (await ledgerAt(stage)) as Ledger;
    // A token that a later claim may have had: its transaction is older than this write.
    const fencingToken = before.fencingToken + 1;
    await zookeeper.observer.set(`${stage.basePath}/runs`, encodeLedger({ ...before, fencingToken }), -1, within);
    const warning = await leader.says('a later leader writes the ledger of runs');
    expect(warning.level).toBe('warn');
    const ofFormer = (): number => stage.journal.starts(leader.id).length;
    const served = ofFormer();
    const start = await stage.journal.started(2, { candidate: next.id });
    expect(Number(start.token)).toBeGreaterThan(fencingToken);
    expect(ofFormer()).toBe(served);
    expectEachTickOnce(stage.journal);
  });
});
