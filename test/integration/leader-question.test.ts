/** `ballot is-leader` and `ballot if-leader` on a real server. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { hostname } from 'node:os';
import type { Readable } from 'node:stream';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { encodeLease, encodeProposal, formatGoTime, type LeaseRecord } from '../../src/zookeeper/election/record.ts';
import { runBallot, type Ended, type Surroundings } from '../support/ballot.ts';
import { ballotPath, childrenOf } from '../support/candidate.ts';
import { pass, poll } from '../support/poll.ts';
import { freePorts } from '../support/ports.ts';
import { clientChoice, within } from '../support/sessions.ts';
import { useZooKeeper } from '../support/stage.ts';
import { expectWithin } from '../support/yardstick.ts';
import { startZooKeeper } from '../support/zookeeper.ts';

const zookeeper = useZooKeeper({ alone: true });

/** Time enough for the slowest machine, unless a test asks for less. */
const at = (basePath: string, timeout = '60s'): string[] => [
  `--zookeeper-servers=${zookeeper.connectString}`,
  `--zookeeper-base-path=${basePath}`,
  `--timeout=${timeout}`,
];
const isLeader = (basePath: string, ...args: string[]): Promise<Ended> =>
  runBallot(['is-leader', ...at(basePath), ...args]);
const ifLeader = (basePath: string, args: readonly string[], around?: Surroundings): Promise<Ended> =>
  runBallot(['if-leader', ...at(basePath), ...args], around);

let bases = 0;

/** An election whose lease somebody holds who is not there: nothing in it changes by itself. */
async function heldBy(changes: Partial<LeaseRecord> = {}): Promise<{ basePath: string; record: LeaseRecord }> {
  const basePath = `/held-${++bases}`;
  const now = formatGoTime(Date.now());
  const who = { candidateId: hostname(), hostname: hostname(), pid: '11' };
  const times = { proposalTime: now, lastSeenTime: now, sessionTimeout: '1h', leaseDuration: '1h' };
  const record = { ...who, ...times, proposalNode: `${basePath}/proposal-0000000000`, fencingToken: 5, ...changes };
  await zookeeper.observer.create(basePath, encodeLease(record), 'persistent', within);
  await stands(basePath, record);
  return { basePath, record };
}

const stands = (basePath: string, record: LeaseRecord): Promise<string> =>
  zookeeper.observer.create(`${basePath}/proposal-`, encodeProposal(record), 'ephemeral-sequential', within);

/** The number of the server's last transaction. It costs one. */
let probes = 0;
async function lastTransaction(): Promise<number> {
  const path = await zookeeper.observer.create(`/probe-${++probes}`, Buffer.alloc(0), 'persistent', within);
  return (await zookeeper.observer.exists(path, within))?.czxid ?? NaN;
}

/** What it writes first. Throws when it ends without a word. */
function firstOutput(child: ChildProcessByStdio<null, Readable, null>): Promise<string> {
  return new Promise((resolve, reject) => {
    child.stdout.once('data', (data: Buffer) => resolve(String(data)));
    child.once('close', (code) => reject(new Error(`it ended with ${code} and wrote nothing`)));
  });
}

