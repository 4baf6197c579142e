import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ballotPath, type Candidate } from '../support/candidate.ts';
import { pass, poll } from '../support/poll.ts';
import { clientVariable } from '../support/sessions.ts';
import { EXIT, useZooKeeper, type InfoReport } from '../support/stage.ts';

const zookeeper = useZooKeeper();

describe('the environment of the command', () => {
  it('is ballot’s own, and tells it about its election, term and run', async () => {
    await using stage = zookeeper.stage();
    const env = { ORDINARY: 'kept as it is', BALLOT_FENCING_TOKEN: '17' };
    const candidate = stage.start({
      id: 'the-candidate',
      flags: EXIT,
      env,
      script: 'env; readlink /proc/self/fd/0 >&2',
    });
    expect(await candidate.end()).toBe(0);
    const found = new Map(
      candidate.wrote().map((line) => [line.split('=')[0] ?? '', line.slice(line.indexOf('=') + 1)]),
    );
    const { term, runId } = await candidate.says('the command runs');
    expect(Object.fromEntries([...found].filter(([name]) => name.startsWith('BALLOT_')))).toEqual({
      BALLOT_CANDIDATE_ID: 'the-candidate',
      BALLOT_ZOOKEEPER_SERVERS: zookeeper.connectString,
      BALLOT_ZOOKEEPER_BASE_PATH: stage.basePath,
      BALLOT_FENCING_TOKEN: String(term),
      BALLOT_RUN_ID: runId,
      ...clientVariable,
    });
    expect(Number(found.get('BALLOT_FENCING_TOKEN'))).toBeGreaterThan(0);
    expect(found.get('ORDINARY')).toBe('kept as it is');
    expect(found.get('NODE_CHANNEL_FD')).toBeUndefined();
    expect(candidate.wrote('stderr')).toEqual(['/dev/null']);
  });
});

describe('what the command inherits', () => {
  const filesOf = (pid: number): Record<string, string> =>
    Object.fromEntries(readdirSync(`/proc/${pid}/fd`).flatMap((fd) => fileOf(pid, fd)));

  /** A process that has just begun closes what its loader has read. */
  function fileOf(pid: number, fd: string): [fd: string, file: string][] {
    try {
      return [[fd, readlinkSync(`/proc/${pid}/fd/${fd}`)]];
    } catch {
      return [];
    }
  }

  async function running(candidate: Candidate): Promise<number> {
    await candidate.says('the command runs');
    const pid = candidate.commandPid;
    // Between fork and exec it is still ballot.
    await poll(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('sleep'), { what: 'sleep to run' });
    return pid;
  }

  it.each(['true', 'false'])('is stdin, stdout and stderr and no other file (wrap-child-logs=%s)', async (wrap) => {
    await using stage = zookeeper.stage();
    const candidate = stage.start({ flags: { 'wrap-child-logs': wrap }, command: ['sleep', '60'] });
    const pid = await running(candidate);
    const files = filesOf(pid);
    // What whoever started the tests left open passes through every process.
    const other = spawn('sleep', ['60'], { stdio: ['ignore', 'pipe', 'pipe'] });
    const passing = Object.keys(filesOf(other.pid as number));
    other.kill();
    expect(passing).toEqual(expect.arrayContaining(['0', '1', '2']));
    // Nothing that another child of the same parent does not get as well.
    expect(passing).toEqual(expect.arrayContaining(Object.keys(files)));
    expect(files['0']).toBe('/dev/null');
    expect(Object.values(files).filter((file) => file.startsWith('socket:') && wrap === 'true')).toEqual([]);
    if (wrap === 'false') expect([files['1'], files['2']]).toEqual([1, 2].map((fd) => filesOf(candidate.pid)[fd]));
  });

  it('is a process group and a session of its own', async () => {
    await using stage = zookeeper.stage();
    const candidate = stage.start({ command: ['sleep', '60'] });
    const pid = await running(candidate);
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    expect([Number(stat[2]), Number(stat[3])]).toEqual([pid, pid]);
  });
});

