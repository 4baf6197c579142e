import { describe, expect, it } from 'vitest';
import type { RunningCommand } from '../../../src/command/launch.ts';
import type { ProcessName } from '../../../src/command/proc.ts';
import { RunProcess, type RunParts } from '../../../src/supervisor/run-process.ts';
import type { Event } from '../../../src/supervisor/state.ts';
import { silentLogger } from '../../contract/coordinator.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

it('an entry in the ledger is waited for by the session timeout that was granted: a heartbeat of the term', async () => {
  const waited: number[] = [];
  let settle = (): void => undefined;
  const settled = new Promise<void>((resolve) => (settle = resolve));
  const ledger = {
    silentFor: 0,
    enter: (_record: unknown, timeout: number) => {
      waited.push(timeout);
      return Promise.resolve('taken');
    },
  };
  const parts = {
    clock: new VirtualClock(1).process(),
    logger: silentLogger,
    onLeaseLoss: 'keep',
    ledger,
    candidateId: 'a',
    report: () => settle(),
  };
  // The ensemble granted 30 s; the lease lasts longer.
  const term = { fencingToken: 7, leaseDuration: 60_000, heartbeat: 10_000, safeUntil: Infinity };
  const spawn = { kind: 'spawn', run: 1, term: 7, by: Infinity, tick: 0 } as const;
  new RunProcess(parts as unknown as RunParts, spawn, term).start();
  await settled;
  expect(waited).toEqual([10_000]);
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
      onLeaseLoss: 'keep',
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
