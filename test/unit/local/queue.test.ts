import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WAITS_FOR } from '../../../src/local/lock.ts';
import { identityOf } from '../../../src/local/processes.ts';
import { clearQueue, endWaiting, enterQueue, readQueue, waitingFor } from '../../../src/local/queue.ts';
import { poll } from '../../support/poll.ts';

let folder: string;
let waiter: ChildProcess | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ballot-queue-'));
});

afterEach(() => {
  waiter?.kill('SIGKILL');
  waiter = undefined;
  rmSync(folder, { recursive: true, force: true });
});

const here = identityOf(process.pid);
const came = { now: 1, wall: 0 };
const enter = (candidateId: string, startTime: string): string =>
  enterQueue(folder, { candidateId, hostname: 'here', process: { ...here, startTime } }, came);

describe('the place of a candidate that is dead', () => {
  it('is removed, and that of one who lives is not', () => {
    const living = enter('living', here.startTime);
    const dead = enter('dead', '1');
    expect(readQueue(folder).dead.map(({ path }) => path)).toEqual([dead]);
    expect(clearQueue(folder, [], Infinity)).toEqual(new Set());
    expect([living, dead].map((path) => existsSync(path))).toEqual([true, false]);
  });

  it('is removed at once with the process that waits in its name', async () => {
    const dead = enter('dead', '1');
    waiter = spawn('sleep', ['60'], { env: { ...process.env, [WAITS_FOR]: dead }, stdio: 'ignore' });
    const ended = once(waiter, 'exit');
    await poll(() => waitingFor(new Set([dead])).length === 1, { what: 'the process to show its name' });
    expect(clearQueue(folder, [], Date.now())).toEqual(new Set());
    expect(existsSync(dead)).toBe(false);
    expect(await ended).toEqual([null, 'SIGKILL']);
  });

  it('is remembered while its process may be starting, and that is ended as well', async () => {
    const dead = enter('dead', '1');
    const left = clearQueue(folder, [], Date.now());
    expect(left).toEqual(new Set([dead]));
    expect(existsSync(dead)).toBe(false);
    expect(endWaiting(left)).toEqual(left);
    waiter = spawn('sleep', ['60'], { env: { ...process.env, [WAITS_FOR]: dead }, stdio: 'ignore' });
    const ended = once(waiter, 'exit');
    await poll(() => waitingFor(left).length === 1, { what: 'the process to show its name' });
    expect(endWaiting(left)).toEqual(new Set());
    expect(await ended).toEqual([null, 'SIGKILL']);
  });
});
