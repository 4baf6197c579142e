import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { UnavailableError } from '../../../src/errors.ts';
import { groupNumber } from '../../../src/local/group.ts';

const own = process.getegid?.() as number;

it('is known by its number and by its name', () => {
  const name = execFileSync('id', ['-gn'], { encoding: 'utf8' }).trim();
  expect([groupNumber(String(own)), groupNumber(name)]).toEqual([own, own]);
});

afterEach(() => vi.unstubAllEnvs());

it('may be there where the name service cannot be asked: that is no mistake of the configuration', () => {
  const bin = mkdtempSync(join(tmpdir(), 'ballot-getent-'));
  try {
    writeFileSync(join(bin, 'getent'), '');
    chmodSync(join(bin, 'getent'), 0o600);
    vi.stubEnv('PATH', bin);
    expect(() => groupNumber('no-such-group')).toThrow(UnavailableError);
    expect(() => groupNumber('no-such-group')).toThrow('state-group no-such-group: getent group does not answer');
  } finally {
    rmSync(bin, { recursive: true });
  }
});

it('that is not there is refused', () => {
  expect(() => groupNumber('no-such-group')).toThrow('state-group no-such-group: there is no such group on this host');
});
