/**
 * What surrounds ballot and is not as it should be: streams, folders, limits, bytes, and signals that come early. No
 * server is needed.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ballotPath } from '../support/candidate.ts';
import { poll } from '../support/poll.ts';
import { freePorts } from '../support/ports.ts';
import { clientVariable } from '../support/sessions.ts';

let folder: string;
let nobody: string;
let started: ChildProcess[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ballot-surroundings-'));
  nobody = `127.0.0.1:${(await freePorts(1))[0]}`;
  started = [];
});
afterEach(() => {
  for (const child of started) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

const isRoot = process.getuid?.() === 0;
/** Nobody is known to the system by this number. */
const STRANGER = 54_321;

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs shell script in which `ballot` is the built one. Of the environment there is PATH, and the client in use. */
function shell(script: string, { env = {}, uid }: { env?: NodeJS.ProcessEnv; uid?: number } = {}): Ended {
  const whole = `ballot() { "${process.execPath}" "${ballotPath}" "$@"; }\n${script}`;
  const { status, stdout, stderr } = spawnSync('bash', ['--norc', '-c', whole], {
    cwd: folder,
    env: { PATH: process.env['PATH'], HOME: folder, ...clientVariable, ...env },
    encoding: 'utf8',
    timeout: 120_000,
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  return { status, stdout, stderr };
}

/** Flags for a run without leadership that ends with its command. */
const alone = (): string =>
  `--zookeeper-servers ${nobody} --zookeeper-session-timeout 500ms --on-election-failure run-anyway ` +
  '--on-child-success exit --on-child-error exit --log-format json';

describe('a terminal that goes away', () => {
  it.each([
    ['all three streams', '', false],
    ['stdin', '>log 2>&1', false],
    ['all three streams, before ballot looks at it', '', true],
  ])('as %s: ballot ends as it should', async (_, streams, early) => {
    const read = (name: string): string =>
      existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8').trim() : '';
    // The shell outlives the terminal, and writes down how ballot ended.
    const inner = `trap '' HUP; exec 3<&0; "${process.execPath}" "${ballotPath}" run once --zookeeper-servers ${nobody} -- true <&3 ${streams} & echo $! >pid; wait $!; echo $? >status`;
    writeFileSync(join(folder, 'inner.sh'), inner);
    // Between Node's look at the terminal and ballot's.
    const awaiting = `const { isatty } = require('node:tty');
if (process.argv[1].endsWith('main.js')) {
  require('node:fs').writeFileSync(${JSON.stringify(join(folder, 'looked'))}, isatty(1) ? 'a terminal' : 'none');
  const end = Date.now() + 60_000;
  while (isatty(1) && Date.now() < end) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
}`;
    writeFileSync(join(folder, 'awaiting.cjs'), awaiting);
    // exec: with a shell before it, the end of that shell would send SIGHUP to Node, which is deadly this early.
    const terminal = spawn('script', ['-qec', 'exec bash inner.sh', '/dev/null'], {
      cwd: folder,
      env: { ...process.env, ...(early && { NODE_OPTIONS: `--require=${join(folder, 'awaiting.cjs')}` }) },
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    started.push(terminal);
    if (early) {
      await poll(() => read('looked') !== '', { what: 'Node’s look' });
      expect(read('looked')).toBe('a terminal');
      terminal.kill('SIGKILL');
    }
    const isUp = (): boolean => read('pid') !== '' && handles(Number(read('pid')), 'SIGHUP');
    await poll(() => isUp() || read('status') !== '', { what: 'ballot' });
    terminal.kill('SIGKILL');
    if (read('status') === '') tryKill(Number(read('pid')));
    await poll(() => read('status') !== '', { what: 'the end of ballot' });
    expect(['0', '129', '143']).toContain(read('status'));
  });
});

it('stdin is /dev/null, whatever it was', async () => {
  const ballot = start([]);
  await poll(() => handles(pidOf(ballot), 'SIGHUP'), { what: 'the start of ballot' });
  await poll(() => readlinkSync(`/proc/${pidOf(ballot)}/fd/0`) === '/dev/null', { what: 'stdin' });
});

describe('a full disk', () => {
  it.each(['config', 'config -o json', '--help', 'run once --help', '--version', ''])(
    'ends ballot %s with an error',
    (line) => {
      const { status, stderr } = shell(`ballot ${line} >/dev/full`);
      expect(status).toBe(69);
      expect(stderr).toMatch(/ballot: the report could not be written to stdout: ENOSPC/);
    },
  );
});

describe('a folder that is not there', () => {
  it.skipIf(!isRoot)('the home of a user that nobody knows: it is passed over', () => {
    const { status, stderr } = shell('unset HOME; cd /; ballot config >/dev/null', { uid: STRANGER });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  it('the working directory: it is passed over with a warning', () => {
    const { status, stderr } = shell('mkdir gone; cd gone; rmdir ../gone; ballot config >/dev/null');
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: 'ballot: warning: the working directory has been deleted: no ballot.yaml is looked for in it\n',
    });
  });

  it('the working directory: a relative config-file is refused, a whole path is read', () => {
    writeFileSync(join(folder, 'own.yaml'), 'log-level: warn\n');
    const gone = 'mkdir gone; cd gone; rmdir ../gone;';
    const relative = shell(`${gone} ballot config --config-file own.yaml`);
    expect(relative.status).toBe(78);
    expect(relative.stderr).toContain('flag --config-file: config-file "own.yaml": a relative path needs the working');
    const ambient = shell(`${gone} CONFIG_FILE=own.yaml ballot config`);
    expect(ambient.status).toBe(0);
    expect(ambient.stderr).toMatch(
      /^ballot: warning: environment CONFIG_FILE: config-file "own.yaml": a relative path needs .+; passed over/,
    );
    const { status, stdout, stderr } = shell(`${gone} ballot config --config-file "${folder}/own.yaml"`);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^log-level: warn /m);
  });

  it('the working directory: the command runs there', () => {
    const { status, stdout } = shell(`mkdir gone; cd gone; rmdir ../gone; ballot run once ${alone()} -- echo here`);
    expect(status).toBe(0);
    expect(stdout).toContain('"msg":"here"');
  });
});

describe('a limit that is too low', () => {
  // With less than 22 Node 22 and 24 die before they read a line of ballot's.
  it.each([24, 32, 40])('ulimit -n %i: one sentence, and what to do', (limit) => {
    const { status, stderr } = shell(`ulimit -n ${limit}; ballot run once ${alone()} -- true`);
    expect({ status, stderr }).toEqual({
      status: 78,
      stderr:
        `ballot: ulimit -n is ${limit}: ballot and its command need at least 48\n` +
        'ballot: hint: raise the limit: ulimit -n 1024, LimitNOFILE=1024 in a systemd unit\n',
    });
  });

  it.skipIf(!isRoot)('ulimit -u 8: one sentence, and what to do', () => {
    const { status, stderr } = shell(`cd /; ulimit -u 8; ballot run once ${alone()} -- true`, { uid: STRANGER });
    expect({ status, stderr }).toEqual({
      status: 78,
      stderr:
        'ballot: ulimit -u is 8: ballot and its command need at least 20\n' +
        'ballot: hint: raise the limit: ulimit -u 1024, LimitNPROC=1024 in a systemd unit\n',
    });
  });

  it('ulimit -n 48: the command runs', () => {
    const { status, stdout } = shell(`ulimit -n 48; ballot run once ${alone()} -- sh -c 'echo out; echo err >&2'`);
    expect(status).toBe(0);
    expect(stdout).toMatch(/"msg":"out"(.|\n)*"msg":"err"|"msg":"err"(.|\n)*"msg":"out"/);
  });
});

describe('bytes that are not UTF-8', () => {
  it('in an argument: refused, with the argument', () => {
    const { status, stderr } = shell(`ballot run once ${alone()} -- echo $'caf\\xe9' $'\\ufffd'`);
    expect({ status, stderr }).toEqual({
      status: 64,
      stderr:
        'ballot: arguments that are not UTF-8 cannot be passed on: "caf\ufffd"\n' +
        'ballot: hint: put the command into a script, and its arguments with it\n',
    });
  });

  it('in a variable: the command gets them as they are', () => {
    const every = Array.from({ length: 255 }, (_, at) => `\\x${(at + 1).toString(16).padStart(2, '0')}`).join('');
    const { status, stdout, stderr } = shell(
      `export ODD=$'${every}\\n\\n' PLAIN='it'"'"'s $HOME %s \\\\'; printf %s "$ODD" >expected; printf %s "$PLAIN" >>expected
      ballot run once ${alone()} -- sh -c 'printf %s "$ODD$PLAIN" >found; exit 3'`,
    );
    expect({ status, stderr }).toEqual({ status: 3, stderr: '' });
    expect(readFileSync(join(folder, 'found'))).toEqual(readFileSync(join(folder, 'expected')));
    expect(stdout).toContain('"variable":"ODD"');
  });

  it('in a variable with a name that no shell can set: refused', () => {
    const { status, stderr } = shell(
      `env $'a.b=\\xe9' "${process.execPath}" "${ballotPath}" run once ${alone()} -- true`,
    );
    expect(status).toBe(78);
    expect(stderr).toContain('environment "a.b": is not UTF-8');
  });

  it('that are none: the character for what cannot be read is an ordinary one', () => {
    const { status, stdout } = shell(
      `export ODD=$'\\ufffd'; ballot run once ${alone()} -- sh -c 'echo "$ODD$1"' sh $'\\ufffd'`,
      { env: { LC_ALL: 'C.UTF-8' } },
    );
    expect(status).toBe(0);
    expect(stdout).toContain('"msg":"\ufffd\ufffd"');
    expect(stdout).not.toContain('"variable":"ODD"');
  });
});

describe('a signal before ballot stands', () => {
  it('SIGTERM while mkfifo is at work: its folder is not left behind', async () => {
    const scratch = join(folder, 'tmp');
    const bin = join(folder, 'bin');
    mkdirSync(scratch);
    mkdirSync(bin);
    writeFileSync(join(bin, 'mkfifo'), `#!/bin/sh\n: >"${folder}/begun"\nexec sleep 60\n`, { mode: 0o755 });
    const ballot = start([], { TMPDIR: scratch, PATH: `${bin}:${process.env['PATH']}` });
    await poll(() => existsSync(join(folder, 'begun')), { what: 'mkfifo' });
    expect(readdirSync(scratch)).toHaveLength(1);
    ballot.kill('SIGTERM');
    expect(await ending(ballot)).toBe(0);
    expect(readdirSync(scratch)).toEqual([]);
  });

  it('SIGTERM while the configuration is being read: 128 + 15, at once', async () => {
    const ballot = await heldUp();
    ballot.kill('SIGTERM');
    expect(await ending(ballot)).toBe(143);
  });

  it('SIGTERM while nobody opens the FIFO with the configuration, or writes to it: the same', async () => {
    // Numbers of openat(2).
    const number = process.arch === 'arm64' ? '56 ' : '257 ';
    for (const isOpened of [false, true]) {
      const ballot = await heldUp();
      const tasks = `/proc/${pidOf(ballot)}/task`;
      const opens = (task: string): boolean => readFileSync(join(tasks, task, 'syscall'), 'latin1').startsWith(number);
      await poll(() => readdirSync(tasks).some(opens), { what: 'a thread that opens the FIFO' });
      const writer = isOpened
        ? openSync(join(folder, 'own.yaml'), constants.O_WRONLY | constants.O_NONBLOCK)
        : undefined;
      ballot.kill('SIGTERM');
      expect(await ending(ballot)).toBe(143);
      if (writer !== undefined) closeSync(writer);
    }
  });

  it.each(['SIGUSR1', 'SIGUSR2', 'SIGWINCH'] as const)('%s is none of its business', async (signal) => {
    const ballot = await heldUp();
    ballot.kill(signal);
    goOn('on-hangup: stop');
    await poll(() => said(ballot).includes('standing for election'), { what: 'ballot to stand' });
    ballot.kill('SIGTERM');
    expect(await ending(ballot)).toBe(0);
    expect(stderrs.get(ballot)).toBe('');
  });

  it('SIGHUP waits for what on-hangup says: stop', async () => {
    const ballot = await heldUp();
    ballot.kill('SIGHUP');
    goOn('on-hangup: stop');
    expect(await ending(ballot)).toBe(0);
    expect(said(ballot)).toContain('"signal":"SIGHUP"');
  });

  it('SIGHUP waits for what on-hangup says: ignore', async () => {
    const ballot = await heldUp();
    ballot.kill('SIGHUP');
    goOn('on-hangup: ignore');
    await poll(() => said(ballot).includes('standing for election'), { what: 'ballot to stand' });
    ballot.kill('SIGTERM');
    expect(await ending(ballot)).toBe(0);
    expect(said(ballot)).not.toContain('"signal":"SIGHUP"');
  });

  it('SIGUSR1 while Node starts: its debugger is closed', async () => {
    // Any port will do.
    const ballot = start([], { NODE_OPTIONS: '--inspect-port=0' });
    await poll(() => handles(pidOf(ballot), 'SIGUSR1'), { what: "Node's own handler" });
    ballot.kill('SIGUSR1');
    await poll(() => said(ballot).includes('standing for election'), { what: 'ballot to stand' });
    await expectNoDebugger(ballot);
  });

  it('the same, where Node is slow to open it', async () => {
    writeFileSync(
      join(folder, 'late.cjs'),
      `if (process.argv[1].endsWith('main.js')) setTimeout(() => require('node:inspector').open(0), 500);`,
    );
    const ballot = start([], { NODE_OPTIONS: `--require=${join(folder, 'late.cjs')}` });
    await poll(() => debuggerPort(ballot) !== undefined, { what: 'a debugger' });
    await expectNoDebugger(ballot);
  });
});

/** The port of the debugger that Node has opened, as it says. */
const debuggerPort = (ballot: ChildProcess): string | undefined =>
  /ws:\/\/127\.0\.0\.1:(\d+)/.exec(stderrs.get(ballot) ?? '')?.[1];

/** Ends the candidate once no debugger listens. */
async function expectNoDebugger(ballot: ChildProcess): Promise<void> {
  const port = debuggerPort(ballot);
  const isListening = (): boolean =>
    port !== undefined && readFileSync('/proc/net/tcp', 'utf8').includes(`0100007F:${hex(port)} 00000000:0000 0A`);
  await poll(() => !isListening(), { what: 'the debugger to be closed' });
  ballot.kill('SIGTERM');
  expect(await ending(ballot)).toBe(0);
}

const hex = (port: string): string => Number(port).toString(16).toUpperCase().padStart(4, '0');

const stdouts = new Map<ChildProcess, string>();
const stderrs = new Map<ChildProcess, string>();
const said = (ballot: ChildProcess): string => stdouts.get(ballot) ?? '';

/** Starts a candidate that finds no server. */
function start(flags: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const all = ['--zookeeper-servers', nobody, '--log-format', 'json', ...flags];
  const child = spawn(process.execPath, [ballotPath, 'run', 'once', ...all, '--', 'true'], {
    cwd: folder,
    env: { PATH: process.env['PATH'], HOME: folder, ...clientVariable, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  started.push(child);
  for (const [stream, texts] of [
    [child.stdout, stdouts],
    [child.stderr, stderrs],
  ] as const) {
    texts.set(child, '');
    stream.setEncoding('utf8').on('data', (text: string) => texts.set(child, texts.get(child) + text));
  }
  return child;
}

/** A candidate that waits for its configuration: `goOn` writes it. */
async function heldUp(): Promise<ChildProcess> {
  spawnSync('mkfifo', [join(folder, 'own.yaml')]);
  const ballot = start(['--config-file', 'own.yaml']);
  await poll(() => handles(pidOf(ballot), 'SIGHUP'), { what: 'the handlers of ballot' });
  return ballot;
}

function goOn(text: string): void {
  spawnSync('sh', ['-c', `echo '${text}' >own.yaml`], { cwd: folder, timeout: 120_000 });
}

async function ending(ballot: ChildProcess): Promise<number | null> {
  await poll(() => ballot.exitCode !== null || ballot.signalCode !== null, {
    what: 'the end of ballot',
    timeout: 120_000,
  });
  return ballot.exitCode;
}

/** SIGHUP may have ended it already. */
function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM');
  } catch {
    // Gone.
  }
}

const pidOf = ({ pid }: ChildProcess): number => pid as number;

const numbers = { SIGHUP: 1, SIGUSR1: 10 } as const;

/** Whether the process has a handler for the signal. */
function handles(pid: number, signal: keyof typeof numbers): boolean {
  const status = existsSync(`/proc/${pid}/status`) ? readFileSync(`/proc/${pid}/status`, 'utf8') : '';
  const caught = BigInt(`0x${/^SigCgt:\s*(\w+)/m.exec(status)?.[1] ?? '0'}`);
  return ((caught >> BigInt(numbers[signal] - 1)) & 1n) === 1n;
}