describe('ballot is-leader', () => {
  it('says by its exit code alone who leads, of candidates that run', async () => {
    await using stage = zookeeper.stage();
    const leader = await stage.stand({ id: 'a' });
    await stage.stand({ id: 'b' });
    expect(await isLeader(stage.basePath, '--candidate-id=a')).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect(await isLeader(stage.basePath, '--candidate-id=b')).toMatchObject({ code: 1, stdout: '', stderr: '' });
    leader.signal('SIGTERM');
    await leader.end();
    await stage.journal.started(1, { candidate: 'b' });
    expect(await isLeader(stage.basePath, '--candidate-id=b')).toMatchObject({ code: 0, stdout: '', stderr: '' });
  });

  it('means the candidate of this host, unless another is named in any layer', async () => {
    const { basePath } = await heldBy();
    expect(await isLeader(basePath)).toMatchObject({ code: 0, stderr: '' });
    const env = { BALLOT_CANDIDATE_ID: 'other' };
    expect(await runBallot(['is-leader', ...at(basePath)], { env })).toMatchObject({ code: 1 });
  });

  it('says so of a candidate that nobody knows', async () => {
    const { basePath } = await heldBy({ candidateId: 'a' });
    const { code, stdout, stderr } = await isLeader(basePath, '--candidate-id=nobody');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(`no candidate nobody stands in ${basePath}; a leads, on host ${hostname()}`);
    expect((await isLeader('/never')).stderr).toContain('there is no znode /never');
  });

  it('names several candidates of one id; that of another host does not lead here', async () => {
    const { basePath, record } = await heldBy({ candidateId: 'twin', hostname: 'elsewhere' });
    await stands(basePath, { ...record, hostname: hostname(), pid: '12' });
    const other = await isLeader(basePath, '--candidate-id=twin');
    expect(other.code).toBe(1);
    const both = `2 candidates have the id twin: on elsewhere (pid 11), ${hostname()} (pid 12); the one on elsewhere leads`;
    expect(other.stderr).toContain(both);
    const { basePath: here, record: own } = await heldBy({ candidateId: 'twin' });
    await stands(here, { ...own, hostname: 'elsewhere', pid: '12' });
    const ours = await isLeader(here, '--candidate-id=twin');
    expect(ours.code).toBe(0);
    expect(ours.stderr).toContain('2 candidates have the id twin');
  });

  it('says no of a lease that has run out, by the clock of its own host', async () => {
    const { basePath } = await heldBy({ leaseDuration: '300ms', sessionTimeout: '300ms' });
    await pass(400);
    const { code, stderr } = await isLeader(basePath, '--log-level=debug');
    expect(code).toBe(1);
    expect(stderr).toMatch(/its lease ran out \S+ ago/);
  });

  it('watches a lease of another host that seems old, and believes a renewal alone', async () => {
    const old = { hostname: 'elsewhere', leaseDuration: '300ms', sessionTimeout: '300ms' };
    const { basePath, record } = await heldBy(old);
    await pass(400);
    expect((await isLeader(basePath)).code).toBe(1);
    const beat = (): void =>
      void zookeeper.observer.set(basePath, encodeLease(record), -1, within).catch(() => undefined);
    // Rarely enough that each look finds it old.
    const beating = setInterval(beat, 700);
    onTestFinished(() => clearInterval(beating));
    const longer = encodeLease({ ...record, leaseDuration: '600ms', sessionTimeout: '10s' });
    await zookeeper.observer.set(basePath, longer, -1, within);
    await poll(async () => (await isLeader(basePath)).code === 0, { what: 'a renewal that was seen' });
  });

  it('says that it cannot know while clocks contradict each other and no renewal comes', async () => {
    const ahead = formatGoTime(Date.now() + 3_600_000);
    const { basePath } = await heldBy({ lastSeenTime: ahead });
    const { code, stderr } = await runBallot(['is-leader', ...at(basePath, '1500ms')]);
    expect(code).toBe(69);
    expect(stderr).toContain(`it cannot be known whether the lease in ${basePath} is fresh: clocks differ`);
  });

  it('ends with 69 within two seconds and its start when ZooKeeper is silent', async () => {
    const frozen = await startZooKeeper();
    onTestFinished(() => frozen.close());
    frozen.server.pause();
    const { code, stdout, took } = await runBallot(['is-leader', `--zookeeper-servers=${frozen.connectString}`]);
    expect({ code, stdout }).toEqual({ code: 69, stdout: '' });
    expectWithin(took, 3500);
  });

  it('takes no command, no argument', async () => {
    expect(await runBallot(['is-leader', 'a'])).toMatchObject({ code: 64 });
    expect(await runBallot(['is-leader', '--', 'true'])).toMatchObject({ code: 64 });
  });
});

describe('what a question costs the ensemble', () => {
  it.each([
    ['is-leader', []],
    ['is-leader', ['--candidate-id=nobody']],
    ['if-leader', ['--', 'true']],
  ])('%s %j: one session, which is over; no znode, and no write', async (command, more) => {
    const { basePath } = await heldBy();
    const sessions = async (): Promise<number> => (await zookeeper.server.ask('cons')).trim().split('\n').length;
    const [before, open] = [await lastTransaction(), await sessions()];
    const tree = await zookeeper.observer.exists(basePath, within);
    const { code } = await runBallot([command, ...at(basePath), ...more]);
    expect(code).toBeLessThan(2);
    // The begin and the end of the session, and the transaction that asks.
    expect((await lastTransaction()) - before).toBe(3);
    expect(await zookeeper.observer.exists(basePath, within)).toEqual(tree);
    expect(await sessions()).toBe(open);
  });
});

