/** The commands beside an election, on this host: whoever knows them from ZooKeeper finds the same. */
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readLease } from '../../src/local/lease.ts';
import { runBallot, type Ended } from '../support/ballot.ts';
import { ballotPath, type Candidate } from '../support/candidate.ts';
import { LocalStage } from '../support/local-stage.ts';
import { pass, poll } from '../support/poll.ts';
import { RERUN } from '../support/stage.ts';
import { TerminalRun } from '../support/terminal.ts';

const ask = (stage: LocalStage, command: string, ...args: readonly string[]): Promise<Ended> =>
  // ZooKeeper's client means nothing here, and would be a warning.
  runBallot([command, ...stage.question, ...args], { env: { BALLOT_ZOOKEEPER_CLIENT: undefined } });
const stepDown = (stage: LocalStage, ...args: readonly string[]): Promise<Ended> =>
  ask(stage, 'step-down', '--timeout=60s', ...args);
const join = (stage: LocalStage, id: string): Promise<Candidate> => stage.stand({ mode: 'join', id });
const queueOf = async (stage: LocalStage): Promise<string> =>
  (await stage.info()).candidates.map(({ candidateId }) => candidateId).join('');

describe('ballot join on one host', () => {
  it('stands and leads without a command, answers who leads, and steps down', async () => {
    await using stage = new LocalStage();
    const [a, b] = [await join(stage, 'a'), await join(stage, 'b')];
    await a.says('elected leader');
    const leads = (id: string): Promise<Ended> => ask(stage, 'is-leader', `--candidate-id=${id}`);
    expect(await leads('a')).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect(await leads('b')).toMatchObject({ code: 1, stdout: '', stderr: '' });
    const unknown = await leads('c');
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toMatch(/no candidate c stands in \S+\/job; a leads, on host /);
    const sayYes = ['--', 'sh', '-c', 'echo yes; exit 7'];
    expect(await ask(stage, 'if-leader', '--candidate-id=a', ...sayYes)).toMatchObject({ code: 7, stdout: 'yes\n' });
    expect(await ask(stage, 'if-leader', '--candidate-id=b', ...sayYes)).toMatchObject({ code: 0, stdout: '' });
    const asked = await stepDown(stage, '--wait');
    expect(asked).toMatchObject({ code: 0, stderr: '' });
    expect(asked.stdout).toMatch(/^b on \S+, term \d+ leads\n$/);
    await a.says('asked to step down');
    expect(await b.says('elected leader')).toMatchObject({ from: 'a', why: 'resigned' });
    await poll(async () => (await queueOf(stage)) === 'ba', { what: 'the former leader at the end of the queue' });
    b.signal('SIGTERM');
    expect(await b.end()).toBe(0);
    await a.says('elected leader', { count: 2 });
  });

  it('leads on after it stood still: the lock is its own for as long as it lives; killed, it leaves it at once', async () => {
    await using stage = new LocalStage();
    const [a, b] = [await join(stage, 'a'), await join(stage, 'b')];
    await a.says('elected leader');
    a.signal('SIGSTOP');
    // Longer than any lease would last.
    await pass(6_000);
    expect((await stage.info()).leader.notes?.join()).toContain('is stopped by a signal');
    expect(await ask(stage, 'is-leader', '--candidate-id=a')).toMatchObject({ code: 0 });
    a.signal('SIGCONT');
    await stepDown(stage);
    await a.says('resigned');
    expect(a.said('the lease is lost')).toEqual([]);
    await b.says('elected leader');
    b.signal('SIGKILL');
    await a.says('elected leader', { count: 2 });
  });

  it('--wait-leader ends once it has led, and election-timeout with 75', async () => {
    await using stage = new LocalStage();
    expect(await ask(stage, 'join', '--wait-leader')).toMatchObject({ code: 0 });
    await join(stage, 'a');
    expect(await ask(stage, 'join', '--candidate-id=b', '--election-timeout=300ms')).toMatchObject({ code: 75 });
  });
});

