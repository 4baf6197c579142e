import { spawn, type ChildProcess } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import type { Session } from '../../src/zookeeper/session/port.ts';
import { encodeLease, encodeProposal, formatGoTime } from '../../src/zookeeper/election/record.ts';
import { runBallot } from '../support/ballot.ts';
import { ballotPath } from '../support/candidate.ts';
import { pass, poll } from '../support/poll.ts';
import { restrictedZNode } from '../support/restrict.ts';
import { clientVariable, sessionsAt, within } from '../support/sessions.ts';
import { useZooKeeper } from '../support/stage.ts';
import { TerminalRun, type TerminalOptions } from '../support/terminal.ts';
import { startZooKeeper } from '../support/zookeeper.ts';

const zookeeper = useZooKeeper({ alone: true });

const at = (servers: string, base: string): string[] => [
  `--zookeeper-servers=${servers}`,
  `--zookeeper-base-path=${base}`,
];

/** `ballot watch` on a terminal. */
const watch = (base: string, size: TerminalOptions, servers = zookeeper.connectString): TerminalRun =>
  new TerminalRun([ballotPath, 'watch', ...at(servers, base)], size);

const WIDE = { columns: 120, rows: 24 };

/** What stands on the terminal after an end that was asked for: what had stood there before, and a shell's terminal. */
const AFTER = ['before', 'ended with 0', 'isig icanon echo'];

let bases = 0;
const fresh = (): string => `/watch-${++bases}`;

/** Writes a proposal as a candidate does. */
function stand(session: Session, base: string, candidateId: string): Promise<string> {
  const times = { proposalTime: formatGoTime(Date.now()), sessionTimeout: '4s' };
  const record = { candidateId, hostname: `host-${candidateId}`, pid: '7', ...times };
  return session.create(`${base}/proposal-`, encodeProposal(record), 'ephemeral-sequential', within);
}

/** Writes the lease of who stands with this proposal. */
function lead(
  session: Session,
  base: string,
  candidateId: string,
  proposalNode: string,
  leaseDuration = '20s',
): Promise<unknown> {
  const now = formatGoTime(Date.now());
  const times = {
    proposalTime: now,
    lastSeenTime: now,
    sessionTimeout: leaseDuration,
    leaseDuration,
    leaderSince: now,
  };
  const who = { candidateId, hostname: `host-${candidateId}`, pid: '7', fencingToken: 5 };
  return session.set(base, encodeLease({ ...who, ...times, proposalNode }), -1, within);
}

async function remove(session: Session, base: string): Promise<void> {
  for (const name of await session.children(base, within)) await session.delete(`${base}/${name}`, -1, within);
  await session.delete(base, -1, within);
}

/** A session that ends with the test, and outlives an outage. */
async function sessionOn(port: number): Promise<AsyncDisposable & { readonly zk: Session }> {
  const { opener } = sessionsAt([{ host: '127.0.0.1', port }], { sessionTimeout: 10_000 });
  const zk = await opener.open(within);
  return { zk, [Symbol.asyncDispose]: () => zk.close(1000) };
}

const rowOf = (lines: readonly string[], label: string): string => lines.find((line) => line.startsWith(label)) ?? '';

