import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mayCompile, nodeProblem } from '../../scripts/node-version.mjs';

const WORKS = 'use Node 24 (22, 26, and 20.19 or newer work too)';

describe('the Node that ballot can be installed on', () => {
  it.each(['20.19.0', '20.20.2', '22.13.0', '24.0.0', '24.21.0', '25.9.0', '26.0.0', '26', '27.1.0'])(
    '%s is one',
    (node) => {
      expect(nodeProblem(node)).toBeUndefined();
    },
  );

  it.each(['18.20.8', '20.18.3', '20.18'])('%s is none, and the sentence says which are', (node) => {
    expect(nodeProblem(node)).toBe(`ballot does not run on Node ${node}: ${WORKS}`);
  });
});

describe('the Node that the native client compiles on', () => {
  it.each([
    ['24.21.0', '7.3.0', true],
    ['26.0.0', '7.3.0', false],
    ['26.0.0', '7.4.0', true],
    ['26.0.0', undefined, true],
  ])('%s, with zookeeper %s: %s', (node, zookeeper, expected) => {
    expect(mayCompile(node, zookeeper)).toBe(expected);
  });
});

/** What a script says on a Node that calls itself 18. Without a PATH it can install nothing. */
function onNode18(script: string): { status: number | null; stdout: string; stderr: string } {
  const as18 = `Object.defineProperty(process,'versions',{value:{...process.versions,node:'18.20.8'}})`;
  const args = ['--import', `data:text/javascript,${as18}`, join(import.meta.dirname, '../../scripts', script)];
  return spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 60_000, env: { PATH: '' } });
}

describe('on Node 18', () => {
  it.each([
    ['npm test', 'test.mjs', 'set-up: '],
    ['npm run demo', 'demo.mjs', 'set-up: '],
    ['an installation', 'node-version.mjs', ''],
  ])('%s ends with one sentence', (_, script, before) => {
    const stderr = `${before}ballot does not run on Node 18.20.8: ${WORKS}\n`;
    expect(onNode18(script)).toMatchObject({ status: 1, stdout: '', stderr });
  });
});
