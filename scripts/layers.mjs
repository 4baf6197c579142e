/**
 * The architecture as a lint rule: which folder of src/ may import which, what pure files may import, who may read a clock.
 * `node scripts/layers.mjs [src]` prints what is wrong and exits with 1. docs/architecture.md gives the reasons.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Longer files do two things. */
const MAX_LINES = 600;

/** What the code of a folder may import, besides its own folder and the foundation. From the top down. @type {Record<string, string[]>} */
const LAYERS = {
  'main.ts': ['cli'],
  'index.ts': ['election', 'schedule', 'zookeeper', 'local', 'observe'],
  cli: ['config', 'supervisor', 'observe'],
  config: [],
  supervisor: ['election', 'child', 'schedule'],
  observe: [],
  election: ['zookeeper', 'local'],
  child: [],
  schedule: ['zookeeper'],
  zookeeper: [],
  local: [],
};

/** Files that put the parts together, and the folders or files that they may import beyond their folder's share. @type {Record<string, string[]>} */
const COMPOSERS = {
  // Forks the keeper before anything else is loaded.
  'main.ts': ['zookeeper/fork.ts'],
  'cli/run.ts': ['election', 'child', 'schedule', 'zookeeper', 'local'],
  'cli/environment.ts': ['schedule'],
  'cli/look.ts': ['zookeeper', 'local'],
  'cli/info.ts': ['election', 'schedule'],
  'cli/history.ts': ['election', 'schedule'],
  'cli/runs.ts': ['schedule'],
  'cli/schedule.ts': ['schedule'],
  'cli/schedules.ts': ['election', 'schedule'],
  // A schedule that cannot be read is a problem of the layer that holds it, with file and line.
  'config/schedule.ts': [
    'schedule/grammar.ts',
    'schedule/zone.ts',
    'schedule/host-zone.ts',
    'schedule/zone-names.ts',
    'schedule/errors.ts',
  ],
  // The keeper stops the command when its supervisor cannot.
  'zookeeper/will.ts': ['child/cgroup.ts', 'child/run-processes.ts', 'child/proc.ts'],
};

/** Anybody may import these. */
const FOUNDATION = ['errors.ts', 'clock.ts', 'duration.ts'];

/** Anybody may import types of these: what a run is told, and what it logs with. */
const COMMON_TYPES = ['config/config.ts', 'observe/logger.ts'];

/** Types may be imported from every layer further down: higher number, lower layer. @type {Record<string, number>} */
const DEPTH = {
  'main.ts': 0,
  'index.ts': 0,
  cli: 1,
  config: 2,
  supervisor: 2,
  observe: 2,
  election: 3,
  child: 3,
  schedule: 3,
  zookeeper: 4,
  local: 4,
};

/** No packages, nothing of Node's, also not by way of other files: decisions that can be tested as tables. */
const PURE = [
  'duration.ts',
  'errors.ts',
  'supervisor/machine.ts',
  'supervisor/policy.ts',
  'election/lease.ts',
  'election/queue.ts',
  'election/status.ts',
  'schedule/ledger.ts',
  'zookeeper/will-instants.ts',
];

/** Packages that only certain files may import. @type {Record<string, string[]>} */
const CAGED_PACKAGES = { zookeeper: ['zookeeper/keeper.ts'] };

