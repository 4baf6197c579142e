import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';
import { useFolder } from '../support/hooks.ts';
import { useZooKeeper } from '../support/stage.ts';

const root = join(import.meta.dirname, '../..');

function run(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: 120_000 });
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

const zookeeper = useZooKeeper({ observer: false, alone: true });

/** The tarball of `npm pack`, unpacked where no `node_modules` folder is near. */
const folder = useFolder('package');
let unpacked: string;
let tarball: string;
beforeAll(() => {
  const name = run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder], root).trim();
  unpacked = join(folder, 'package');
  mkdirSync(unpacked);
  tarball = join(folder, name);
  run('tar', ['-xzf', tarball, '-C', folder], folder);
});

interface Manifest {
  readonly dependencies?: Record<string, string>;
  readonly optionalDependencies: Record<string, string>;
  readonly scripts: Record<string, string>;
}

const manifest = (): Manifest => JSON.parse(readFileSync(join(unpacked, 'package.json'), 'utf8'));

/** The packages whose code is in the bundle: their licences are passed on with it. */
const bundled = (): string[] =>
  readFileSync(join(unpacked, 'dist/THIRD-PARTY-LICENSES.txt'), 'utf8')
    .split(`\n${'-'.repeat(80)}\n\n`)
    .map((notice) => /^(\S+) \d/.exec(notice)?.[1] ?? notice.slice(0, 80));

describe('the packed package', () => {
  it('has a package in its bundle or installs it, never both', () => {
    expect(bundled()).toEqual(expect.arrayContaining(['cron-parser', 'luxon', 'yargs', 'yaml']));
    expect(manifest().dependencies).toBeUndefined();
    expect(Object.keys(manifest().optionalDependencies)).toEqual(['zookeeper']);
    expect(bundled()).not.toContain('zookeeper');
  });

  it('reads schedules without any package beside it', () => {
    const from = ['--from', '2026-11-26T00:00:00Z', '--timezone', 'UTC', '-n', '1'];
    expect(run(process.execPath, ['dist/main.js', 'schedule', '30 4 * * fri#1', ...from], unpacked)).toContain(
      '2026-12-04T04:30:00',
    );
  });

  it('brings the manual page, completion, and the units of systemd', () => {
    const { man } = JSON.parse(readFileSync(join(unpacked, 'package.json'), 'utf8')) as { man: string[] };
    expect(man.map((page) => readFileSync(join(unpacked, page), 'utf8'))).toEqual([
      expect.stringContaining('.TH BALLOT'),
    ]);
    expect(run(process.execPath, ['dist/main.js', 'completion', 'bash'], unpacked)).toContain('complete -F _ballot');
    expect(existsSync(join(unpacked, 'config/systemd/ballot-run@.service'))).toBe(true);
  });

  it('brings the script that npm runs before an installation, and it lets this Node pass', () => {
    expect(manifest().scripts['preinstall']).toBe('node scripts/node-version.mjs');
    expect(run(process.execPath, ['scripts/node-version.mjs'], unpacked)).toBe('');
  });
});

