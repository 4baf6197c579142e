import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runBallot, type Ended } from '../support/ballot.ts';
import { ballotPath } from '../support/candidate.ts';

const root = join(import.meta.dirname, '../..');

type Told = Omit<Ended, 'took'>;

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ballot-config-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** The built `ballot`, in the test's folder, with this environment and no other. */
async function ballot(args: readonly string[], env: NodeJS.ProcessEnv = {}, uid?: number): Promise<Told> {
  // The client of this run of the tests is configuration as well.
  const all = { HOME: join(folder, 'home'), BALLOT_ZOOKEEPER_CLIENT: undefined, ...env };
  const { code, stdout, stderr } = await runBallot(args, { cwd: folder, env: all, uid });
  return { code, stdout, stderr };
}

type Report = Record<string, { value: unknown; source: string }>;

/** What `ballot config` says of each key. */
async function configured(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Report> {
  const { code, stdout, stderr } = await ballot(['config', '-o', 'json', ...args], env);
  expect({ code, stderr: stderr.replaceAll(/^ballot: warning: .*\n/gm, '') }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as Report;
}

async function put(path: string, content: string): Promise<string> {
  const full = join(folder, path);
  await mkdir(dirname(full), { recursive: true });
  await writeFile(full, content);
  return full;
}

const values = (report: Report): Record<string, unknown> =>
  Object.fromEntries(Object.entries(report).map(([key, { value }]) => [key, value]));

const everything: Readonly<Record<string, string>> = {
  'zookeeper-servers': 'zk1:2182,[::1]:2181',
  'zookeeper-base-path': '/my/worker',
  'zookeeper-session-timeout': '4s',
  'zookeeper-client': 'wire',
  'log-level': 'warn',
  'log-format': 'json',
  'mixed-fleet': 'true',
  debug: 'true',
  'candidate-id': 'node-1',
  'on-child-success': 'exit',
  'on-child-error': 'rerun',
  'on-election-failure': 'run-anyway',
  'on-lease-loss': 'stop',
  'wrap-child-logs': 'false',
  'log-run-id': 'true',
  'kill-after': '3s',
  'stop-signal': 'SIGINT',
  'on-hangup': 'ignore',
  'lease-duration': '1.5s',
  'election-timeout': '1m30s',
  'restart-delay': '200ms',
  'restart-max-delay': '10s',
  'run-timeout': '1h0m0s',
  schedule: 'CRON_TZ=Asia/Tokyo */5 9-17 * * mon-fri',
  timezone: 'Europe/Paris',
  concurrency: 'queue',
  'catch-up': 'none',
  'start-deadline': '30m0s',
  coordinator: 'zookeeper',
  election: 'report',
  'zookeeper-acl': 'open',
  'zookeeper-tls': 'true',
  'zookeeper-tls-ca': '/etc/ballot/ca.pem',
  'zookeeper-tls-cert': '/etc/ballot/cert.pem',
  'zookeeper-tls-key': '/etc/ballot/key.pem',
  'zookeeper-tls-server-name': 'zk.example.org',
};

describe('three ways to say the same', () => {
  const expected = {
    ...everything,
    'config-file': null,
    // Not set here: what is set is not repeated.
    'zookeeper-auth': null,
    // It means nothing beside ZooKeeper, and would be an error.
    'state-dir': expect.any(String) as string,
    'state-group': null,
    'zookeeper-tls': true,
    'mixed-fleet': true,
    debug: true,
    'wrap-child-logs': false,
    'log-run-id': true,
  };
  const variable = (key: string): string => `BALLOT_${key.toUpperCase().replaceAll('-', '_')}`;

  it('a YAML file', async () => {
    const lines = Object.entries(everything).map(
      ([key, value]) => `${key}: ${/[*,]/.test(value) ? `"${value}"` : value}\n`,
    );
    const path = await put('ballot.yaml', lines.join(''));
    const report = await configured([]);
    expect(values(report)).toEqual(expected);
    expect(report['log-level']?.source).toBe(`${path}:5`);
  });

  it('a JSON file', async () => {
    const path = await put('ballot.json', JSON.stringify({ ...everything, debug: true }, null, 2));
    const report = await configured([]);
    expect(values(report)).toEqual(expected);
    expect(report['zookeeper-base-path']?.source).toBe(`${path}:3`);
  });

  it('the environment', async () => {
    const env = Object.fromEntries(Object.entries(everything).map(([key, value]) => [variable(key), value]));
    const report = await configured([], env);
    expect(values(report)).toEqual(expected);
    expect(report['kill-after']?.source).toBe('environment BALLOT_KILL_AFTER');
  });

  it('flags', async () => {
    const report = await configured(Object.entries(everything).flatMap(([key, value]) => [`--${key}`, value]));
    expect(values(report)).toEqual(expected);
    expect(report['kill-after']?.source).toBe('flag --kill-after');
    expect(await configured(Object.entries(everything).map(([key, value]) => `--${key}=${value}`))).toEqual(report);
  });

  it('nothing: the defaults', async () => {
    const report = await configured([]);
    expect(values(report)).toMatchObject({
      'zookeeper-servers': 'localhost:2181',
      'zookeeper-base-path': '/ballot/election',
      'zookeeper-session-timeout': '5s',
      'zookeeper-client': 'auto',
      'candidate-id': hostname(),
      'lease-duration': null,
      'run-timeout': 'none',
      schedule: null,
      timezone: null,
      concurrency: 'skip',
      'catch-up': 'none',
      'start-deadline': 'none',
    });
    expect(new Set(Object.values(report).map(({ source }) => source))).toEqual(new Set(['default']));
  });
});

describe('the zone that counts', () => {
  const zone = async (args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<unknown> =>
    (await configured(args, env))['timezone'];

  it("is the host's where none is set, and it is said where that comes from", async () => {
    expect(await zone([], { TZ: ':Asia/Tokyo' })).toEqual({
      value: null,
      source: 'default',
      effective: { value: 'Asia/Tokyo', source: 'host: TZ' },
    });
    const { stdout } = await ballot(['config'], { TZ: 'Asia/Tokyo' });
    expect(stdout).toMatch(/^# timezone: Asia\/Tokyo +# host: TZ$/m);
    expect(await zone([], { TZ: 'BST' })).toMatchObject({
      effective: { value: null, source: expect.stringContaining('unknown time zone "BST"') as string },
    });
  });

  it('is the one that is set, unless the schedule begins with another', async () => {
    const set = { value: 'Europe/Paris', source: 'flag --timezone' };
    expect(await zone(['--timezone', 'Europe/Paris'])).toEqual(set);
    const args = ['--timezone', 'Europe/Paris', '--schedule', 'CRON_TZ=UTC @daily'];
    expect(await zone(args)).toEqual({ ...set, effective: { value: 'UTC', source: 'schedule: flag --schedule' } });
    const { stdout } = await ballot(['config', ...args]);
    expect(stdout).toMatch(/^timezone: Europe\/Paris +# flag --timezone; UTC counts, schedule: flag --schedule$/m);
  });
});

describe('layers', () => {
  it('later ones win, key by key', async () => {
    const user = await put(
      'xdg/ballot/ballot.json',
      '{"log-level": "error", "log-format": "json",\n "kill-after": "1s", "debug": true}',
    );
    const own = await put('ballot.yaml', 'log-level: warn\nlog-format: raw\nkill-after: 2s\n');
    const env = { XDG_CONFIG_HOME: join(folder, 'xdg'), BALLOT_LOG_LEVEL: 'debug', BALLOT_LOG_FORMAT: 'human' };
    const report = await configured(['--log-level', 'trace'], env);
    expect(report).toMatchObject({
      'log-level': { value: 'trace', source: 'flag --log-level' },
      'log-format': { value: 'human', source: 'environment BALLOT_LOG_FORMAT' },
      'kill-after': { value: '2s', source: `${own}:3` },
      debug: { value: true, source: `${user}:2` },
      'stop-signal': { value: 'SIGTERM', source: 'default' },
    });
  });

  it('the user has a file under ~/.config, also when XDG_CONFIG_HOME is relative', async () => {
    const path = await put('home/.config/ballot/ballot.yaml', 'log-level: error\n');
    const source = { value: 'error', source: `${path}:1` };
    expect((await configured([]))['log-level']).toEqual(source);
    expect((await configured([], { XDG_CONFIG_HOME: 'xdg' }))['log-level']).toEqual(source);
  });

  it('a named file replaces the other files, and must exist', async () => {
    await put('ballot.yaml', 'log-level: error\nkill-after: 2s\n');
    const path = await put('other.conf', 'log-level: warn\n');
    for (const [args, env] of [
      [['--config-file', 'other.conf'], { CONFIG_FILE: 'absent' }],
      [[], { BALLOT_CONFIG_FILE: path, CONFIG_FILE: 'absent' }],
      [[], { CONFIG_FILE: path }],
    ] as const) {
      expect(await configured(args, env)).toMatchObject({
        'log-level': { value: 'warn', source: `${path}:1` },
        'kill-after': { value: '10s', source: 'default' },
      });
    }
    const { code, stderr } = await ballot(['config', '--config-file', 'absent.yaml']);
    expect(code).toBe(78);
    expect(stderr).toContain(`${join(folder, 'absent.yaml')}: cannot be read: ENOENT`);
  });

  it.each([
    [
      'repeated flags',
      ['--zookeeper-servers', 'a', '--zookeeper-servers=b:1', '--zookeeper-servers', 'a:2181'],
      {},
      '',
    ],
    ['a comma list as flag', ['--zookeeper-servers', 'a,b:1'], {}, ''],
    ['a comma list in the environment', [], { ZOOKEEPER_SERVERS: 'a,b:1' }, ''],
    ['a YAML list', [], {}, 'zookeeper-servers:\n  - a\n  - b:1\n'],
    ['a text in YAML', [], {}, 'zookeeper-servers: a, b:1\n'],
  ])('a list of servers: %s (defect 20)', async (_, args, env, file) => {
    await put('ballot.yaml', file);
    expect((await configured(args, env))['zookeeper-servers']?.value).toBe('a:2181,b:1');
  });

  it("takes Go's spellings, the candidate id from the environment too (defect 21)", async () => {
    const env = {
      ZOOKEEPER_BASE_PATH: '/go',
      LOG_LEVEL: 'panic',
      CANDIDATE_ID: 'bash',
      WRAP_CHILD_LOGS: 'false',
      ON_CHILD_ERROR: 'rerun',
    };
    expect(values(await configured([], env))).toMatchObject({
      'zookeeper-base-path': '/go',
      'log-level': 'fatal',
      'candidate-id': 'bash',
      'wrap-child-logs': false,
      'on-child-error': 'rerun',
    });
    await put('ballot.yaml', 'candidate-id: file\n');
    expect((await configured([]))['candidate-id']?.value).toBe('file');
  });

  it('passes over what other tools mean by DEBUG, with a warning; with the prefix it is an error', async () => {
    const passed = await ballot(['config', '-o', 'json'], { DEBUG: '*', LOG_FORMAT: 'pretty' });
    expect(passed.code).toBe(0);
    expect(passed.stderr).toContain('warning: environment DEBUG: debug "*": must be true or false; passed over');
    expect(passed.stderr).toContain(
      'warning: environment LOG_FORMAT: log-format "pretty": must be one of human, json, raw; passed over',
    );
    expect((JSON.parse(passed.stdout) as Report)['debug']).toEqual({ value: false, source: 'default' });
    const refused = await ballot(['config'], { BALLOT_DEBUG: '*' });
    expect(refused).toMatchObject({ code: 78, stdout: '' });
    expect(refused.stderr).toContain('ballot: environment BALLOT_DEBUG: debug "*": must be true or false');
  });

  it('passes over a SCHEDULE that is none, and takes one that is; with the prefix it is an error', async () => {
    const value = async (env: NodeJS.ProcessEnv): Promise<unknown> => (await configured([], env))['schedule'];
    expect(await value({ SCHEDULE: '@daily' })).toEqual({ value: '@daily', source: 'environment SCHEDULE' });
    expect(await value({ SCHEDULE: 'rate(5 minutes)' })).toEqual({ value: null, source: 'default' });
    await put('ballot.yaml', "schedule: '@weekly'\n");
    expect(await value({ SCHEDULE: 'rate(5 minutes)' })).toMatchObject({ value: '@weekly' });
    const passed = await ballot(['config'], { SCHEDULE: '60 * * * *' });
    expect(passed.stderr).toContain(
      'warning: environment SCHEDULE: schedule "60 * * * *": minute field "60": 0 to 59; passed over',
    );
    const refused = await ballot(['config'], { BALLOT_SCHEDULE: '60 * * * *' });
    expect(refused).toMatchObject({ code: 78, stdout: '' });
    expect(refused.stderr).toContain(
      'ballot: environment BALLOT_SCHEDULE: schedule "60 * * * *": minute field "60": 0 to 59\n',
    );
  });

  it('knows the other keys of schedules with the prefix alone', async () => {
    const env = { TIMEZONE: 'Nowhere', CONCURRENCY: '8', CATCH_UP: 'yes', START_DEADLINE: '5' };
    const { code, stderr } = await ballot(['config'], env);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('says that ballot.yml is not read', async () => {
    const path = await put('ballot.yml', 'log-level: warn\n');
    const { code, stdout, stderr } = await ballot(['config', '-o', 'json']);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: `ballot: warning: ${path}: not read, its name would have to be ballot.yaml\n`,
    });
    expect((JSON.parse(stdout) as Report)['log-level']?.value).toBe('info');
  });

  it('runs nothing of other tools in the working directory', async () => {
    await put('.config/config.js', "require('node:fs').writeFileSync('ran', ''); module.exports = {};");
    await put('package.json', 'this is not JSON');
    const path = await put('ballot.yaml', 'log-level: warn\n');
    expect((await configured([]))['log-level']?.source).toBe(`${path}:1`);
    expect((await ballot(['config', '--config-file', 'ran'])).stderr).toContain('ENOENT');
  });
});

describe('what is wrong is said, all at once, with exit code 78', () => {
  /** The problems, without the program's name; the configuration must be refused. */
  async function problems(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string[]> {
    const { code, stdout, stderr } = await ballot(['config', ...args], env);
    expect({ code, stdout }).toEqual({ code: 78, stdout: '' });
    expect(stderr).not.toMatch(/^ {4}at /m);
    return stderr
      .trimEnd()
      .split('\n')
      .map((line) => line.replace(/^ballot: /, ''));
  }

  it('from every layer', async () => {
    const path = await put('ballot.yaml', 'log-levl: warn\nkill-after: 10\n\nwrap-child-logs: maybe\n');
    const found = await problems(['--log-format', 'xml', '--zookeeper-base-path=/a/'], {
      BALLOT_RUN_TIMEOUT: '5',
      BALLOT_KIL_AFTER: '5s',
    });
    expect(found).toEqual([
      `${path}:1: log-levl: unknown key (did you mean log-level?)`,
      `${path}:2: kill-after: 10: the unit is missing: a duration is a number with a unit (h, m, s, ms, us, ns), such as 1m30s, 1.5h or 500ms`,
      `${path}:4: wrap-child-logs "maybe": must be true or false`,
      'environment BALLOT_KIL_AFTER: unknown variable (did you mean BALLOT_KILL_AFTER?)',
      expect.stringMatching(/^environment BALLOT_RUN_TIMEOUT: run-timeout "5": the unit is missing: a duration is/),
      'flag --log-format: log-format "xml": must be one of human, json, raw',
      expect.stringMatching(/^flag --zookeeper-base-path: zookeeper-base-path "\/a\/": must not end with \//),
      expect.stringMatching(/^hint: /),
    ]);
  });

  it.each([
    ['5', 'the unit is missing'],
    ['5 s', 'no spaces are allowed'],
    ['-1s', 'a duration cannot be negative'],
    ['1e3s', 'no exponent is allowed'],
  ])('a session timeout of %j, from each source (defect 22)', async (text, why) => {
    const line = `zookeeper-session-timeout ${JSON.stringify(text)}: ${why}`;
    const path = await put('ballot.yaml', `zookeeper-session-timeout: ${JSON.stringify(text)}\n`);
    expect((await problems([]))[0]).toContain(`${path}:1: ${line}`);
    await rm(path);
    expect((await problems(['--zookeeper-session-timeout', text]))[0]).toContain(
      `flag --zookeeper-session-timeout: ${line}`,
    );
    const variable = 'BALLOT_ZOOKEEPER_SESSION_TIMEOUT';
    expect((await problems([], { [variable]: text }))[0]).toContain(`environment ${variable}: ${line}`);
  });

  it('an empty value, except in the environment, where it counts as unset', async () => {
    await put('ballot.yaml', 'kill-after: ""\n');
    const found = await problems(['--zookeeper-session-timeout', ''], { BALLOT_RUN_TIMEOUT: '' });
    expect(found).toHaveLength(3);
    expect(found[0]).toContain('kill-after "": empty');
    expect(found[1]).toContain('zookeeper-session-timeout "": empty');
  });

  it('a session timeout of 1h is fine', async () => {
    expect((await configured(['--zookeeper-session-timeout', '1h']))['zookeeper-session-timeout']?.value).toBe(
      '1h0m0s',
    );
  });

  it('a bad policy (defect 19)', async () => {
    expect((await problems(['--on-child-error', 'restart']))[0]).toBe(
      'flag --on-child-error: on-child-error "restart": must be one of rerun, reelect, exit, ignore',
    );
  });

  it('a bad truth value (defect 24)', async () => {
    expect((await problems([], { BALLOT_WRAP_CHILD_LOGS: 'maybe' }))[0]).toContain('must be true or false');
    expect((await problems(['--wrap-child-logs=maybe']))[0]).toContain('must be true or false');
  });

  it('a bad base path (defect 25)', async () => {
    expect((await problems(['--zookeeper-base-path', 'ballot']))[0]).toContain('must start with /');
  });

  it('timings that cannot work, with the inequality and its sources', async () => {
    const path = await put('ballot.yaml', '# lease\nlease-duration: 3s\n');
    expect((await problems([]))[0]).toMatch(
      `lease-duration 3s (${path}:2) must be at least zookeeper-session-timeout 5s (default): with on-lease-loss=keep`,
    );
    expect((await configured(['--on-lease-loss', 'stop']))['lease-duration']?.value).toBe('3s');
  });

  it('a bad schedule, zone and word, named once, from each source', async () => {
    const path = await put('ballot.yaml', "schedule: '@reboot'\ntimezone: Mars\nconcurrency: both\n");
    const found = await problems(['--schedule', '0 0 30 2 *', '--start-deadline=5', '--timezone='], {
      BALLOT_SCHEDULE: 'TZ=Nowhere @daily',
      BALLOT_CATCH_UP: 'all',
    });
    expect(found).toEqual([
      expect.stringMatching(/^\/.+:1: schedule "@reboot": unknown; a schedule is five fields \(.+ one of @yearly /),
      `${path}:2: timezone "Mars": unknown: an IANA name such as Europe/Paris, or UTC`,
      `${path}:3: concurrency "both": must be one of skip, queue, allow, replace`,
      'environment BALLOT_SCHEDULE: schedule "TZ=Nowhere @daily": unknown time zone "Nowhere"; an IANA name such as Europe/Paris, or UTC',
      'environment BALLOT_CATCH_UP: catch-up "all": must be one of none, once',
      'flag --schedule: schedule "0 0 30 2 *": day-of-month field "30": no month of "2" has such a day: it would never fire',
      expect.stringMatching(/^flag --start-deadline: start-deadline "5": the unit is missing/),
      'flag --timezone: timezone "": unknown: an IANA name such as Europe/Paris, or UTC',
      expect.stringMatching(/^hint: /),
    ]);
  });

  it('a value in the quotes of an env file, whatever its key', async () => {
    const env = { BALLOT_SCHEDULE: '"0 3 * * *"', BALLOT_KILL_AFTER: "'5s'", BALLOT_LOG_LEVEL: 'loud' };
    const quotes = '; the quotes are part of the value: write it without them (an env file keeps quotes)';
    const found = await problems([], env);
    expect(found.filter((line) => line.endsWith(quotes)).map((line) => line.split(':')[0])).toEqual([
      'environment BALLOT_KILL_AFTER',
      'environment BALLOT_SCHEDULE',
    ]);
  });

  it('what a mixed fleet cannot do, and with what is wrong what was passed over', async () => {
    const env = { BALLOT_MIXED_FLEET: 'true', DEBUG: '*' };
    expect((await problems(['--catch-up', 'once'], env)).slice(0, 2)).toEqual([
      "catch-up once (flag --catch-up) cannot go with mixed-fleet true (environment BALLOT_MIXED_FLEET): Go's ballot does not record what it ran, so a tick could run twice",
      expect.stringMatching(/^warning: environment DEBUG: debug "\*": must be true or false; passed over/),
    ]);
    expect((await configured(['--catch-up', 'once']))['catch-up']?.value).toBe('once');
  });

  it('two files in one folder', async () => {
    const yaml = await put('ballot.yaml', 'log-level: info\n');
    const json = await put('ballot.json', '{}');
    expect((await problems([]))[0]).toBe(`${yaml} and ${json}: only one of them can count, remove the other`);
  });

  it('a malformed file (defect 24), with line and column', async () => {
    const path = await put('ballot.yaml', 'log-level: info\nkill-after: "10s\n');
    expect((await problems([]))[0]).toMatch(new RegExp(`^${path}:\\d+:\\d+: not valid: `));
  });

  it('a folder in the place of a file', async () => {
    await mkdir(join(folder, 'ballot.yaml'));
    expect((await problems([]))[0]).toMatch(new RegExp(`^${join(folder, 'ballot.yaml')}: cannot be read: EISDIR`));
    expect((await problems(['--config-file', folder]))[0]).toMatch(/cannot be read: EISDIR/);
  });

  it('a file that may not be read', async () => {
    const path = await put('ballot.yaml', 'log-level: info\n');
    await chmod(path, 0);
    await chmod(folder, 0o755);
    const nobody = 65_534;
    const { code, stderr } = await ballot(['config'], {}, process.getuid?.() === 0 ? nobody : undefined);
    expect({ code, stderr }).toEqual({
      code: 78,
      stderr: expect.stringContaining(`${path}: cannot be read: EACCES`) as string,
    });
  });

  it('a value of any length in a line that can be read, still without its password', async () => {
    const { code, stderr } = await ballot(['config', `--candidate-id=me:secret${'x'.repeat(20_000)}@zk`]);
    expect(code).toBe(78);
    expect(stderr).toContain('flag --candidate-id: candidate-id "***@zk"');
    const long = await ballot(['config', `--candidate-id=${'x'.repeat(20_000)}`]);
    expect(long.code).toBe(78);
    expect(Math.max(...long.stderr.split('\n').map((line) => line.length))).toBeLessThan(400);
  });

  it('never with a password', async () => {
    const { code, stdout, stderr } = await ballot([
      'config',
      '--zookeeper-servers',
      'me:hunter2@zk',
      '--candidate-id',
      'me:hunter2@host',
    ]);
    expect(code).toBe(78);
    expect(stdout + stderr).not.toContain('hunter2');
    const shown = await configured(['--candidate-id', 'me:hunter2@host']);
    expect(shown['candidate-id']?.value).toBe('***@host');
  });

  it('an empty file says nothing', async () => {
    await put('ballot.yaml', '');
    expect((await configured([]))['log-level']).toEqual({ value: 'info', source: 'default' });
  });

  it('with stacks under debug', async () => {
    const { code, stderr } = await ballot(['config', '--debug', '--kill-after', '5']);
    expect(code).toBe(78);
    expect(stderr).toMatch(/^ {4}at /m);
  });
});

describe('usage', () => {
  it('no arguments: help on stdout, exit 64', async () => {
    const { code, stdout, stderr } = await ballot([]);
    expect({ code, stderr }).toEqual({ code: 64, stderr: '' });
    expect(stdout).toContain('ballot run once [options] -- command');
  });

  it.each([
    [['--help'], 'Commands:'],
    [['run', '--help'], 'ballot run once'],
    [['run', 'once', '--help'], '--on-lease-loss'],
    [['run', 'once', '-h', '--', 'cmd'], '--on-lease-loss'],
    [['run', '--help'], 'ballot run cron --schedule SPEC'],
    [['run', '--help'], 'Schedule options of ballot run cron:\n      --schedule '],
    [['run', '--help'], '--on-lease-loss'],
    [['run', '--help'], 'Options may also stand in /etc/ballot'],
    [['run', 'cron', '--help'], '--concurrency'],
    [['info', '--help'], '--timeout'],
    [['config', '--help'], '--output'],
  ])('%j shows help with examples', async (args, text) => {
    const { code, stdout, stderr } = await ballot(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(text);
    expect(stdout).toContain('Examples:');
  });

  it('--version', async () => {
    const { code, stdout } = await ballot(['--version']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it.each([
    [['inof'], 'unknown command inof (did you mean ballot info?)'],
    [['frobnicate'], 'unknown command frobnicate'],
    [['run'], 'ballot run needs to be told how: ballot run once, ballot run cron\n'],
    [['run', 'corn', '--', 'cmd'], 'unknown command run corn (did you mean ballot run cron?)'],
    [['run', 'cron', '--schedule', '@daily'], 'ballot run cron needs a command to run'],
    [
      ['run', 'once', '--schedule', '@daily', '--catch-up=once', '--', 'cmd'],
      'ballot run once has no flag --schedule: it belongs to ballot run cron\n' +
        'ballot: ballot run once has no flag --catch-up: it belongs to ballot run cron\n',
    ],
    [['run', '--', 'cmd'], 'ballot run needs to be told how: ballot run once'],
    [['run', 'onc', '--', 'cmd'], 'unknown command run onc (did you mean ballot run once?)'],
    [['run', 'once'], 'ballot run once needs a command to run'],
    [['run', 'once', '--'], 'ballot run once needs a command to run'],
    [['run', 'once', '--', ''], 'the command to run is an empty word'],
    [['run', 'once', 'ls', '-la'], 'Put -- before the command'],
    [['run', 'once', 'git', 'checkout', '--', 'file'], 'git checkout stands before --: put the whole command after it'],
    [['run', 'once', '--frobnicate', '--', 'cmd'], 'unknown flag --frobnicate'],
    [
      ['run', 'cron', '-schedule', '@daily', '--', 'cmd'],
      'ballot: unknown flag -schedule (did you mean --schedule?)\n',
    ],
    [['run', 'once', '--kil-after', '5s', '--', 'cmd'], 'unknown flag --kil-after (did you mean --kill-after?)'],
    [['run', 'once', '--output', 'json', '--', 'cmd'], 'ballot run once has no flag --output'],
    [
      ['info', '--kill-after', '5s'],
      'ballot info has no flag --kill-after: it belongs to ballot run once, ballot run cron\n',
    ],
    [['info', '--count', '5'], 'ballot info has no flag --count: it belongs to ballot schedule'],
    [['info', 'x'], 'ballot info takes no argument "x"'],
    [['info', '-o', 'xml'], 'flag --output: "xml": must be one of yaml, json, table'],
    [['info', '--timeout', '5'], 'flag --timeout: "5": the unit is missing'],
    [['config', '-o', 'table'], 'flag --output: "table": must be one of yaml, json'],
    [['config', '--', 'cmd'], 'ballot config takes no command after --'],
    [['--'], 'no command of ballot is named'],
  ])('%j ends with 64 and says why (defect 19)', async (args, why) => {
    const { code, stdout, stderr } = await ballot(args);
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
    expect(stderr).toContain(`ballot: `);
    expect(stderr).toContain(why);
    expect(stderr).toContain('ballot: hint: ');
  });

  it.each([[['--wrap-child-logs', 'false']], [['--wrap-child-logs=false']], [['--no-wrap-child-logs']]])(
    '%j turns wrapping off (defect 26)',
    async (args) => {
      expect((await configured(args))['wrap-child-logs']).toEqual({ value: false, source: 'flag --wrap-child-logs' });
    },
  );
});

describe('the process', () => {
  /** Both ends only when every holder of the pipes is gone: a keeper that stayed behind would hold stderr. */
  it.each([
    [['run', 'once'], 64],
    [['run', 'once', '--kill-after', '5', '--', 'true'], 78],
    [['run', 'cron', '--', 'true'], 78],
    [['info', '--log-level', 'loud'], 78],
    [['--candidate-id', 'run', 'config'], 0],
  ])('%j leaves no keeper behind', async (args, code) => {
    expect((await ballot(args)).code).toBe(code);
  });

  it('is not upset by a reader that goes away', async () => {
    const shell = `"${process.execPath}" "${ballotPath}" config 2>err | true; echo "\${PIPESTATUS[0]}"`;
    const status = await new Promise<string>((resolve) => {
      execFile('bash', ['-c', shell], { cwd: folder }, (_, stdout) => resolve(stdout.trim()));
    });
    expect({ status, stderr: await readFile(join(folder, 'err'), 'utf8') }).toEqual({ status: '0', stderr: '' });
  });
});

describe('ballot config', () => {
  it('prints YAML that is a file of ballot again', async () => {
    const args = Object.entries(everything).flatMap(([key, value]) => [`--${key}`, value]);
    const { stdout } = await ballot(['config', ...args]);
    expect(stdout).toMatch(/^log-level: warn +# flag --log-level$/m);
    await put('ballot.yaml', stdout);
    expect(values(await configured([]))).toEqual(values(await configured(args)));
  });
});

describe('ballot run cron', () => {
  const cron = (args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Told> =>
    ballot(['run', 'cron', ...args, '--', 'true'], env);
  const hint =
    'ballot: hint: ballot config shows the configuration and what set each key; ballot config --help lists the keys\n';

  it('without a schedule says how to give one, and what was passed over', async () => {
    const missing =
      'ballot: schedule: is not set, and ballot run cron needs it: --schedule "30 2 * * *", schedule in a file, or BALLOT_SCHEDULE in the environment\n';
    expect(await cron([])).toEqual({ code: 78, stdout: '', stderr: missing + hint });
    const bad =
      'ballot: warning: environment SCHEDULE: schedule "60 * * * *": minute field "60": 0 to 59; passed over, as it may be meant for another tool\n';
    expect((await cron([], { SCHEDULE: '60 * * * *' })).stderr).toBe(missing + bad + hint);
  });

  it('points at the field that is wrong, once', async () => {
    expect(await cron(['--schedule', '60 * * * *'])).toEqual({
      code: 78,
      stdout: '',
      stderr: `ballot: flag --schedule: schedule "60 * * * *": minute field "60": 0 to 59\n${hint}`,
    });
  });

  it('refuses to catch up in a mixed fleet, and a host whose zone is unknown, unless another counts', async () => {
    const { code, stderr } = await cron(['--schedule', '@daily', '--catch-up=once', '--mixed-fleet'], {
      TZ: 'Nowhere',
    });
    expect(code).toBe(78);
    expect(stderr.split('\n').slice(0, 2)).toEqual([
      expect.stringMatching(/^ballot: catch-up once \(flag --catch-up\) cannot go with mixed-fleet true/),
      'ballot: the host\'s zone (TZ): unknown time zone "Nowhere": set --timezone (key timezone), or TZ, to an IANA name such as Europe/Paris, or UTC',
    ]);
    const own = await cron(['--schedule', 'TZ=UTC @daily', '--catch-up=once', '--mixed-fleet'], { TZ: 'Nowhere' });
    expect(own.stderr).not.toContain('zone');
  });

  it('logs once what is odd about its schedule, from whichever source', async () => {
    const args = ['--zookeeper-servers', '127.0.0.1:1', '--election-timeout', '200ms', '--start-deadline', '1m'];
    const { code, stdout, stderr } = await cron([...args, '--log-format', 'json', '--mixed-fleet'], {
      SCHEDULE: 'TZ= 0 0 */40 * 7',
    });
    expect({ code, stderr }).toEqual({ code: 75, stderr: '' });
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { level: string; msg: string });
    const about = 'environment SCHEDULE: schedule "TZ= 0 0 */40 * 7"';
    expect(
      lines.filter(({ level, msg }) => level === 'warn' && !msg.includes('ZooKeeper')).map(({ msg }) => msg),
    ).toEqual([
      `${about}: TZ= names no time zone: UTC is taken`,
      `${about}: day-of-month field "*/40": the step is so long that it names 1 alone`,
      `${about}: Go's ballot does not know 7 for Sunday: its candidates of this mixed fleet will fail`,
      'start-deadline 1m0s (flag --start-deadline) has no effect: with catch-up none (default) nothing is caught up',
    ]);
  });
});

describe('ballot run once', () => {
  it('takes no notice of a schedule in file or environment, but for one that cannot be read', async () => {
    await put('ballot.yaml', "schedule: '*/70 * * * *'\ncatch-up: once\nmixed-fleet: true\n");
    const args = ['--zookeeper-servers', '127.0.0.1:1', '--election-timeout', '200ms', '--log-format', 'json'];
    const { code, stdout, stderr } = await ballot(['run', 'once', ...args, '--', 'true'], { SCHEDULE: '@daily' });
    expect({ code, stderr }).toEqual({ code: 75, stderr: '' });
    expect(stdout).not.toMatch(/schedule|catch-up/);
    const { code: refused } = await ballot(['run', 'once', '--', 'true'], { BALLOT_SCHEDULE: '60 * * * *' });
    expect(refused).toBe(78);
  });
});

describe('warnings about a schedule', () => {
  it('name what set it', async () => {
    const { code, stderr } = await ballot(['config', '--start-deadline', '5m', '--mixed-fleet'], {
      SCHEDULE: '0 H/70 * * *',
    });
    expect(code).toBe(0);
    expect(stderr.trimEnd().split('\n')).toEqual([
      `ballot: warning: environment SCHEDULE: schedule "0 H/70 * * *": Go's ballot does not know H: its candidates of this mixed fleet will fail`,
      'ballot: warning: start-deadline 5m0s (flag --start-deadline) has no effect: with catch-up none (default) nothing is caught up',
    ]);
  });
});

describe('documents', () => {
  it('schema, sample file and docs/options.md are in step with the table', async () => {
    const script = join(root, 'scripts/generate-docs.mjs');
    const ended = await new Promise<string>((resolve) => {
      execFile(process.execPath, [script, '--check'], (error, _, stderr) => resolve(error === null ? '' : stderr));
    });
    expect(ended).toBe('');
  });

  it('the sample file with every key set is accepted', async () => {
    const sample = await readFile(join(root, 'config/ballot.yaml'), 'utf8');
    const secret = await put('zookeeper-auth', 'digest:bob:secret\n');
    await chmod(secret, 0o600);
    const set = sample
      .replaceAll(/^#(?=[a-z])/gm, '')
      .replace('/etc/ballot/zookeeper-auth', secret)
      // Its files mean nothing without it.
      .replace('zookeeper-tls: false', 'zookeeper-tls: true');
    await put('ballot.yaml', set);
    const report = await configured([]);
    const untouched = Object.entries(report).filter(([, { source }]) => source === 'default');
    // The sample is for ZooKeeper, beside which the state folder and its group mean nothing.
    expect(untouched.map(([key]) => key)).toEqual(['config-file', 'state-dir', 'state-group']);
  });
});
