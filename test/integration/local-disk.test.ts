/** What becomes of an election on this host when its disk, or what is on it, is not as it should be. */
import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readLease } from '../../src/local/lease.ts';
import { readQueue } from '../../src/local/queue.ts';
import { reservedThrough } from '../../src/local/tokens.ts';
import { isAlive } from '../support/candidate.ts';
import { LocalStage } from '../support/local-stage.ts';
import { pass, poll } from '../support/poll.ts';
import { fill, onDisk } from '../support/small-disk.ts';
import { EXIT } from '../support/stage.ts';

const isRoot = process.getuid?.() === 0;

/** Who is not root cannot mount a disk. */
it.skipIf(!isRoot)('full: nobody is elected, one sentence says why, and somebody is when there is room', async () => {
  await using stage = new LocalStage();
  await onDisk(stage, async () => {
    mkdirSync(stage.folder.path, { mode: 0o700 });
    for (const folder of [stage.folder.queue, stage.folder.registers]) mkdirSync(folder, { mode: 0o700 });
    fill(join(stage.stateDir, 'filling'));
    const candidate = stage.start();
    const said = await candidate.says('the election failed', { count: 2 });
    expect(said['why']).toMatch(
      /^coordinator local: cannot write .*: no space is left on the disk \(ENOSPC\) \(make room there\)$/,
    );
    expect(stage.journal.starts()).toEqual([]);
    rmSync(join(stage.stateDir, 'filling'));
    await stage.journal.started(1);
    candidate.signal('SIGTERM');
    expect(await candidate.end()).toBe(143);
    expect([stage.folder.path, stage.folder.queue].flatMap((folder) => readdirSync(folder)).join()).not.toContain(
      '.tmp',
    );
  });
});

it.skipIf(!isRoot)('read-only: it is refused with one sentence', async () => {
  await using stage = new LocalStage();
  await stage.start({ flags: EXIT, script: 'exit 0' }).end();
  const readOnly = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"';
  const candidate = stage.start({ flags: EXIT, within: ['unshare', '--mount', 'sh', '-c', readOnly, stage.stateDir] });
  expect(await candidate.end()).toBe(78);
  expect(candidate.stdout).toMatch(/coordinator local: cannot .*: the file system is read-only \(EROFS\)/);
  expect(stage.journal.starts()).toHaveLength(1);
});

it('with what crashes in the middle of writes have left: it goes on, with a greater token, and tidies up', async () => {
  await using stage = new LocalStage();
  const first = stage.start({ script: 'exit 0', flags: EXIT });
  await first.end();
  const before = readLease(stage.folder.lease);
  const { path, queue, registers, lease } = stage.folder;
  // A process number that is not given out.
  const draft = (file: string): string => `${file}.4999999.0b5a1e2c-0000-4000-8000-000000000000.tmp`;
  const [version = ''] = readdirSync(registers);
  const older = version.replace(/\d+$/, (number) => String(Number(number) - 1));
  for (const file of [lease, join(queue, '1-4999999-1.json'), join(registers, version)])
    writeFileSync(draft(file), '{"candi', { mode: 0o600 });
  writeFileSync(join(registers, older), '{"birth":"x","stamp":0,"writes":[]}\n', { mode: 0o600 });
  writeFileSync(join(queue, '1-4999999-1.json'), '', { mode: 0o600 });
  const second = await stage.stand();
  await stage.journal.started(2);
  const [one, two] = stage.journal.starts().map(({ token }) => Number(token)) as [number, number];
  expect(before).toMatchObject({ kind: 'written', record: { fencingToken: one, state: 'resigned' } });
  expect(two).toBeGreaterThan(one);
  const left = (): string[] =>
    [path, queue, registers].flatMap((folder) => readdirSync(folder)).filter((name) => name.endsWith('.tmp'));
  await poll(() => left().length === 0, { what: 'the drafts to be removed' });
  expect(readQueue(queue).living.map(({ candidateId }) => candidateId)).toEqual([second.id]);
  await poll(() => readdirSync(registers).length === 1, { what: 'the older version to be removed' });
  expect(await stage.history()).toMatchObject([{ outcome: 'succeeded' }, { outcome: 'running' }]);
});

