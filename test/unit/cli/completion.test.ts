/** The scripts that `ballot completion` prints, in real shells. zsh is tested where it is installed. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { onPath } from '../../../scripts/zookeeper-home.mjs';
import { bashCompletion } from '../../../src/cli/completion/bash.ts';
import { completionTable } from '../../../src/cli/completion/table.ts';
import { zshCompletion } from '../../../src/cli/completion/zsh.ts';
import { commands } from '../../../src/cli/commands.ts';
import { commonFlags } from '../../../src/cli/flags.ts';
import { useFolder } from '../../support/hooks.ts';

const folder = useFolder('completion');
const support = join(import.meta.dirname, '../../support');
const table = completionTable(commands, commonFlags);

beforeAll(() => {
  writeFileSync(join(folder, 'bash'), bashCompletion(table, '0.0.0-test'));
  writeFileSync(join(folder, 'zsh'), zshCompletion(table, '0.0.0-test'));
  writeFileSync(join(folder, 'ballot.yaml'), '');
  mkdirSync(join(folder, 'balls'));
});

/** The words of a line, cut as readline does: at white space, and around each run of the other breaks. */
function cutByReadline(line: string, breaks = '=:'): string[] {
  const words = line.match(new RegExp(`[${breaks}]+|[^\\s${breaks}]+`, 'g')) ?? [];
  return /\s$/.test(line) ? [...words, ''] : words;
}

function inBash(line: string, { breaks = '=:', before = '' } = {}): string[] {
  const script = join(folder, before === '' ? 'bash' : 'bash-with-more');
  if (before !== '') writeFileSync(script, `${before}\nsource "${join(folder, 'bash')}"\n`);
  const args = ['--norc', join(support, 'offered.bash'), script, line, ...cutByReadline(line, breaks)];
  const { status, stdout, stderr } = spawnSync('bash', args, { cwd: folder, encoding: 'utf8', timeout: 60_000 });
  expect({ status, stderr }, line).toEqual({ status: 0, stderr: '' });
  return stdout.split('\n').filter((offer) => offer !== '');
}

function inZsh(line: string): string[] {
  const file = join(folder, 'offered');
  rmSync(`${file}.done`, { force: true });
  execFileSync('zsh', ['-f', join(support, 'offered.zsh'), join(folder, 'zsh'), line, file], {
    cwd: folder,
    timeout: 90_000,
    stdio: 'ignore',
  });
  return readFileSync(`${file}.done`, 'utf8').split('\n').filter(Boolean);
}

const first = [...new Set(commands.map(({ path }) => path[0] ?? ''))];
const flagsOf = (...path: string[]): string[] => {
  const { flags } = commands.find((command) => command.path.join(' ') === path.join(' ')) ?? { flags: [] };
  return [...flags, ...commonFlags].flatMap(({ name, alias }) => [`--${name}`, ...(alias ? [`-${alias}`] : [])]);
};
const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'panic'];

/** A line, and all that is offered at its end: in both shells. */
const LINES: [line: string, offered: string[]][] = [
  ['ballot ', first],
  ['ballot sch', ['schedule']],
  ['ballot run ', ['once', 'cron']],
  ['ballot completion ', ['bash', 'zsh']],
  ['ballot run once ', [...flagsOf('run', 'once'), '--']],
  ['ballot run once --on-c', ['--on-child-success', '--on-child-error']],
  ['ballot info --', flagsOf('info').filter((flag) => flag.startsWith('--'))],
  ['ballot run once --log-level ', LEVELS],
  ['ballot run once --log-level=d', ['debug']],
  ['ballot run once --log-level=', LEVELS],
  ['ballot --log-level debug run on', ['once']],
  ['ballot --zookeeper-servers zk1:2181,zk2 run cr', ['cron']],
  ['ballot --zookeeper-servers=zk1:2181 run cr', ['cron']],
  ['ballot run cron --debug --conc', ['--concurrency']],
  ['ballot --debug run on', ['once']],
  ['ballot --debug false run on', ['once']],
  // What the command offers depends on the command.
  ['ballot schedule -o ', ['text', 'json']],
  ['ballot history -o t', ['table']],
  ['ballot info --config-file bal', ['ballot.yaml', 'balls']],
  ['ballot info --config-file=ballot', ['ballot.yaml']],
  // Nothing is known of these values.
  ['ballot run once --kill-after ', []],
];

const sorted = (words: readonly (string | undefined)[]): string[] => words.map(String).toSorted();
/** zsh marks folders with a slash. */
const plain = (offers: readonly string[]): string[] => offers.map((offer) => offer.replace(/\/$/, ''));

describe('bash', () => {
  it.each(LINES)('%j', (line, offered) => {
    expect(sorted(inBash(line))).toEqual(sorted(offered));
  });

  it('offers no option of ballot after --, but commands and files', () => {
    expect(inBash('ballot run once -- --')).toEqual([]);
    expect(inBash('ballot run once -- whoa')).toContain('whoami');
    expect(inBash('ballot run once -- cat ballot')).toEqual(['ballot.yaml']);
    expect(sorted(inBash('ballot run once -- ./bal'))).toEqual(['./ballot.yaml', './balls']);
    expect(inBash('ballot run once --debug -- env --log-level ')).toEqual(inBash('ballot run once -- env '));
    expect(inBash('ballot info -- ')).toEqual([]);
    // As ballot takes it without -- too.
    expect(inBash('ballot run once whoa')).toContain('whoami');
  });

  it('leaves the command to the package bash-completion where that is loaded', () => {
    const before = '_command_offset() { COMPREPLY=("from $1: ${COMP_WORDS[$1]}"); }';
    // With = and : counted as words of their own.
    expect(inBash('ballot run once --log-level=info -- git chec', { before })).toEqual(['from 7: git']);
  });

  it('replaces all of --flag=value where bash does not cut at =', () => {
    expect(inBash('ballot run once --log-level=d', { breaks: ':' })).toEqual(['--log-level=debug']);
  });

  it('is registered for ballot', () => {
    const { stdout } = spawnSync('bash', ['--norc', '-c', `source "${join(folder, 'bash')}"; complete -p`], {
      encoding: 'utf8',
    });
    expect(stdout).toBe('complete -F _ballot ballot\n');
  });
});

describe.runIf(onPath('zsh') !== undefined)('zsh (skipped where it is not installed: apt-get install zsh)', () => {
  it.each(LINES.filter((_, i) => i % 2 === 0))('%j', (line, offered) => {
    expect(sorted(plain(inZsh(line)))).toEqual(sorted(offered));
  });

  it('offers no option of ballot after --, but commands and files', () => {
    expect(inZsh('ballot run once -- whoa')).toContain('whoami');
    expect(inZsh('ballot run once -- cat ballot')).toEqual(['ballot.yaml']);
    expect(inZsh('ballot run once --debug -- unknown --l')).toEqual([]);
  });
});
