import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import type { RunConfig, ZooKeeperAuth } from '../../../src/config/config.ts';
import { fields, type Field } from '../../../src/config/options.ts';
import { checkAccess, clientFor } from '../../../src/config/rules.ts';
import { doubtSecrecy, GivenAuth, zookeeperAuth } from '../../../src/config/zookeeper-auth.ts';

const folder = mkdtempSync(join(tmpdir(), 'ballot-auth-'));
afterAll(() => rmSync(folder, { recursive: true }));

const SECRET = 'tr0ub4dor&3';

function written(content: string, mode = 0o600): string {
  const path = join(folder, `file-${Math.random()}`);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

const read = (path: string): ZooKeeperAuth => GivenAuth.inFile(path).read();

describe('zookeeper-auth', () => {
  it.each([
    ['digest:bob:secret', 'digest', 'bob', 'secret'],
    ['SASL-Digest:bob:se:cr et', 'sasl-digest', 'bob', 'se:cr et'],
    ['digest:zoë:grün', 'digest', 'zoë', 'grün'],
  ])('%s', (text, scheme, user, password) => {
    const auth = zookeeperAuth.parse(text);
    expect(auth).toMatchObject({ scheme, user, file: undefined });
    expect(auth?.password()).toBe(password);
  });

  it.each([
    SECRET,
    `digets:bob:${SECRET}`,
    `digest:${SECRET}`,
    `digest::${SECRET}`,
    `digest:bob:${SECRET}\n`,
    'digest:bob:',
  ])('refuses %j without repeating it', (text) => {
    expect(() => zookeeperAuth.parse(text)).toThrow(/must|needs/);
    expect(() => zookeeperAuth.parse(text)).not.toThrow(SECRET);
  });

  it('does not show the password', () => {
    const auth = zookeeperAuth.parse(`digest:bob:${SECRET}`);
    expect(`${JSON.stringify(auth)}${inspect(auth, { depth: 9, showHidden: true })}`).not.toContain(SECRET);
    expect(zookeeperAuth.format(auth)).toBe('digest:***');
  });

  it('is read from a file, with a newline or without, also by a link', () => {
    expect(read(written(`digest:bob:${SECRET}`)).password()).toBe(SECRET);
    const file = written(`sasl-digest:bob:${SECRET}\r\n`);
    expect(read(file)).toMatchObject({ scheme: 'sasl-digest', user: 'bob', file });
    const link = `${file}.link`;
    symlinkSync(file, link);
    expect(read(link).password()).toBe(SECRET);
    expect(zookeeperAuth.format(read(file))).toBe(`file:${file}`);
  });

  it.each([0o604, 0o602, 0o620, 0o644])('refuses a file that others can use: mode %o', (mode) => {
    expect(() => read(written(`digest:bob:${SECRET}`, mode))).toThrow(/other users can|its group can/);
  });

  it('refuses what holds something else, or nothing, without repeating it', () => {
    const fifo = join(folder, 'fifo');
    execFileSync('mkfifo', ['-m', '600', fifo]);
    expect(() => read(fifo)).toThrow('is a FIFO: it must be a regular file');
    expect(() => read(folder)).toThrow('is a folder');
    expect(() => read(join(folder, 'none'))).toThrow('ENOENT');
    for (const content of ['', SECRET, `file:/${SECRET}`, `digest:bob:${SECRET}\ndigest:eve:x`, 'x'.repeat(5000)]) {
      expect(() => read(written(content))).toThrow(/must be one line|more than one line|is longer than/);
      expect(() => read(written(content))).not.toThrow(SECRET);
    }
  });

  it('needs an absolute path of a file', () => {
    expect(() => zookeeperAuth.parse('file:auth')).toThrow('absolute path');
  });

  it('warns where others can read it', () => {
    const auth = zookeeperAuth.parse(`digest:bob:${SECRET}`) as ZooKeeperAuth;
    expect(doubtSecrecy(auth, 'flag --zookeeper-auth')).toContain('(ps)');
    expect(doubtSecrecy(auth, `${written('', 0o644)}:3`)).toContain('other users can read the password');
    expect(doubtSecrecy(auth, `${written('', 0o600)}:3`)).toBeUndefined();
    expect(doubtSecrecy(auth, 'environment BALLOT_ZOOKEEPER_AUTH')).toBeUndefined();
    expect(doubtSecrecy(GivenAuth.inFile('/x'), 'flag --zookeeper-auth')).toBeUndefined();
  });
});

describe('what it asks of other options', () => {
  const sources = Object.fromEntries(fields.map((field) => [field, `from ${field}`])) as Record<Field, string>;
  const usual = {
    zookeeperAuth: undefined,
    zookeeperAcl: 'open',
    zookeeperClient: 'auto',
    zookeeperTlsCert: undefined,
    mixedFleet: false,
  } as const;
  const check = (changes: Partial<RunConfig>): string[] => checkAccess({ ...usual, ...changes }, sources);
  const [digest, sasl] = ['digest:bob:x', 'sasl-digest:bob:x'].map((text) => zookeeperAuth.parse(text));

  it('nothing, where all fits', () => {
    expect(check({})).toEqual([]);
    expect(check({ zookeeperAuth: digest, zookeeperAcl: 'creator', zookeeperClient: 'native' })).toEqual([]);
    expect(check({ zookeeperAuth: sasl, zookeeperAcl: 'creator' })).toEqual([]);
    expect(check({ zookeeperTlsCert: '/etc/cert.pem', zookeeperAcl: 'creator' })).toEqual([]);
  });

  it('SASL is not for the native client, and auto takes the other', () => {
    expect(check({ zookeeperAuth: sasl, zookeeperClient: 'native' })).toEqual([
      'zookeeper-client native (from zookeeperClient) knows no SASL, which zookeeper-auth (from zookeeperAuth) asks for: choose auto or wire',
    ]);
    expect(clientFor({ zookeeperAuth: sasl, zookeeperClient: 'auto' })).toBe('wire');
    expect(clientFor({ zookeeperAuth: digest, zookeeperClient: 'auto' })).toBe('auto');
  });

  it('creator needs an identity, and all of the fleet', () => {
    expect(check({ zookeeperAcl: 'creator' })).toEqual([
      'zookeeper-acl creator (from zookeeperAcl) needs an identity to make znodes for: set zookeeper-auth, or zookeeper-tls-cert',
    ]);
    expect(check({ zookeeperAcl: 'creator', zookeeperAuth: digest, mixedFleet: true })).toEqual([
      "zookeeper-acl creator (from zookeeperAcl) cannot go with mixed-fleet true (from mixedFleet): Go's ballot cannot authenticate, and would be shut out",
    ]);
  });
});
