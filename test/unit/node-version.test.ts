import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeProblem } from '../../scripts/node-version.mjs';

const WORKS = 'use Node 24 (22 and 20.19 or newer work too)';
const NOT_ON_26 = `zookeeper 7.3.0, which ballot needs, does not compile on Node 26: ${WORKS}`;

describe('the Node that ballot can be installed on', () => {
  it.each(['20.19.0', '20.20.2', '22.13.0', '24.0.0', '24.21.0', '25.9.0'])('%s is one', (node) => {
    expect(nodeProblem(node, '7.3.0')).toBeUndefined();
  });

  it.each([
    ['18.20.8', `ballot does not run on Node 18.20.8: ${WORKS}`],
    ['20.18.3', `ballot does not run on Node 20.18.3: ${WORKS}`],
    ['26.0.0', NOT_ON_26],
    ['27.1.0', NOT_ON_26.replace('26', '27')],
  ])('%s is none, and the sentence says which are', (node, sentence) => {
    expect(nodeProblem(node, '7.3.0')).toBe(sentence);
  });

  it('may be 26 with a newer zookeeper, or one that is not known', () => {
    expect(nodeProblem('26.0.0', '7.4.0')).toBeUndefined();
    expect(nodeProblem('26.0.0', undefined)).toBeUndefined();
  });
});

/** A checkout as it is after `git clone`, as far as the set-up looks at it. */
let checkout: string;
beforeAll(() => {
  checkout = mkdtempSync(join(tmpdir(), 'ballot-checkout-'));
  const root = join(import.meta.dirname, '../..');
  for (const name of ['scripts', 'package.json', 'package-lock.json'])
    cpSync(join(root, name), join(checkout, name), { recursive: true });
});
afterAll(() => rmSync(checkout, { recursive: true }));

/** What a script of the checkout says on a Node that calls itself 26. Without a PATH it can install nothing. */
function onNode26(script: string): { status: number | null; stdout: string; stderr: string } {
  const as26 = `Object.defineProperty(process,'versions',{value:{...process.versions,node:'26.0.0'}})`;
  const args = ['--import', `data:text/javascript,${as26}`, join(checkout, 'scripts', script)];
  return spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 60_000, env: { PATH: '' } });
}

describe('on Node 26', () => {
  it.each([
    ['npm test', 'test.mjs'],
    ['npm run demo', 'demo.mjs'],
  ])('%s ends with one sentence', (_, script) => {
    expect(onNode26(script)).toMatchObject({ status: 1, stdout: '', stderr: `set-up: ${NOT_ON_26}\n` });
  });

  it('an installation ends with one sentence, before anything is compiled', () => {
    const zookeeper = join(checkout, 'node_modules/zookeeper');
    mkdirSync(zookeeper, { recursive: true });
    writeFileSync(join(zookeeper, 'package.json'), '{ "version": "7.3.0" }');
    expect(onNode26('node-version.mjs')).toMatchObject({ status: 1, stdout: '', stderr: `${NOT_ON_26}\n` });
  });
});
