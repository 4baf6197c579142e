import { spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runBallot, type Ended, type Surroundings } from '../support/ballot.ts';
import { ballotPath } from '../support/candidate.ts';
import { poll } from '../support/poll.ts';

const ELECTION = 'job';
/** Two users that have nothing. */
const [ONE, OTHER] = [65_534, 65_533];
const isRoot = process.getuid?.() === 0;

let base: string;
let stateDir: string;
let folder: string;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'ballot-folder-'));
  chmodSync(base, 0o755);
  stateDir = join(base, 'state');
  folder = join(stateDir, ELECTION);
});

afterEach(() => rmSync(base, { recursive: true, force: true }));

const flags = (): string[] => ['--coordinator=local', `--state-dir=${stateDir}`, `--election=${ELECTION}`];

function run(uid?: number): Promise<Ended> {
  return runBallot(['run', 'once', ...flags(), '--on-child-success=exit', '--', 'true'], { uid });
}

it('is made with its parents, for its user alone', async () => {
  stateDir = join(base, 'a/b/state');
  expect(await run()).toMatchObject({ code: 0 });
});

describe('a folder that must not be used is refused with 78 and a sentence', () => {
  it.each<[string, () => void, RegExp]>([
    [
      'a symbolic link',
      () => {
        mkdirSync(join(base, 'elsewhere'), { mode: 0o700 });
        symlinkSync(join(base, 'elsewhere'), folder);
      },
      /is a symbolic link/,
    ],
    ['a file', () => writeFileSync(folder, ''), /is no folder/],
    ['open to others', () => chmodSync((mkdirSync(folder), folder), 0o750), /is open to other users \(mode 0750\)/],
    [
      'with a lock that is a symbolic link',
      () => {
        mkdirSync(folder, { mode: 0o700 });
        symlinkSync(join(base, 'victim'), join(folder, 'lock'));
      },
      /cannot open the lock .*: it is a symbolic link \(ELOOP\)/,
    ],
    ['in a parent that others may change', () => chmodSync(stateDir, 0o777), /other users may rename what is in it/],
  ])('%s', async (_what, prepare, sentence) => {
    mkdirSync(stateDir, { mode: 0o700 });
    prepare();
    const { code, stdout } = await run();
    expect(stdout).toMatch(sentence);
    expect(code).toBe(78);
  });

  it.skipIf(!isRoot)('of another user', async () => {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chownSync(folder, ONE, ONE);
    const { code, stdout } = await run();
    expect(stdout).toContain(`belongs to another user (uid ${ONE}, this is 0)`);
    expect(code).toBe(78);
  });

  it.skipIf(!isRoot)('that this user may not write', async () => {
    mkdirSync(stateDir, { mode: 0o755 });
    const { code, stdout } = await run(ONE);
    expect(stdout).toMatch(/cannot make the folder .*: permission denied \(EACCES\)/);
    expect(code).toBe(78);
  });
});

it.skipIf(!isRoot)('keeps two users apart: neither stands in, nor reads, the other’s election', async () => {
  mkdirSync(stateDir, { mode: 0o755 });
  mkdirSync(folder, { mode: 0o700 });
  chownSync(folder, ONE, ONE);
  expect(await run(ONE)).toMatchObject({ code: 0 });
  const stranger = await run(OTHER);
  expect(stranger.stdout).toContain(`belongs to another user (uid ${ONE}, this is ${OTHER})`);
  expect(stranger.code).toBe(78);
  const report = await runBallot(['info', ...flags()], { uid: OTHER });
  expect(report.stderr).toContain('belongs to another user');
  expect(report.code).toBe(78);
});

describe('options without a meaning beside the coordinator', () => {
  it('are an error as flags', async () => {
    const { code, stderr } = await runBallot(['run', 'once', ...flags(), '--lease-duration=5s', '--', 'true']);
    expect(stderr).toContain('flag --lease-duration: means nothing with coordinator local (flag --coordinator)');
    expect(code).toBe(78);
  });

  it('are a warning from the environment', async () => {
    const args = ['run', 'once', ...flags(), '--on-child-success=exit', '--', 'true'];
    const { code, stdout } = await runBallot(args, { env: { BALLOT_ZOOKEEPER_SERVERS: 'zk1' } });
    expect(stdout).toContain('environment BALLOT_ZOOKEEPER_SERVERS: zookeeper-servers has no effect with coordinator');
    expect(code).toBe(0);
  });
});

