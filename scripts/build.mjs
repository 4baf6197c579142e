/**
 * Bundles src/ into dist/. `node scripts/build.mjs [--clean]`; `--clean` also removes what an earlier build left
 * behind.
 *
 * Two processes: `main.js` with the program, of which large packages are chunks of their own, loaded when they are
 * needed; and `keeper.js`, which shares nothing with them: the keeper has to stay small. `index.mjs` is the library,
 * with its types beside it. All but that is CommonJS, which starts some 10 ms sooner than an ES module, and whose
 * compiled code can be kept (`compile.mjs`): that is on the way of every start and every replacement.
 */
import { existsSync } from 'node:fs';
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
/** @type {{ version: string, optionalDependencies: Record<string, string> }} */
const { version, optionalDependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));

/** @type {import('esbuild').BuildOptions & { write: false, metafile: true }} */
const common = {
  absWorkingDir: root,
  outdir: 'dist',
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  format: 'esm',
  sourcemap: 'linked',
  // Stack traces name the sources' own functions.
  keepNames: true,
  // A package is bundled, or it is one that npm installs with ballot: never both. `typescript` is asked for by
  // cosmiconfig only when it meets a TypeScript config file, which ballot never offers it.
  external: [...Object.keys(optionalDependencies), 'typescript'],
  define: { BALLOT_VERSION: JSON.stringify(version) },
  logLevel: 'warning',
  write: false,
  metafile: true,
};

/** A CommonJS file has no `import.meta`. */
const urlBanner = "const ballotMainUrl = require('node:url').pathToFileURL(__filename).href;";

/** @type {import('esbuild').BuildOptions & { write: false, metafile: true }} */
const commonJs = {
  ...common,
  format: 'cjs',
  banner: { js: urlBanner },
  define: { ...common.define, 'import.meta.url': 'ballotMainUrl' },
  supported: { 'dynamic-import': false },
};

/** Named by its content. @type {import('esbuild').BuildOptions & { write: false, metafile: true }} */
const byContent = { ...commonJs, entryNames: 'chunks/[name]-[hash]' };

/**
 * Packages that most starts do without: what is imported of each, and what that is.
 * @type {Record<string, [imported: string, contents: string]>}
 */
const LATE = {
  cosmiconfig: ['cosmiconfig/dist/Explorer.js', "module.exports = require('cosmiconfig/dist/Explorer.js')"],
  'cron-parser': ['cron-parser', "module.exports = require('cron-parser')"],
  yaml: ['yaml', "module.exports = require('yaml')"],
  yargs: ['yargs', "module.exports = require('yargs').default"],
};

const late = await Promise.all(
  Object.entries(LATE).map(async ([name, [imported, contents]]) => {
    const built = await build({
      ...byContent,
      stdin: { contents, resolveDir: root, sourcefile: `${name}.js` },
      entryNames: `chunks/${name}-[hash]`,
    });
    return { imported, built };
  }),
);

/** @param {{ outputFiles: { path: string }[] }} built */
const codeOf = ({ outputFiles }) => outputFiles.find(({ path }) => path.endsWith('.js'))?.path ?? '';

/** The program loads those when it needs them. @type {import('esbuild').Plugin} */
const lateApart = {
  name: 'late-apart',
  setup({ onResolve }) {
    for (const { imported, built } of late)
      onResolve({ filter: new RegExp(`^${imported}$`) }, () => ({
        path: `./${basename(codeOf(built))}`,
        external: true,
      }));
  },
};

/** What pino loads, which takes its time, and ballot, whose log has a writer of its own, never calls. */
const UNUSED = ['sonic-boom', 'thread-stream', 'worker_threads'];

/** @type {import('esbuild').Plugin} */
const withoutUnused = {
  name: 'without-unused',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: new RegExp(`^(${UNUSED.join('|')})$`) }, ({ path }) => ({ path, namespace: 'unused' }));
    onLoad({ filter: /.*/, namespace: 'unused' }, () => ({ contents: 'module.exports = class Unused {}' }));
  },
};

const program = await build({
  ...byContent,
  entryPoints: { program: 'src/cli/program.ts' },
  plugins: [lateApart, withoutUnused],
});

const others = await Promise.all([
  build({
    ...commonJs,
    entryPoints: { main: 'src/main.ts' },
    define: { ...commonJs.define, BALLOT_PROGRAM: JSON.stringify(`./chunks/${basename(codeOf(program))}`) },
  }),
  build({
    ...common,
    entryPoints: { keeper: 'src/keeper/main.ts' },
    format: 'cjs',
  }),
  build({
    ...common,
    entryPoints: { index: 'src/index.ts' },
    outExtension: { '.js': '.mjs' },
  }),
]);
const programs = [...late.map(({ built }) => built), program, ...others];

