/** Processes that ballot may not signal or cannot see. Root alone can set that up. */
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { Command, Report } from '../../src/keeper/protocol.ts';
import { poll } from '../support/poll.ts';
import { clientChoice, keeperPath, serversOf, sessionsAt } from '../support/sessions.ts';
import { startZooKeeper } from '../support/zookeeper.ts';

const root = join(import.meta.dirname, '../..');
const program = ['scripts/run-ts.mjs', 'test/support/foreign-command.ts'];
const isRoot = process.platform === 'linux' && process.getuid?.() === 0;

interface Outcome {
  readonly pid: number;
  readonly deliveries: readonly string[];
  readonly alive: boolean;
  readonly first: readonly string[];
  readonly aMinuteLater: readonly string[];
}

async function outcomeOf(file: string, args: readonly string[]): Promise<Outcome> {
  const { stdout } = await promisify(execFile)(file, args, { cwd: root, timeout: 120_000 });
  return JSON.parse(stdout) as Outcome;
}

/** The arguments of unshare(1) that run a command where /proc is another one. */
const withProc = (mount: string, command: readonly string[]): string[] => [
  '--mount',
  'sh',
  '-c',
  `mount ${mount} /proc && exec "$@"`,
  'sh',
  ...command,
];

/** A container's root may not mount anything. */
const mayMount = isRoot && spawnSync('unshare', withProc('-t proc -o hidepid=2 proc', ['true'])).status === 0;

describe.runIf(isRoot)('a command that has changed its user', () => {
  it('is never called gone, and that it cannot be signalled is said once a minute', async () => {
    const { pid, deliveries, alive, first, aMinuteLater } = await outcomeOf(process.execPath, program);
    expect(deliveries).toEqual(['refused', 'refused', 'refused']);
    expect(alive).toBe(true);
    expect(first).toHaveLength(1);
    expect(first[0]).toMatch(/run as another user.*EPERM.*run ballot as that user/);
    expect(first[0]).toContain(`: ${pid} sh, `);
    expect(aMinuteLater).toHaveLength(1);
  });

  it.runIf(mayMount)('the same where /proc hides the processes of others', async () => {
    const hidden = withProc('-t proc -o hidepid=2 proc', [process.execPath, ...program]);
    const { pid, deliveries, alive, first } = await outcomeOf('unshare', hidden);
    expect(deliveries).toEqual(['refused', 'refused', 'refused']);
    expect(alive).toBe(true);
    expect(first).toEqual([expect.stringMatching(`: group ${pid}$`)]);
  });
});

/** The arguments of unshare(1) that run a command in the same file system without a /proc. */
const withoutProc = (command: readonly string[]): string[] => {
  const script = `mount -t tmpfs none /mnt || exit 1
for entry in /*; do
  case $entry in /proc | /mnt) continue ;; esac
  if [ -L "$entry" ]; then cp -P "$entry" /mnt/; elif [ -d "$entry" ]; then mkdir "/mnt$entry" && mount --rbind "$entry" "/mnt$entry"; fi
done
exec chroot /mnt "$@"`;
  return ['--mount', 'sh', '-c', script, 'sh', ...command];
};

describe.runIf(mayMount)('a keeper without /proc', () => {
  it('whose supervisor dies while it starts the command gives the lease up', async () => {
    await using zookeeper = await startZooKeeper();
    const keeper = spawn('unshare', withoutProc([process.execPath, keeperPath]), {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const exited = once(keeper, 'exit');
    const reports: Report[] = [];
    keeper.on('message', (batch) => void reports.push(...(batch as Report[])));
    const tell = (...commands: readonly Command[]): boolean => keeper.send(commands);
    const [server] = serversOf(zookeeper);
    const address = `${server!.host}:${server!.port}`;
    tell({ kind: 'connect', client: clientChoice, address, timeout: 4000, debug: false });
    await poll(() => reports.some(({ kind }) => kind === 'connected'), { what: 'the keeper’s session' });
    tell({ kind: 'request', id: 1, request: { op: 'create', path: '/lease', data: 'held', flags: 0 } });
    await poll(() => reports.some(({ kind }) => kind === 'answer'), { what: 'the lease' });
    const starting = {
      runId: '1.1',
      mark: ['BALLOT_RUN_ID=1.1'],
      stopSignal: 'SIGTERM',
      killAfter: 100,
      signalled: false,
    } as const;
    tell({ kind: 'will', will: { election: 'one', commands: [starting], lease: { path: '/lease', version: 0 } } });
    tell({ kind: 'ping' });
    await poll(() => reports.some(({ kind }) => kind === 'alive'));
    keeper.disconnect();
    expect(await exited).toEqual([0, null]);
    const session = await sessionsAt(serversOf(zookeeper)).opener.open({ timeout: 5000 });
    expect((await session.get('/lease', { timeout: 5000 })).data.toString()).toBe('');
    await session.close(3000);
  });
});
