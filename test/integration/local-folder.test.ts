import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runBallot, type Ended } from '../support/ballot.ts';

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

it.each([['watch'], ['join'], ['is-leader'], ['if-leader', '--', 'true'], ['step-down']])(
  'is refused by ballot %s, which says what works with it',
  async (command, ...rest) => {
    const ended = await runBallot([command, ...flags(), ...rest]);
    expect(ended.stderr).toMatch(/flag --coordinator: coordinator local does not work with this command yet/);
    expect(ended.stderr).toMatch(/it works with ballot run once, ballot run cron, ballot info and ballot history/);
    expect(ended).toMatchObject({ code: 78, stdout: '' });
  },
);

it('says what to install where there is no flock', async () => {
  const args = ['run', 'once', ...flags(), '--', 'true'];
  const { code, stdout } = await runBallot(args, { env: { PATH: '/nonexistent' } });
  expect(stdout).toContain('coordinator local needs the program flock, which is not in PATH (install util-linux');
  expect(code).toBe(78);
});
