import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { poll } from '../support/poll.ts';

/** The demo's own place for temporary files; its name is also what marks its processes. */
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ballot-demo-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function startDemo(...args: readonly string[]): {
  demo: ChildProcess;
  output: () => string;
  exitCode: Promise<number | null>;
} {
  const script = join(import.meta.dirname, '../../scripts/demo.mjs');
  const demo = spawn(process.execPath, [script, ...args], {
    env: { ...process.env, TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [demo.stdout, demo.stderr])
    stream.setEncoding('utf8').on('data', (data: string) => (text += data));
  const exitCode = new Promise<number | null>((resolve) => demo.once('close', resolve));
  return { demo, output: () => text, exitCode };
}

/**
 * Processes that were started for this demo: the mark stands in their environment. (Keepers have none; they end with
 * their supervisor.)
 */
function processes(): string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) => {
    try {
      if (!readFileSync(`/proc/${pid}/environ`, 'utf8').includes(folder)) return [];
      return [`${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')}`];
    } catch {
      // Ended while we looked, or somebody else's.
      return [];
    }
  });
}

describe.runIf(process.platform === 'linux')('npm run demo', () => {
  it.each([
    ['on this host alone', [], '--coordinator local'],
    ['on an ensemble', ['--zookeeper'], 'three ZooKeeper servers listen'],
  ])('%s tells of a take-over and a handover, and leaves nothing behind', async (_where, args, said) => {
    const { output, exitCode } = startDemo(...args);
    expect(await exitCode, output()).toBe(0);
    expect(output()).toContain(said);
    expect(output()).toMatch(
      /is elected and runs the command[^]*kill -9[^]*takes over \d+ ms later[^]*SIGTERM[^]*takes over \d+ ms later/,
    );
    expect(output()).toMatch(/3 runs, \d+ lines, never two runs at a time\.\n$/);
    expect(readdirSync(folder)).toEqual([]);
    expect(processes()).toEqual([]);
  });

  it('leaves nothing behind on Ctrl-C', async () => {
    const { demo, output, exitCode } = startDemo();
    await poll(() => output().includes('is elected'));
    expect(processes()).not.toEqual([]);
    demo.kill('SIGINT');
    expect(await exitCode, output()).toBe(130);
    expect(readdirSync(folder)).toEqual([]);
    expect(processes()).toEqual([]);
  });
});
