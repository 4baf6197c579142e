import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { useFolder } from '../support/hooks.ts';

const root = join(import.meta.dirname, '../..');

function run(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: 120_000 });
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

/** The tarball of `npm pack`, unpacked where no `node_modules` folder is near. */
const folder = useFolder('package');
let unpacked: string;
beforeAll(() => {
  const tarball = run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder], root).trim();
  unpacked = join(folder, 'package');
  mkdirSync(unpacked);
  run('tar', ['-xzf', join(folder, tarball), '-C', folder], folder);
});

interface Manifest {
  readonly dependencies?: Record<string, string>;
  readonly optionalDependencies: Record<string, string>;
  readonly scripts: Record<string, string>;
}

const manifest = (): Manifest => JSON.parse(readFileSync(join(unpacked, 'package.json'), 'utf8'));

/** The packages whose code is in the bundle: their licences are passed on with it. */
const bundled = (): string[] =>
  readFileSync(join(unpacked, 'dist/THIRD-PARTY-LICENSES.txt'), 'utf8')
    .split(`\n${'-'.repeat(80)}\n\n`)
    .map((notice) => /^(\S+) \d/.exec(notice)?.[1] ?? notice.slice(0, 80));

describe('the packed package', () => {
  it('has a package in its bundle or installs it, never both', () => {
    expect(bundled()).toEqual(expect.arrayContaining(['cron-parser', 'luxon', 'yargs', 'yaml']));
    expect(manifest().dependencies).toBeUndefined();
    expect(Object.keys(manifest().optionalDependencies)).toEqual(['zookeeper']);
    expect(bundled()).not.toContain('zookeeper');
  });

  it('reads schedules without any package beside it', () => {
    const from = ['--from', '2026-11-26T00:00:00Z', '--timezone', 'UTC', '-n', '1'];
    expect(run(process.execPath, ['dist/main.js', 'schedule', '30 4 * * fri#1', ...from], unpacked)).toContain(
      '2026-12-04T04:30:00',
    );
  });

  it('brings the script that npm runs before an installation, and it lets this Node pass', () => {
    expect(manifest().scripts['preinstall']).toBe('node scripts/node-version.mjs');
    expect(run(process.execPath, ['scripts/node-version.mjs'], unpacked)).toBe('');
  });
});