describe('a leader on one host that is asked to step down', () => {
  it('stops its command first, whatever its policy; the next leader is not asked', async () => {
    await using stage = new LocalStage();
    const first = await stage.stand({ id: 'a', flags: RERUN });
    const next = await stage.stand({ id: 'b', flags: RERUN });
    await stage.stand({ id: 'c' });
    await stage.journal.started(1, { candidate: 'a' });
    expect((await stepDown(stage, '--wait')).stdout).toMatch(/^b on \S+, term \d+ leads\n$/);
    await stage.journal.started(1, { candidate: 'b' });
    expect(stage.journal.ends('a')).toHaveLength(1);
    expect(await first.says('asked to step down: stopping the command')).toMatchObject({
      by: expect.stringMatching(/^\S+ on \S+, pid \d+$/) as string,
    });
    await poll(async () => (await queueOf(stage)) === 'bca', { what: 'the former leader at the end of the queue' });
    expect(await stage.history()).toMatchObject([{ outcome: 'stopped' }, { outcome: 'running' }]);
    expect(next.said('asked to step down: stopping the command')).toEqual([]);
    await poll(() => !readdirSync(stage.folder.path).some((name) => name.startsWith('step-down')), {
      what: 'the request of the former term to be removed',
    });
  });

  it('is followed for as long as its command takes; who asks again is told who was first', async () => {
    await using stage = new LocalStage();
    await stage.stand({ id: 'a', traps: "trap '' TERM", flags: { 'kill-after': '1h' } });
    await stage.stand({ id: 'b' });
    const { pid } = await stage.journal.started(1, { candidate: 'a' });
    expect((await stepDown(stage)).stdout).toMatch(/^a on \S+, term \d+ is asked to step down\n$/);
    expect((await stepDown(stage)).stdout).toMatch(/ is asked to step down already, by \S+ on \S+, pid \d+\n$/);
    const waiting = await ask(stage, 'step-down', '--wait', '--timeout=1s');
    expect(waiting).toMatchObject({ code: 69, stdout: '' });
    expect(waiting.stderr).toMatch(/a on \S+, term \d+ was asked to step down, and is not known to have done so/);
    expect(readLease(stage.folder.lease)).toMatchObject({ record: { candidateId: 'a', state: 'held' } });
    process.kill(pid, 'SIGKILL');
    await stage.journal.started(1, { candidate: 'b' });
  });

  it('of a schedule hands its ledger over: no tick is served twice, none is lost', async () => {
    await using stage = new LocalStage();
    const flags = { ...RERUN, schedule: '@every 1s', 'catch-up': 'once' };
    for (const id of ['a', 'b']) await stage.stand({ id, mode: 'cron', script: ':', flags });
    for (const [count, from] of [
      [2, 'a'],
      [2, 'b'],
    ] as const) {
      await stage.journal.started(count, { candidate: from });
      expect(await stepDown(stage, '--wait')).toMatchObject({ code: 0 });
    }
    await stage.journal.started(4, { candidate: 'a' });
    const ticks = ((await stage.history()) as { readonly tick: string }[]).map(({ tick }) => Date.parse(tick));
    expect(ticks.slice(1).map((tick, index) => tick - (ticks[index] ?? NaN))).toEqual(ticks.slice(1).map(() => 1000));
  });
});

describe('on one host nobody can be asked to step down', () => {
  const refusal = async (stage: LocalStage): Promise<string> => {
    const { code, stdout, stderr } = await stepDown(stage);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    return stderr;
  };

  it('where no election was held, where nobody leads, where the lease cannot be read', async () => {
    await using stage = new LocalStage();
    const { path, lease } = stage.folder;
    expect(await refusal(stage)).toContain(`nobody leads: there is no folder ${path}`);
    expect(readdirSync(stage.stateDir)).toEqual([]);
    mkdirSync(path, { mode: 0o700 });
    expect(await refusal(stage)).toContain(`nobody leads ${path}: the lease is vacant`);
    writeFileSync(lease, 'so what');
    expect(await refusal(stage)).toContain(`nobody can be asked: the lease in ${path} cannot be read: not JSON`);
  });

  it('when the leader is gone and has not resigned', async () => {
    await using stage = new LocalStage();
    const gone = await join(stage, 'a');
    await gone.says('elected leader');
    gone.signal('SIGKILL');
    await gone.ended;
    expect(await refusal(stage)).toMatch(/nobody leads \S+: of a on \S+, who led last: its process is gone/);
    expect(await ask(stage, 'is-leader', '--candidate-id=a')).toMatchObject({ code: 1 });
  });
});

