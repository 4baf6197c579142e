import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigurationError, UnavailableError } from '../../../src/errors.ts';
import { createFile, diskError, removeDrafts, replaceFile } from '../../../src/local/disk.ts';

const root = join(import.meta.dirname, '../../..');

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ballot-disk-'));
  path = join(folder, 'file');
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('a file that is replaced', () => {
  it('is whole, and there is nothing beside it', () => {
    replaceFile(path, 'one');
    replaceFile(path, 'two');
    expect(readFileSync(path, 'utf8')).toBe('two');
    expect(readdirSync(folder)).toEqual(['file']);
  });

  it('is whole whenever its writer is killed, and what that has left can be removed', async () => {
    for (let round = 0; round < 6; round += 1) {
      const runTs = join(root, 'scripts/run-ts.mjs');
      const writer = spawn(process.execPath, [runTs, join(root, 'test/support/rewriter.ts'), path], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(writer.stdout, 'data');
      await sleep(Math.random() * 20);
      writer.kill('SIGKILL');
      await once(writer, 'exit');
      const found = JSON.parse(readFileSync(path, 'utf8')) as { round: number; padding: string };
      expect(found.padding).toBe(String(found.round).repeat(50_000));
    }
    removeDrafts(folder);
    expect(readdirSync(folder)).toEqual(['file']);
  });

  it('stays as it is when it cannot be replaced, and leaves nothing', () => {
    rmSync(folder, { recursive: true });
    expect(() => replaceFile(path, 'x')).toThrow(/ENOENT/);
  });
});

describe('a file that is created', () => {
  it('is there once: the first one counts', () => {
    expect(createFile(path, 'one')).toBe(true);
    expect(createFile(path, 'two')).toBe(false);
    expect(readFileSync(path, 'utf8')).toBe('one');
    expect(readdirSync(folder)).toEqual(['file']);
  });
});

it('drafts of processes that live are left alone', () => {
  const draft = (pid: number): string => `file.${pid}.00000000-0000-4000-8000-000000000000.tmp`;
  writeFileSync(join(folder, draft(process.pid)), '');
  writeFileSync(join(folder, draft(2 ** 30)), '');
  removeDrafts(folder);
  expect(readdirSync(folder)).toEqual([draft(process.pid)]);
});

describe('an error of the disk', () => {
  const of = (code: string): Error => Object.assign(new Error('what the system says'), { code });

  it('says what, where and why, and what to do', () => {
    const error = diskError('cannot write', '/state/job/lease.json', of('ENOSPC'));
    expect(error.message).toBe(
      'coordinator local: cannot write /state/job/lease.json: no space is left on the disk (ENOSPC)',
    );
    expect(error.hint).toBe('make room there');
    expect(diskError('cannot write', '/x', of('EWHATEVER')).message).toContain('what the system says (EWHATEVER)');
  });

  it.each([
    ['EROFS', ConfigurationError],
    ['EACCES', ConfigurationError],
    ['ENOSPC', UnavailableError],
    ['EIO', UnavailableError],
  ])('%s is tried again if it may mend itself', (code, kind) => {
    expect(diskError('cannot write', '/x', of(code))).toBeInstanceOf(kind);
  });
});
