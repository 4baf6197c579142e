import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';
import { useFolder } from '../support/hooks.ts';
import { expectWithin } from '../support/yardstick.ts';

/**
 * Runs a command, logs lines of its own, flushes, and ends with the command's exit code: the log in a process of its
 * own. What it saw goes to fd 3: the longest stop of its event loop (ms) and its largest resident memory (bytes).
 */
const harness = `
import { writeFileSync } from 'node:fs';
import { launch } from './src/command/launch.ts';
import { exitCode } from './src/command/exit.ts';
import { createLogger } from './src/log/create-logger.ts';
const [format, wrap, own, ...command] = process.argv.slice(2);
const log = createLogger({ level: 'info', format, hostname: 'h', candidateId: 'c', fd: 1, env: process.env });
let worst = 0, last = performance.now(), peak = 0;
setInterval(() => {
  const now = performance.now();
  worst = Math.max(worst, now - last);
  last = now;
  peak = Math.max(peak, process.memoryUsage.rss());
}, 5).unref();
const run = launch({ command, env: process.env, wrap: wrap === 'wrap' }, log.outputOf('7.1'));
for (let line = 0; line < Number(own); line += 1) log.info('own line', { line });
const outcome = await run.exited;
await run.drained;
const flushed = await log.flush(500);
writeFileSync(3, JSON.stringify({ flushed, worst, peak }));
process.exit(exitCode(outcome));
`;

/** Logs to a disk that is full every other time. Ends with the number of descriptors that it has opened meanwhile. */
const complaints = `
import { closeSync, openSync, readdirSync } from 'node:fs';
import { createLogger } from './src/log/create-logger.ts';
const descriptors = () => readdirSync('/proc/self/fd').length;
const fd = openSync('/dev/null', 'w');
const replace = (path) => { closeSync(fd); if (openSync(path, 'w') !== fd) throw new Error('another descriptor'); };
const log = createLogger({ level: 'info', format: 'json', hostname: 'h', candidateId: 'c', fd });
const before = descriptors();
for (let time = 0; time < 20; time += 1)
  for (const path of ['/dev/full', '/dev/null']) {
    replace(path);
    log.info('line');
    await log.flush(5000);
  }
process.exitCode = descriptors() - before;
`;

const folder = useFolder('log');
let program: string;
beforeAll(async () => {
  program = await built(harness, 'harness.mjs');
});

