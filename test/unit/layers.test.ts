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
    ['main.ts', 'keeper/process.ts'],
    ['cli/commands/config.ts', 'config/load.ts'],
    ['cli/commands/run.ts', 'zookeeper/session/sessions.ts'],
    ['cli/commands/run.ts', 'command/launch.ts'],
    ['cli/commands/info.ts', 'zookeeper/report/report.ts'],
    ['config/schedule.ts', 'cron/grammar.ts'],
    ['supervisor/supervisor.ts', 'ledger/ledger.ts'],
    ['ledger/writer.ts', 'election/register.ts'],
    ['zookeeper/election/campaign.ts', 'zookeeper/session/errors.ts'],
    ['zookeeper/election/campaign.ts', 'zookeeper/election/term.ts'],
    ['zookeeper/session/connect.ts', 'keeper/process.ts'],
    ['keeper/executor.ts', 'command/run-processes.ts'],
    ['command/launch.ts', 'errors.ts'],
    ['zookeeper/session/sessions.ts', 'clock.ts'],
  ])('lets %s import %s', (file, target) => {
    expect(importing(file, target)).toEqual([]);
  });

  it.each([
    ['main.ts', 'supervisor/supervisor.ts', 'main.ts may import cli'],
    ['cli/commands/config.ts', 'zookeeper/session/sessions.ts', 'cli may import config, supervisor, log'],
    ['cli/commands/info.ts', 'command/launch.ts', 'cli may import'],
    ['config/load.ts', 'cli/commands/run.ts', 'cli is above config'],
    ['config/load.ts', 'cron/grammar.ts', 'config may import nothing'],
    ['config/schedule.ts', 'cron/expression.ts', 'config may import cron/grammar.ts, cron/zone.ts'],
    ['supervisor/supervisor.ts', 'zookeeper/session/sessions.ts', 'supervisor may import ledger, election'],
    ['supervisor/supervisor.ts', 'config/load.ts', 'neighbours'],
    ['election/timing.ts', 'zookeeper/session/errors.ts', 'zookeeper/session is above election'],
    ['ledger/writer.ts', 'zookeeper/session/errors.ts', 'ledger may import election, cron'],
    ['zookeeper/session/session.ts', 'zookeeper/election/term.ts', 'zookeeper/election is above zookeeper/session'],
    ['zookeeper/election/campaign.ts', 'supervisor/machine.ts', 'supervisor is above zookeeper/election'],
    ['keeper/main.ts', 'zookeeper/session/errors.ts', 'zookeeper/session is above keeper'],
    ['command/launch.ts', 'keeper/process.ts', 'keeper is above command'],
    ['command/launch.ts', 'cron/ticks.ts', 'neighbours'],
    ['zookeeper/session/sessions.ts', 'log/logger.ts', 'log is above zookeeper/session'],
    ['errors.ts', 'config/config.ts', 'the ground imports nothing but itself'],
    ['elsewhere/a.ts', 'command/launch.ts', 'no room is known for elsewhere'],
  ])('does not let %s import %s', (file, target, why) => {
    expect(importing(file, target)).toEqual([
      expect.stringMatching(new RegExp(`^${file}:1: must not import ${target}: .*${why}`)),
    ]);
  });

  it('lets types come from further down, and the common ones from anywhere, but not from further up', () => {
    expect(
      check('config/load.ts', "import type { A } from '../zookeeper/session/port.ts';\n", [
        'zookeeper/session/port.ts',
      ]),
    ).toEqual([]);
    expect(check('command/launch.ts', "import type { Logger } from '../log/logger.ts';\n", ['log/logger.ts'])).toEqual(
      [],
    );
    expect(
      check('keeper/will.ts', "import type { A } from '../zookeeper/election/term.ts';\n", [
        'zookeeper/election/term.ts',
      ]),
    ).toHaveLength(1);
  });

  it('sees imports that span lines, and none in comments', () => {
    expect(check('command/a.ts', "import {\n  a,\n  b,\n} from '../election/a.ts';\n", ['election/a.ts'])).toHaveLength(
      1,
    );
    expect(
      check(
        'command/a.ts',
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
    expect(check('keeper/main.ts', "import ZooKeeper from 'zookeeper';\n")).toEqual([]);
    expect(check('zookeeper/session/session.ts', "import ZooKeeper from 'zookeeper';\n")).toEqual([
      'zookeeper/session/session.ts:1: only keeper/main.ts may import zookeeper',
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
    expect(check('keeper/main.ts', `${code};\n`)).toEqual([]);
    rmSync(join(src, 'keeper'), { recursive: true });
    expect(check('zookeeper/election/term.ts', `\n${code};\n`)).toEqual([
      expect.stringMatching(/^zookeeper\/election\/term.ts:2: .* belongs in clock.ts alone/),
    ]);
  });

  it('refuses what is too long, missing or outside', () => {
    expect(check('command/a.ts', '\n'.repeat(601))).toEqual([expect.stringContaining('601 lines, at most 600')]);
    expect(check('command/a.ts', "import './b.ts';\nimport '../../test/x.ts';\n")).toEqual([
      'command/a.ts:1: ./b.ts does not exist',
      'command/a.ts:2: ../../test/x.ts is outside of src',
    ]);
  });
});