/** Runs a program to its end, in a folder. */
function program(file: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}) {
  return new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    const child = execFile(
      file,
      args,
      { cwd, env: { PATH: process.env['PATH'], HOME: folder, ...env }, timeout: 240_000 },
      (_, stdout, stderr) => resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}

/** Installs the tarball as npm does where it may not run the scripts of packages. */
async function install(args: readonly string[], cwd: string): Promise<void> {
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
  const { code, stderr } = await program('npm', ['install', ...quiet, ...args, tarball], cwd, process.env);
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
}

describe('a project that depends on it', () => {
  const project = join(folder, 'project');
  const own = (name: string): string => join(root, 'node_modules', name);
  const node = (...args: string[]) =>
    program(process.execPath, args, project, { BALLOT_TEST_SERVERS: zookeeper.connectString });

  /** A module that leads once, and says with which token. */
  const leads = (election: string): string => `
    import { lead } from 'ballot';
    const options = { zookeeperServers: process.env.BALLOT_TEST_SERVERS, election: ${JSON.stringify(election)} };
    const token = await lead(options, ({ fencingToken }) => fencingToken);
    if (!(token > 0)) throw new Error('no token');
  `;

  beforeAll(async () => {
    mkdirSync(project);
    writeFileSync(join(project, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
    await install([], project);
    // The client as this machine has compiled it, and the tools of a developer.
    rmSync(join(project, 'node_modules/zookeeper'), { recursive: true });
    mkdirSync(join(project, 'node_modules/@types'));
    for (const name of ['zookeeper', '@types/node', 'vitest'])
      symlinkSync(own(name), join(project, 'node_modules', name));
  });

  it('imports it, leads, and ends', async () => {
    writeFileSync(join(project, 'leads.mjs'), leads('imports'));
    expect(await node('leads.mjs')).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it('may require it', async () => {
    writeFileSync(join(project, 'requires.cjs'), "console.log(typeof require('ballot').elect);");
    expect(await node('--no-warnings', 'requires.cjs')).toEqual({ code: 0, stdout: 'function\n', stderr: '' });
  });

  it('compiles against its types, strictly', async () => {
    writeFileSync(
      join(project, 'strict.ts'),
      `import { elect, lead, LeaseLostError, type Candidate, type ElectOptions, type Term } from 'ballot';
      const options: ElectOptions = { election: 'job', leaseDuration: 1500, zookeeperServers: ['a', 'b:2181'] };
      const candidate: Candidate = await elect(options);
      const off: () => void = candidate.on('leader', (term) => console.log(term.fencingToken.toFixed()));
      candidate.on('follower', (end) => console.log(end.election, end instanceof LeaseLostError ? end.why : end.code));
      candidate.on('closed', (failure) => console.error(failure?.message));
      for await (const term of candidate.terms()) await fetch('http://localhost', { signal: term.signal });
      const term: Term = await candidate.whenLeader({ timeout: 1000, signal: AbortSignal.timeout(5) });
      const names: string[] = (await candidate.participants()).map(({ candidateId }) => candidateId);
      const done: number = await lead(options, async ({ isLeading }) => Number(isLeading));
      const left: Error | undefined = await candidate.close();
      // @ts-expect-error an option that there is not
      await elect({ candidatId: 'x' });
      // @ts-expect-error there is no command to run
      await elect({ onElectionFailure: 'run-anyway' });
      console.log(off, term, names, done, left);`,
    );
    const flags = [
      '--noEmit',
      '--strict',
      '--exactOptionalPropertyTypes',
      '--skipLibCheck',
      'false',
      '--module',
      'nodenext',
    ];
    const args = [...flags, '--target', 'es2022', '--types', 'node', '--ignoreConfig', 'strict.ts'];
    expect(await node(join(own('typescript'), 'bin/tsc'), ...args)).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it('uses it under node --test and under vitest', async () => {
    const test = (runner: string): string =>
      `import test from '${runner}';
      import { elect } from 'ballot';
      TEST('leads', async () => {
        const candidate = await elect({ zookeeperServers: process.env.BALLOT_TEST_SERVERS, election: '${runner.replace(':', '-')}' });
        await candidate.whenLeader();
        await candidate.close();
      });`;
    writeFileSync(join(project, 'leads.node-test.mjs'), test('node:test').replace('TEST(', 'test('));
    const underNode = await node('--test', 'leads.node-test.mjs');
    expect(underNode).toMatchObject({ code: 0, stderr: '' });
    const forVitest = test('vitest').replace('import test from', 'import { test } from').replace('TEST(', 'test(');
    writeFileSync(join(project, 'leads.test.mjs'), forVitest);
    const underVitest = await node(join(own('vitest'), 'vitest.mjs'), 'run', '--root', project);
    expect(underVitest).toMatchObject({ code: 0 });
  });

  it('bundles its own code with esbuild; ballot stays outside, or says so', async () => {
    writeFileSync(join(project, 'to-bundle.mjs'), leads('bundled'));
    const entryPoints = [join(project, 'to-bundle.mjs')];
    const common = { entryPoints, bundle: true, platform: 'node', format: 'esm' } as const;
    await build({ ...common, outfile: join(project, 'out/bundle.mjs'), external: ['ballot'] });
    expect(await node('out/bundle.mjs')).toEqual({ code: 0, stdout: '', stderr: '' });
    await build({ ...common, outfile: join(project, 'out/whole.mjs') });
    const whole = await node('out/whole.mjs');
    expect(whole.code).toBe(1);
    expect(whole.stderr).toContain(`keeper.js, is not at ${join(project, 'out/keeper.js')}`);
    expect(whole.stderr).toContain('--external:ballot');
  });
});

describe('a global installation where npm runs no scripts', () => {
  const prefix = join(folder, 'prefix');
  const ballot = (...args: string[]) => program(join(prefix, 'bin/ballot'), args, folder);

  it('has the program, with ballot’s own client, and says what to allow for the native one', async () => {
    await install(['--global', '--prefix', prefix], folder);
    expect(await ballot('--version')).toMatchObject({ code: 0, stderr: '' });
    expect((await ballot('schedule', '@daily', '-n', '1')).code).toBe(0);
    const look = ['info', `--zookeeper-servers=${zookeeper.connectString}`, '--timeout=1m'];
    expect((await ballot(...look)).code).toBe(0);
    const info = await ballot(...look, '--zookeeper-client=native');
    expect(info.code).toBe(78);
    expect(info.stderr).toContain('npm install -g --allow-scripts=zookeeper');
  });
});
