import { describe, expect, it } from 'vitest';
import type { RunningCommand } from '../../../src/command/launch.ts';
import type { ProcessName } from '../../../src/command/proc.ts';
import type { RunLedger } from '../../../src/ledger/ledger.ts';
import { RunProcess, type RunParts, type TermOfRun } from '../../../src/supervisor/run-process.ts';
import type { Event } from '../../../src/supervisor/state.ts';
import { silentLogger } from '../../support/silent-logger.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

type Verdict = Awaited<ReturnType<RunLedger['enter']>>;

interface Scene {
  readonly verdict?: Verdict;
  readonly unrecordedTicks?: RunParts['unrecordedTicks'];
  readonly term?: Partial<TermOfRun> | 'lost';
  readonly tick?: number | undefined;
}

/** Turns of the event loop that a run takes at most to come to rest. */
const TURNS = 20;

const after = async (turns: number): Promise<void> => {
  for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
};

/** One run of term 7, and what it does to everybody, in order. */
function stage({ verdict = 'entered', unrecordedTicks = 'start', term = {}, tick }: Scene) {
  const journal: string[] = [];
  let [end, vanish] = [(): void => undefined, (): void => undefined];
  const ledger = {
    silentFor: 0,
    enter: (_record: unknown, timeout: number) => {
      journal.push(`enter within ${timeout}`);
      return Promise.resolve(verdict);
    },
    withdraw: () => void journal.push('withdraw'),
    close: () => void journal.push('close'),
  };
  const launch = (): RunningCommand => {
    journal.push('launch');
    return {
      pid: 1,
      group: { pgid: 1, startTime: '1' },
      exited: new Promise((resolve) => (end = () => resolve({ kind: 'exited', code: 0 }))),
      gone: new Promise((resolve) => (vanish = resolve)),
      drained: Promise.resolve(),
      signal: (signal) => void journal.push(signal),
      followers: () => [],
    };
  };
  const parts: RunParts = {
    launch,
    clock: new VirtualClock(1).process(),
    logger: silentLogger,
    candidateId: 'a',
    unrecordedTicks,
    ledger: ledger as unknown as RunLedger,
    diary: undefined,
    report: (event) => void journal.push('why' in event ? `${event.kind}: ${event.why}` : event.kind),
    tellKeeper: () => void journal.push(`keeper: ${told()}`),
    said: { foreground: false },
  };
  const own = { fencingToken: 7, leaseDuration: 60_000, heartbeat: 10_000, safeUntil: Infinity };
  const spawn = { kind: 'spawn', run: 1, term: 7, by: Infinity, tick } as const;
  const run = new RunProcess(parts, spawn, term === 'lost' ? undefined : { ...own, ...term });
  const told = (): string => {
    const { live } = run;
    if (live === undefined) return 'it is over';
    return live.group === undefined ? 'it is about to start' : live.signalled ? 'it is being stopped' : 'it runs';
  };
  return { run, journal, end: () => end(), vanish: () => vanish() };
}

/** What has happened when the run has come to rest. */
async function rest(scene: Scene): Promise<string[]> {
  const { run, journal } = stage(scene);
  run.start();
  await after(TURNS);
  return journal;
}

const STARTED = ['keeper: it is about to start', 'launch', 'keeper: it runs', 'runStarted'];