describe('ballot if-leader', () => {
  it('runs the command on the leader, in its own place, and ends with its exit code', async () => {
    const { basePath } = await heldBy();
    const script = 'echo out; echo err >&2; exit 7';
    expect(await ifLeader(basePath, ['--', 'sh', '-c', script])).toMatchObject({
      code: 7,
      stdout: 'out\n',
      stderr: 'err\n',
    });
  });

  it('does nothing elsewhere, with one line at level debug', async () => {
    const { basePath } = await heldBy({ candidateId: 'a', hostname: 'vm7' });
    const elsewhere = ['--', 'echo', 'never'];
    expect(await ifLeader(basePath, elsewhere)).toMatchObject({ code: 0, stdout: '', stderr: '' });
    const { code, stdout, stderr } = await ifLeader(basePath, ['--log-level=debug', ...elsewhere]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    const said = stderr.split('\n').filter((line) => line.includes('the candidate does not lead'));
    expect(said).toEqual([expect.stringContaining('a leads, on host vm7')]);
    expect(await ifLeader('/never', elsewhere)).toMatchObject({ code: 0, stdout: '', stderr: '' });
  });

  it('does not run it for the twin of another host, and says why', async () => {
    const { basePath, record } = await heldBy({ candidateId: 'twin', hostname: 'elsewhere' });
    await stands(basePath, { ...record, hostname: hostname(), pid: '12' });
    const { code, stdout, stderr } = await ifLeader(basePath, ['--candidate-id=twin', '--', 'echo', 'never']);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toContain('2 candidates have the id twin');
  });

  it('says with 127 and 126 that the command cannot be started', async () => {
    const { basePath } = await heldBy();
    const missing = await ifLeader(basePath, ['--', 'no-such-program']);
    expect(missing.code).toBe(127);
    expect(missing.stderr).toContain('cannot start "no-such-program": no such file in PATH');
    expect((await ifLeader(basePath, ['--', '/etc/passwd'])).code).toBe(126);
  });

  it('gives the command stdin, its environment, and no descriptor of its own', async () => {
    const { basePath } = await heldBy();
    const script = 'read line; echo "$line $WHAT"; ls /proc/self/fd; env | grep -c ^BALLOT_; :';
    const said = async (command: readonly [string, ...string[]]): Promise<string> => {
      const [file, ...args] = command;
      const child = spawn(file, args, { env: { PATH: process.env['PATH'], WHAT: 'there' } });
      child.stdin.end('who is\n');
      let stdout = '';
      child.stdout.on('data', (data: Buffer) => (stdout += String(data)));
      await new Promise((resolve) => child.once('close', resolve));
      return stdout;
    };
    const command = ['sh', '-c', script] as const;
    const inBallot = await said([
      process.execPath,
      ballotPath,
      'if-leader',
      ...at(basePath),
      `--zookeeper-client=${clientChoice}`,
      '--',
      ...command,
    ]);
    expect(inBallot).toMatch(/^who is there\n0\n1\n2\n(\d+\n)*0\n$/);
    // What the test itself has inherited is passed on.
    expect(inBallot).toBe(await said(command));
  });

  it('has ended its session before the command starts, and keeps no keeper', async () => {
    const { basePath } = await heldBy();
    const sessions = async (): Promise<number> => (await zookeeper.server.ask('cons')).trim().split('\n').length;
    const before = await sessions();
    const args = ['if-leader', ...at(basePath), '--', 'sh', '-c', 'echo $$; exec sleep 1000'];
    const child = spawn(process.execPath, [ballotPath, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill());
    const pid = Number(await firstOutput(child));
    expect(await sessions()).toBe(before);
    await poll(() => isDeepStrictEqual(childrenOf(child.pid ?? NaN), [pid]), { what: 'the end of the keeper' });
  });

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH'] as const)(
    'passes %s on, and ends as the command does',
    async (signal) => {
      const { basePath } = await heldBy();
      const script = `trap 'exit 42' ${signal.slice(3)}; echo ready; while :; do sleep 0.05; done`;
      const child = spawn(process.execPath, [ballotPath, 'if-leader', ...at(basePath), '--', 'bash', '-c', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await firstOutput(child);
      child.kill(signal);
      expect(await new Promise((resolve) => child.once('close', resolve))).toBe(42);
    },
  );

  it('ends with 128 and the number of the signal that ended the command', async () => {
    const { basePath } = await heldBy();
    expect((await ifLeader(basePath, ['--', 'sh', '-c', 'kill -9 $$'])).code).toBe(137);
  });

  it('does not run it while ZooKeeper is away: 69, and one line; or does with --or-run', async () => {
    const [port] = await freePorts(1);
    const away = [`--zookeeper-servers=127.0.0.1:${port}`, '--timeout=1s'];
    const { code, stdout, stderr, took } = await runBallot(['if-leader', ...away, '--', 'echo', 'ran']);
    expect({ code, stdout }).toEqual({ code: 69, stdout: '' });
    expect(stderr).toMatch(/^ballot: "echo" is not run: no answer from ZooKeeper .*connection refused.*\n$/);
    expectWithin(took, 2500);
    const anyway = await runBallot(['if-leader', '--or-run', ...away, '--', 'sh', '-c', 'echo ran; exit 3']);
    expect(anyway).toMatchObject({ code: 3, stdout: 'ran\n' });
    expect(anyway.stderr).toMatch(/^[^\n]*running the command, though it cannot be known who leads[^\n]*\n$/);
  });

  it('needs a command', async () => {
    const { code, stderr } = await runBallot(['if-leader']);
    expect(code).toBe(64);
    expect(stderr).toContain('if-leader');
  });
});
