import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  dailyAt,
  expectEachTickOnce,
  expectEveryTick,
  secondAfter,
  standCron,
  startCron,
  tickOf,
} from '../support/cron.ts';
import { abandoned, useZooKeeper } from '../support/stage.ts';

const zookeeper = useZooKeeper();

/** Ticks far enough apart for a busy machine to serve each in its time. */
const EVERY = 2000;
const schedule = '@every 2s';

describe.concurrent('a run that ended', () => {
  it.each([
    ['on-child-success', 'rerun', 'exit 0'],
    ['on-child-success', 'ignore', 'exit 0'],
    ['on-child-error', 'rerun', 'exit 42'],
    ['on-child-error', 'ignore', 'exit 42'],
  ])(
    '%s=%s: one leader serves every tick, in the same term, at the pace of the schedule',
    async (after, policy, script) => {
      await using stage = zookeeper.stage();
      // No pause after failures: the schedule sets the pace.
      const flags = { [after]: policy, 'restart-delay': '1h', 'restart-max-delay': '1h' };
      const first = await standCron(stage, { id: 'first', schedule, flags, script });
      await standCron(stage, { id: 'second', schedule });
      await stage.journal.started(4);
      const starts = stage.journal.starts();
      expectEveryTick(stage, EVERY);
      expect(new Set(starts.map(({ candidate }) => candidate))).toEqual(new Set(['first']));
      expect(new Set(starts.map(({ token }) => token)).size).toBe(1);
      expect(first.said('elected leader')).toHaveLength(1);
      expect(first.said('resigned')).toEqual([]);
    },
  );

  it('reelect, the default: three candidates serve every tick in turn, none is lost and none comes twice (defect 28)', async () => {
    await using stage = zookeeper.stage();
    const ids = ['a', 'b', 'c'];
    // Of the same length whichever way it ends.
    const script = 'stay 0.1; exit $(( $$ % 2 ))';
    for (const id of ids) await standCron(stage, { id, schedule, script });
    await stage.journal.started(1, { candidate: 'c' });
    await stage.journal.started(stage.journal.starts().length + 3);
    expectEveryTick(stage, EVERY);
    const starts = stage.journal.starts();
    // From then on all three are in the queue.
    const ofAll = starts.slice(starts.findIndex(({ candidate }) => candidate === 'c'));
    const inTurn = ofAll.map(({ candidate }) => candidate);
    expect(new Set(inTurn.slice(0, 3)).size).toBe(3);
    expect(inTurn).toEqual(inTurn.map((_, index) => inTurn[index % 3]));
    const tokens = ofAll.map(({ token }) => Number(token));
    expect(tokens).toEqual([...new Set(tokens)].toSorted((a, b) => a - b));
  });

  it.each([
    ['on-child-success', 'exit 0', 0],
    ['on-child-error', 'exit 42', 42],
    ['on-child-error', 'kill -KILL $$', 137],
  ])('%s=exit (%s): ends ballot with %i; the next candidate serves the next tick', async (after, script, code) => {
    await using stage = zookeeper.stage();
    const leader = await standCron(stage, { schedule, flags: { [after]: 'exit' }, script });
    const next = await standCron(stage, { schedule });
    expect(await leader.end()).toBe(code);
    await stage.journal.started(1, { candidate: next.id });
    expectEveryTick(stage, EVERY);
    expect(stage.journal.starts().map(({ candidate }) => candidate)).toEqual([leader.id, next.id]);
  });

  it('by run-timeout under exit ends ballot with 124, lease and queue empty', async () => {
    await using stage = zookeeper.stage();
    const flags = { 'run-timeout': '400ms', 'on-child-error': 'exit', 'on-child-success': 'ignore' };
    const candidate = startCron(stage, { schedule, flags, traps: "trap 'exit 0' TERM" });
    expect(await candidate.end()).toBe(124);
    expect(stage.journal.entries().map(({ event }) => event)).toEqual(['start', 'end']);
    expect(await stage.election()).toEqual(abandoned);
  });

  it('by run-timeout under ignore is followed by the next tick, after SIGKILL for a command that does not listen', async () => {
    await using stage = zookeeper.stage();
    const flags = { 'run-timeout': '300ms', 'kill-after': '200ms', 'on-child-error': 'ignore' };
    const candidate = startCron(stage, { schedule, flags, traps: "trap '' TERM" });
    await stage.journal.started(3);
    expectEveryTick(stage, EVERY);
    expect(candidate.said('the run is over')[0]).toMatchObject({
      outcome: expect.stringMatching(/SIGKILL.*run-timeout/) as string,
    });
  });
});

