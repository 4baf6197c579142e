import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { build } from 'esbuild';
import { beforeAll, expect, it, vi } from 'vitest';
import { useOpenings, useFolder } from '../support/hooks.ts';
import { pass, poll } from '../support/poll.ts';
import { contact, keeperPath, keepers, serversOf, sessionsAt, theKeeper } from '../support/sessions.ts';
import { useZooKeeper } from '../support/stage.ts';
import { expectWithin } from '../support/yardstick.ts';

interface Held {
  readonly session: string;
  readonly path: string;
  readonly keeper: number;
}

type Holder = ChildProcessByStdio<null, Readable, Readable>;

const zookeeper = useZooKeeper({ observer: false });
const folder = useFolder('holder');
const program = join(folder, 'session-holder.mjs');
const { afterwards, open } = useOpenings();

beforeAll(async () => {
  const entryPoints = [join(import.meta.dirname, '../support/session-holder.ts')];
  await build({ entryPoints, outfile: program, bundle: true, platform: 'node', format: 'esm', logLevel: 'warning' });
});

function holder(port: number): Holder {
  const child = spawn(process.execPath, [program, String(port), keeperPath], { stdio: ['ignore', 'pipe', 'pipe'] });
  afterwards(() => child.kill('SIGKILL'));
  return child;
}

const exit = (child: Holder): Promise<number | null> => new Promise((resolve) => child.once('exit', resolve));

async function lineOf(child: Holder): Promise<string> {
  for await (const line of createInterface(child.stdout)) return line;
  throw new Error('it ended without a word');
}

function runs(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

async function exists(path: string): Promise<boolean> {
  const zk = await sessionsAt(serversOf(zookeeper)).opener.open({ timeout: 5000 });
  const stat = await zk.exists(path, { timeout: 60_000 });
  await zk.close(3000);
  return stat !== undefined;
}

it('a session keeps the process that holds it alive, and lets it end when it is closed', async () => {
  const child = holder(zookeeper.server.port);
  const ended = exit(child);
  const held = JSON.parse(await lineOf(child)) as Held;
  await pass(300);
  expect(runs(held.keeper)).toBe(true);
  expect(child.exitCode).toBeNull();
  child.kill('SIGTERM');
  expect(await ended).toBe(0);
  expect(await exists(held.path)).toBe(false);
  await poll(() => !runs(held.keeper));
});

it('a keeper that was forked ahead of time and not used neither holds its process nor outlives it', async () => {
  const start = performance.now();
  const before = keepers().length;
  expect(await exit(holder(0))).toBe(0);
  expectWithin(performance.now() - start, 1500);
  expect(keepers()).toHaveLength(before);
});

it('a keeper does not outlive a supervisor that was killed: without a will it closes the session', async () => {
  const child = holder(zookeeper.server.port);
  const ended = exit(child);
  const held = JSON.parse(await lineOf(child)) as Held;
  expect(await exists(held.path)).toBe(true);
  child.kill('SIGKILL');
  await ended;
  await poll(() => !runs(held.keeper), { timeout: 5000 });
  expect(await exists(held.path)).toBe(false);
});

it('a session is left to expire when supervisor and keeper are killed together', async () => {
  const child = holder(zookeeper.server.port);
  const ended = exit(child);
  const held = JSON.parse(await lineOf(child)) as Held;
  process.kill(held.keeper, 'SIGKILL');
  child.kill('SIGKILL');
  await ended;
  const start = performance.now();
  await poll(async () => !(await exists(held.path)), { timeout: 8000, interval: 200 });
  expect(performance.now() - start).toBeGreaterThan(500);
});

it('a keeper has nothing of its supervisor’s environment but what it may need to start', async () => {
  vi.stubEnv('SOME_PASSWORD', 'secret');
  vi.stubEnv('LD_LIBRARY_PATH', '/somewhere');
  afterwards(() => vi.unstubAllEnvs());
  await open(serversOf(zookeeper));
  const environment = readFileSync(`/proc/${theKeeper()}/environ`, 'utf8').split('\0').filter(Boolean);
  const names = environment.map((entry) => entry.replace(/=.*$/s, '')).sort();
  const channel = names.filter((name) => name.startsWith('NODE_CHANNEL_'));
  expect(names.filter((name) => !channel.includes(name))).toEqual([
    'LD_LIBRARY_PATH',
    'MALLOC_ARENA_MAX',
    'UV_THREADPOOL_SIZE',
  ]);
});

it('pipes of the supervisor stay intact while keepers come and go', async () => {
  const { zk } = await open(serversOf(zookeeper));
  const cat = spawn('cat', { stdio: ['pipe', 'pipe', 'inherit'] });
  afterwards(() => cat.kill('SIGKILL'));
  const [sent, received] = [createHash('sha256'), createHash('sha256')];
  const arrived = new Promise((resolve) => cat.stdout.on('end', resolve));
  cat.stdout.on('data', (data: Buffer) => received.update(data));
  for (let round = 0; round < 5; round++) {
    const block = Buffer.alloc(100_000, `round ${round} `);
    sent.update(block);
    cat.stdin.write(block);
    process.kill(theKeeper(), 'SIGKILL');
    await contact(zk, false);
    await contact(zk, true);
  }
  cat.stdin.end();
  await arrived;
  expect(received.digest('hex')).toBe(sent.digest('hex'));
});
