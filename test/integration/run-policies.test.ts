import { rmSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isAlive, type Candidate, type Entry, type Journal } from '../support/candidate.ts';
import { ledgerAt } from '../support/cron.ts';
import { pass } from '../support/poll.ts';
import { UNTIL_OPEN, abandoned, useZooKeeper, type Stage } from '../support/stage.ts';
import { expectWithin } from '../support/yardstick.ts';

const zookeeper = useZooKeeper();

const shut = ({ journal }: Stage): void => rmSync(`${journal.path}.open`);

describe.each([
  { after: 'on-child-success', script: 'exit 0', code: 0 },
  { after: 'on-child-error', script: 'exit 42', code: 42 },
] as const)('$after', ({ after, script, code }) => {
  it('exit: ends with the command’s exit code, the lease empty and the queue too', async () => {
    await using stage = zookeeper.stage();
    const candidate = stage.start({ flags: { [after]: 'exit' }, script });
    expect(await candidate.end()).toBe(code);
    expect(await stage.election()).toEqual(abandoned);
    expect(stage.journal.entries().map(({ event }) => event)).toEqual(['start', 'end']);
    expect(candidate.stderr).toBe('');
  });

  it('ignore: ends with 0, the lease empty and the queue too', async () => {
    await using stage = zookeeper.stage();
    const candidate = stage.start({ flags: { [after]: 'ignore' }, script });
    expect(await candidate.end()).toBe(0);
    expect(await stage.election()).toEqual(abandoned);
    expect(stage.journal.starts()).toHaveLength(1);
  });

  it('rerun: runs again in the same term, while another candidate stands by', async () => {
    await using stage = zookeeper.stage();
    const first = await stage.stand({ id: 'first', flags: { [after]: 'rerun' }, script: `stay 0.1; ${script}` });
    await stage.stand({ id: 'second' });
    const before = stage.journal.starts().length;
    await stage.journal.started(before + 3);
    const starts = stage.journal.starts();
    expect(new Set(starts.map(({ candidate }) => candidate))).toEqual(new Set(['first']));
    expect(new Set(starts.map(({ token }) => token)).size).toBe(1);
    expect(Number(starts[0]?.token)).toBeGreaterThan(0);
    expect(first.said('elected leader')).toHaveLength(1);
  });

  it('reelect: resigns, the next in line is elected at once, and this one stands at the end of the queue', async () => {
    await using stage = zookeeper.stage();
    const flags = { [after]: 'reelect' };
    const wait = `${UNTIL_OPEN}; stay 0.1; ${script}`;
    const first = await stage.stand({ id: 'first', flags, script: wait });
    for (const id of ['second', 'third']) await stage.stand({ id, flags, script: wait });
    stage.openGate();
    await stage.journal.started(7);
    const starts = stage.journal.starts();
    expect(first.said('elected leader')[0]).toMatchObject({ why: 'nobody has led before' });
    expect(first.said('elected leader')[1]).toMatchObject({ from: 'third', why: 'resigned' });
    expect(starts.slice(0, 7).map(({ candidate }) => candidate)).toEqual([
      ...['first', 'second', 'third'],
      ...['first', 'second', 'third'],
      'first',
    ]);
    const tokens = starts.map(({ token }) => Number(token));
    expect(tokens).toEqual([...new Set(tokens)].toSorted((a, b) => a - b));
    expect(first.said('resigned').length).toBeGreaterThanOrEqual(2);
  });
});

describe('a command that ends at once', () => {
  /** Milliseconds from each end to the next start. */
  const pauses = (journal: Journal): number[] => {
    const ends = journal.ends();
    return journal
      .starts()
      .slice(1)
      .map((start, index) => Math.round((start.time - (ends[index] as Entry).time) * 1000));
  };
  /** Timers keep to the milliseconds; the journal's stamps are taken inside the command. */
  const atLeast = (expected: readonly number[], found: readonly number[]): void => {
    for (const [index, pause] of expected.entries()) expect(found[index]).toBeGreaterThanOrEqual(pause - 10);
  };

  it('and fails is run again after 100 ms, and after twice as long each time', async () => {
    await using stage = zookeeper.stage();
    stage.start({ flags: { 'on-child-error': 'rerun' }, script: 'exit 1' });
    await stage.journal.started(5);
    atLeast([100, 200, 400, 800], pauses(stage.journal));
    expect(new Set(stage.journal.starts().map(({ token }) => token)).size).toBe(1);
  });

  it('and fails is run again after restart-delay, up to restart-max-delay', async () => {
    await using stage = zookeeper.stage();
    // A run that lasts as long as the longest pause is no fast failure: it begins the count anew. This one is far from
    // that.
    const flags = { 'on-child-error': 'rerun', 'restart-delay': '250ms', 'restart-max-delay': '1s' };
    stage.start({ flags, script: 'exit 1' });
    await stage.journal.started(6);
    const found = pauses(stage.journal);
    atLeast([250, 500, 1000, 1000, 1000], found);
    // Without an upper limit it would be 4 s.
    expectWithin(found[4] as number, 2500);
  });

  it('and fails is run again as the same candidate’s next term only after the delay', async () => {
    await using stage = zookeeper.stage();
    stage.start({ flags: { 'on-child-error': 'reelect' }, script: 'exit 1' });
    await stage.journal.started(4);
    atLeast([100, 200, 400], pauses(stage.journal));
    expect(new Set(stage.journal.starts().map(({ token }) => token)).size).toBe(stage.journal.starts().length);
  });

  it('and succeeds is started once in restart-delay at most', async () => {
    await using stage = zookeeper.stage();
    stage.start({ flags: { 'on-child-success': 'rerun', 'restart-delay': '250ms' }, script: 'exit 0' });
    await stage.journal.started(5);
    const [first, last] = [stage.journal.starts()[0] as Entry, stage.journal.starts()[4] as Entry];
    // A start is journalled a little after the spawn, the first perhaps later than the others.
    expect(last.time - first.time).toBeGreaterThan(0.6);
  });
});

