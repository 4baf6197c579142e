/**
 * Writes what the tables of options and commands say elsewhere: config/ballot.schema.json, config/ballot.yaml,
 * man/ballot.1, and the tables of docs/options.md between `<!-- options: global -->` (or `run`, `cron`) and
 * `<!-- end of options -->`. `--check` writes nothing and ends with 1 when one of them is out of step.
 */
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format } from 'oxfmt';
import { stringify } from 'yaml';
import { manPage } from './man-page.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

const { fields, keyOf, optionOf, defaultOf } = await import('../src/config/options.ts');
/** @typedef {(typeof fields)[number]} Field */

const inFiles = fields.filter((field) => optionOf(field).inFile !== false);

/** @param {Field} field */
function property(field) {
  const { kind, help, default: value } = optionOf(field);
  const standard = value === undefined ? {} : { default: kind.native === 'boolean' ? value === 'true' : value };
  return { description: `${help}. Default: ${defaultOf(field)}`, ...kind.schema, ...standard };
}

function schema() {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Configuration of ballot',
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(inFiles.map((field) => [keyOf(field), property(field)])),
  };
}

/** @param {string} text @param {number} width */
function fold(text, width) {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line !== '' && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}

/**
 * A text with spaces or stars in quotes: one that begins with a star needs them.
 * @type {import('yaml').ToStringOptions}
 */
const quoted = { defaultStringType: 'QUOTE_SINGLE' };

/** @param {Field} field */
function sample(field) {
  const { kind, help, example } = optionOf(field);
  const value = example ?? optionOf(field).default ?? '';
  const prose = [help, `Allowed: ${kind.allowed}. Default: ${defaultOf(field)}.`].flatMap((text) => fold(text, 96));
  const written =
    kind.native === 'list'
      ? `[${value.split(',').join(', ')}]`
      : /[ *]/.test(value)
        ? stringify(value, quoted).trimEnd()
        : value;
  return [...prose.map((line) => `# ${line}`), `#${keyOf(field)}: ${written}`].join('\n');
}

function sampleFile() {
  const head = [
    '# yaml-language-server: $schema=./ballot.schema.json',
    '#',
    '# Every key of ballot. Remove the # in front of a key to set it. ballot reads this file as',
    '#   /etc/ballot/ballot.yaml, ~/.config/ballot/ballot.yaml (or $XDG_CONFIG_HOME), ./ballot.yaml (or .json),',
    '# then the environment (BALLOT_KILL_AFTER for kill-after), then flags (--kill-after). Later ones win, key by key.',
    '# `ballot config` shows what counts in the end, and what set it. Durations: 1m30s, 500ms, 1.5h.',
  ].join('\n');
  /** @param {import('../src/config/options.ts').Scope} scope */
  const part = (scope) => inFiles.filter((field) => optionOf(field).scope === scope).map(sample);
  const sections = [
    head,
    '## Every command that talks to ZooKeeper',
    ...part('global'),
    '## ballot run',
    ...part('run'),
    '## ballot run cron (a schedule needs quotes: * and @ mean something in YAML)',
    ...part('cron'),
  ];
  return `${sections.join('\n\n')}\n`;
}

/** @param {import('../src/config/options.ts').Scope} scope */
function table(scope) {
  const rows = fields
    .filter((field) => optionOf(field).scope === scope)
    .map((field) => {
      const { kind, help, inGo } = optionOf(field);
      const cells = [`\`${keyOf(field)}\`${inGo ? ' °' : ''}`, defaultOf(field), kind.allowed, help];
      return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
    });
  return ['| key | default | allowed | meaning |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

/** @param {string} document */
function withTables(document) {
  return document.replace(
    /(<!-- options: (global|run|cron) -->\n).*?(<!-- end of options -->)/gs,
    (_, start, scope, end) => `${start}\n${table(scope)}\n\n${end}`,
  );
}

/** @param {string} path @param {string} text */
async function formatted(path, text) {
  const { code, errors } = await format(path, text, JSON.parse(readFileSync(join(root, '.oxfmtrc.json'), 'utf8')));
  for (const { message } of errors) throw new Error(`${path}: ${message}`);
  return code;
}

const tables = join(root, 'docs/options.md');
/** @type {[path: string, text: string][]} */
const documents = [
  [join(root, 'config/ballot.schema.json'), JSON.stringify(schema())],
  [join(root, 'config/ballot.yaml'), sampleFile()],
];
if (existsSync(tables)) documents.push([tables, withTables(await readFile(tables, 'utf8'))]);

/** @type {{ version: string }} */
const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
const wantedTexts = await Promise.all(
  documents.map(async ([path, text]) => /** @type {const} */ ([path, await formatted(path, text)])),
);

for (const [path, wanted] of [...wantedTexts, /** @type {const} */ ([join(root, 'man/ballot.1'), manPage(version)])]) {
  const present = existsSync(path) ? await readFile(path, 'utf8') : undefined;
  if (wanted === present) continue;
  if (process.argv.includes('--check')) {
    console.error(
      `${path} is out of step with the tables in src/config and src/cli: run node scripts/generate-docs.mjs`,
    );
    process.exitCode = 1;
  } else {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, wanted);
  }
}
