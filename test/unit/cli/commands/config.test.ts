import { describe, expect, it } from 'vitest';
import { describeConfig } from '../../../../src/cli/commands/config.ts';
import type { RunConfig } from '../../../../src/config/config.ts';
import { documentLayer } from '../../../../src/config/document.ts';
import { loadAll, type Loaded } from '../../../../src/config/load.ts';
import { fields, type Field } from '../../../../src/config/options.ts';

function load(flags: Readonly<Record<string, string>>): Promise<Loaded<RunConfig>> {
  const given = new Map(Object.entries(flags).map(([key, value]) => [key, [value]]));
  return loadAll({ flags: given, env: {}, folders: [], cwd: undefined, hostname: 'host' });
}

/** What `ballot config` prints, as a file of ballot's has it. */
function readBack(loaded: Loaded<RunConfig>): Map<Field, string> {
  const { settings, problems } = documentLayer('/f', describeConfig(loaded, 'yaml'));
  expect(problems).toEqual([]);
  return new Map(settings.map(({ field, text }) => [field, text]));
}

describe('what ballot config prints can be read back', () => {
  it.each([
    ...[
      'true',
      '007',
      'null',
      '~',
      '#x',
      'x#y',
      'a:',
      ':a',
      '*x',
      '@x',
      '%x',
      '!x',
      '&x',
      '{x}',
      '[x',
      '"x"',
      "'x'",
      '-',
    ],
    ...[
      '.inf',
      '1e3',
      '0x1F',
      '2026-11-21',
      'yes',
      '?',
      '|',
      '>',
      '\\n',
      '`',
      'é',
      '\u{1f600}',
      'x'.repeat(256),
      ',',
      '---',
    ],
  ])('with the candidate id %j', async (id) => {
    expect(readBack(await load({ 'candidate-id': id })).get('candidateId')).toBe(id);
  });

  const paths = ['/a:', '/#', '/a#b', '/"', "/'", '/é', '/{}', '/*', '/a,b', '/%'];
  it.each(paths)('with the base path %j', async (path) => {
    expect(readBack(await load({ 'zookeeper-base-path': path })).get('zookeeperBasePath')).toBe(path);
  });

  it.each(['0 0 * * *\n', '\n@daily', '0\t0 * * 5#2', '*/5 * * * *', '@every 1h30m', ' @daily '])(
    'with the schedule %j',
    async (spec) => {
      expect(readBack(await load({ schedule: spec })).get('schedule')).toBe(spec);
    },
  );

  it.each(['/a\nb: c/ballot.yaml:3', '/a\u0085b', '/a\u2028b', '/ # x', '/\ufeff'])(
    'with the source %j',
    async (from) => {
      const loaded = await load({ 'candidate-id': 'node-1' });
      const sources = Object.fromEntries(fields.map((field) => [field, from])) as typeof loaded.sources;
      expect(readBack({ ...loaded, sources })).toEqual(readBack(loaded));
    },
  );

  it('without a value that is masked', async () => {
    const loaded = await load({ 'candidate-id': 'me:hunter2@host' });
    expect(readBack(loaded).has('candidateId')).toBe(false);
    const text = describeConfig(loaded, 'yaml');
    expect(text).toMatch(
      /^# candidate-id: "?\*\*\*@host"? +# flag --candidate-id; not shown, as it looks like a password$/m,
    );
    expect(text).not.toContain('hunter2');
  });
});