describe('run-timeout', () => {
  it('ends a run with exit code 124 under exit, whatever the command says', async () => {
    await using stage = zookeeper.stage();
    const flags = { 'run-timeout': '400ms', 'on-child-error': 'exit', 'on-child-success': 'ignore' };
    const candidate = stage.start({ flags, traps: "trap 'exit 0' TERM" });
    expect(await candidate.end()).toBe(124);
    expect(stage.journal.entries().map(({ event }) => event)).toEqual(['start', 'end']);
    expect(await stage.election()).toEqual(abandoned);
  });

  it('is followed by the policy for errors, after SIGKILL for a command that does not listen', async () => {
    await using stage = zookeeper.stage();
    const flags = {
      'run-timeout': '300ms',
      'kill-after': '200ms',
      'on-child-error': 'rerun',
      'on-child-success': 'exit',
    };
    const candidate = stage.start({ flags, traps: "trap '' TERM" });
    await stage.journal.started(3);
    const [first, second] = stage.journal.starts();
    expect(isAlive((first as Entry).pid)).toBe(false);
    expect((second as Entry).time - (first as Entry).time).toBeGreaterThan(0.3);
    expect(candidate.said('the run is over')[0]).toMatchObject({
      outcome: expect.stringMatching(/SIGKILL.*run-timeout/) as string,
    });
  });
});

describe('election-timeout', () => {
  it('ends a candidate that is not elected with exit code 75, and leaves no proposal', async () => {
    await using stage = zookeeper.stage();
    const leader = await stage.stand();
    const start = await stage.journal.started();
    const late = stage.start({ flags: { 'election-timeout': '700ms' } });
    expect(await late.end()).toBe(75);
    expect(late.said('not elected within')[0]?.['why']).toMatch(
      new RegExp(`^next in line: ${leader.id} leads, on host `),
    );
    const election = await stage.election();
    expect(election?.proposals).toHaveLength(1);
    expect(election?.lease).toMatchObject({ kind: 'held', record: { candidateId: leader.id } });
    expect(isAlive(start.pid)).toBe(true);
    expect(stage.journal.starts()).toHaveLength(1);
  });
});

describe('the last runs', () => {
  it('are written down with their ends, over a handover, and when the command ends at once', async () => {
    await using stage = zookeeper.stage();
    const first = await stage.stand({
      id: 'first',
      script: `${UNTIL_OPEN}; exit 3`,
      flags: { 'on-child-error': 'exit' },
    });
    await stage.journal.started();
    const second = await stage.stand({ id: 'second', script: 'exit 0', flags: { 'on-child-success': 'exit' } });
    stage.openGate();
    expect([await first.end(), await second.end()]).toEqual([3, 0]);
    const ledger = await ledgerAt(stage);
    const runOf = (candidate: Candidate): object => {
      const [line] = candidate.said('the command runs');
      return { runId: line?.['runId'], fencingToken: line?.['term'] };
    };
    const ended = { start: expect.any(Number) as number, end: expect.any(Number) as number };
    expect(ledger?.terms).toBe(2);
    expect(ledger?.runs).toEqual([
      { ...runOf(first), candidateId: 'first', ...ended, outcome: 'failed', exitCode: 3 },
      { ...runOf(second), candidateId: 'second', ...ended, outcome: 'succeeded', exitCode: 0 },
    ]);
  });
});

describe('five candidates', () => {
  it('serve in turn, one at a time, and a standby that is killed is missed by nobody', async () => {
    await using stage = zookeeper.stage();
    const ids = ['a', 'b', 'c', 'd', 'e'];
    const candidates = [];
    for (const id of ids) candidates.push(await stage.stand({ id, script: `${UNTIL_OPEN}; stay 0.1` }));
    stage.openGate();
    await stage.journal.started(12);
    const order = stage.journal.starts().map(({ candidate }) => candidate);
    expect(order.slice(0, 12)).toEqual([...ids, ...ids, 'a', 'b']);

    shut(stage);
    // Whoever passed the gate just before it was shut ends its turn; the next one stops at it.
    await pass(1000);
    const before = stage.journal.starts();
    const leader = before.at(-1) as Entry;
    const at = ids.indexOf(leader.candidate);
    const killed = candidates[(at + 2) % 5];
    killed?.signal('SIGKILL');
    await killed?.ended;
    await pass(300);
    expect(isAlive(leader.pid)).toBe(true);

    stage.openGate();
    await stage.journal.started(before.length + 8);
    const rest = [1, 3, 4, 0].map((place) => ids[(at + place) % 5]);
    const served = stage.journal.starts().slice(before.length, before.length + 8);
    expect(served.map(({ candidate }) => candidate)).toEqual([...rest, ...rest]);
    expect(stage.journal.overlaps()).toEqual([]);
  });
});
