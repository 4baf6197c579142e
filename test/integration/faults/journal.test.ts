import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { BeatJournal, type CommandKind } from '../../support/journal.ts';
import { poll } from '../../support/poll.ts';

const started: ChildProcess[] = [];
afterEach(() => {
  for (const { pid } of started.splice(0)) {
    try {
      process.kill(-(pid as number), 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
});

/** A command as ballot would start it: in a process group of its own. */
async function start(journal: BeatJournal, runId: string, kind: CommandKind = 'plain'): Promise<ChildProcess> {
  const [file, ...args] = journal.command(kind);
  const env = { PATH: process.env['PATH'], BALLOT_CANDIDATE_ID: 'c', BALLOT_RUN_ID: runId, BALLOT_FENCING_TOKEN: '1' };
  const child = spawn(file, args, { env, stdio: 'ignore', detached: true });
  started.push(child);
  const count = journal.runs.length + 1;
  await journal.started(count, 5000);
  return child;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  await gone;
}

describe('the judge of the faults suite', () => {
  it('has nothing to say of runs that follow each other, however they end', async () => {
    using journal = new BeatJournal();
    await end(await start(journal, '1'), 'SIGTERM');
    await end(await start(journal, '2'), 'SIGKILL');
    await end(await start(journal, '3', 'deaf'), 'SIGKILL');
    expect(journal.read().map(({ runId, ended }) => [runId, ended])).toEqual([
      ['1', true],
      ['2', false],
      ['3', false],
    ]);
    expect(journal.overlaps).toEqual([]);
    for (const gap of journal.gaps()) expect(gap).toBeGreaterThan(0);
  });

  it('sees two that run at once: by their lines, by the lock, and for how long', async () => {
    using journal = new BeatJournal();
    const first = await start(journal, '1');
    await start(journal, '2');
    await sleep(300);
    await end(first, 'SIGTERM');
    const seen = (by: string): boolean =>
      journal.overlaps.some(({ of, and, ms, seenBy }) => of === '1' && and === '2' && ms > 200 && seenBy === by);
    const both = (): boolean => journal.read() && seen('lock') && seen('order of lines');
    await poll(both, { timeout: 5000, what: 'an overlap seen in two ways' });
  });

  it('sees one that writes nothing because it gets no processor', async () => {
    using journal = new BeatJournal();
    const first = await start(journal, '1');
    first.kill('SIGSTOP');
    await start(journal, '2');
    await poll(() => journal.read() && journal.overlaps.length > 0, { timeout: 5000, what: 'an overlap' });
    expect(journal.overlaps.map(({ seenBy }) => seenBy)).toContain('lock');
  });

  it('sees what a command leaves behind in its process group', async () => {
    using journal = new BeatJournal();
    await end(await start(journal, '1', 'family'), 'SIGTERM');
    await start(journal, '2');
    await poll(() => journal.read() && journal.overlaps.length > 0, { timeout: 5000, what: 'an overlap' });
  });

  it('takes a run that is known to be frozen for a late writer, and for an overlap when the next starts after the thaw', async () => {
    using journal = new BeatJournal();
    const first = await start(journal, '1');
    first.kill('SIGSTOP');
    await sleep(100);
    journal.read();
    const frozen = journal.latest;
    frozen.frozen = true;
    const second = await start(journal, '2');
    frozen.frozen = false;
    first.kill('SIGCONT');
    await poll(() => journal.read() && frozen.late.length > 2, { timeout: 5000, what: 'late lines' });
    expect(journal.overlaps).toEqual([]);
    await end(second, 'SIGKILL');
    await start(journal, '3');
    await poll(() => journal.read() && journal.overlaps.length > 0, { timeout: 5000, what: 'an overlap' });
  });
});
