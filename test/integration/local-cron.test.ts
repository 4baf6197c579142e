import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Candidate } from '../support/candidate.ts';
import { expectEachTickOnce, standCron } from '../support/cron.ts';
import { LocalStage } from '../support/local-stage.ts';
import { poll } from '../support/poll.ts';
import { fill, onDisk } from '../support/small-disk.ts';
import { RERUN } from '../support/stage.ts';

const EVERY_SECOND = { schedule: '@every 1s', script: 'stay 0.1', flags: RERUN };

it('starts no tick twice when leaders are killed, and writes down what became of each', async () => {
  await using stage = new LocalStage();
  const candidates: Candidate[] = [];
  for (const id of ['a', 'b', 'c']) candidates.push(await standCron(stage, { id, ...EVERY_SECOND }));
  for (const candidate of candidates) {
    await stage.journal.started(2, { candidate: candidate.id });
    candidate.signal('SIGKILL');
    await candidate.ended;
  }
  expectEachTickOnce(stage.journal);
  const runs = (await stage.history()) as { tick: string; candidateId: string; outcome: string }[];
  expect(runs.map(({ tick }) => tick)).toEqual([...new Set(runs.map(({ tick }) => tick))]);
  expect(new Set(runs.map(({ candidateId }) => candidateId))).toEqual(new Set(['a', 'b', 'c']));
});

it('makes up for the latest tick that was missed while nobody stood', async () => {
  await using stage = new LocalStage();
  const flags = { ...RERUN, 'catch-up': 'once' };
  const first = await standCron(stage, { id: 'a', ...EVERY_SECOND, flags });
  await stage.journal.started(1);
  first.signal('SIGTERM');
  await first.end();
  const known = stage.journal.starts().length;
  const last = Date.parse(stage.journal.starts().at(-1)?.tick ?? '');
  await poll(() => Date.now() > last + 3_000, { what: 'ticks that are missed' });
  await standCron(stage, { id: 'b', ...EVERY_SECOND, flags });
  await stage.journal.started(known + 2);
  expectEachTickOnce(stage.journal);
  const caught = stage.journal.starts('b')[0];
  expect(Date.parse(caught?.tick ?? '')).toBeGreaterThan(last + 1_000);
  expect(caught?.time).toBeGreaterThan(Date.parse(caught?.tick ?? '') / 1000);
});

/** Who is not root cannot mount a disk that is small enough to be filled. */
it.skipIf(process.getuid?.() !== 0)('starts no tick that it cannot write down, and goes on when it can', async () => {
  await using stage = new LocalStage();
  await onDisk(stage, async () => {
    const leader = await standCron(stage, { id: 'a', ...EVERY_SECOND });
    await stage.journal.started(1);
    fill(join(stage.stateDir, 'filling'));
    const skipped =
      'the ledger of runs cannot be written: the tick could not be recorded in time, so it is not started';
    const { tick } = await leader.says(skipped);
    rmSync(join(stage.stateDir, 'filling'));
    await stage.journal.started(stage.journal.starts().length + 1);
    expect(stage.journal.starts().map((start) => start.tick)).not.toContain(tick);
    expect(JSON.stringify(leader.log)).not.toContain('ZooKeeper');
    expectEachTickOnce(stage.journal);
    leader.signal('SIGTERM');
    await leader.end();
  });
});
