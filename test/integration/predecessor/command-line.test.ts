import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { runBallot, type Ended } from '../../support/ballot.ts';
import type { Candidate } from '../../support/candidate.ts';
import { freePorts } from '../../support/ports.ts';
import { EXIT, useZooKeeper, type Stage } from '../../support/stage.ts';

const zookeeper = useZooKeeper({ observer: false });
let folder: string;
let dead: string;

beforeAll(async () => {
  dead = `127.0.0.1:${(await freePorts(1))[0]}`;
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ballot-command-line-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Ballot in an empty folder, with nothing but `env` in its environment. */
function ballot(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return runBallot(args, { cwd: folder, env: { HOME: folder, ...env } });
}

const once = (flags: readonly string[], script: string, env?: NodeJS.ProcessEnv): Promise<Ended> => {
  const own = ['--zookeeper-base-path', `/line${folder.replaceAll('/', '-')}`, '--on-child-success', 'exit'];
  return ballot(['run', 'once', ...own, ...flags, '--', 'sh', '-c', script], env);
};

describe('ballot run once', () => {
  it('--wrap-child-logs false runs the command unwrapped, not a command “false” (defect 26)', async () => {
    const { code, stdout } = await once(
      ['--zookeeper-servers', zookeeper.connectString, '--wrap-child-logs', 'false'],
      'echo ran',
    );
    expect(code).toBe(0);
    expect(stdout.split('\n')).toContain('ran');
  });

  it.each([
    ['repeated flags', () => ['--zookeeper-servers', zookeeper.connectString, '--zookeeper-servers', dead], {}],
    [
      'repeated flags, the other way round',
      () => ['--zookeeper-servers', dead, '--zookeeper-servers', zookeeper.connectString],
      {},
    ],
    ['commas', () => ['--zookeeper-servers', `${dead},${zookeeper.connectString}`], {}],
  ])('connects to any server of a list: %s (defect 20)', async (_, flags) => {
    const { code, stdout } = await once([...flags(), '--on-election-failure', 'exit'], 'echo ran');
    expect(code).toBe(0);
    expect(stdout).toContain('ran');
  });

  it.each([
    ['the environment', { CANDIDATE_ID: 'somebody' }, ''],
    ['the environment with the prefix', { BALLOT_CANDIDATE_ID: 'somebody' }, ''],
    ['a file', {}, 'candidate-id: somebody\n'],
  ])('stands under a candidate id from %s (defect 21)', async (_, env, file) => {
    writeFileSync(join(folder, 'ballot.yaml'), file);
    const { code, stdout } = await once(
      ['--zookeeper-servers', zookeeper.connectString, '--log-format', 'json'],
      'echo "I am $BALLOT_CANDIDATE_ID"',
      env,
    );
    expect(code).toBe(0);
    expect(stdout).toContain('I am somebody');
    expect(stdout).toContain('"candidateId":"somebody"');
  });
});

describe('ballot info', () => {
  let stage: Stage;
  let leader: Candidate;
  beforeAll(async () => {
    stage = zookeeper.stage();
    leader = await stage.stand({ id: 'leader', flags: EXIT });
  });
  afterAll(() => stage?.[Symbol.asyncDispose]());

  it.each(['yaml', 'json'])('keeps warnings out of its %s (defect 18)', async (format) => {
    const args = ['info', '-o', format, '--zookeeper-base-path', stage.basePath];
    const { code, stdout, stderr } = await ballot(args, {
      DEBUG: '*',
      ZOOKEEPER_SERVERS: `${dead},${zookeeper.connectString}`,
    });
    expect(code).toBe(0);
    expect(stderr).toContain('environment DEBUG: debug "*"');
    const report = (format === 'json' ? JSON.parse(stdout) : parse(stdout)) as { leader: Record<string, unknown> };
    expect(report.leader[format === 'json' ? 'candidateId' : 'id']).toBe(leader.id);
  });
});
