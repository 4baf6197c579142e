/** Where configuration files may stand, what they may be, and who may write them. No server is needed. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunConfig } from '../../src/config/config.ts';
import { configFolders } from '../../src/config/files.ts';
import { loadAll, type Loaded } from '../../src/config/load.ts';
import { fields, keyOf, optionOf, variableOf } from '../../src/config/options.ts';
import { ballotPath } from '../support/candidate.ts';
import { freePorts } from '../support/ports.ts';
import { clientVariable } from '../support/sessions.ts';

const isRoot = process.getuid?.() === 0;
/** Nobody is known to the system by this number. */
const STRANGER = 54_321;

let folder: string;
let cwd: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ballot-files-'));
  // Others have to reach the folders inside.
  chmodSync(folder, 0o755);
  cwd = join(folder, 'cwd');
  mkdirSync(cwd);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function put(path: string, content: string | Buffer): string {
  const full = join(folder, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, content);
  return full;
}

function load(env: NodeJS.ProcessEnv = {}, flags: Readonly<Record<string, string>> = {}): Promise<Loaded<RunConfig>> {
  const all = { HOME: join(folder, 'home'), ...env };
  const given = new Map(Object.entries(flags).map(([key, value]) => [key, [value]]));
  return loadAll({ flags: given, env: all, folders: configFolders(all, cwd), cwd, hostname: 'host' });
}

/** What ballot says when the configuration is refused. */
async function refusal(env: NodeJS.ProcessEnv = {}, flags: Readonly<Record<string, string>> = {}): Promise<string> {
  const error: unknown = await load(env, flags).then(
    ({ warnings }) => new Error(`not refused; warnings: ${warnings.join()}`),
    (thrown: unknown) => thrown,
  );
  return (error as Error).message;
}

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function ballot(args: readonly string[], id?: number): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, [ballotPath, ...args], {
    cwd,
    env: { HOME: join(folder, 'home'), ...clientVariable },
    encoding: 'utf8',
    timeout: 120_000,
    ...(id === undefined ? {} : { uid: id, gid: id }),
  });
  return { status, stdout, stderr };
}

describe('a variable without the prefix never ends ballot', () => {
  const another: readonly (readonly [string, () => string, string])[] = [
    ['is absent', () => join(folder, 'absent'), 'ENOENT'],
    ['is a folder', () => folder, 'EISDIR'],
    ['is a FIFO that nobody writes', () => fifo('other'), 'is a FIFO, not a regular file'],
    ['has other keys', () => put('other.yaml', 'listen: 80\nworkers: 4\nroot: /srv\n'), 'listen: unknown key'],
    ['is TOML', () => put('other.toml', '[server]\nport = 80\n'), '/other.toml:'],
    ['is binary', () => put('other.bin', Buffer.from([0, 1, 2, 255])), 'holds NUL characters'],
    [
      'has a value that is wrong',
      () => put('other.yaml', 'debug: verbose\n'),
      'debug "verbose": must be true or false',
    ],
    ['is large', () => put('other.yaml', `a: ${'x'.repeat(2_000_000)}\n`), 'is larger than'],
  ];

  it.each(another)('CONFIG_FILE names a file that %s', async (_, make, why) => {
    const path = make();
    const own = put('cwd/ballot.yaml', 'log-level: warn\n');
    const { config, sources, warnings, files } = await load({ CONFIG_FILE: path });
    expect({ level: config.logLevel, from: sources.logLevel, file: config.configFile, files }).toEqual({
      level: 'warn',
      from: `${own}:1`,
      file: undefined,
      files: [own],
    });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/^environment CONFIG_FILE: config-file "/);
    expect(warnings[0]).toContain(why);
    expect(warnings[0]).toMatch(/; passed over, as it may be meant for another tool$/);
  });

  it.each(another.filter(([what]) => !what.includes('FIFO') && !what.includes('large')))(
    'with the prefix it does: a file that %s',
    async (_, make, why) => {
      expect(await refusal({ BALLOT_CONFIG_FILE: make() })).toContain(why);
    },
  );

  it('names a file with many problems in one line', async () => {
    const { warnings } = await load({ CONFIG_FILE: put('other.yaml', 'listen: 80\nworkers: 4\nroot: /srv\n') });
    expect(warnings).toEqual([expect.stringContaining('listen: unknown key (and 2 more); passed over')]);
  });

  it("takes a CONFIG_FILE whose values are right, but not together, for ballot's own", async () => {
    const path = put('own.yaml', 'restart-delay: 40s\n');
    expect(await refusal({ CONFIG_FILE: path })).toContain(`restart-delay 40s (${path}:1)`);
  });

  it("takes a CONFIG_FILE that is ballot's", async () => {
    const path = put('own.yaml', 'log-level: warn\n');
    const { config, warnings, files } = await load({ CONFIG_FILE: path });
    expect({ level: config.logLevel, file: config.configFile, warnings, files }).toEqual({
      level: 'warn',
      file: path,
      warnings: [],
      files: [path],
    });
  });

  it.each(fields.filter((field) => optionOf(field).inGo).map((field) => [variableOf(field), keyOf(field)]))(
    '%s that is nonsense',
    async (variable, key) => {
      const { warnings } = await load({ [variable]: ' \u200b ' });
      expect(warnings).toEqual([expect.stringMatching(`^environment ${variable}: ${key} " .u200b ": .+; passed over`)]);
      const why = key === 'config-file' ? 'cannot be read: ENOENT' : `environment BALLOT_${variable}: ${key}`;
      expect(await refusal({ [`BALLOT_${variable}`]: ' \u200b ' })).toContain(why);
    },
  );

  it('a value that is right, and cannot go with others', async () => {
    put('cwd/ballot.yaml', 'lease-duration: 6s\n');
    const env = { ZOOKEEPER_SESSION_TIMEOUT: '20s', ZOOKEEPER_SERVERS: 'zk1' };
    const { config, sources, warnings } = await load(env);
    expect(config.zookeeperSessionTimeout).toBe(5_000);
    expect(sources.zookeeperServers).toBe('environment ZOOKEEPER_SERVERS');
    expect(warnings).toEqual([
      expect.stringMatching(
        /^environment ZOOKEEPER_SESSION_TIMEOUT: zookeeper-session-timeout "20s": lease-duration 6s .+; passed over/,
      ),
    ]);
    expect(await refusal({ BALLOT_ZOOKEEPER_SESSION_TIMEOUT: '20s' })).toMatch(
      /^lease-duration 6s .+ must be at least/,
    );
  });
});

