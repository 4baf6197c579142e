import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkLayers } from '../../scripts/layers.mjs';

let src: string;
beforeEach(() => {
  src = mkdtempSync(join(tmpdir(), 'ballot-layers-'));
});
afterEach(() => rmSync(src, { recursive: true }));

/** What the rule says about these files; `targets` are empty files that they import. */
function check(file: string, code: string, targets: readonly string[] = []): string[] {
  for (const [path, text] of [...targets.map((target) => [target, '']), [file, code]] as [string, string][]) {
    mkdirSync(dirname(join(src, path)), { recursive: true });
    writeFileSync(join(src, path), text);
  }
  return checkLayers(src);
}

/** The import of `target` by `file` as each of the three forms, which must fare alike. */
function importing(file: string, target: string): string[] {
  const way = `${'../'.repeat(file.split('/').length - 1) || './'}${target}`;
  const forms = [`import { a } from '${way}';\n`, `export * from '${way}';\n`, `const a = await import('${way}');\n`];
  const said = forms.map((form) => check(file, form, [target]).join('\n'));
  expect(new Set(said).size).toBe(1);
  return said[0] === '' ? [] : [said[0] as string];
}

describe('the layer rule', () => {
  it.each([
    ['main.ts', 'cli/program.ts'],
    ['cli/config.ts', 'config/load.ts'],
    ['cli/run.ts', 'zookeeper/session.ts'],
    ['cli/run.ts', 'child/launch.ts'],
    ['cli/info.ts', 'election/inspect.ts'],
    ['config/schedule.ts', 'schedule/grammar.ts'],
    ['supervisor/supervisor.ts', 'election/election.ts'],
    ['election/campaign.ts', 'zookeeper/port.ts'],
    ['election/campaign.ts', 'election/term.ts'],
    ['child/launch.ts', 'errors.ts'],
    ['zookeeper/session.ts', 'clock.ts'],
  ])('lets %s import %s', (file, target) => {
    expect(importing(file, target)).toEqual([]);
  });

  it.each([
    ['main.ts', 'supervisor/supervisor.ts', 'main.ts may import cli'],
    ['cli/config.ts', 'zookeeper/session.ts', 'cli may import config, supervisor, observe'],
    ['cli/info.ts', 'child/launch.ts', 'cli may import'],
    ['config/load.ts', 'cli/run.ts', 'cli is above config'],
    ['config/load.ts', 'schedule/grammar.ts', 'config may import nothing'],
    ['config/schedule.ts', 'schedule/expression.ts', 'config may import schedule/grammar.ts, schedule/zone.ts'],
    ['supervisor/supervisor.ts', 'zookeeper/session.ts', 'supervisor may import election, child, schedule'],
    ['supervisor/supervisor.ts', 'config/load.ts', 'neighbours'],
    ['election/campaign.ts', 'supervisor/machine.ts', 'supervisor is above election'],
    ['child/launch.ts', 'zookeeper/session.ts', 'child may import nothing'],
    ['child/launch.ts', 'schedule/ticks.ts', 'neighbours'],
    ['zookeeper/session.ts', 'local/socket.ts', 'neighbours'],
    ['zookeeper/session.ts', 'observe/logger.ts', 'observe is above zookeeper'],
    ['errors.ts', 'config/config.ts', 'the foundation imports nothing but itself'],
    ['elsewhere/a.ts', 'child/launch.ts', 'no layer is known for elsewhere'],
  ])('does not let %s import %s', (file, target, why) => {
    expect(importing(file, target)).toEqual([
      expect.stringMatching(new RegExp(`^${file}:1: must not import ${target}: .*${why}`)),
    ]);
  });

  it('lets types come from further down, and the common ones from anywhere, but not from further up', () => {
    expect(check('config/load.ts', "import type { A } from '../zookeeper/port.ts';\n", ['zookeeper/port.ts'])).toEqual(
      [],
    );
    expect(
      check('child/launch.ts', "import type { Logger } from '../observe/logger.ts';\n", ['observe/logger.ts']),
    ).toEqual([]);
    expect(
      check('zookeeper/port.ts', "import type { A } from '../election/term.ts';\n", ['election/term.ts']),
    ).toHaveLength(1);
  });

  it('sees imports that span lines, and none in comments', () => {
    expect(check('child/a.ts', "import {\n  a,\n  b,\n} from '../election/a.ts';\n", ['election/a.ts'])).toHaveLength(
      1,
    );
    expect(
      check(
        'child/a.ts',
        "// import '../election/a.ts'\n/* import '../election/a.ts'; setTimeout() */\nconst url = 'http://x';\n",
      ),
    ).toEqual([]);
  });

  it('keeps pure files from packages and Node, also by way of others, but not from their types', () => {
    expect(check('supervisor/machine.ts', "import { join } from 'node:path';\n")).toEqual([
      'supervisor/machine.ts:1: is pure, but imports node:path',
    ]);
    expect(check('supervisor/machine.ts', "import type { Stats } from 'node:fs';\n")).toEqual([]);
    check('supervisor/helper.ts', "import pino from 'pino';\n");
    expect(check('supervisor/machine.ts', "import { a } from './helper.ts';\n")).toEqual([
      'supervisor/machine.ts:1: is pure, but imports pino by way of supervisor/helper.ts',
    ]);
  });

  it('keeps the ZooKeeper client in the keeper', () => {
    expect(check('zookeeper/keeper.ts', "import ZooKeeper from 'zookeeper';\n")).toEqual([]);
    expect(check('zookeeper/session.ts', "import ZooKeeper from 'zookeeper';\n")).toEqual([
      'zookeeper/session.ts:1: only zookeeper/keeper.ts may import zookeeper',
    ]);
  });

  it.each([
    'setTimeout(f, 1)',
    'setInterval(f, 1)',
    'Date.now()',
    'process.hrtime.bigint()',
    'performance.now()',
    'new Date()',
    "import('node:timers/promises')",
  ])('keeps %s in the clock', (code) => {
    expect(check('clock.ts', `${code};\n`)).toEqual([]);
    expect(check('zookeeper/keeper.ts', `${code};\n`)).toEqual([]);
    rmSync(join(src, 'zookeeper'), { recursive: true });
    expect(check('election/term.ts', `\n${code};\n`)).toEqual([
      expect.stringMatching(/^election\/term.ts:2: .* belongs in clock.ts alone/),
    ]);
  });

  it('refuses what is too long, missing or outside', () => {
    expect(check('child/a.ts', '\n'.repeat(601))).toEqual([expect.stringContaining('601 lines, at most 600')]);
    expect(check('child/a.ts', "import './b.ts';\nimport '../../test/x.ts';\n")).toEqual([
      'child/a.ts:1: ./b.ts does not exist',
      'child/a.ts:2: ../../test/x.ts is outside of src',
    ]);
  });
});