describe.skipIf(!isRoot)('an election that a group shares', () => {
  const GROUP = 65_000;
  const shared = (): string[] => [...flags(), `--state-group=${GROUP}`];
  const member = (uid: number): Surroundings => ({ uid, gid: GROUP });
  const runShared = (who: Surroundings): Promise<Ended> =>
    runBallot(['run', 'once', ...shared(), '--on-child-success=exit', '--', 'true'], who);

  beforeEach(() => {
    mkdirSync(stateDir);
    chownSync(stateDir, 0, GROUP);
    chmodSync(stateDir, 0o2770);
  });

  it('is led by each of its users, one after the other, and seen and steered by all', async () => {
    for (const uid of [ONE, OTHER]) expect(await runShared(member(uid))).toMatchObject({ code: 0 });
    const { uid, gid, mode } = statSync(folder);
    expect([uid, gid, mode & 0o7777]).toEqual([ONE, GROUP, 0o2770]);
    const modes = ['lock', 'lease.json'].map((name) => statSync(join(folder, name)));
    expect(modes.map((stats) => [stats.gid, stats.mode & 0o777])).toEqual([
      [GROUP, 0o660],
      [GROUP, 0o660],
    ]);
    const runs = await runBallot(['history', ...shared(), '-o', 'json'], member(ONE));
    expect(JSON.parse(runs.stdout)).toHaveLength(2);
    const inside = await runBallot(
      [
        'run',
        'once',
        ...shared(),
        '--on-child-success=exit',
        '--',
        process.execPath,
        ballotPath,
        'info',
        '-o',
        'table',
      ],
      member(OTHER),
    );
    expect(inside.stdout).toContain('lease: held by');
    const leader = spawn(process.execPath, [ballotPath, 'join', ...shared(), '--candidate-id=one'], {
      ...member(ONE),
      stdio: 'ignore',
      env: { PATH: process.env['PATH'], HOME: '/nonexistent' },
    });
    const ended = new Promise((resolve) => leader.once('exit', resolve));
    try {
      const leads = (): Promise<Ended> => runBallot(['is-leader', ...shared(), '--candidate-id=one'], member(OTHER));
      await poll(async () => (await leads()).code === 0, { what: 'the leader' });
      const asked = await runBallot(['step-down', ...shared()], member(OTHER));
      expect(asked.stdout).toMatch(/^one on \S+, term \d+ is asked to step down\n$/);
    } finally {
      leader.kill('SIGTERM');
      await ended;
    }
    expect(readdirSync(stateDir)).toEqual([ELECTION]);
  });

  it('is closed to users of no such group, whatever they say', async () => {
    await runShared(member(ONE));
    const stranger = { uid: OTHER, gid: OTHER };
    for (const command of ['info', 'is-leader', 'step-down', 'history'])
      for (const where of [flags(), shared()]) {
        const { code, stderr } = await runBallot([command, ...where], stranger);
        expect({ code, stderr }).toMatchObject({
          code: 78,
          stderr: expect.stringMatching(/permission denied|not in that group/) as string,
        });
      }
    const standing = await runBallot(['join', ...flags()], stranger);
    expect(standing.stdout).toMatch(
      /ERROR the election failed why="state-dir .*: other users may rename what is in it/,
    );
    expect(standing.code).toBe(78);
  });

  it.each<[string, () => void, RegExp]>([
    ['that is one user’s', () => mkdirSync(folder, { mode: 0o700 }), /is not open to the group 65000 \(mode 2700\)/],
    ['open to all', () => chmodSync((mkdirSync(folder), folder), 0o2777), /is open to all users \(mode 2777\)/],
    ['of another group', () => chownSync((mkdirSync(folder), folder), 0, 1), /is not of the group 65000/],
    ['in a parent that all may change', () => chmodSync(stateDir, 0o2777), /other users may rename what is in it/],
  ])('must not be %s', async (_what, prepare, sentence) => {
    prepare();
    const { code, stdout } = await runShared({});
    expect(stdout).toMatch(sentence);
    expect(code).toBe(78);
  });

  it('is refused without the option', async () => {
    await runShared({});
    const { code, stderr } = await runBallot(['info', ...flags()]);
    expect(stderr).toContain('is open to other users (mode 2770)');
    expect(stderr).toContain('say with --state-group which group shares it');
    expect(code).toBe(78);
  });
});

it('is not shared with a group that there is not', async () => {
  const { code, stderr } = await runBallot(['info', ...flags(), '--state-group=no-such-group']);
  expect(stderr).toContain('state-group no-such-group: there is no such group on this host');
  expect(code).toBe(78);
});

it('says what to install where there is no flock', async () => {
  const args = ['run', 'once', ...flags(), '--', 'true'];
  const { code, stdout } = await runBallot(args, { env: { PATH: '/nonexistent' } });
  expect(stdout).toContain('coordinator local needs the program flock, which is not in PATH (install util-linux');
  expect(code).toBe(78);
});
