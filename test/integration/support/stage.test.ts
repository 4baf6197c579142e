import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { disposeOfForgotten, Stage } from '../../support/stage.ts';

/** A stage in which two commands have run at once, without anybody who led. */
async function overlapped(): Promise<Stage> {
  const stage = new Stage('127.0.0.1:1');
  const run = (): (() => Promise<unknown>) => {
    const [file, ...args] = stage.journal.command();
    const child = spawn(file, args, { stdio: 'ignore' });
    const exit = new Promise((resolve) => child.once('exit', resolve));
    return () => {
      child.kill();
      return exit;
    };
  };
  const first = run();
  await stage.journal.started(1);
  const second = run();
  await stage.journal.noted('overlap');
  await Promise.all([first(), second()]);
  return stage;
}

describe('a stage whose journal shows two commands at once', () => {
  it('throws the journal at its end, and leaves no file behind', async () => {
    const stage = await overlapped();
    await expect(stage[Symbol.asyncDispose]()).rejects.toThrow(/^two commands at once:\nstart .*\nstart .*\noverlap /);
    expect(existsSync(stage.journal.folder)).toBe(false);
  });

  it('fails the test that has it, also one that expects nothing', async () => {
    const test = async (): Promise<void> => {
      await using stage = await overlapped();
      expect(stage.journal.starts()).toHaveLength(2);
    };
    await expect(test()).rejects.toThrow('two commands at once');
  });

  it('does not where that is in order', async () => {
    const stage = await overlapped();
    stage.overlapsAllowed = true;
    await stage[Symbol.asyncDispose]();
    expect(existsSync(stage.journal.folder)).toBe(false);
  });
});

describe('a stage that no test disposes of', () => {
  it('is disposed of in the end, and that fails the file', async () => {
    const { journal } = new Stage('127.0.0.1:1');
    await expect(disposeOfForgotten()).rejects.toThrow('stages that no test has disposed of: 1');
    expect(existsSync(journal.folder)).toBe(false);
    await disposeOfForgotten();
  });

  it('tells of two commands at once', async () => {
    await overlapped();
    await expect(disposeOfForgotten()).rejects.toThrow('two commands at once');
  });
});
