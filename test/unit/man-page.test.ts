/** The manual page and the examples of every command. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { onPath } from '../../scripts/zookeeper-home.mjs';
import { commands } from '../../src/cli/commands.ts';
import { commonFlags } from '../../src/cli/flags.ts';
import { fields, keyOf } from '../../src/config/options.ts';

const path = join(import.meta.dirname, '../../man/ballot.1');
const page = readFileSync(path, 'utf8').replaceAll('\\-', '-');

describe('the manual page', () => {
  it('has every command with its summary and examples, and every option', () => {
    const words = page.replaceAll(/\s+/g, ' ').toLowerCase();
    for (const { path: name, summary, examples } of commands) {
      expect(page).toContain(`.SS "ballot ${name.join(' ')} `);
      expect(words).toContain(summary.toLowerCase());
      for (const [line] of examples) expect(page.split('\n')).toContain(line);
    }
    for (const field of fields) expect(page).toContain(`.B "--${keyOf(field)} `);
  });

  it.each([
    ['mandoc', ['-Tlint', '-Wwarning']],
    ['groff', ['-man', '-Tutf8', '-ww', '-z']],
  ])('pleases %s, where that is installed', (program, args) => {
    if (onPath(program) === undefined) return;
    const { status, stdout, stderr } = spawnSync(program, [...args, path], { encoding: 'utf8', timeout: 60_000 });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
  });
});

describe('the examples of a command', () => {
  it.each(commands.map((command) => [command.path.join(' '), command] as const))('ballot %s', (name, command) => {
    expect(command.examples.length).toBeGreaterThan(0);
    const known = [...command.flags, ...commonFlags].flatMap(({ name: long, alias }) => [`--${long}`, `-${alias}`]);
    for (const [line] of command.examples) {
      // Without quoted arguments, the command to run, and what the shell does with the output.
      const own = line.replaceAll(/'[^']*'/g, 'quoted').split(/ -- | \| | > |\)$/)[0] ?? '';
      expect(own).toContain(`ballot ${name}`);
      expect(known).toEqual(expect.arrayContaining(own.match(/(?<= )--?[a-z-]+/g) ?? []));
    }
  });
});