describe('the start of a run', () => {
  it('is told to the keeper before and after', async () => {
    expect(await rest({})).toEqual(STARTED);
  });

  it('follows the entry of its tick, which is waited for by a heartbeat of the term', async () => {
    // The ensemble granted 30 s; the lease lasts longer.
    expect(await rest({ tick: 0 })).toEqual(['enter within 10000', ...STARTED]);
  });

  it('does without an answer if unrecorded ticks are started, and not if they are skipped', async () => {
    const scene = { tick: 0, verdict: 'unanswered' } as const;
    expect(await rest(scene)).toEqual(['enter within 10000', ...STARTED]);
    expect(await rest({ ...scene, unrecordedTicks: 'skip' })).toEqual([
      'enter within 60000',
      'withdraw',
      'notEntered: unanswered',
    ]);
  });

  it.each(['taken', 'fenced'] as const)('does not follow an entry that is refused (%s)', async (verdict) => {
    expect(await rest({ tick: 0, verdict })).toEqual(['enter within 10000', `notEntered: ${verdict}`]);
  });

  it('is called off by a signal while the tick is being entered', async () => {
    const { run, journal } = stage({ tick: 0 });
    run.start();
    run.signal('SIGTERM');
    await after(TURNS);
    expect(journal).toEqual(['enter within 10000', 'withdraw', 'notEntered: withdrawn']);
  });

  it('is too late once the keeper may have acted: the entry is taken back', async () => {
    const journal = await rest({ tick: 0, term: { safeUntil: -Infinity } });
    const told = ['keeper: it is about to start', 'keeper: it is over'];
    expect(journal).toEqual(['enter within 10000', ...told, 'withdraw', 'tooLate']);
  });

  it('is too late when its term is lost', async () => {
    expect(await rest({ term: 'lost' })).toEqual(['keeper: it is over', 'tooLate']);
  });
});

describe('a run that was started', () => {
  it('is continued after a signal, but for SIGKILL, and the keeper learns that it is being stopped', async () => {
    const { run, journal } = stage({});
    run.start();
    run.signal('SIGTERM');
    run.signal('SIGKILL');
    const stopped = 'keeper: it is being stopped';
    expect(journal.slice(STARTED.length)).toEqual(['SIGTERM', 'SIGCONT', stopped, 'SIGKILL', stopped]);
  });

  it('is over when nothing of it is left; that is reported before the keeper is told', async () => {
    const { run, journal, end, vanish } = stage({});
    run.start();
    end();
    await after(TURNS);
    expect(journal).toEqual(STARTED);
    vanish();
    await after(TURNS);
    expect(journal.slice(STARTED.length)).toEqual(['runEnded', 'keeper: it is over']);
    run.signal('SIGTERM');
    expect(journal.at(-1)).toBe('keeper: it is over');
  });

  it('has an end in the ledger if it was entered there', async () => {
    const closed = { kind: 'recordEnd', run: 1, outcome: 'succeeded', exitCode: 0, skipped: 0 } as const;
    for (const tick of [0, undefined]) {
      const { run, journal } = stage({ tick });
      run.start();
      await after(TURNS);
      run.recordEnd(closed);
      expect(journal.filter((entry) => entry === 'close')).toHaveLength(tick === undefined ? 0 : 1);
    }
  });
});

describe('what a command leaves behind', () => {
  /** What is said of a command that has ended, and of which something lives for `lasts` ms more. */
  async function leftBehind(lasts: number, seen: readonly ProcessName[]): Promise<string[]> {
    const clock = new VirtualClock(1);
    const process = clock.process();
    const events: Event[] = [];
    const over = new Promise<void>((resolve) => void process.at(process.now() + lasts, resolve));
    const command: RunningCommand = {
      pid: 1,
      group: undefined,
      exited: Promise.resolve({ kind: 'exited', code: 0 }),
      gone: over,
      drained: over,
      signal: () => undefined,
      followers: () => seen,
    };
    const parts: RunParts = {
      launch: () => command,
      clock: process,
      logger: silentLogger,
      unrecordedTicks: 'start',
      candidateId: 'a',
      ledger: undefined,
      diary: undefined,
      report: (event) => void events.push(event),
      tellKeeper: () => undefined,
      said: { foreground: false },
    };
    const spawn = { kind: 'spawn', run: 1, term: undefined, by: Infinity, tick: undefined } as const;
    new RunProcess(parts, spawn, undefined).start();
    await clock.run(10_000);
    expect(events.at(-1)?.kind).toBe('runEnded');
    return events.flatMap((event) => (event.kind === 'commandEnded' ? [event.left] : []));
  }

  it('is named at once', async () => {
    expect(await leftBehind(20, [{ pid: 7, name: 'sleep' }])).toEqual(['7 sleep']);
  });

  it('is nobody when those that are just ending are not seen any more', async () => {
    expect(await leftBehind(150, [])).toEqual([]);
  });

  it('is said to be hidden when it stays and nobody sees it', async () => {
    expect(await leftBehind(1_000, [])).toEqual(['hidden from this user']);
  });
});
