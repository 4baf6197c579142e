import { spawn } from 'node:child_process';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { runBallot, type Ended } from '../support/ballot.ts';
import { ballotPath } from '../support/candidate.ts';
import { pass } from '../support/poll.ts';
import { freePorts } from '../support/ports.ts';
import { restrictedZNode } from '../support/restrict.ts';
import { useZooKeeper } from '../support/stage.ts';
import { expectWithin } from '../support/yardstick.ts';
import { startZooKeeper } from '../support/zookeeper.ts';

const zookeeper = useZooKeeper({ alone: true });

beforeAll(async () => {
  for (const base of ['/rubbish', '/many'])
    await zookeeper.observer.create(base, Buffer.from('{"pid":1}'), 'persistent', { timeout: 3000 });
  const padding = 'x'.repeat(400);
  for (let index = 0; index < 300; index++) {
    const record = JSON.stringify({ candidateId: `${padding}${index}`, hostname: padding });
    await zookeeper.observer.create('/many/proposal-', Buffer.from(record), 'ephemeral-sequential', { timeout: 3000 });
  }
});

const info = (...args: string[]): Promise<Ended> => runBallot(['info', ...args]);

const at = (base: string): string[] => ['--zookeeper-servers', zookeeper.connectString, '--zookeeper-base-path', base];

describe('ballot info', () => {
  it('prints an empty election and exits with 0', async () => {
    const notes = [
      'there is no znode /rubish: no election was ever held there, or somebody has deleted it',
      'the nearest path that exists is /rubbish',
    ];
    const yaml = await info(...at('/rubish'));
    expect(yaml).toMatchObject({ code: 0, stdout: '{}\n' });
    for (const note of notes) expect(yaml.stderr).toContain(note);
    expect(await info(...at('/rubish'), '-o', 'json')).toMatchObject({
      code: 0,
      stdout: '{\n    "leader": {},\n    "candidates": []\n}\n',
    });
    expect(await info(...at('/rubish'), '-o', 'table')).toMatchObject({
      code: 0,
      stdout: ['nobody leads, nobody stands', ...notes, ''].join('\n'),
    });
  });

  it('notes one of several servers that does not serve', async () => {
    const [closed] = (await freePorts(1)) as [number];
    const servers = `127.0.0.1:${closed},${zookeeper.connectString}`;
    const { stdout } = await info('--zookeeper-servers', servers, '--zookeeper-base-path', '/rubbish', '-o', 'table');
    expect(stdout).toContain(`ZooKeeper server 127.0.0.1:${closed} does not serve: connection refused`);
  });

  it('keeps stdout for the report: the most talkative log goes to stderr', async () => {
    const { code, stdout, stderr } = await info(...at('/rubbish'), '--debug', '--log-level', 'trace');
    expect(code).toBe(0);
    expect(parse(stdout)).toMatchObject({ lease: { state: 'unreadable', why: 'pid is not a string' } });
    expect(stderr).toMatch(/session/);
  });

  it('gives a slow reader all of a long report', async () => {
    const args = [ballotPath, 'info', ...at('/many'), '-o', 'json'];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    const pieces: Buffer[] = [];
    await pass(1000);
    for await (const piece of child.stdout) {
      pieces.push(piece as Buffer);
      await pass(20);
    }
    const report = JSON.parse(Buffer.concat(pieces).toString()) as { candidates: unknown[] };
    expect(report.candidates).toHaveLength(300);
  });

  it('does not mind a reader that goes away', async () => {
    const child = spawn(process.execPath, [ballotPath, 'info', ...at('/many')], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.destroy();
    let stderr = '';
    child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('exits with 69 in time when nobody answers, and names the addresses', async () => {
    const [port] = await freePorts(1);
    const { code, stdout, stderr, took } = await info('--zookeeper-servers', `127.0.0.1:${port}`, '--timeout', '1s');
    expect({ code, stdout }).toEqual({ code: 69, stdout: '' });
    expect(stderr).toContain(`127.0.0.1:${port}: connection refused`);
    expectWithin(took, 2500);
  });

  it('exits with 69 within 5 s when the ensemble is frozen', async () => {
    const frozen = await startZooKeeper();
    frozen.server.pause();
    try {
      const { code, stdout, stderr, took } = await info('--zookeeper-servers', frozen.connectString);
      expect({ code, stdout }).toEqual({ code: 69, stdout: '' });
      expect(stderr).toContain(`${frozen.server.address}: `);
      expectWithin(took, 6000);
    } finally {
      await frozen.close();
    }
  });

  it('exits with 77 when an ACL forbids the look', async () => {
    await restrictedZNode(zookeeper.connectString, '/secret');
    const { code, stdout, stderr } = await info(...at('/secret'));
    expect({ code, stdout }).toEqual({ code: 77, stdout: '' });
    expect(stderr).toContain('/secret');
  });

  it('exits with 64 for a format or a time that it does not know', async () => {
    expect(await info(...at('/nobody'), '-o', 'xml')).toMatchObject({ code: 64, stdout: '' });
    expect(await info(...at('/nobody'), '--timeout', '5')).toMatchObject({ code: 64, stdout: '' });
  });
});
