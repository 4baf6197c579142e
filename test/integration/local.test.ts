import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readLease } from '../../src/local/lease.ts';
import { waitingFor } from '../../src/local/queue.ts';
import { type Candidate, childrenOf, isAlive } from '../support/candidate.ts';
import { LocalStage } from '../support/local-stage.ts';
import { pass, poll } from '../support/poll.ts';
import { EXIT, RERUN } from '../support/stage.ts';

/** A leader whose command runs and has a keeper, and one that stands by. */
async function pair(stage: LocalStage, script?: string): Promise<{ leader: Candidate; standby: Candidate }> {
  const leader = await stage.stand({ id: 'leader', ...(script !== undefined && { script }) });
  await stage.journal.started(1);
  await poll(() => leader.keepers().length === 1, { what: 'its keeper' });
  return { leader, standby: await stage.stand({ id: 'standby' }) };
}

const kill = (pid: number): boolean => process.kill(pid, 'SIGKILL');

it('runs the command, which inherits the lock and no other file, and ends with its exit code', async () => {
  await using stage = new LocalStage();
  const flags = { ...EXIT, 'wrap-child-logs': 'true' };
  const candidate = stage.start({ script: 'ls -l /proc/$$/fd >"$journal.fds"; exit 7', flags });
  expect(await candidate.end()).toBe(7);
  // 8 and 9 are the journal's.
  const open = readFileSync(`${stage.journal.path}.fds`, 'utf8').matchAll(/ (\d+) -> (.*)$/gm);
  const inherited = [...open].filter(([, fd]) => Number(fd) > 2 && Number(fd) < 8).map(([, , file]) => file);
  expect(inherited).toEqual([stage.folder.lock]);
  expect(readLease(stage.folder.lease)).toMatchObject({ kind: 'written', record: { state: 'resigned' } });
  expect(readdirSync(stage.folder.queue)).toEqual([]);
  expect(await stage.info()).toMatchObject({ leader: {}, candidates: [] });
  expect(await stage.history()).toMatchObject([{ candidateId: candidate.id, outcome: 'failed', exitCode: 7 }]);
});

it('is led in the order of arrival, with growing tokens, and says who leads and who stands', async () => {
  await using stage = new LocalStage();
  const candidates = [];
  for (const id of ['a', 'b', 'c']) candidates.push(await stage.stand({ id }));
  await stage.journal.started(1);
  const { leader, candidates: queue, lease } = await stage.info();
  expect(leader.candidateId).toBe('a');
  expect(queue.map(({ candidateId }) => candidateId)).toEqual(['a', 'b', 'c']);
  expect(lease).toMatchObject({ state: 'held', holder: 'a' });
  for (const candidate of candidates) {
    await stage.journal.started(1, { candidate: candidate.id });
    candidate.signal('SIGTERM');
    expect(await candidate.end()).toBe(143);
  }
  const starts = stage.journal.starts();
  expect(starts.map(({ candidate }) => candidate)).toEqual(['a', 'b', 'c']);
  const tokens = starts.map(({ token }) => Number(token));
  expect(tokens).toEqual(tokens.toSorted((x, y) => x - y));
  expect(new Set(tokens).size).toBe(3);
});

it('goes to the end of the queue with reelect, and keeps the lock with rerun', async () => {
  await using stage = new LocalStage();
  const patient = { 'restart-delay': '1ms' };
  await stage.stand({ id: 'a', script: 'exit 0', flags: patient });
  await stage.stand({ id: 'b', script: 'exit 0', flags: { ...patient, ...RERUN } });
  await stage.journal.started(3, { candidate: 'b' });
  const order = stage.journal.starts().map(({ candidate }) => candidate);
  expect(order.slice(order.indexOf('b'))).not.toContain('a');
  expect(new Set(stage.journal.starts('b').map(({ token }) => token)).size).toBe(1);
});

it('gives up with 75 when it is not elected in time', async () => {
  await using stage = new LocalStage();
  await stage.stand();
  const impatient = stage.start({ flags: { 'election-timeout': '300ms' } });
  expect(await impatient.end()).toBe(75);
});

it('is taken over when the supervisor is killed: its keeper stops the command first', async () => {
  await using stage = new LocalStage();
  const { leader, standby } = await pair(stage, 'trap "stay 0.5; note stopped; exit" TERM; stay');
  const { commandPid } = leader;
  leader.signal('SIGKILL');
  await stage.journal.started(1, { candidate: 'standby' });
  expect(isAlive(commandPid)).toBe(false);
  expect(stage.journal.entries().map(({ event }) => event)).toEqual(['start', 'stopped', 'end', 'start']);
  expect(await standby.says('elected leader')).toMatchObject({ from: 'leader' });
  await poll(() => readdirSync(stage.folder.queue).length === 1, { what: 'the place of the dead to be removed' });
  const outcomes = async (): Promise<unknown> =>
    ((await stage.history()) as { outcome: string }[]).map(({ outcome }) => outcome).join();
  await poll(async () => (await outcomes()) === 'lost,running', { what: 'the run of the dead to be written off' });
});