/** Who may read clocks and set timers. The keeper and its will must not depend on code that can be swapped. */
const TIMEKEEPERS = ['clock.ts', 'zookeeper/keeper.ts', 'zookeeper/will.ts'];
const TIME =
  /\b(setTimeout|setInterval|Date\.now|process\.hrtime|performance\.now|new Date\(\))|['"](?:node:)?(timers(?:\/promises)?|perf_hooks)['"]/g;

/** @typedef {{ specifier: string, type: boolean, line: number }} Import */

/**
 * Comments blanked out, strings and line numbers kept.
 * @param {string} source
 * @returns {string}
 */
function withoutComments(source) {
  const tokens = /\/\*[^]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;
  return source.replace(tokens, (token) => (token.startsWith('/') ? token.replace(/[^\n]/g, ' ') : token));
}

/**
 * Static imports, re-exports and dynamic imports.
 * @param {string} code without comments
 * @returns {Import[]}
 */
function importsOf(code) {
  const forms =
    /\b(?:import|export)\s+(type\s+)?(?:[\w$*{}\s,]+?\s+from\s+)?(['"])([^'"\n]+)\2|\bimport\(\s*(['"])([^'"\n]+)\4/g;
  return [...code.matchAll(forms)].map((match) => ({
    specifier: match[3] ?? match[5] ?? '',
    // `typeof import('…')` and `import('…').T` count as values: write `import type` instead.
    type: match[1] !== undefined,
    line: code.slice(0, match.index).split('\n').length,
  }));
}

/** @param {string} file @returns {string} the folder of a file, or the file itself when it stands at the top */
const layerOf = (file) => file.split('/')[0] ?? file;

/**
 * Why `file` may not import `target`, or undefined.
 * @param {string} file
 * @param {string} target
 * @param {boolean} type
 * @returns {string | undefined}
 */
function refusal(file, target, type) {
  const [from, to] = [layerOf(file), layerOf(target)];
  if (FOUNDATION.includes(target)) return undefined;
  if (FOUNDATION.includes(file)) return 'the foundation imports nothing but itself';
  if (from === to) return undefined;
  const [above, below] = [DEPTH[from], DEPTH[to]];
  if (above === undefined) return `no layer is known for ${from}: add it to scripts/layers.mjs`;
  if (below === undefined) return `no layer is known for ${to}: add it to scripts/layers.mjs`;
  if (type && (COMMON_TYPES.includes(target) || below > above)) return undefined;
  const allowed = [...(LAYERS[from] ?? []), ...(COMPOSERS[file] ?? [])];
  if (allowed.includes(to) || allowed.includes(target)) return undefined;
  if (below === above)
    return `${from} and ${to} are neighbours: what both need belongs further down, what joins them further up`;
  if (below < above) return `${to} is above ${from}`;
  return `${from} may import ${allowed.join(', ') || 'nothing'} (parts are put together in ${Object.keys(COMPOSERS).join(', ')} and index.ts)`;
}

/**
 * Everything that is wrong with the TypeScript files under `src`, one line each: `file:line: what`.
 * @param {string} src
 * @returns {string[]}
 */
export function checkLayers(src) {
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  /** @type {Map<string, Import[]>} */
  const imports = new Map();
  /** @type {string[]} */
  const problems = [];

  /** @param {string} file @param {string} specifier @returns {string | undefined} the imported file, undefined for a package */
  const resolved = (file, specifier) =>
    specifier.startsWith('.')
      ? relative(src, resolve(src, dirname(file), specifier))
          .split(sep)
          .join('/')
      : undefined;

  for (const name of files) {
    const file = name.split(sep).join('/');
    const source = readFileSync(join(src, name), 'utf8');
    const code = withoutComments(source);
    imports.set(file, importsOf(code));

    const lines = source.split('\n').length - 1;
    if (lines > MAX_LINES)
      problems.push(`${file}:${lines}: ${lines} lines, at most ${MAX_LINES} are allowed: split it by what it does`);

    for (const match of TIMEKEEPERS.includes(file) ? [] : code.matchAll(TIME)) {
      const line = code.slice(0, match.index).split('\n').length;
      problems.push(`${file}:${line}: ${match[1] ?? match[2]} belongs in clock.ts alone: take a Clock`);
    }

    for (const { specifier, type, line } of imports.get(file) ?? []) {
      const target = resolved(file, specifier);
      if (target === undefined) {
        const keepers = CAGED_PACKAGES[specifier];
        if (keepers !== undefined && !keepers.includes(file))
          problems.push(`${file}:${line}: only ${keepers.join(', ')} may import ${specifier}`);
      } else if (target.startsWith('..')) {
        problems.push(`${file}:${line}: ${specifier} is outside of src`);
      } else if (!existsSync(join(src, target))) {
        problems.push(`${file}:${line}: ${specifier} does not exist`);
      } else {
        const why = refusal(file, target, type);
        if (why !== undefined) problems.push(`${file}:${line}: must not import ${target}: ${why}`);
      }
    }
  }

  for (const pure of PURE) {
    if (!imports.has(pure)) continue;
    /** @type {[string, string[]][]} */
    const queue = [[pure, []]];
    const seen = new Set([pure]);
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [file, way] = next;
      for (const { specifier, type, line } of imports.get(file) ?? []) {
        if (type) continue;
        const target = resolved(file, specifier);
        if (target === undefined)
          problems.push(
            [`${pure}:${file === pure ? line : 1}: is pure, but imports ${specifier}`, ...way].join(' by way of '),
          );
        else if (!seen.has(target)) {
          seen.add(target);
          queue.push([target, [...way, target]]);
        }
      }
    }
  }
  return problems.sort();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const src = process.argv[2] ?? join(dirname(dirname(fileURLToPath(import.meta.url))), 'src');
  const problems = checkLayers(src);
  for (const problem of problems) console.error(`${relative(process.cwd(), src)}/${problem}`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