function fifo(name: string): string {
  const path = join(folder, name);
  execFileSync('mkfifo', [path]);
  return path;
}

describe('what stands in the place of a file', () => {
  const places = [
    ['the working directory', 'cwd'],
    ["the user's folder", 'home/.config/ballot'],
  ] as const;

  it.each(places)('%s: a symbolic link that leads nowhere is an error', async (_, place) => {
    mkdirSync(join(folder, place), { recursive: true });
    for (const name of ['ballot.yaml', 'ballot.json']) {
      const link = join(folder, place, name);
      symlinkSync('../away.yaml', link);
      expect(await refusal()).toBe(
        `${link}: is a symbolic link to ../away.yaml, which does not exist: ` +
          'make the target available, or remove the link',
      );
      rmSync(link);
    }
  });

  it('a link to a folder that is not there is an error', async () => {
    mkdirSync(join(folder, 'home/.config'), { recursive: true });
    const link = join(folder, 'home/.config/ballot');
    symlinkSync('/nowhere/ballot', link);
    expect(await refusal()).toContain(`${link}: is a symbolic link to /nowhere/ballot, which does not exist`);
  });

  it('a link to a file is read', async () => {
    put('real.yaml', 'log-level: warn\n');
    symlinkSync('../real.yaml', join(cwd, 'ballot.yaml'));
    expect((await load()).config.logLevel).toBe('warn');
  });

  it.each(places)('%s: a FIFO is refused', async (_, place) => {
    mkdirSync(join(folder, place), { recursive: true });
    const path = fifo(join(place, 'ballot.yaml'));
    expect(await refusal()).toBe(`${path}: is a FIFO, not a regular file`);
  });

  it('a socket is refused', async () => {
    const path = join(cwd, 'ballot.json');
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(path, resolve);
    });
    try {
      expect(await refusal()).toBe(`${path}: is a socket, not a regular file`);
    } finally {
      server.close();
    }
  });

  it('a device is refused', async () => {
    symlinkSync('/dev/zero', join(cwd, 'ballot.yaml'));
    expect(await refusal()).toBe(`${join(cwd, 'ballot.yaml')}: is a device, not a regular file`);
  });

  it('--config-file may be a FIFO', async () => {
    const path = fifo('own.yaml');
    const writer = spawn('sh', ['-c', 'echo "log-level: warn" >"$1"', 'sh', path], { stdio: 'ignore' });
    try {
      const { config } = await load({}, { 'config-file': path });
      expect(config.logLevel).toBe('warn');
    } finally {
      writer.kill('SIGKILL');
    }
  });
});