/** A program that uses the sources, and its path. */
async function built(contents: string, name: string): Promise<string> {
  const outfile = join(folder, name);
  await build({
    stdin: { contents, resolveDir: join(import.meta.dirname, '../..'), loader: 'ts' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile,
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    logLevel: 'error',
  });
  return outfile;
}

/** Runs a program of its own; `redirect` is bash. */
async function runHarness(contents: string, redirect: string): Promise<{ code: number | null; stderr: string }> {
  const child = spawn('bash', ['-c', `"$@" ${redirect}`, 'bash', process.execPath, await built(contents, 'own.mjs')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stderr };
}

interface Setting {
  /** bash; `"$@"` is the harness. */
  readonly script: string;
  readonly command: readonly string[];
  readonly format?: 'json' | 'human' | 'raw';
  readonly wrap?: boolean;
  readonly own?: number;
}

interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly report: { readonly flushed: boolean; readonly worst: number; readonly peak: number };
  readonly ms: number;
}

async function run({ script, command, format = 'json', wrap = true, own = 1 }: Setting): Promise<Result> {
  const words = [process.execPath, program, format, wrap ? 'wrap' : 'inherit', String(own), ...command];
  const started = performance.now();
  const child = spawn('bash', ['-c', script, 'bash', ...words], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, FOLDER: folder },
  });
  const texts = [1, 2, 3].map(async (index) => {
    let text = '';
    for await (const chunk of child.stdio[index] as AsyncIterable<Buffer>) text += chunk.toString();
    return text;
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  const ms = performance.now() - started;
  const [stdout, stderr, report] = (await Promise.all(texts)) as [string, string, string];
  return { code, stdout, stderr, report: JSON.parse(report) as Result['report'], ms };
}

interface LogLine {
  readonly name: string;
  readonly msg: string;
  readonly level: string;
  readonly lines?: number;
}
const parse = (text: string): LogLine[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as LogLine);
const file = (name: string): string => readFileSync(join(folder, name), 'utf8');

describe('the log of a wrapped command', () => {
  it.each([
    ['a file', '"$@" >$FOLDER/log'],
    ['a pipe', '"$@" | cat >$FOLDER/log; exit ${PIPESTATUS[0]}'],
    ['a socket', '"$@"'],
  ])('holds every line, in order, with ballot’s own among them: %s', async (name, script) => {
    const { code, stdout, report } = await run({ script, command: ['seq', '1', '200000'], own: 3 });
    expect([code, report.flushed]).toEqual([0, true]);
    const records = parse(name === 'a socket' ? stdout : file('log'));
    const output = records.filter((record) => record.name === 'cmd-run-stdout');
    expect(output.length).toBe(200_000);
    expect(output.every(({ msg }, index) => msg === String(index + 1))).toBe(true);
    expect(records.filter((record) => record.name === 'ballot').length).toBe(3);
  });

  it('appends to a file that others append to', async () => {
    await run({ script: '("$@" & "$@" 3>/dev/null & wait) >>$FOLDER/shared', command: ['seq', '1', '5000'] });
    expect(parse(file('shared')).length).toBe(10_002);
  });

  it('a million lines to a slow reader: nothing is lost, memory stays flat, the event loop goes on', async () => {
    const { code, stdout, report, ms } = await run({
      script:
        '"$@" | (for i in 1 2 3 4 5; do sleep 0.2; head -c 5000000; done; cat) | grep -c cmd-run-stdout; exit ${PIPESTATUS[0]}',
      command: ['seq', '1', '1000000'],
    });
    expect([code, stdout.trim(), report.flushed]).toEqual([0, '1000000', true]);
    expect(ms).toBeGreaterThan(1000);
    expect(report.peak).toBeLessThan(170e6);
    expectWithin(report.worst, 400);
  });

  it('a reader that reads nothing does not keep ballot from ending with the command’s exit code', async () => {
    const { code, report, ms } = await run({
      script: '"$@" > >(exec sleep 5 >/dev/null 2>&1 3>&-)',
      command: ['sh', '-c', 'seq 1 2000; exit 7'],
    });
    expect([code, report.flushed]).toEqual([7, false]);
    expectWithin(report.worst, 400);
    expectWithin(ms, 4000);
  });

  it('says how many of ballot’s own lines were dropped while nobody read', async () => {
    const { report } = await run({
      script: '"$@" > >(sleep 0.3; cat >$FOLDER/dropped); wait $!',
      command: ['sleep', '0.1'],
      own: 20_000,
    });
    expect(report.flushed).toBe(true);
    const records = parse(file('dropped'));
    const last = records.at(-1)!;
    expect(last).toMatchObject({ level: 'warn' });
    expect(last.lines).toBeGreaterThan(1000);
    expect(last.lines! + records.length - 1).toBe(20_000);
  });

  it('goes on when the reader is gone, and says so once', async () => {
    const { code, report, stderr } = await run({
      script: '"$@" | head -n 1; exit ${PIPESTATUS[0]}',
      command: ['sh', '-c', 'for i in 1 2 3 4 5; do seq 1 1000; sleep 0.05; done; exit 5'],
    });
    expect([code, report.flushed]).toEqual([5, false]);
    expect(stderr).toMatch(/^ballot: the reader of the log is gone \(EPIPE\)[^\n]*\n$/);
  });

  it('goes on when the disk is full, and says so once', async () => {
    const { code, stderr } = await run({
      script: '"$@" >/dev/full',
      command: ['sh', '-c', 'for i in 1 2 3; do seq 1 1000; sleep 0.05; done; exit 6'],
    });
    expect(code).toBe(6);
    expect(stderr).toMatch(/^ballot: the log cannot be written \(ENOSPC\)[^\n]*\n$/);
  });

  it('complains of every full disk, through one descriptor', async () => {
    const { stderr, code } = await runHarness(complaints, '2> >(cat >&2)');
    expect(stderr.match(/^ballot: the log cannot be written \(ENOSPC\)/gm)).toHaveLength(20);
    // The first complaint opens one.
    expect(code).toBe(1);
  });

  it.each([true, false])(
    'leaves the inherited descriptor blocking, for everybody who shares it (wrap: %s)',
    async (wrap) => {
      const { stderr } = await run({
        script: '{ exec 5>&1; "$@" 5>&- & sleep 0.3; grep flags /proc/self/fdinfo/5 >&2; wait; } | cat',
        command: ['sleep', '0.6'],
        wrap,
      });
      expect(stderr).toMatch(/^flags:\s+\d+$/m);
      // O_NONBLOCK is 04000.
      expect(Number.parseInt(/\d+/.exec(stderr)![0], 8) & 0o4000).toBe(0);
    },
  );

  it('without wrapping, the command writes to ballot’s own output, verbatim', async () => {
    const { stdout, stderr } = await run({
      script: '"$@" | cat',
      command: ['sh', '-c', "printf 'a\\r\\n\\033[31mb'; printf err >&2"],
      wrap: false,
      own: 0,
    });
    expect([stdout, stderr]).toEqual(['a\r\n\x1b[31mb', 'err']);
  });

  it('is coloured on a terminal, but not under NO_COLOR', async () => {
    const script = (prefix: string): string => `${prefix} script -qec "$(printf '%q ' "$@")" /dev/null </dev/null`;
    const command = ['echo', 'hello'];
    const coloured = await run({ script: script('TERM=xterm'), command, format: 'human' });
    const plain = await run({ script: script('TERM=xterm NO_COLOR=1'), command, format: 'human' });
    expect(coloured.stdout).toContain('\x1b[32mINFO');
    expect(plain.stdout).toMatch(/Z INFO {2}cmd-run-stdout: hello\r?\n/);
    expect(plain.stdout).not.toContain('\x1b');
  });
});
