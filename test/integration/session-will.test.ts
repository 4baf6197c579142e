/** A keeper that executes its will while its supervisor is awake: it is left to it, and its session with it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { SessionEndedError } from '../../src/zookeeper/session/errors.ts';
import { forkKeeper, type KeeperProcess } from '../../src/keeper/process.ts';
import type { Will } from '../../src/keeper/will.ts';
import { useOpenings } from '../support/hooks.ts';
import { poll } from '../support/poll.ts';
import { contact, endOf, keeperPath, keepers, serversOf, theKeeper, within } from '../support/sessions.ts';
import { useZooKeeper } from '../support/stage.ts';

const { afterwards, open } = useOpenings();
const zookeeper = useZooKeeper({ observer: false, alone: true });

/** A command that does not listen to SIGTERM. */
async function deaf(): Promise<ChildProcess> {
  const child = spawn('bash', ['-c', "trap '' TERM; echo; sleep 100"], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  afterwards(() => {
    if (lives(child)) process.kill(-(child.pid as number), 'SIGKILL');
  });
  await once(child.stdout, 'data');
  return child;
}

const lives = (child: ChildProcess): boolean => child.exitCode === null && child.signalCode === null;

/** Resolves when the keeper process has loaded its code. */
async function started(keeper: KeeperProcess): Promise<void> {
  let answers = 0;
  keeper.listen({ report: () => void answers++, end: () => undefined });
  keeper.send({ kind: 'ping' });
  await poll(() => answers > 0, { what: 'an answer of the keeper' });
}

/** As a process that was stopped, or starved. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** The will of a leader whose instants have passed: the command is to be stopped by now, and has until `killAt`. */
function overdue(child: ChildProcess, killAfter: number, lease?: Will['lease']): Will {
  const pgid = child.pid as number;
  const now = systemClock.now();
  return {
    election: 'one',
    commands: [
      {
        runId: '1.1',
        group: { pgid, startTime: undefined },
        mark: [],
        stopSignal: 'SIGTERM',
        killAfter,
        signalled: false,
      },
    ],
    instants: { termAt: now - 100, killAt: now + killAfter },
    ...(lease && { lease }),
  };
}

/** The same, of a leader without a command: the lease is to be cleared at once. */
function overdueRelease(): Will {
  const now = systemClock.now();
  const instants = { termAt: now - 100, killAt: now - 50 };
  return { election: 'one', commands: [], instants, lease: { path: '/lease', version: 0 } };
}

/** What the lease holds; it is deleted. Through another session. */
async function takeLease(): Promise<string> {
  const { zk: other } = await open(serversOf(zookeeper));
  const { data } = await other.get('/lease', within);
  await other.delete('/lease', -1, within);
  return data.toString();
}

describe('a keeper that executes its will', () => {
  it('cannot be killed by its supervisor before it has ended what it began', async () => {
    const command = await deaf();
    const keeper = forkKeeper(keeperPath);
    keeper.send({ kind: 'will', will: overdue(command, 1500) });
    await poll(() => keeper.end !== undefined, { what: 'the keeper closes its channel' });
    expect(keeper.end).toBe(
      'has given up what this candidate held, since ballot did not run in time: look for what made this host, or this process, stand still',
    );
    expect(lives(command)).toBe(true);
    keeper.kill();
    await keeper.gone;
    await poll(() => !lives(command), { what: 'the end of the command' });
    expect(command.signalCode).toBe('SIGKILL');
  });

  it('cannot be killed either by a supervisor that wakes up and has not read yet that it began', async () => {
    const command = await deaf();
    const keeper = forkKeeper(keeperPath);
    await started(keeper);
    keeper.send({ kind: 'will', will: overdue(command, 1500) });
    // The will is sent at the end of this turn, and nothing is read in it.
    await Promise.resolve();
    standStill(500);
    expect(keeper.end).toBeUndefined();
    keeper.kill();
    keeper.send({ kind: 'will', will: { election: 'one', commands: [] } });
    await poll(() => !lives(command), { what: 'the end of the command' });
    expect(command.signalCode).toBe('SIGKILL');
    await keeper.gone;
  });

  it('is killed all the same when its will was due and it has not begun after a moment', async () => {
    const keeper = forkKeeper(keeperPath);
    await started(keeper);
    process.kill(keeper.pid as number, 'SIGSTOP');
    const now = systemClock.now();
    keeper.send({
      kind: 'will',
      will: { election: 'one', commands: [], instants: { termAt: now - 100, killAt: now - 50 } },
    });
    keeper.kill();
    expect(keeper.executes).toBe(true);
    await keeper.gone;
    expect(keeper.end).toBe('was killed by SIGKILL: look for the kernel’s OOM killer, or for who kills processes');
  });

  it('keeps the session until it has stopped the command and cleared the lease', async () => {
    const { zk, opener } = await open(serversOf(zookeeper));
    const keeper = theKeeper();
    const { zk: other } = await open(serversOf(zookeeper));
    await zk.create('/lease', Buffer.from('held'), 'persistent', within);
    const own = await zk.create('/own-', Buffer.from(''), 'ephemeral-sequential', within);
    const command = await deaf();
    opener.bequeath(overdue(command, 2500, { path: '/lease', version: 0 }));
    await contact(zk, false);
    expect(zk.contact).toMatchObject({ why: expect.stringContaining('has given up what this candidate held') });
    zk.reconnect('a heartbeat was not acknowledged');
    // What the supervisor says from now on is for keepers to come.
    opener.bequeath({ election: 'one', commands: [] });
    expect((await other.get('/lease', within)).data.toString()).toBe('held');
    expect(lives(command)).toBe(true);
    expect(keepers()).toContain(keeper);

    const reason = await endOf(zk);
    expect(reason).toBeInstanceOf(SessionEndedError);
    expect(lives(command)).toBe(false);
    expect((await other.get('/lease', within)).data.toString()).toBe('');
    expect(await other.exists(own, within)).toBeUndefined();
    expect(keepers()).not.toContain(keeper);
    await other.delete('/lease', -1, within);
  });

  it('a supervisor that is awake lets the release finish: lease cleared, session closed', async () => {
    const { zk, opener } = await open(serversOf(zookeeper), { sessionTimeout: 10_000 });
    await zk.create('/lease', Buffer.from('held'), 'persistent', within);
    // The release has to wait for the ensemble, for longer than the news of an exit takes.
    zookeeper.server.pause();
    opener.bequeath(overdueRelease());
    await contact(zk, false);
    opener.bequeath({ election: 'one', commands: [] });
    zookeeper.server.resume();
    expect(await endOf(zk)).toBeInstanceOf(SessionEndedError);
    expect(await takeLease()).toBe('');
  });
});

describe('a will that is a moment older than the lease', () => {
  it('clears it all the same: the keeper knows of the write that was acknowledged last', async () => {
    const { zk, opener } = await open(serversOf(zookeeper), { sessionTimeout: 10_000 });
    await zk.create('/lease', Buffer.from('claimed'), 'persistent', within);
    const { version } = await zk.set('/lease', Buffer.from('renewed'), 0, within);
    expect(version).toBe(1);
    opener.bequeath(overdueRelease());
    await contact(zk, false);
    // Keepers to come have nothing to do.
    opener.bequeath({ election: 'one', commands: [] });
    expect(await endOf(zk)).toBeInstanceOf(SessionEndedError);
    expect(await takeLease()).toBe('');
  });
});

describe('a keeper that hangs', () => {
  it('and has no will to execute is killed, as ever', async () => {
    const { zk } = await open(serversOf(zookeeper), { sessionTimeout: 2000 });
    const hung = theKeeper();
    process.kill(hung, 'SIGSTOP');
    await contact(zk, false);
    expect(zk.contact).toMatchObject({ why: expect.stringContaining('the keeper process does not answer') });
    await poll(() => !keepers().includes(hung), { what: 'the end of the keeper that hangs' });
  });
});
