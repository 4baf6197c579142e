/**
 * How many lines a second of a command's output ballot can wrap: the command writes short lines, `launch` reads them,
 * the logger frames them, and a reader takes the log.
 *
 *   node bench/output.mjs [--lines 1000000] [--runs 5] [--cli 'node dist/main.js run once ... ']
 *
 * Without --cli the launcher and the logger are bundled and measured in a process of their own. With --cli that command
 * line is measured instead: it is given `--log-format FORMAT -- seq 1 LINES`, and has to bring its own ZooKeeper
 * address. Prints a table, then one line of JSON. Lines a second are over the whole life of the process, start-up
 * included.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, openSync, closeSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const { values } = parseArgs({
  options: {
    lines: { type: 'string', default: '1000000' },
    runs: { type: 'string', default: '5' },
    cli: { type: 'string' },
  },
});
const lines = Number(values.lines);
const runs = Number(values.runs);
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const scratch = mkdtempSync(join(tmpdir(), 'ballot-bench-'));

const harness = `
import { launch } from './src/command/launch.ts';
import { createLogger } from './src/log/create-logger.ts';
const log = createLogger({ level: 'info', format: process.argv[2], hostname: 'bench-host', candidateId: 'bench', fd: 1 });
const run = launch({ command: process.argv.slice(3), env: process.env, wrap: true }, log);
const outcome = await run.exited;
await run.drained;
const flushed = await log.flush(5000);
process.exit(flushed && outcome.kind === 'exited' ? outcome.code : 99);
`;

async function prepare() {
  if (values.cli !== undefined) return values.cli.split(' ').filter((word) => word !== '');
  const outfile = join(scratch, 'harness.mjs');
  await build({
    stdin: { contents: harness, resolveDir: root, loader: 'ts' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile,
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    logLevel: 'error',
  });
  return [process.execPath, outfile];
}

/** @param {string[]} base @param {string} format @param {string[]} command */
function commandLine(base, format, command) {
  return values.cli === undefined ? [...base, format, ...command] : [...base, '--log-format', format, '--', ...command];
}

/**
 * Runs it once; resolves with the milliseconds it took. `reader`: what takes the log.
 * @param {string[]} words @param {string} reader
 */
async function once(words, reader) {
  const started = process.hrtime.bigint();
  const shell = reader === 'pipe' ? '"$@" | cat >/dev/null; exit ${PIPESTATUS[0]}' : '"$@" >/dev/null';
  const child = spawn('bash', ['-c', shell, 'bash', ...words], { stdio: ['ignore', 'ignore', 'inherit'] });
  const code = await new Promise((resolve) => child.once('exit', resolve));
  if (code !== 0) throw new Error(`exit code ${code}: ${words.join(' ')}`);
  return Number(process.hrtime.bigint() - started) / 1e6;
}

/**
 * The log must hold every line: counted once, before anything is measured. Resolves with the bytes of a line.
 * @param {string[]} words
 */
async function check(words) {
  const path = join(scratch, 'log');
  const file = openSync(path, 'w');
  const child = spawn(String(words[0]), words.slice(1), { stdio: ['ignore', file, 'inherit'] });
  await new Promise((resolve) => child.once('exit', resolve));
  closeSync(file);
  const text = readFileSync(path, 'latin1');
  const found = text.split('cmd-run-stdout').length - 1;
  if (found !== lines) throw new Error(`${found} of ${lines} lines arrived`);
  return text.length / lines;
}

/** @param {number[]} sorted */
const median = (sorted) => sorted[Math.floor(sorted.length / 2)] ?? NaN;
/** @param {number} ms */
const rate = (ms) => Math.round((lines / ms) * 1000);

try {
  const base = await prepare();
  const script = join(scratch, 'lines.sh');
  writeFileSync(script, `#!/bin/sh\nseq 1 ${lines} | sed 's/^/{"n":/;s/$/}\\t"x"/'\n`, { mode: 0o755 });
  const commands = {
    seq: ['seq', '1', String(lines)],
    'yes y': ['sh', '-c', `yes | head -n ${lines}`],
    quoted: [script],
  };
  const results = [];
  for (const [name, command] of Object.entries(commands)) {
    for (const format of ['json', 'human', 'raw']) {
      const words = commandLine(base, format, command);
      const bytesPerLine = await check(words);
      for (const reader of ['/dev/null', 'pipe']) {
        const times = [];
        for (let run = 0; run < runs; run += 1) times.push(await once(words, reader));
        times.sort((a, b) => a - b);
        results.push({
          command: name,
          format,
          reader,
          median: rate(median(times)),
          min: rate(Math.max(...times)),
          max: rate(Math.min(...times)),
          bytesPerLine: Math.round(bytesPerLine),
        });
      }
    }
  }
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, kernel: release(), node: process.version };
  console.log(
    `${machine.cpu}, ${machine.cores} cores, Linux ${machine.kernel}, Node ${machine.node}; ${lines} lines, ${runs} runs, lines/s`,
  );
  console.table(results);
  console.log(
    JSON.stringify({
      bench: 'output',
      lines,
      runs,
      form: values.cli === undefined ? 'harness' : 'cli',
      machine,
      results,
    }),
  );
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
