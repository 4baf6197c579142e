/**
 * Checks the Dockerfile without Docker: every path it copies exists and is let through by .dockerignore. With `--run`
 * its npm steps are run too, in folders that hold what it copies and nothing else, and the program of the last stage is
 * started. The ZooKeeper client is not compiled once more for that: it is taken from this installation, which `npm ci`
 * has compiled; `--compile` does it all.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** For hangs, ms. */
const STEP_TIMEOUT_MS = 900_000;

const COMPILES = process.argv.includes('--compile');
/** What the compiler makes, where there is one. */
const COMPILED = 'node_modules/zookeeper/build';
const isCompiled = existsSync(join(root, COMPILED));

/** @typedef {{ name: string, rest: string }} Instruction */

/** @returns {Instruction[]} */
function instructions() {
  const text = readFileSync(join(root, 'Dockerfile'), 'utf8')
    .replace(/^\s*#.*\n/gm, '')
    .replace(/\\\n\s*/g, ' ');
  return [...text.matchAll(/^([A-Z]+)\s+(.*)$/gm)].map(([, name = '', rest = '']) => ({ name, rest }));
}

/**
 * @param {string} rest of a COPY
 * @returns {{ from: string | undefined, sources: string[], target: string }}
 */
function parseCopy(rest) {
  const words = rest.split(/\s+/);
  const from = words.find((word) => word.startsWith('--from='))?.slice('--from='.length);
  const paths = words.filter((word) => !word.startsWith('--'));
  return { from, sources: paths.slice(0, -1), target: paths.at(-1) ?? '' };
}

/** @returns {string[]} what is wrong */
function checkPaths() {
  const allowed = readFileSync(join(root, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1));
  const copies = instructions()
    .filter(({ name }) => name === 'COPY')
    .map(({ rest }) => parseCopy(rest));
  const problems = [];
  for (const source of copies.filter(({ from }) => from === undefined).flatMap(({ sources }) => sources)) {
    const path = source.replace(/\/$/, '');
    if (!existsSync(join(root, path)))
      problems.push(`Dockerfile: COPY ${source}: there is no such file in the repository`);
    if (!allowed.some((entry) => path === entry || path.startsWith(`${entry}/`)))
      problems.push(`.dockerignore: keeps ${source} out, which the Dockerfile copies: add !${path}`);
  }
  return problems;
}

/**
 * What the steps of one stage have made so far: a folder that stands for `/`, and the working directory in it.
 * @typedef {{ folder: string, directory: string }} Stage
 */

/** @param {Stage} stage @param {string} path absolute or relative to the working directory */
const inside = (stage, path) => join(stage.folder, path.startsWith('/') ? path : join(stage.directory, path));

/**
 * Docker's rules: the content of a folder is copied, not the folder; several sources, or a slash at the end, mean a
 * folder.
 * @param {string} source
 * @param {string} target
 */
function copy(source, target) {
  const intoFolder =
    !statSync(source).isDirectory() && (target.endsWith('/') || (existsSync(target) && statSync(target).isDirectory()));
  mkdirSync(dirname(target), { recursive: true });
  cpSync(source, intoFolder ? join(target, basename(source)) : target, { recursive: true, verbatimSymlinks: true });
}

/** @param {string} command @param {string} cwd */
function shell(command, cwd) {
  const { PATH, HOME, npm_config_nodedir: _ignored } = process.env;
  const { status, stdout, stderr } = spawnSync('sh', ['-c', command], {
    cwd,
    env: { PATH, HOME },
    encoding: 'utf8',
    timeout: STEP_TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  if (status !== 0) throw new Error(`${command} ended with ${status ?? 'a timeout'}:\n${stdout}${stderr}`);
  return stdout.trim();
}

/** @param {string} command @param {string} folder */
function runNpm(command, folder) {
  if (COMPILES || command !== 'npm ci') return void shell(command, folder);
  shell('npm ci --ignore-scripts', folder);
  if (isCompiled) cpSync(join(root, COMPILED), join(folder, COMPILED), { recursive: true });
}

/** Runs the stages under `folder` and returns the last one. @param {string} folder @returns {Stage} */
function runStages(folder) {
  /** @type {Map<string, Stage>} */
  const stages = new Map();
  let stage = { folder: '', directory: '/' };
  for (const { name, rest } of instructions()) {
    if (name === 'FROM') {
      const alias = /\sAS\s+(\S+)/i.exec(rest)?.[1] ?? String(stages.size);
      stage = { folder: join(folder, alias), directory: '/' };
      stages.set(alias, stage);
    } else if (name === 'WORKDIR') {
      stage.directory = rest;
      mkdirSync(inside(stage, '.'), { recursive: true });
    } else if (name === 'COPY') {
      const { from, sources, target } = parseCopy(rest);
      const origin = from === undefined ? { folder: root, directory: '/' } : stages.get(from);
      if (origin === undefined) throw new Error(`COPY ${rest}: there is no stage ${from}`);
      for (const source of sources) copy(inside(origin, source), inside(stage, target));
    } else if (name === 'RUN' && /^npm\s/.test(rest)) {
      runNpm(rest, inside(stage, '.'));
    }
  }
  return stage;
}

/** @returns {string[]} what is wrong */
function checkSteps() {
  const folder = mkdtempSync(join(tmpdir(), 'ballot-image-'));
  try {
    const image = { ...runStages(folder), directory: '/ballot' };
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    const said = shell('node dist/main.js --version', inside(image, '.'));
    if (said !== version) return [`the image's ballot says version ${said}, package.json says ${version}`];
    if (isCompiled) shell('node -e "require(\'zookeeper\')"', inside(image, '.'));
    return [];
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const problems = checkPaths();
if (problems.length === 0 && process.argv.includes('--run')) problems.push(...checkSteps());
for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;