describe('a file of the working directory that other users can write', () => {
  const path = (): string => join(cwd, 'ballot.yaml');
  const outcome = async (): Promise<string> =>
    load().then(
      ({ warnings, config }) => (config.logLevel === 'warn' ? `read ${warnings.join()}` : 'not read'),
      (error: unknown) => (error as Error).message,
    );

  beforeEach(() => {
    put('cwd/ballot.yaml', 'log-level: warn\n');
    chmodSync(path(), 0o644);
    chmodSync(cwd, 0o755);
  });

  const modes: readonly (readonly [string, () => void, () => string])[] = [
    ['its mode', () => chmodSync(path(), 0o646), () => `${path()} can be written by everybody`],
    ['that of its folder', () => chmodSync(cwd, 0o757), () => `${cwd} can be written by everybody`],
    ["that of its link's target", linked, () => `${join(folder, 'open')} can be written by everybody`],
  ];
  const owners: typeof modes = [
    ['its owner', () => chownSync(path(), STRANGER, 0), () => `${path()} belongs to another user (${STRANGER})`],
    ['that of its folder', () => chownSync(cwd, STRANGER, 0), () => `${cwd} belongs to another user (${STRANGER})`],
    [
      'its group',
      () => {
        chownSync(path(), 0, STRANGER);
        chmodSync(path(), 0o664);
      },
      () => `${path()} can be written by a group (${STRANGER})`,
    ],
    ['the owner of its link', linkedByStranger, () => `${path()} belongs to another user`],
  ];

  /** A link to a file in a folder of this mode. */
  function linked(mode = 0o757): void {
    put('open/real.yaml', 'log-level: warn\n');
    chmodSync(join(folder, 'open'), mode);
    rmSync(path());
    symlinkSync('../open/real.yaml', path());
  }
  function linkedByStranger(): void {
    linked(0o755);
    execFileSync('chown', ['-h', String(STRANGER), path()]);
  }

  it.each(modes)('by %s: refused for root, warned of otherwise', async (_, open, why) => {
    expect(await outcome()).toBe('read ');
    open();
    const begin = isRoot
      ? `${path()}: not read for root, as other users can change it:`
      : `read ${path()}: other users can change it:`;
    expect(await outcome()).toBe(
      `${begin} ${why()}: change owner and mode (chown, chmod go-w), or name the file with --config-file`,
    );
  });

  it.skipIf(!isRoot).each(owners)('by %s: refused for root', async (_, open, why) => {
    expect(await outcome()).toBe('read ');
    open();
    expect(await outcome()).toContain(`not read for root, as other users can change it: ${why()}`);
  });

  it.skipIf(!isRoot)('is read for another user, with a warning', () => {
    chmodSync(path(), 0o646);
    const { status, stdout, stderr } = ballot(['config'], STRANGER);
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr:
        `ballot: warning: ${path()}: other users can change it: ${path()} can be written by everybody: ` +
        'change owner and mode (chown, chmod go-w), or name the file with --config-file\n',
    });
    expect(stdout).toMatch(/^log-level: warn /m);
  });

  it.skipIf(!isRoot)('is silent about a group of one user', () => {
    for (const place of [path(), cwd]) {
      chownSync(place, STRANGER, STRANGER);
      chmodSync(place, 0o775);
    }
    expect(ballot(['config'], STRANGER)).toMatchObject({ status: 0, stderr: '' });
  });

  it('is silent about a folder where others can add files, and change none', async () => {
    chmodSync(cwd, 0o1777);
    expect(await outcome()).toBe('read ');
  });

  it('is read when it is named, and in other places', async () => {
    chmodSync(path(), 0o646);
    expect(await load({}, { 'config-file': path() })).toMatchObject({ config: { logLevel: 'warn' }, warnings: [] });
    rmSync(path());
    chmodSync(put('home/.config/ballot/ballot.yaml', 'log-level: error\n'), 0o646);
    expect(await load()).toMatchObject({ config: { logLevel: 'error' }, warnings: [] });
  });
});

describe('the files that were read are named in the log', () => {
  it.each([
    [['--log-level', 'debug'], 'debug'],
    [['--debug'], 'info'],
  ])('with %j, as %s', async (flags, level) => {
    const [port] = await freePorts(1);
    const user = put('home/.config/ballot/ballot.yaml', 'log-format: json\n');
    const own = put('cwd/ballot.json', '{"election-timeout": "200ms"}');
    const { status, stdout } = ballot([
      'run',
      'once',
      '--zookeeper-servers',
      `127.0.0.1:${port}`,
      ...flags,
      '--',
      'true',
    ]);
    expect(status).toBe(75);
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const about = lines.filter(({ msg }) => msg === 'configuration files that were read');
    expect(about).toEqual([expect.objectContaining({ level, files: `${user}, ${own}` })]);
  });
});