describe('output', () => {
  it('is logged line by line, stdout as info and stderr as errors', async () => {
    await using stage = zookeeper.stage();
    const script = String.raw`printf 'one\r\ntwo\n\n\033[31m"red"\nbad \377 byte\nno newline'; printf 'oh\ndear' >&2`;
    const candidate = stage.start({ flags: EXIT, script });
    expect(await candidate.end()).toBe(0);
    expect(candidate.wrote()).toEqual(['one', 'two', '', '\u001b[31m"red"', 'bad \uFFFD byte', 'no newline']);
    expect(candidate.wrote('stderr')).toEqual(['oh', 'dear']);
    const lines = candidate.log.filter(({ name }) => name.startsWith('cmd-run-'));
    for (const { level, name, stream, candidateId, time } of lines) {
      expect([level, stream]).toEqual(name === 'cmd-run-stdout' ? ['info', 'stdout'] : ['error', 'stderr']);
      expect(candidateId).toBe(candidate.id);
      expect(time).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    }
    // All of it before ballot's last word.
    expect(candidate.log.at(-1)?.msg).toBe('ballot ends');
  });

  it('names its run, as the lines about that run do, which have what happened as fields', async () => {
    await using stage = zookeeper.stage();
    const candidate = stage.start({ flags: EXIT, script: 'echo one; echo two >&2; exit 3' });
    expect(await candidate.end()).toBe(3);
    const [runs] = candidate.said('the command runs');
    const runId = runs?.['runId'];
    expect(runId).toBe(`${String(runs?.['term'])}.1`);
    const output = candidate.log.filter(({ name }) => name.startsWith('cmd-run-'));
    expect(output.map((line) => line['runId'])).toEqual([runId, runId]);
    expect(candidate.said('the run is over')).toMatchObject([
      { runId, exitCode: 3, durationMs: expect.any(Number) as number, failures: 1 },
    ]);
  });

  it('names its run for people where that is asked for', async () => {
    await using stage = zookeeper.stage();
    const flags = { ...EXIT, 'log-format': 'human', 'log-run-id': 'true' };
    const candidate = stage.start({ flags, script: 'echo one' });
    expect(await candidate.end()).toBe(0);
    expect(candidate.stdout).toMatch(/INFO {2}cmd-run-stdout \d+\.1: one\n/);
  });

  it('is left alone with wrap-child-logs=false', async () => {
    await using stage = zookeeper.stage();
    const flags = { ...EXIT, 'wrap-child-logs': 'false' };
    const candidate = stage.start({ flags, script: String.raw`printf 'one\r\ntwo'; printf 'three' >&2` });
    expect(await candidate.end()).toBe(0);
    // The shell writes a line at a time: lines of ballot's own may come in between.
    expect(candidate.stdout.replace(/\{.*\}\n/g, '')).toBe('one\r\ntwo');
    expect(candidate.stderr).toBe('three');
  });

  it('of 400 KB in one line is split, and nothing of it is lost', async () => {
    await using stage = zookeeper.stage();
    const script = "head -c 400000 /dev/zero | tr '\\0' x; echo; echo after";
    const candidate = stage.start({ flags: EXIT, script });
    expect(await candidate.end()).toBe(0);
    const pieces = candidate.wrote();
    expect(pieces.pop()).toBe('after');
    expect(pieces.join('')).toBe('x'.repeat(400_000));
    for (const piece of pieces) expect(piece.length).toBeLessThanOrEqual(65_536);
    const marks = candidate.log.filter(({ name }) => name === 'cmd-run-stdout').map(({ partial }) => partial);
    expect(marks).toEqual([true, true, true, true, true, true, undefined, undefined]);
  });

  it('may be closed by a command that lives on', async () => {
    await using stage = zookeeper.stage();
    const candidate = stage.start({ script: 'exec 1>&- 2>&-; note closed; stay' });
    await stage.journal.noted('closed');
    const held = await stage.election();
    await poll(async () => JSON.stringify(await stage.election()) !== JSON.stringify(held), {
      what: 'a renewal of the lease',
    });
    expect(candidate.said('the run is over')).toEqual([]);
    candidate.signal('SIGTERM');
    expect(await candidate.end()).toBe(143);
  });

  it('of a million lines waits for a slow reader: nothing is lost, memory stays, and so does the lease', async () => {
    await using stage = zookeeper.stage();
    const flags = { ...EXIT, 'zookeeper-session-timeout': '2s' };
    const candidate = stage.start({ flags, unread: true, script: 'seq 1 1000000' });
    const { token } = await stage.journal.started();
    const leads = async (): Promise<void> => {
      const election = await stage.election();
      expect(election?.lease).toMatchObject({ kind: 'held', record: { fencingToken: Number(token) } });
    };
    const rss = (): number =>
      Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${candidate.pid}/status`, 'utf8'))?.[1]);
    // Longer than the lease lasts.
    const stalledUntil = performance.now() + 3500;
    while (performance.now() < stalledUntil) await pass(100);
    await leads();
    const before = rss();
    let [next, rest, most, chunks] = [1, '', 0, 0];
    for await (const chunk of candidate.output.setEncoding('utf8') as AsyncIterable<string>) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const number = /"name":"cmd-run-stdout".*"msg":"(\d+)"/.exec(line)?.[1];
        if (number === undefined) continue;
        if (number !== String(next)) throw new Error(`line ${next} is missing, ${number} came instead`);
        next += 1;
      }
      if (++chunks % 200 === 0 && candidate.isRunning) most = Math.max(most, rss());
    }
    expect(next - 1).toBe(1_000_000);
    expect(await candidate.end()).toBe(0);
    expect(stage.journal.starts()).toHaveLength(1);
    expect(before).toBeGreaterThan(0);
    expect(most).toBeGreaterThan(0);
    expect(Math.max(before, most)).toBeLessThan(200 * 1024);
    expect(most - before).toBeLessThan(80 * 1024);
  });

  it('that nobody reads any more ends neither the command nor ballot', async () => {
    await using stage = zookeeper.stage();
    const script = 'for i in 1 2 3 4 5; do echo $i; done; note wrote; stay';
    const candidate = stage.start({ flags: EXIT, unread: true, traps: "trap 'exit 11' TERM", script });
    await stage.journal.started();
    candidate.output.destroy();
    await stage.journal.noted('wrote');
    candidate.signal('SIGTERM');
    expect(await candidate.end()).toBe(11);
    expect(await stage.election()).toEqual({ lease: { kind: 'vacant' }, proposals: [] });
  });
});

describe('the end of the command under exit is the end of ballot', () => {
  it.each([0, 1, 2, 42, 255])('exit code %i', async (code) => {
    await using stage = zookeeper.stage();
    expect(await stage.start({ flags: EXIT, command: ['sh', '-c', `exit ${code}`] }).end()).toBe(code);
  });

  it.each([
    ['HUP', 1],
    ['ABRT', 6],
    ['KILL', 9],
    ['SEGV', 11],
    ['TERM', 15],
  ] as const)('SIG%s', async (signal, number) => {
    await using stage = zookeeper.stage();
    const candidate = stage.start({ flags: EXIT, command: ['sh', '-c', `ulimit -c 0; kill -${signal} $$`] });
    expect(await candidate.end()).toBe(128 + number);
    expect(candidate.said('the run is over')[0]?.['outcome']).toBe(`ended by SIG${signal}`);
  });

  it('not found: 127, with what was looked for and where', async () => {
    await using stage = zookeeper.stage();
    const candidate = stage.start({ flags: EXIT, command: ['no-such-command-anywhere'] });
    expect(await candidate.end()).toBe(127);
    expect(candidate.said('the run is over')[0]?.['outcome']).toMatch(/"no-such-command-anywhere".*PATH.*ENOENT/);
    expect(await stage.election()).toEqual({ lease: { kind: 'vacant' }, proposals: [] });
  });

  it('not executable: 126', async () => {
    await using stage = zookeeper.stage();
    const path = join(stage.journal.folder, 'plain');
    writeFileSync(path, 'no program\n', { mode: 0o644 });
    const candidate = stage.start({ flags: EXIT, command: [path] });
    expect(await candidate.end()).toBe(126);
    expect(candidate.said('the run is over')[0]?.['outcome']).toMatch(/not executable.*EACCES/);
  });

  it('not found under rerun is an error as any other: backoff, same term', async () => {
    await using stage = zookeeper.stage();
    const candidate = stage.start({ flags: { 'on-child-error': 'rerun' }, command: ['/no/such/command'] });
    await candidate.says('the run is over', { count: 4 });
    const [first, , , fourth] = candidate.said('the run is over').map(({ time }) => Date.parse(String(time)));
    expect((fourth as number) - (first as number)).toBeGreaterThanOrEqual(690);
    expect(candidate.said('elected leader')).toHaveLength(1);
  });
});

describe('processes that the command leaves behind', () => {
  it('in its group are stopped, and killed if need be, before anybody else starts', async () => {
    await using stage = zookeeper.stage();
    const leaves =
      '(trap \'note deaf\' TERM; note child; stay; stay; stay) & until [ -e "$journal.open" ]; do stay 0.02; done; exit 0';
    const first = await stage.stand({ id: 'first', flags: { 'kill-after': '600ms' }, script: leaves });
    await stage.journal.noted('child');
    await stage.stand({ id: 'second' });
    writeFileSync(`${stage.journal.path}.open`, '');
    const start = await stage.journal.started(1, { candidate: 'second' });
    expect(stage.journal.overlaps()).toEqual([]);
    expect(stage.journal.entries().map(({ event }) => event)).toContain('deaf');
    expect(start.time - (stage.journal.ends('first')[0]?.time ?? Infinity)).toBeGreaterThan(0.5);
    expect(first.said('left processes behind')).toHaveLength(1);
  });

  it('in a session of their own, with a cleared environment, keep stdout open and hold nothing up', async () => {
    await using stage = zookeeper.stage();
    const candidate = stage.start({
      flags: EXIT,
      script: 'setsid env -i TEST_CANDIDATE="$TEST_CANDIDATE" sleep 60 8>&- 9>&- & stay 0.2; echo last; exit 5',
    });
    expect(await candidate.end(8000)).toBe(5);
    expect(candidate.wrote()).toEqual(['last']);
    expect(candidate.descendants()).toHaveLength(1);
  });
});

describe('ballot inside the command', () => {
  const ballot = `${JSON.stringify(process.execPath)} ${JSON.stringify(ballotPath)}`;

  it('does not stand in the election of the command: it would wait for itself', async () => {
    await using stage = zookeeper.stage();
    const candidate = stage.start({ flags: EXIT, script: `${ballot} run once -- true; exit $?` });
    expect(await candidate.end()).toBe(78);
    expect(candidate.wrote('stderr').join('\n')).toContain(stage.basePath);
    expect(candidate.wrote('stderr').join('\n')).toMatch(/wait for itself/);
  });

  it('stands in another election', async () => {
    await using stage = zookeeper.stage();
    const other = `${ballot} run once --zookeeper-base-path=${stage.basePath}/other/election --on-child-error=exit`;
    const script = `${other} -- sh -c 'echo "inner $BALLOT_ZOOKEEPER_BASE_PATH $BALLOT_FENCING_TOKEN"; exit 9'; exit $?`;
    const candidate = stage.start({ flags: EXIT, script });
    expect(await candidate.end()).toBe(9);
    const [, token] =
      candidate
        .wrote()
        .map((line) => /inner \S*\/other\/election (\d+)/.exec(line))
        .find(Boolean) ?? [];
    const { term } = await candidate.says('the command runs');
    expect(Number(token)).toBeGreaterThan(Number(term));
  });

  it('asked for info speaks of the election of the command', async () => {
    await using stage = zookeeper.stage();
    const candidate = stage.start({ id: 'asking', flags: EXIT, script: `${ballot} info -o json` });
    expect(await candidate.end()).toBe(0);
    const report = JSON.parse(candidate.wrote().join('\n')) as InfoReport;
    expect(report.leader.candidateId).toBe('asking');
    expect(report.lease?.fencingToken).toBe(candidate.said('the command runs')[0]?.['term']);
  });
});
