import { readdirSync, readFileSync } from 'node:fs';
import Module from 'node:module';
import { dirname, join } from 'node:path';
import { Script } from 'node:vm';
import { expect, it } from 'vitest';
import { ballotPath } from '../support/candidate.ts';

const chunks = join(dirname(ballotPath), 'chunks');

it('is built with what this Node has compiled of the program, and V8 takes it', () => {
  const name = /program-\w+\.js/.exec(readFileSync(ballotPath, 'utf8'))?.[0] ?? '';
  const cachedData = readFileSync(join(chunks, `${name}.${process.version}-${process.arch}`));
  const source = Module.wrap(readFileSync(join(chunks, name), 'utf8'));
  expect(new Script(source, { filename: join(chunks, name), cachedData }).cachedDataRejected).toBe(false);
});

it('has the packages that most starts do without in files of their own', () => {
  const names = readdirSync(chunks).filter((name) => name.endsWith('.js'));
  expect(new Set(names.map((name) => name.replace(/-\w+\.js$/, '')))).toEqual(
    new Set(['cosmiconfig', 'cron-parser', 'program', 'yaml', 'yargs']),
  );
});
