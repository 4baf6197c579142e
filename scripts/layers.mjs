/**
 * The architecture as a lint rule: which room of src/ may import which, what pure files may import, who may read a
 * clock. `node scripts/layers.mjs [src]` prints what is wrong and exits with 1. docs/architecture.md gives the reasons.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Longer files do two things. */
const MAX_LINES = 600;

/**
 * What the code of a room may import, besides its own room and the ground. From the top down.
 * @type {Record<string, string[]>}
 */
const ROOMS = {
  'main.ts': ['cli'],
  'index.ts': ['library', 'candidate'],
  library: ['config', 'candidate'],
  cli: ['config', 'supervisor', 'candidate', 'log', 'service-manager'],
  config: [],
  supervisor: ['ledger', 'election', 'cron', 'command'],
  candidate: ['election'],
  log: [],
  'service-manager': [],
  ledger: ['election', 'cron'],
  'zookeeper/report': ['zookeeper/election', 'zookeeper/session', 'election'],
  'zookeeper/election': ['zookeeper/session', 'election', 'keeper'],
  'zookeeper/session': ['election', 'keeper', 'zookeeper/tls'],
  local: ['election', 'keeper', 'command'],
  election: [],
  keeper: ['command', 'zookeeper/client', 'zookeeper/tls'],
  'zookeeper/client': [],
  'zookeeper/tls': [],
  cron: [],
  command: [],
};

/**
 * Files that put the parts together, and the rooms or files that they may import beyond their room's share.
 * @type {Record<string, string[]>}
 */
const COMPOSERS = {
  // Forks the keeper before anything else is loaded.
  'main.ts': ['keeper/process.ts'],
  'cli/commands/run.ts': ['ledger', 'cron', 'command'],
  'cli/zookeeper.ts': ['zookeeper/election', 'command'],
  'cli/commands/join.ts': ['library/standing.ts', 'election'],
  'cli/commands/info.ts': ['ledger'],
  'cli/commands/watch.ts': ['zookeeper/report', 'local', 'ledger'],
  'cli/commands/history.ts': ['ledger'],
  'cli/commands/if-leader.ts': ['command'],
  'cli/local.ts': ['local', 'keeper/process.ts', 'command'],
  'cli/commands/schedule.ts': ['cron'],
  'cli/environment.ts': ['ledger', 'local/environment.ts'],
  'cli/look.ts': ['zookeeper/session', 'zookeeper/report', 'local'],
  'cli/command-context.ts': ['zookeeper/session', 'command/core-dumps.ts'],
  'cli/report/picture.ts': ['ledger'],
  'cli/watch/layout.ts': ['election/report.ts'],
  'cli/report/runs.ts': ['ledger'],
  'cli/report/schedules.ts': ['ledger', 'cron'],
  'library/standing.ts': ['zookeeper/election', 'zookeeper/report', 'local', 'election'],
  'library/ensembles.ts': ['zookeeper/session'],
  // A schedule that cannot be read is a problem of the layer that holds it, with file and line.
  'config/schedule.ts': [
    'cron/grammar.ts',
    'cron/zone.ts',
    'cron/host-zone.ts',
    'cron/zone-names.ts',
    'cron/errors.ts',
  ],
};

/** Anybody may import these. */
const GROUND = ['errors.ts', 'clock.ts', 'waiting.ts', 'duration.ts', 'visible.ts', 'json-fields.ts', 'terminals.ts'];

/** Anybody may import types of these: what a run is told, and what it logs with. */
const COMMON_TYPES = ['config/config.ts', 'log/logger.ts'];

/** Types may be imported from every room further down: higher number, lower room. @type {Record<string, number>} */
const DEPTH = {
  'main.ts': 0,
  'index.ts': 0,
  cli: 1,
  library: 1,
  config: 2,
  supervisor: 2,
  candidate: 2,
  log: 2,
  'service-manager': 2,
  ledger: 3,
  'zookeeper/report': 3,
  'zookeeper/election': 4,
  local: 4,
  'zookeeper/session': 5,
  election: 6,
  keeper: 6,
  'zookeeper/client': 7,
  'zookeeper/tls': 8,
  cron: 7,
  command: 7,
};

/** No packages, nothing of Node's, also not by way of other files: decisions that can be tested as tables. */
const PURE = [
  'duration.ts',
  'errors.ts',
  'supervisor/machine.ts',
  'supervisor/policy.ts',
  'visible.ts',
  'election/timing.ts',
  'election/words.ts',
  'zookeeper/election/queue.ts',
  'zookeeper/report/report.ts',
  'ledger/record.ts',
  'keeper/will.ts',
];

/** Packages that only certain files may import. @type {Record<string, string[]>} */
const CAGED_PACKAGES = { zookeeper: ['zookeeper/client/native.ts'] };

/** Who may read clocks and set timers. The keeper and its will must not depend on code that can be swapped. */
const TIMEKEEPERS = ['clock.ts', 'keeper/main.ts', 'keeper/executor.ts'];
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

/** @param {string} file @returns {string} the room of a file; the file itself when it stands at the top */
function roomOf(file) {
  const [top = file, inner, ...rest] = file.split('/');
  return rest.length > 0 && `${top}/${inner}` in ROOMS ? `${top}/${inner}` : top;
}

/**
 * Why `file` may not import `target`, or undefined.
 * @param {string} file
 * @param {string} target
 * @param {boolean} type
 * @returns {string | undefined}
 */
function refusal(file, target, type) {
  const [from, to] = [roomOf(file), roomOf(target)];
  if (GROUND.includes(target)) return undefined;
  if (GROUND.includes(file)) return 'the ground imports nothing but itself';
  if (from === to) return undefined;
  const [above, below] = [DEPTH[from], DEPTH[to]];
  if (above === undefined) return `no room is known for ${from}: add it to scripts/layers.mjs`;
  if (below === undefined) return `no room is known for ${to}: add it to scripts/layers.mjs`;
  if (type && (COMMON_TYPES.includes(target) || below > above)) return undefined;
  const allowed = [...(ROOMS[from] ?? []), ...(COMPOSERS[file] ?? [])];
  if (allowed.includes(to) || allowed.includes(target)) return undefined;
  if (below === above)
    return `${from} and ${to} are neighbours: what both need belongs further down, what joins them further up`;
  if (below < above) return `${to} is above ${from}`;
  return `${from} may import ${allowed.join(', ') || 'nothing'} (parts are put together in ${Object.keys(COMPOSERS).join(', ')} alone)`;
}

/**
 * Files that import one another in a circle, types included: the shortest circle of each file in which it comes first.
 * @param {readonly string[]} files
 * @param {(file: string) => string[]} targets
 * @returns {string[][]}
 */
function circles(files, targets) {
  return files.flatMap((file) => {
    const seen = new Set([file]);
    const queue = [[file]];
    for (let way = queue.shift(); way !== undefined; way = queue.shift())
      for (const target of targets(/** @type {string} */ (way.at(-1)))) {
        if (target === file) return way.every((other) => file <= other) ? [way] : [];
        if (!seen.has(target)) queue.push([...way, target]);
        seen.add(target);
      }
    return [];
  });
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

  /**
   * @param {string} file
   * @param {string} specifier
   * @returns {string | undefined} the imported file, undefined for a package
   */
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

  /** @param {string} file */
  const targets = (file) => (imports.get(file) ?? []).flatMap(({ specifier }) => resolved(file, specifier) ?? []);
  for (const circle of circles([...imports.keys()], targets))
    problems.push(
      `${circle[0]}:1: imports itself by way of ${circle.slice(1).join(', ')}: what they share belongs in one`,
    );

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
