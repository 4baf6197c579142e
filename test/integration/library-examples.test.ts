/** The examples, and the programs of docs/library.md: each is run. */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { useFolder } from '../support/hooks.ts';
import { Program } from '../support/library.ts';
import { useZooKeeper } from '../support/stage.ts';

const root = join(import.meta.dirname, '../..');
const zookeeper = useZooKeeper({ observer: false });

const folder = useFolder('documents');

const start = (path: string, ...args: string[]): Program =>
  new Program(path, args, { ZOOKEEPER: zookeeper.connectString, STATE: folder });

describe('docs/library.md', () => {
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(root, join(folder, 'node_modules/ballot'));
  const text = readFileSync(join(root, 'docs/library.md'), 'utf8');
  const programs = new Map(
    [...text.matchAll(/^```js\n([^]*?)^```$/gm)].map(([, program = '']) => {
      const name = /election: 'doc-(\w+)'/.exec(program)?.[1] ?? '';
      const path = join(folder, `${name}.mjs`);
      writeFileSync(path, program);
      return [name, path] as const;
    }),
  );

  it.each([
    ['report', ['report report, written under token'], 'by itself', []],
    ['latch', ['leads with token'], 'by itself', []],
    ['events', ['leads'], 'by SIGTERM', ['leads no more:', 'has left']],
    ['worker', ['one piece of work, token'], 'by SIGTERM', ['closed']],
    ['service', ['serves on port', 'tidies up'], 'by SIGTERM', []],
    ['local', ['alone on this host, token'], 'by itself', []],
  ] as const)('has a program that runs: %s', async (name, first, how, last) => {
    await using program = start(programs.get(name) as string);
    for (const line of first) await program.prints(line);
    if (how === 'by SIGTERM') program.child.kill('SIGTERM');
    for (const line of last) await program.prints(line);
    expect([await program.ended, program.stderr]).toEqual([0, '']);
  });

  it('has no program that is not run', () => {
    expect([...programs.keys()]).toEqual(['report', 'latch', 'events', 'worker', 'service', 'local']);
  });
});

describe('examples/latch', () => {
  const latch = join(root, 'examples/latch/main.mjs');

  it('works in one process at a time; the next one begins when that one ends, or is killed', async () => {
    await using a = start(latch, 'a', '1000000');
    await a.prints('a leads');
    await using b = start(latch, 'b', '1000000');
    await b.prints('b waits');
    await using c = start(latch, 'c', '3');
    await c.prints('c waits');
    a.child.kill('SIGTERM');
    expect(await a.ended).toBe(0);
    expect(a.lines.at(-1)).toBe('a has left');
    await b.prints('b has done step');
    expect(c.lines).toEqual(['c waits']);
    b.child.kill('SIGKILL');
    expect(await c.ended).toBe(0);
    expect(c.lines.slice(-2)).toEqual(['c has done step 3', 'c has left']);
  });
});

describe('examples/elect', () => {
  const elect = join(root, 'examples/elect/main.mjs');

  it('says who leads and who follows, and another leads when that one is ended', async () => {
    await using a = start(elect, 'a');
    await a.prints('a leads, fencing token');
    await using b = start(elect, 'b');
    await b.prints('b stands with a (leads), b');
    await b.prints('b follows');
    a.child.kill('SIGINT');
    await a.prints('a leads no more: this candidate of /ballot/example-elect is closed');
    await a.prints('a has left');
    expect(await a.ended).toBe(0);
    await b.prints('b leads, fencing token');
    b.child.kill('SIGTERM');
    expect(await b.ended).toBe(0);
  });
});
