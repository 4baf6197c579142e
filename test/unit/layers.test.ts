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
    ['cli/command-context.ts', 'zookeeper/session/sessions.ts'],
    ['cli/commands/run.ts', 'command/launch.ts'],
    ['cli/commands/watch.ts', 'zookeeper/report/follow.ts'],
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
    ['main.ts', 'supervisor/supervisor.ts'],
    ['cli/commands/config.ts', 'zookeeper/session/sessions.ts'],
    ['cli/commands/info.ts', 'command/launch.ts'],
    ['config/load.ts', 'cli/commands/run.ts'],
    ['config/load.ts', 'cron/grammar.ts'],
    ['config/schedule.ts', 'cron/expression.ts'],
    ['supervisor/supervisor.ts', 'zookeeper/session/sessions.ts'],
    ['supervisor/supervisor.ts', 'config/load.ts'],
    ['election/timing.ts', 'zookeeper/session/errors.ts'],
    ['ledger/writer.ts', 'zookeeper/session/errors.ts'],
    ['zookeeper/session/session.ts', 'zookeeper/election/term.ts'],
    ['zookeeper/election/campaign.ts', 'supervisor/machine.ts'],
    ['keeper/main.ts', 'zookeeper/session/errors.ts'],
    ['command/launch.ts', 'keeper/process.ts'],
    ['command/launch.ts', 'cron/ticks.ts'],
    ['zookeeper/session/sessions.ts', 'log/logger.ts'],
    ['errors.ts', 'config/config.ts'],
    ['elsewhere/a.ts', 'command/launch.ts'],
  ])('does not let %s import %s', (file, target) => {
    expect(importing(file, target)).toEqual([expect.stringMatching(`^${file}:1: must not import ${target}`)]);
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
    expect(check('supervisor/machine.ts', "import { join } from 'node:path';\n")).toHaveLength(1);
    expect(check('supervisor/machine.ts', "import type { Stats } from 'node:fs';\n")).toEqual([]);
    check('supervisor/helper.ts', "import pino from 'pino';\n");
    expect(check('supervisor/machine.ts', "import { a } from './helper.ts';\n")).toHaveLength(1);
  });

  it('keeps the ZooKeeper client in the keeper', () => {
    expect(check('zookeeper/client/native.ts', "import ZooKeeper from 'zookeeper';\n")).toEqual([]);
    expect(check('keeper/main.ts', "import ZooKeeper from 'zookeeper';\n")).toHaveLength(1);
    rmSync(join(src, 'keeper'), { recursive: true });
    expect(importing('zookeeper/session/session.ts', 'zookeeper/client/native.ts')).toHaveLength(1);
    expect(check('zookeeper/session/session.ts', "import ZooKeeper from 'zookeeper';\n")).toHaveLength(1);
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
      expect.stringMatching(/^zookeeper\/election\/term.ts:2: /),
    ]);
  });

  it('refuses circles of any length, of types too', () => {
    check('cron/b.ts', "import type { C } from './c.ts';\n");
    check('cron/c.ts', "export { a } from './a.ts';\n");
    expect(check('cron/a.ts', "import { b } from './b.ts';\n")).toEqual([
      expect.stringMatching(/^cron\/a.ts:1: .*cron\/b.ts, cron\/c.ts/),
    ]);
    expect(check('cron/c.ts', '')).toEqual([]);
  });

  it('refuses what is too long, missing or outside', () => {
    expect(check('command/a.ts', '\n'.repeat(601))).toHaveLength(1);
    expect(check('command/a.ts', '\n'.repeat(600))).toEqual([]);
    expect(check('command/a.ts', "import './b.ts';\nimport '../../test/x.ts';\n")).toHaveLength(2);
  });
});