describe.concurrent('a command that cannot be started', () => {
  it.each([
    ['not found', 127, (): string => 'no-such-command-anywhere'],
    [
      'not executable',
      126,
      (folder: string): string => {
        const path = join(folder, 'plain');
        writeFileSync(path, 'no program\n', { mode: 0o644 });
        return path;
      },
    ],
  ] as const)('%s: %i under exit', async (_, code, command) => {
    await using stage = zookeeper.stage();
    const path = command(stage.journal.folder);
    const candidate = startCron(stage, { schedule: '@every 1s', flags: { 'on-child-error': 'exit' }, command: [path] });
    expect(await candidate.end()).toBe(code);
    expect(await stage.election()).toEqual(abandoned);
  });

  it('is tried again at the next tick under rerun, without a pause of its own', async () => {
    await using stage = zookeeper.stage();
    const flags = { 'on-child-error': 'rerun', 'restart-delay': '1h', 'restart-max-delay': '1h' };
    const candidate = startCron(stage, { schedule: '@every 1s', flags, command: ['/no/such/command'] });
    await candidate.says('the run is over', { count: 3 });
    expect(candidate.said('elected leader')).toHaveLength(1);
  });
});

describe.concurrent('the command', () => {
  it('is told its tick, its term and its run', async () => {
    await using stage = zookeeper.stage();
    const schedule = '@every 1s';
    // What an outer ballot has told ours is not passed on.
    const env = { BALLOT_TICK: '2001-01-01T00:00:00Z', BALLOT_FENCING_TOKEN: '17', BALLOT_RUN_ID: '17.1' };
    const script = 'echo "$BALLOT_TICK $BALLOT_FENCING_TOKEN $BALLOT_RUN_ID $BALLOT_ZOOKEEPER_BASE_PATH"';
    const flags = { 'on-child-success': 'rerun' };
    const candidate = startCron(stage, { schedule, flags, env, script });
    await stage.journal.started(3);
    candidate.signal('SIGTERM');
    await candidate.end();
    const term = candidate.said('elected leader')[0]?.['term'] as number;
    const wrote = candidate.wrote().map((line) => line.split(' '));
    expect(wrote.length).toBeGreaterThanOrEqual(3);
    for (const [index, [tick, token, runId, basePath]] of wrote.entries()) {
      expect(tick).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      expect([token, runId, basePath]).toEqual([String(term), `${term}.${index + 1}`, stage.basePath]);
    }
    expectEachTickOnce(stage.journal);
  });

  it('runs at its tick and neither before nor at the start of ballot', async () => {
    for (const lead of [3_000, 12_000, 48_000]) {
      await using stage = zookeeper.stage();
      const tick = secondAfter(lead);
      const flags = { 'on-child-success': 'rerun' };
      const candidate = await standCron(stage, { schedule: dailyAt(tick), flags, script: 'exit 0' });
      const elected = await candidate.says('elected leader');
      // A busy machine was too late for that one.
      if (Date.parse(String(elected['time'])) > tick - 1_000) continue;
      const start = await stage.journal.started();
      expect(tickOf(start)).toBe(tick);
      expect(start.time * 1000).toBeGreaterThanOrEqual(tick);
      // The next one is tomorrow's.
      await candidate.says('the run is over');
      expect(stage.journal.starts()).toHaveLength(1);
      return;
    }
    expect.fail('nobody was elected 48 s after the start');
  });
});