describe('ballot watch on a terminal', () => {
  it('waits for an election, shows who leads, who stands and what runs, and what became of it', async () => {
    await using stage = zookeeper.stage();
    await using watching = watch(stage.basePath, WIDE);
    const nobody = await watching.shows(/^note +there is no znode .* yet: it is waited for$/);
    expect(nobody[0]).toBe(`${stage.basePath}  0 candidates`);
    expect(nobody[1]).toBe(`zookeeper ${zookeeper.connectString} answers`);
    expect(rowOf(nobody, 'leader')).toBe('leader    nobody');
    expect(watching.screen).toMatchObject({ isAlternate: true, cursorVisible: false });

    const first = await stage.stand({ flags: { 'candidate-id': 'first' } });
    await stage.stand({ flags: { 'candidate-id': 'second', 'on-lease-loss': 'stop' } });
    const both = await watching.until(
      (lines) => lines.some((line) => line.startsWith('  2 ')) && /run +\d+\.\d+ for/.test(rowOf(lines, 'run')),
      'two candidates and a run',
    );
    expect(both[0]).toBe(`${stage.basePath}  2 candidates`);
    expect(rowOf(both, 'leader')).toMatch(/^leader    first on \S+, pid \d+, leads for [\d.ms]+, token \d+$/);
    expect(rowOf(both, 'lease')).toMatch(/^lease     \[#+-*\] [\d.]+m?s old, [\d.]+m?s of 4s left$/);
    expect(rowOf(both, '  #')).toMatch(/^  #  CANDIDATE  HOST +PID +STANDS FOR  NOTES$/);
    expect(rowOf(both, '* 1')).toMatch(/^\* 1  first      \S+ +\d+ +[\d.]+m?s/);
    expect(rowOf(both, '  2')).toMatch(
      /^  2  second     \S+ +\d+ +[\d.]+m?s +on-lease-loss differs from that of first on/,
    );
    expect(both.at(-1)).toBe('q quits, arrow keys scroll');

    first.signal('SIGTERM');
    const next = await watching.until(
      (lines) => /leader +second/.test(rowOf(lines, 'leader')) && rowOf(lines, 'last runs') !== '',
      'another leader, and the run of the first',
    );
    expect(rowOf(next, 'last runs')).toMatch(/^last runs stopped \(\d+\) after \S+ on first, \d{4}-/);
    expect(rowOf(next, '* 1')).toMatch(/^\* 1  second/);
    watching.type('q');
    expect(await watching.end()).toEqual(AFTER);
  });

  it('lets the age of the lease grow, and the bar shrink, without a request', async () => {
    const base = fresh();
    await using own = await sessionOn(zookeeper.server.port);
    const { zk } = own;
    await zk.create(base, Buffer.alloc(0), 'persistent', within);
    await lead(zk, base, 'a', await stand(zk, base, 'a'), '12s');
    const options = ['--zookeeper-session-timeout=10s'];
    await using watching = new TerminalRun(
      [ballotPath, 'watch', ...at(zookeeper.connectString, base), ...options],
      WIDE,
    );
    const leaseOf = (lines: readonly string[]): number => Number(/\] ([\d.]+)s old/.exec(rowOf(lines, 'lease'))?.[1]);
    await watching.until((lines) => leaseOf(lines) > 0, 'a lease');
    const [before, asked] = [leaseOf(watching.screen.lines), await zookeeper.server.received()];
    const later = await watching.until((lines) => leaseOf(lines) >= before + 3, 'an age of 3 s more');
    // Pings of three sessions: a poll each redrawing would be dozens.
    expect((await zookeeper.server.received()) - asked).toBeLessThan(9);
    expect(rowOf(later, 'lease')).toMatch(/^lease     \[#+-+\]/);
    await watching.shows(/^lease +\[-+\] 1\ds old, ran out [\d.]+s ago$/);
    watching.type('q');
    expect(await watching.end()).toEqual(AFTER);
  });

  it.each([
    [40, /^leader    a-candidate.*…$/],
    [20, /^leader a-candidate.*…$/],
  ])('fits %i columns, also when it is resized to them', async (columns, leader) => {
    const base = fresh();
    await zookeeper.observer.create(base, Buffer.alloc(0), 'persistent', within);
    await lead(zookeeper.observer, base, 'a-candidate-日本', await stand(zookeeper.observer, base, 'a-candidate-日本'));
    await using narrow = watch(base, { columns, rows: 12 });
    await using wide = watch(base, WIDE);
    await Promise.all([narrow, wide].map((run) => run.shows(/^\* 1 +a-candidate/)));
    wide.resize(columns, 12);
    // Ages differ, and with them where rows are cut.
    const begins = (lines: readonly string[]): string => lines.map((line) => line.slice(0, 7)).join('\n');
    await wide.until((lines) => lines.length <= 12 && lines.some((line) => leader.test(line)), 'the narrow screen');
    wide.screen.columns = columns;
    wide.screen.rows = 12;
    const there = await narrow.until((lines) => lines.some((line) => leader.test(line)), 'the leader');
    expect(there.length).toBeLessThanOrEqual(12);
    await wide.until((lines) => begins(lines) === begins(narrow.screen.lines), 'the same on both');
    wide.type('q');
    narrow.type('q');
    expect(await narrow.end()).toContain('ended with 0');
    expect(await wide.end()).toContain('ended with 0');
  });

  it.each<[string, (run: TerminalRun) => void]>([
    ['Ctrl-C', (run) => run.type('\u0003')],
    ['SIGTERM', (run) => process.kill(run.pid, 'SIGTERM')],
    ['SIGINT', (run) => process.kill(run.pid, 'SIGINT')],
  ])('ends with 0 by %s, and leaves the terminal as it was', async (_, end) => {
    await using watching = watch(fresh(), WIDE);
    await watching.shows(/^note +there is no znode/);
    end(watching);
    expect(await watching.end()).toEqual(AFTER);
  });

  it('gives the terminal back on Ctrl-Z, and takes it again', async () => {
    await using watching = watch(fresh(), WIDE);
    await watching.shows(/^note +there is no znode/);
    watching.type('\u001a');
    // Nobody could continue this job: so the system does not stop it.
    await poll(() => /\?1049l.*\?1049h/s.test(watching.transcript), { what: 'the usual screen, and the other again' });
    await watching.shows(/^note +there is no znode/);
    expect(watching.screen).toMatchObject({ isAlternate: true, cursorVisible: false });
    watching.type('q');
    expect(await watching.end()).toEqual(AFTER);
  });

  it('follows an election that is wiped and held again, with the same names', async () => {
    const base = fresh();
    const { observer } = zookeeper;
    await observer.create(base, Buffer.alloc(0), 'persistent', within);
    const before = await stand(observer, base, 'before');
    await using watching = watch(base, WIDE);
    await watching.shows(/^  1  before /);
    await remove(observer, base);
    await watching.shows(/^note +there is no znode .* yet: it is waited for$/);
    await observer.create(base, Buffer.alloc(0), 'persistent', within);
    const after = await stand(observer, base, 'after');
    expect(after).toBe(before);
    const lines = await watching.shows(/^  1  after /);
    expect(lines.join('\n')).not.toMatch(/before|no znode/);
    // At once, so that the watch may see but one change.
    await remove(observer, base);
    await observer.create(base, Buffer.alloc(0), 'persistent', within);
    await stand(observer, base, 'again');
    await watching.shows(/^  1  again /);
    watching.type('q');
    expect(await watching.end()).toEqual(AFTER);
  });

  it('cuts a queue of 500, says how many are left out, and scrolls', async () => {
    const base = fresh();
    const { observer } = zookeeper;
    await observer.create(base, Buffer.alloc(0), 'persistent', within);
    await Promise.all(Array.from({ length: 500 }, (_, index) => stand(observer, base, `c${index}`)));
    await using watching = watch(base, { columns: 80, rows: 20 });
    const top = await watching.shows(/^… 48\d more$/);
    expect(top[0]).toBe(`${base}  500 candidates`);
    watching.type('\u001b[B\u001b[B\u001b[A');
    await watching.shows(/^… 48\d more: 1 above, 48\d below$/);
    watching.type('G');
    await watching.shows(/^  500 /);
    await watching.shows(/^… 48\d more: 48\d above, 0 below$/);
    watching.type('g');
    await watching.shows(/^… 48\d more$/);
    watching.type('q');
    expect(await watching.end()).toContain('ended with 0');
    await remove(observer, base);
  });

  it('draws no colour under NO_COLOR, and nothing that a candidate has put into its name', async () => {
    const base = fresh();
    await zookeeper.observer.create(base, Buffer.alloc(0), 'persistent', within);
    await stand(zookeeper.observer, base, '\u001b[31mred\u0007\u009b2J\u202e');
    await using plain = watch(base, { ...WIDE, env: { NO_COLOR: '1' } });
    await using coloured = watch(base, WIDE);
    await plain.shows(/^  1  \.\[31mred\.\.2J\. /);
    await coloured.shows(/^  1  \.\[31mred\.\.2J\. /);
    for (const run of [plain, coloured]) run.type('q');
    await Promise.all([plain.end(), coloured.end()]);
    expect(plain.transcript.replaceAll('\u001b[0m\u001b[?7h', '')).not.toMatch(/\u001b\[[\d;]*m|[\u0007\u009b\u202e]/);
    expect(coloured.transcript).toContain('\u001b[2m');
    expect(coloured.transcript).not.toMatch(/[\u0007\u009b\u202e]|\u001b\[31mred/);
  });

  it('gives the terminal back and ends with 77 when an ACL forbids the look', async () => {
    await restrictedZNode(zookeeper.connectString, '/watch-secret');
    await using watching = watch('/watch-secret', WIDE);
    const [before, ...said] = await watching.end();
    expect(before).toBe('before');
    expect(said.join('')).toContain('ZooKeeper refuses it (no permission by its ACL)');
    expect(said.slice(-2)).toEqual(['ended with 77', 'isig icanon echo']);
    expect(watching.screen).toMatchObject({ isAlternate: false, cursorVisible: true, wraps: true });
  });

  it('gives the terminal back when ballot has a bug, and shows it', async () => {
    await using broken = new TerminalRun(['scripts/run-ts.mjs', 'test/support/broken-screen.ts'], WIDE);
    const lines = await broken.end();
    expect(broken.transcript).toContain('\u001b[?1049h');
    expect(lines[0]).toBe('before');
    expect(lines.join('\n')).toContain('Error: a bug');
    expect(lines.at(-1)).toBe('isig icanon echo');
    expect(broken.screen).toMatchObject({ isAlternate: false, cursorVisible: true, wraps: true });
  });

  it('writes blocks of text where the terminal can do no more', async () => {
    await using watching = watch(fresh(), { ...WIDE, env: { TERM: 'dumb' } });
    await watching.shows(/changed: connection, notes$/);
    await watching.shows(/^note +there is no znode/);
    expect(watching.transcript).not.toContain('\u001b');
    process.kill(watching.pid, 'SIGTERM');
    expect((await watching.end()).slice(-2)).toEqual(['ended with 0', 'isig icanon echo']);
  });
});

describe('an outage', () => {
  it('is said with since when, what was known stays and is old, and the watch goes on afterwards', async () => {
    await using ensemble = await startZooKeeper();
    await using own = await sessionOn(ensemble.server.port);
    const { zk } = own;
    await zk.create('/out', Buffer.alloc(0), 'persistent', within);
    await stand(zk, '/out', 'a');
    await using watching = watch('/out', WIDE, ensemble.connectString);
    await watching.shows(/^  1  a /);
    await ensemble.server.stop();
    await watching.shows(/^zookeeper lost [\d.]+m?s ago: 127\.0\.0\.1:\d+: /);
    const old = await watching.shows(/^ +OLD: all below is as of \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(rowOf(old, '  1')).toMatch(/^  1  a /);
    await watching.shows(/^zookeeper lost [2-9][\d.]*s ago/);
    await ensemble.server.restart();
    await watching.shows(/^zookeeper 127\.0\.0\.1:\d+ answers$/);
    await stand(zk, '/out', 'b');
    const lines = await watching.shows(/^  2  b /);
    expect(lines.join('\n')).not.toContain('OLD');
    watching.type('q');
    // What the log said meanwhile comes after the screen.
    const after = await watching.end();
    expect(after.slice(-2)).toEqual(AFTER.slice(1));
    expect(after.join('')).toMatch(/lost contact with ZooKeeper.*at=\d{4}.*regained contact with ZooKeeper/);
  });

  it('that is there from the beginning is waited for, and can be left', async () => {
    await using ensemble = await startZooKeeper();
    await ensemble.server.stop();
    await using watching = watch('/out', WIDE, ensemble.connectString);
    await watching.shows(/^zookeeper no answer for [\d.]+m?s: asking 127\.0\.0\.1:\d+$/);
    await watching.shows(
      /^zookeeper no answer for [\d.]+s: no ZooKeeper server granted a session .* connection refused$/,
    );
    await using another = watch('/out', WIDE, ensemble.connectString);
    await another.shows(/^zookeeper no answer/);
    another.type('q');
    expect((await another.end()).slice(-2)).toEqual(AFTER.slice(1));
    await ensemble.server.restart();
    await watching.shows(/^note +there is no znode \/out yet: it is waited for$/);
    watching.type('q');
    expect((await watching.end()).slice(-2)).toEqual(AFTER.slice(1));
  });
});

interface Line {
  readonly at: string;
  readonly changes: readonly string[];
  readonly connection: {
    readonly state: string;
    readonly since: string;
    readonly server?: string;
    readonly why?: string;
  };
  readonly leader?: { readonly candidateId?: string };
  readonly candidates?: readonly { readonly candidateId: string }[];
  readonly lease?: { readonly state: string; readonly expired?: string };
  readonly notes?: readonly string[];
}

/** `ballot watch` with a pipe for stdout. */
class Piped implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  stdout = '';
  stderr = '';

  constructor(base: string, servers: string, ...args: readonly string[]) {
    const env = { PATH: process.env['PATH'], HOME: '/nonexistent', ...clientVariable };
    this.child = spawn(process.execPath, [ballotPath, 'watch', ...at(servers, base), ...args], { env });
    this.child.stdout?.on('data', (data: Buffer) => (this.stdout += data.toString()));
    this.child.stderr?.on('data', (data: Buffer) => (this.stderr += data.toString()));
    this.ended = new Promise((resolve) => this.child.once('close', resolve));
  }

  get lines(): Line[] {
    return this.stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Line);
  }

  line(wanted: (line: Line) => boolean, what: string): Promise<Line> {
    return poll(() => this.lines.find(wanted), { what: `${what}; said so far: ${this.stdout}` });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}

describe('ballot watch in a pipe', () => {
  it('writes a line of JSON for each change, and none for heartbeats', async () => {
    await using stage = zookeeper.stage();
    await using piped = new Piped(stage.basePath, zookeeper.connectString);
    const first = await piped.line(() => true, 'a first line');
    expect(first).toEqual({
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
      changes: ['connection', 'notes'],
      connection: { state: 'connected', since: expect.any(String) as string, server: zookeeper.connectString },
      leader: {},
      candidates: [],
      notes: [`there is no znode ${stage.basePath} yet: it is waited for`],
    });
    const leader = await stage.stand({ flags: { 'candidate-id': 'a' } });
    const led = await piped.line((line) => line.leader?.candidateId === 'a', 'a leader');
    expect(led.changes).toContain('leader');
    // The shape of `ballot info`, and what is needed besides.
    const info = await stage.info();
    expect(Object.keys(led)).toEqual(expect.arrayContaining(['at', 'changes', 'connection']));
    expect(Object.keys(led.candidates?.[0] ?? {})).toEqual(Object.keys(info.candidates[0] ?? {}));
    await piped.line((line) => line.changes.includes('runs'), 'a run');
    const beats = new Set<string>();
    await poll(async () => beats.add((await stage.info()).leader.lastSeenTime ?? '').size > 3, { what: 'heartbeats' });
    for (const [index, line] of piped.lines.entries()) {
      expect(line.changes.length).toBeGreaterThan(0);
      if (index > 0)
        expect(JSON.stringify({ ...line, at: '' })).not.toBe(JSON.stringify({ ...piped.lines[index - 1], at: '' }));
    }
    expect(piped.lines.length).toBeLessThan(9);
    leader.signal('SIGTERM');
    await piped.line(
      (line) => line.changes.includes('leader') && line.leader?.candidateId === undefined && line.at > led.at,
      'nobody',
    );
    piped.child.kill('SIGTERM');
    expect(await piped.ended).toBe(0);
    expect(piped.stderr).toBe('');
  });

  it('says when a lease runs out, of which no znode tells', async () => {
    const base = fresh();
    await zookeeper.observer.create(base, Buffer.alloc(0), 'persistent', within);
    await lead(zookeeper.observer, base, 'a', await stand(zookeeper.observer, base, 'a'), '6s');
    await using piped = new Piped(base, zookeeper.connectString);
    const held = await piped.line((line) => line.lease?.state === 'held', 'a lease');
    expect(held.lease?.expired).toBeUndefined();
    const over = await piped.line((line) => line.lease?.expired !== undefined, 'its end');
    expect(over.changes).toContain('lease');
  });

  it('says that contact is lost, what was known then, and that it is back', async () => {
    await using ensemble = await startZooKeeper();
    await using own = await sessionOn(ensemble.server.port);
    const { zk } = own;
    await zk.create('/out', Buffer.alloc(0), 'persistent', within);
    await stand(zk, '/out', 'a');
    await using piped = new Piped('/out', ensemble.connectString, '-o', 'json');
    await piped.line((line) => line.candidates?.length === 1, 'a candidate');
    ensemble.server.pause();
    const lost = await piped.line((line) => line.connection.state === 'lost', 'lost contact');
    expect(lost).toMatchObject({ changes: ['connection'], candidates: [{ candidateId: 'a' }] });
    expect(lost.connection.why).toContain('127.0.0.1');
    expect(lost.connection.since <= lost.at).toBe(true);
    ensemble.server.resume();
    await piped.line((line) => line.connection.state === 'connected' && line.at > lost.at, 'contact');
    await stand(zk, '/out', 'b');
    await piped.line((line) => line.candidates?.length === 2, 'another candidate');
    piped.child.kill('SIGINT');
    expect(await piped.ended).toBe(0);
  });

  it('ends quietly when its reader goes away', async () => {
    const base = fresh();
    await zookeeper.observer.create(base, Buffer.alloc(0), 'persistent', within);
    await using piped = new Piped(base, zookeeper.connectString);
    await piped.line(() => true, 'a first line');
    piped.child.stdout?.destroy();
    await stand(zookeeper.observer, base, 'a');
    expect(await piped.ended).toBe(0);
    expect(piped.stderr).toBe('');
  });

  it('ends at once though its reader takes nothing', async () => {
    const base = fresh();
    await zookeeper.observer.create(base, Buffer.alloc(0), 'persistent', within);
    const id = 'x'.repeat(200);
    const stood = await Promise.all(Array.from({ length: 200 }, () => stand(zookeeper.observer, base, id)));
    await using piped = new Piped(base, zookeeper.connectString);
    await piped.line(() => true, 'a first line');
    piped.child.stdout?.pause();
    for (const path of stood.slice(0, 20)) {
      await zookeeper.observer.delete(path, -1, within);
      await pass(150);
    }
    piped.child.kill('SIGTERM');
    piped.child.once('exit', () => piped.child.stdout?.resume());
    expect(await piped.ended).toBe(0);
    await remove(zookeeper.observer, base);
  });

  it('writes text when asked to', async () => {
    const base = fresh();
    await zookeeper.observer.create(base, Buffer.alloc(0), 'persistent', within);
    await using piped = new Piped(base, zookeeper.connectString, '-o', 'text');
    await stand(zookeeper.observer, base, 'a');
    await poll(() => /\n {2}1 {2}a {10}host-a {2}7 /.test(piped.stdout), { what: 'the candidate' });
    expect(piped.stdout).toMatch(/^\d{4}-[\dT:.-]+Z changed: connection, /);
    expect(piped.stdout).not.toContain('\u001b');
  });
});

describe('ballot watch', () => {
  it('ends with 64 for a format and a time limit that it does not have, and with 78 for a bad option', async () => {
    const bad = await Promise.all(
      [
        ['-o', 'yaml'],
        ['--timeout', '5s'],
        ['--zookeeper-session-timeout', '5'],
      ].map((args) => runBallot(['watch', ...args])),
    );
    expect(bad.map(({ code, stdout }) => [code, stdout])).toEqual([
      [64, ''],
      [64, ''],
      [78, ''],
    ]);
    expect(bad[1]?.stderr).toContain('ballot watch has no flag --timeout');
  });

  it('ends with 77 at once when an ACL forbids the look', async () => {
    await restrictedZNode(zookeeper.connectString, '/watch-refused');
    const { code, stdout, stderr } = await runBallot(['watch', ...at(zookeeper.connectString, '/watch-refused')]);
    expect({ code, stdout }).toEqual({ code: 77, stdout: '' });
    expect(stderr).toContain('/watch-refused');
  });
});
