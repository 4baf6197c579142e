import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Arena } from '../../support/candidate.ts';

/** An arena in which two commands have run at once, without anybody who led. */
async function overlapped(): Promise<Arena> {
  const arena = new Arena('127.0.0.1:1');
  const run = (): (() => Promise<unknown>) => {
    const [file = '', ...args] = arena.journal.command();
    const child = spawn(file, args, { stdio: 'ignore' });
    const exit = new Promise((resolve) => child.once('exit', resolve));
    return () => {
      child.kill();
      return exit;
    };
  };
  const first = run();
  await arena.journal.started(1);
  const second = run();
  await arena.journal.noted('overlap');
  await Promise.all([first(), second()]);
  return arena;
}

describe('an arena whose journal shows two commands at once', () => {
  it('throws the journal at its end, and leaves no file behind', async () => {
    const arena = await overlapped();
    await expect(arena[Symbol.asyncDispose]()).rejects.toThrow(/^two commands at once:\nstart .*\nstart .*\noverlap /);
    expect(existsSync(arena.journal.folder)).toBe(false);
  });

  it('fails the test that has it, also one that expects nothing', async () => {
    const test = async (): Promise<void> => {
      await using arena = await overlapped();
      expect(arena.journal.starts()).toHaveLength(2);
    };
    await expect(test()).rejects.toThrow('two commands at once');
  });

  it('does not where that is in order', async () => {
    const arena = await overlapped();
    arena.overlapsAllowed = true;
    await arena[Symbol.asyncDispose]();
    expect(existsSync(arena.journal.folder)).toBe(false);
  });
});