it('with a lease that cannot be read: it says so, and the token goes on by the clock', async () => {
  await using stage = new LocalStage();
  const first = stage.start({ script: 'exit 0', flags: EXIT });
  await first.end();
  writeFileSync(stage.folder.lease, '{"candidateId":"fir');
  const second = await stage.stand();
  await second.says('lease.json cannot be read, and is written anew: the token goes on by the clock');
  await stage.journal.started(2);
  const [one, two] = stage.journal.starts().map(({ token }) => Number(token)) as [number, number];
  expect(two).toBeGreaterThan(one);
});

/** As after a restart of the host: the kernel gives each boot an id. */
function rebooted(stage: LocalStage): readonly string[] {
  const bootId = join(stage.stateDir, 'boot_id');
  writeFileSync(bootId, `${randomUUID()}\n`);
  const other = 'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"';
  return ['unshare', '--mount', 'sh', '-c', other, bootId];
}

it.skipIf(!isRoot)(
  'after a power failure that took the last lease: leads, tokens grow, the records are there',
  async () => {
    await using stage = new LocalStage();
    const first = stage.start({ script: 'exit 0', flags: EXIT });
    await first.end();
    const { lease, queue } = stage.folder;
    const earlier = readFileSync(lease);
    const before = await stage.stand({ id: 'before' });
    await stage.journal.started(2);
    await poll(() => before.keepers().length === 1, { what: 'its keeper' });
    await before.says('the command runs');
    const all = [...before.keepers(), before.pid, before.commandPid];
    await poll(async () => ((await stage.history()) as unknown[]).length === 2, { what: 'its run to be written down' });
    const reserved = reservedThrough(stage.folder);
    for (const pid of all) process.kill(pid, 'SIGKILL');
    await poll(() => !all.some(isAlive), { what: 'nobody to be left' });
    writeFileSync(lease, earlier);
    await stage.stand({ id: 'after', within: rebooted(stage) });
    await stage.journal.started(3);
    const tokens = stage.journal.starts().map(({ token }) => Number(token));
    expect(tokens[2]).toBeGreaterThan(reserved);
    expect(reserved).toBeGreaterThanOrEqual(tokens[1] as number);
    await poll(() => readdirSync(queue).length === 1, { what: 'the place of before the restart to be removed' });
    const outcomes = async (): Promise<string> =>
      ((await stage.history()) as { outcome: string }[]).map(({ outcome }) => outcome).join();
    await poll(async () => (await outcomes()).startsWith('succeeded,lost,'), {
      what: 'the run of before to be written off',
    });
  },
);

/** A mount namespace, as a container has it. `own`: with a disk of its own in the place of the folder. */
function container(stage: LocalStage, own: boolean): readonly string[] {
  const hide = own ? `mount -t tmpfs -o mode=0700 ballot-test "${stage.stateDir}" && ` : '';
  return ['unshare', '--mount', 'sh', '-c', `${hide}exec "$@"`, 'sh'];
}

it.skipIf(!isRoot)('in a mount namespace that shares the folder: it is one election', async () => {
  await using stage = new LocalStage();
  const leader = await stage.stand({ id: 'outside' });
  await stage.journal.started(1);
  const inside = await stage.stand({ id: 'inside', within: container(stage, false) });
  await pass(300);
  expect(inside.said('elected leader')).toEqual([]);
  expect((await stage.info()).candidates.map(({ candidateId }) => candidateId)).toEqual(['outside', 'inside']);
  leader.signal('SIGKILL');
  await stage.journal.started(1, { candidate: 'inside' });
});

it.skipIf(!isRoot)('in a mount namespace that does not share the folder: it is another election', async () => {
  await using stage = new LocalStage();
  // Two at once is what is to be shown.
  stage.overlapsAllowed = true;
  await stage.stand({ id: 'outside' });
  await stage.journal.started(1);
  await stage.stand({ id: 'inside', within: container(stage, true) });
  await stage.journal.started(1, { candidate: 'inside' });
  expect((await stage.info()).candidates.map(({ candidateId }) => candidateId)).toEqual(['outside']);
});
