import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { UnavailableError } from '../../../src/errors.ts';
import { flock } from '../../../src/local/lock.ts';
import { useFolder } from '../../support/hooks.ts';

const folder = useFolder('lock');

afterEach(() => vi.unstubAllEnvs());

it('says what the program flock has to say when it cannot lock', async () => {
  const programs = join(folder, 'programs');
  mkdirSync(programs);
  writeFileSync(join(programs, 'flock'), '#!/bin/sh\necho "flock: 3: No locks available" >&2\nexit 71\n', {
    mode: 0o755,
  });
  vi.stubEnv('PATH', `${programs}:${process.env['PATH']}`);
  const lock = flock(join(folder, 'lock'), 'place');
  await expect(lock.granted).rejects.toThrow(
    /flock could not lock \S+\/lock: exit code 71: flock: 3: No locks available$/,
  );
  lock.close();
});

it('is unavailable, and may be tried again, where the program cannot be started', () => {
  const loop = join(folder, 'loop');
  symlinkSync(loop, loop);
  vi.stubEnv('PATH', `${loop}:${process.env['PATH']}`);
  expect(() => flock(join(folder, 'lock'), 'place')).toThrow(UnavailableError);
});