it('has another keeper soon when its keeper is killed, and goes on', async () => {
  await using stage = new LocalStage();
  // Longer than anybody waits: it is not to end by itself.
  const { leader } = await pair(stage, 'stay 600');
  const [first] = leader.keepers() as [number];
  kill(first);
  await poll(() => leader.keepers().some((pid) => pid !== first), { what: 'another keeper' });
  expect(stage.journal.starts()).toHaveLength(1);
  leader.signal('SIGKILL');
  await stage.journal.started(1, { candidate: 'standby' });
});

it('is not taken over while a command lives whose supervisor and keeper are killed', async () => {
  await using stage = new LocalStage();
  const { leader, standby } = await pair(stage);
  const { commandPid } = leader;
  for (const pid of leader.keepers()) kill(pid);
  leader.signal('SIGKILL');
  await pass(500);
  expect(isAlive(commandPid)).toBe(true);
  expect(standby.said('elected leader')).toEqual([]);
  expect((await stage.info()).lease?.notes.join()).toContain(`nobody starts before they end: ${commandPid} bash`);
  kill(-commandPid);
  await stage.journal.started(1, { candidate: 'standby' });
});

it('is not taken over while a command lives that has closed the lock’s descriptor', async () => {
  await using stage = new LocalStage();
  const { leader, standby } = await pair(stage, 'exec 3>&-; note closed; stay');
  await stage.journal.noted('closed');
  const { commandPid } = leader;
  for (const pid of leader.keepers()) kill(pid);
  leader.signal('SIGKILL');
  const said = await standby.says('the command of the leader before still runs');
  expect(said['processes']).toContain(`${commandPid} bash`);
  expect(stage.journal.starts('standby')).toEqual([]);
  kill(-commandPid);
  await stage.journal.started(1, { candidate: 'standby' });
});

it('is not led by anybody while a process that left the run keeps the descriptor, and says which', async () => {
  await using stage = new LocalStage();
  const script = 'env -i setsid sh -c \'echo $$ >"$1"; exec sleep 300\' sh "$journal.pid" 8>&- 9>&- & stay 0.3';
  const first = await stage.stand({ id: 'first', script, flags: EXIT });
  const second = await stage.stand({ id: 'second' });
  await first.end();
  const holder = Number(readFileSync(`${stage.journal.path}.pid`, 'utf8'));
  try {
    const third = await stage.stand({ id: 'third' });
    expect((await third.says('the lock is held by processes that inherited it'))['processes']).toBe(`${holder} sleep`);
    expect(second.said('elected leader')).toEqual([]);
    expect((await stage.info()).lease?.notes.join()).toContain(`${holder} sleep`);
  } finally {
    kill(holder);
  }
  await stage.journal.started(1, { candidate: 'second' });
});

it('loses the lease when the lock file is deleted, and nobody starts before its command has ended', async () => {
  await using stage = new LocalStage();
  const { leader } = await pair(stage, 'trap "stay 0.5; note stopped; exit" TERM; stay');
  rmSync(stage.folder.lock);
  const newcomer = await stage.stand({ id: 'newcomer' });
  expect((await leader.says('the lease is lost'))['why']).toBe(
    `the lock file ${stage.folder.lock} was deleted or replaced`,
  );
  await stage.journal.started(2);
  expect(stage.journal.entries().map(({ event }) => event)).toEqual(['start', 'stopped', 'end', 'start']);
  expect(newcomer.isRunning).toBe(true);
});

it('keeps the lock while its supervisor is stopped, says so, and goes on afterwards', async () => {
  await using stage = new LocalStage();
  const { leader, standby } = await pair(stage);
  leader.signal('SIGSTOP');
  await poll(async () => (await stage.info()).leader.notes?.join().includes('is stopped by a signal'));
  // Longer than the time that a lease lasts elsewhere.
  await pass(6_000);
  expect(standby.said('elected leader')).toEqual([]);
  leader.signal('SIGCONT');
  await pass(500);
  expect(leader.said('the lease is lost')).toEqual([]);
  expect(stage.journal.ends()).toEqual([]);
});

it('leaves nothing of a killed standby that lasts longer than the next one’s arrival', async () => {
  await using stage = new LocalStage();
  const { standby } = await pair(stage);
  const places = readdirSync(stage.folder.queue).map((name) => join(stage.folder.queue, name));
  const [waiting] = waitingFor(new Set(places)) as [number];
  expect(childrenOf(standby.pid)).toContain(waiting);
  standby.signal('SIGKILL');
  await standby.ended;
  await stage.stand({ id: 'next' });
  await poll(() => !isAlive(waiting) && readdirSync(stage.folder.queue).length === 2);
});
