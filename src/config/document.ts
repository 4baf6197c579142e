import {
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type Node,
  type Pair,
  type YAMLError,
} from 'yaml';
import type { Layer, Setting } from './layers.ts';
import { didYouMean } from './nearest.ts';
import { fieldOf, fields, keyOf, optionOf, type Field } from './options.ts';

/** What a file holds for a field, as text; or why it cannot be one. */
function textOf(field: Field, value: unknown): { text: string } | { problem: string } {
  const { kind } = optionOf(field);
  if (typeof value === 'string') return { text: value };
  if (typeof value === 'boolean' && kind.native === 'boolean') return { text: String(value) };
  if (Array.isArray(value) && kind.native === 'list') {
    const odd: unknown = value.find((item) => typeof item !== 'string');
    return odd === undefined
      ? { text: value.join(',') }
      : { problem: `${show(odd)} in the list must be text: put it in quotes` };
  }
  if (value === null || value === undefined)
    return { problem: `has no value: give one (${kind.allowed}), or remove the line` };
  if (typeof value === 'object')
    return { problem: `must be ${kind.allowed}, not a ${Array.isArray(value) ? 'list' : 'group of keys'}` };
  return { problem: `${show(value)}: ${wrongType(field, value as number | bigint | boolean)}` };
}

function show(value: unknown): string {
  return typeof value === 'bigint' ? String(value) : (JSON.stringify(value) ?? String(value));
}

/** A number or truth value where text is expected: what its text lacks to be right, or that it needs quotes. */
function wrongType(field: Field, value: number | bigint | boolean): string {
  try {
    optionOf(field).kind.parse(String(value));
  } catch (error) {
    return (error as Error).message;
  }
  return `is a ${typeof value} where text is expected: put it in quotes`;
}

/** What YAML makes of a schedule without quotes. */
const UNQUOTED = /alias|BAD_SCALAR_START/i;

type Fault = Pick<YAMLError, 'pos' | 'message' | 'code'>;

/** `*x` without an `&x` before it: the parser finds that only when it is asked for the value. */
function dangling(document: Document.Parsed): Fault[] {
  const found: Fault[] = [];
  visit(document, {
    Alias(_, alias) {
      if (alias.resolve(document) !== undefined) return;
      found.push({ pos: [alias.range?.[0] ?? 0, 0], code: 'BAD_ALIAS', message: 'an alias of nothing' });
    },
  });
  return found;
}

/**
 * The layer of one file, YAML or JSON (which YAML contains): keys in whatever case, each with its line. Syntax errors are problems
 * with line and column.
 */
export function documentLayer(path: string, content: string): Layer {
  const lines = new LineCounter();
  // No pretty errors: they quote the line, which may hold a secret.
  const document = parseDocument(content, { lineCounter: lines, prettyErrors: false });
  const faults = [...document.errors, ...document.warnings, ...dangling(document)];
  if (faults.length > 0) {
    const at = faults.map(({ pos, message, code }) => ({ ...lines.linePos(pos[0]), message, code }));
    // What follows on the same line is about the same mistake.
    const first = new Map(at.reverse().map((fault) => [fault.line, fault]));
    const problems = [...first.values()]
      .sort((a, b) => a.line - b.line)
      .map(({ line, col, message, code }) => {
        const help = UNQUOTED.test(`${code} ${message}`) ? ': text that begins with * or @ needs quotes' : '';
        return `${path}:${line}:${col}: not valid: ${message}${help}`;
      });
    return { settings: [], problems };
  }
  const root = document.contents;
  if (root === null || (isScalar(root) && root.value === null)) return { settings: [], problems: [] };
  if (!isMap(root))
    return {
      settings: [],
      problems: [`${path}: must hold keys and values, not ${isSeq(root) ? 'a list' : 'a single value'}`],
    };

  const settings: Setting[] = [];
  const problems: string[] = [];
  const seen = new Map<Field, string>();
  for (const pair of root.items as Pair<Node, Node | null>[]) {
    const key = isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
    const source = `${path}:${lines.linePos(pair.key.range?.[0] ?? 0).line}`;
    const field = fieldOf(key);
    if (field === undefined || optionOf(field).inFile === false) {
      problems.push(`${source}: ${unknownKey(key, field)}`);
      continue;
    }
    const before = seen.get(field);
    if (before !== undefined) problems.push(`${source}: ${keyOf(field)}: is given twice, before at ${before}`);
    seen.set(field, source);
    const read = textOf(field, pair.value === null ? null : pair.value.toJS(document));
    if ('text' in read) settings.push({ field, text: read.text, source });
    else problems.push(`${source}: ${keyOf(field)}: ${read.problem}`);
  }
  return { settings, problems };
}

function unknownKey(key: string, field: Field | undefined): string {
  if (field !== undefined) return `${key}: cannot be set in a file, only by its flag or variable`;
  const known = fields.filter((name) => optionOf(name).inFile !== false).map(keyOf);
  return `${key}: unknown key${didYouMean(key, known)}`;
}