describe('ballot watch on one host', () => {
  it('waits for the folder, writes a line for each change, also for a death that no file tells, and ends with 0', async () => {
    await using stage = new LocalStage();
    rmSync(stage.stateDir, { recursive: true });
    const watching = spawn(process.execPath, [ballotPath, 'watch', ...stage.question], {
      env: { PATH: process.env['PATH'], HOME: '/nonexistent' },
    });
    const ended = new Promise((resolve) => watching.once('close', resolve));
    let text = '';
    watching.stdout.setEncoding('utf8').on('data', (data: string) => (text += data));
    const lines = (): Line[] =>
      text
        .split('\n')
        .slice(0, -1)
        .map((each) => JSON.parse(each) as Line);
    const line = (wanted: (each: Line) => boolean, what: string): Promise<Line> =>
      poll(() => lines().find(wanted), { what: `${what} in ${text}` });
    try {
      expect(await line(() => true, 'a first line')).toMatchObject({
        changes: ['connection', 'notes'],
        connection: { state: 'connected' },
        notes: [`there is no folder ${stage.folder.path} yet: it is waited for`],
      });
      const leader = await join(stage, 'a');
      const led = await line(({ leader: who }) => who?.candidateId === 'a', 'a leader');
      const info = await stage.info();
      expect({ ...led.leader }).toEqual(info.leader);
      expect(led.lease).toEqual(info.lease);
      leader.signal('SIGKILL');
      expect((await line(({ lease }) => lease?.expired !== undefined, 'its death')).lease?.state).toBe('held');
      await join(stage, 'b');
      await line(({ leader: who }) => who?.candidateId === 'b', 'the next leader');
      // A folder that is deleted and made anew is another one.
      rmSync(stage.folder.path, { recursive: true });
      await line(
        ({ notes }) => lines().length > 4 && notes?.join().includes('is waited for') === true,
        'the end of it',
      );
      watching.kill('SIGTERM');
      expect(await ended).toBe(0);
    } finally {
      watching.kill('SIGKILL');
      await ended;
    }
  });

  it('draws a table on a terminal that speaks of this host', async () => {
    await using stage = new LocalStage();
    await stage.stand({ id: 'first' });
    await stage.journal.started(1);
    await stage.stand({ id: 'second' });
    await using watching = new TerminalRun([ballotPath, 'watch', ...stage.question], { columns: 120, rows: 24 });
    const rows = await watching.until(
      (lines) => lines.some((row) => /^ {2}2 {2}second/.test(row)) && lines.some((row) => /^run +\S+ for/.test(row)),
      'both candidates and the run',
    );
    expect(rows[0]).toBe(`${stage.folder.path}  2 candidates`);
    expect(rows[1]).toMatch(/^this host \S+$/);
    expect(rows).toContainEqual(expect.stringMatching(/^leader +first on \S+, pid \d+, leads for \d+s, token \d+$/));
    expect(rows).toContainEqual(expect.stringMatching(/^lease +held$/));
    watching.type('q');
    expect((await watching.end()).slice(-2)).toEqual(['ended with 0', 'isig icanon echo']);
  });
});

interface Line {
  readonly changes: readonly string[];
  readonly connection: { readonly state: string };
  readonly leader?: { readonly candidateId?: string };
  readonly lease?: { readonly state: string; readonly expired?: string };
  readonly notes?: readonly string[];
}