/**
 * The library's declarations, as far as `index.ts` reaches. TypeScript leaves the names of sources in them.
 * @returns {Promise<{ path: string, contents: Buffer }[]>}
 */
async function declarations() {
  const drafts = await mkdtemp(join(tmpdir(), 'ballot-types-'));
  try {
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const args = [tsc, '-p', join(root, 'tsconfig.types.json'), '--outDir', drafts];
    await promisify(execFile)(process.execPath, args, { cwd: root });
    /** @type {Map<string, string>} */
    const found = new Map();
    const queue = ['index'];
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      if (found.has(name)) continue;
      const text = await readFile(join(drafts, `${name}.d.ts`), 'utf8');
      found.set(
        name,
        text.replace(/(['"])(\.{1,2}\/[^'"]+)\.ts\1/g, (_, quote, specifier) => {
          queue.push(join(dirname(name), specifier));
          return `${quote}${specifier}.mjs${quote}`;
        }),
      );
    }
    return [...found].map(([name, text]) => ({
      path: join(dist, 'types', `${name}.d.mts`),
      contents: Buffer.from(text),
    }));
  } finally {
    await rm(drafts, { recursive: true });
  }
}

/**
 * Written beside its place and renamed: a program that starts during a build sees the old file or the new one.
 * @param {string} path
 * @param {Uint8Array} data
 */
async function put(path, data) {
  if (existsSync(path) && Buffer.compare(await readFile(path), data) === 0) return;
  const draft = `${path}.${process.pid}.draft`;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(draft, data);
  await rename(draft, path);
}

/**
 * The licences of what is bundled: they ask to be passed on with it.
 * @returns {Promise<string>}
 */
async function notices() {
  const inputs = programs.flatMap(({ metafile }) => Object.keys(metafile.inputs));
  const packages = new Set(
    inputs.flatMap((path) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []),
  );
  const parts = [...packages].sort().map(async (folder) => {
    /** @type {{ name: string, version: string, license?: string }} */
    const { name, version, license } = JSON.parse(await readFile(join(root, folder, 'package.json'), 'utf8'));
    const file = (await readdir(join(root, folder))).find((entry) => /^(licen[cs]e|copying)/i.test(entry));
    const text = file === undefined ? `License: ${license}\n` : await readFile(join(root, folder, file), 'utf8');
    return `${name} ${version}\n\n${text.trim()}\n`;
  });
  return (await Promise.all(parts)).join(`\n${'-'.repeat(80)}\n\n`);
}

/**
 * V8 keeps a source with a single letter beyond Latin-1 in twice the memory, and each start and each fork pays for it.
 * Code has none: esbuild writes escapes. Comments may lose theirs.
 * @param {{ path: string, contents: Uint8Array }} file
 */
function inAscii({ path, contents }) {
  if (!/\.m?js$/.test(path)) return { path, contents };
  const text = Buffer.from(contents).toString('utf8');
  return { path, contents: Buffer.from(text.replace(/[^\0-\x7f]/g, '?')) };
}

// Chunks before the entry that names them.
const files = [...programs.flatMap(({ outputFiles }) => outputFiles).map(inAscii), ...(await declarations())].sort(
  (a, b) => Number(b.path.includes('/chunks/')) - Number(a.path.includes('/chunks/')),
);
for (const file of files) await put(file.path, file.contents);
const moduleType = join(dist, 'package.json');
await put(moduleType, Buffer.from('{ "type": "commonjs" }\n'));
const noticesFile = join(dist, 'THIRD-PARTY-LICENSES.txt');
await put(noticesFile, Buffer.from(await notices()));
await chmod(join(dist, 'main.js'), 0o755);

await promisify(execFile)(process.execPath, [join(root, 'scripts/compile.mjs')]);

// Also when nothing changed: the set-up asks whether the build is newer than the sources.
const now = new Date();
await utimes(join(dist, 'main.js'), now, now);

if (process.argv.includes('--clean')) {
  const built = new Set([noticesFile, moduleType, ...files.map((file) => file.path)]);
  for (const entry of await readdir(dist, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && !built.has(path.replace(/\.js\.v[\w.-]+$/, '.js'))) await rm(path);
  }
}

const bytes = files.filter(({ path }) => /\.m?js$/.test(path)).reduce((sum, file) => sum + file.contents.length, 0);
console.log(
  `built ${relative(process.cwd(), dist) || '.'}: ballot ${version}, ${files.length} files, ${Math.round(bytes / 1024)} KiB of code`,
);
