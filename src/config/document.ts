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
import { faultOf } from './kinds.ts';
import type { Layer, Setting } from './layers.ts';
import { didYouMean } from './nearest.ts';
import { fieldOf, fields, keyOf, optionOf, type Field } from './options.ts';
import { escaped, plainOrEscaped } from '../visible.ts';

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
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'a group of keys';
  return typeof value === 'string' ? escaped(value) : String(value);
}

/** A number or truth value where text is expected: what its text lacks to be right, or that it needs quotes. */
function wrongType(field: Field, value: number | bigint | boolean): string {
  const fault = faultOf(optionOf(field).kind, String(value));
  return fault ?? `is a ${typeof value} where text is expected: put it in quotes`;
}

/** What each of the parser's codes means for whoever wrote the file. The parser's own messages are for programmers. */
const WORDS: Readonly<Record<YAMLError['code'], string>> = {
  ALIAS_PROPS: 'an alias (*name) takes no tag and no anchor',
  BAD_ALIAS: 'an alias of nothing',
  BAD_COLLECTION_TYPE: 'a tag (!name) that does not fit its value',
  BAD_DIRECTIVE: 'a directive (a line that begins with %) that is unknown',
  BAD_DQ_ESCAPE: 'an unknown escape in double quotes: write \\\\ for a backslash, or use single quotes',
  BAD_INDENT: 'the indentation is wrong: keys begin in the same column',
  BAD_PROP_ORDER: 'a tag or an anchor stands in the wrong place',
  BAD_SCALAR_START: 'a value without quotes begins with a character that has a meaning of its own',
  BLOCK_AS_IMPLICIT_KEY: 'a second key or list in the same line: put a text that holds ": " in quotes',
  BLOCK_IN_FLOW: 'lines of YAML inside of { } or [ ]',
  DUPLICATE_KEY: 'a key is given twice',
  IMPOSSIBLE: 'a line that cannot be read',
  KEY_OVER_1024_CHARS: 'a key is too long',
  MISSING_CHAR: 'something is missing here: a closing quote, a comma, a colon after the key, or a space',
  MULTILINE_IMPLICIT_KEY: 'a key must be in one line, with a colon after it',
  MULTIPLE_ANCHORS: 'two anchors (&name) of one value',
  MULTIPLE_DOCS: 'a second document begins: only one is allowed, remove the line ---',
  MULTIPLE_TAGS: 'two tags (!name) of one value',
  NON_STRING_KEY: 'a key must be text',
  RESOURCE_EXHAUSTION: 'lists or groups are nested too deeply',
  TAB_AS_INDENT: 'a tab as indentation: use spaces',
  TAG_RESOLVE_FAILED:
    'an unknown tag (!name), or a value that does not fit it: put a text that begins with ! in quotes',
  UNEXPECTED_TOKEN: 'something that is not expected here: a closing quote or bracket may be missing before it',
};

/** What YAML makes of a schedule without quotes. */
const UNQUOTED: ReadonlySet<YAMLError['code']> = new Set(['ALIAS_PROPS', 'BAD_ALIAS', 'BAD_SCALAR_START']);

/** A fault of the file, in ballot's words. */
function inWords({ code, message }: Pick<YAMLError, 'code' | 'message'>): string {
  const help = UNQUOTED.has(code) || /alias/i.test(message) ? ': text that begins with * or @ needs quotes' : '';
  return `${WORDS[code] ?? 'a line that cannot be read'}${help}`;
}

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

/** Syntax errors with line and column, the first of each line: what follows on it is about the same mistake. */
function syntaxProblems(path: string, document: Document.Parsed, lines: LineCounter): string[] {
  const faults = [...document.errors, ...document.warnings, ...dangling(document)];
  const at = faults.map(({ pos, message, code }) => ({ ...lines.linePos(pos[0]), message, code }));
  const first = new Map(at.reverse().map((fault) => [fault.line, fault]));
  return [...first.values()]
    .sort((a, b) => a.line - b.line)
    .map((fault) => `${path}:${fault.line}:${fault.col}: not valid: ${inWords(fault)}`);
}

/** Why the bytes were no UTF-8 text. Read as UTF-8, a byte order mark of UTF-16 is two replacement characters. */
function wrongEncoding(content: string): string | undefined {
  if (content.startsWith('\u{fffd}\u{fffd}')) return 'is in UTF-16: save it as UTF-8';
  if (content.includes('\0')) return 'holds NUL characters, as a file in UTF-16 does: save it as UTF-8';
  return undefined;
}

/** The layer of a file, YAML or JSON: keys in any case, with their lines; syntax errors with line and column. */
export function documentLayer(path: string, content: string): Layer {
  const lines = new LineCounter();
  const encoding = wrongEncoding(content);
  if (encoding !== undefined) return { settings: [], problems: [`${path}: ${encoding}`] };
  // No pretty errors: they quote the line, which may hold a secret.
  const document = parseDocument(content, { lineCounter: lines, prettyErrors: false });
  const problems = syntaxProblems(path, document, lines);
  if (problems.length > 0) return { settings: [], problems };
  const root = document.contents;
  if (root === null || (isScalar(root) && root.value === null)) return { settings: [], problems: [] };
  if (!isMap(root))
    return {
      settings: [],
      problems: [`${path}: must hold keys and values, not ${isSeq(root) ? 'a list' : 'a single value'}`],
    };
  return settingsOf(path, root.items, document, lines);
}

/** Each key with its value as text, and where it stands. */
function settingsOf(path: string, pairs: Pair<Node, Node | null>[], document: Document, lines: LineCounter): Layer {
  const settings: Setting[] = [];
  const problems: string[] = [];
  const seen = new Map<Field, string>();
  for (const pair of pairs) {
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
    const read = readValue(field, pair, document);
    if ('text' in read) settings.push({ field, text: read.text, source });
    else problems.push(`${source}: ${keyOf(field)}: ${read.problem}`);
  }
  return { settings, problems };
}

function readValue(field: Field, { value }: Pair<Node, Node | null>, document: Document): ReturnType<typeof textOf> {
  try {
    return textOf(field, value === null ? null : value.toJS(document));
  } catch (error) {
    // The parser throws it for aliases alone: those of themselves, and too many of them.
    if (error instanceof ReferenceError) return { problem: 'holds aliases (*name) that lead to too much, or nowhere' };
    throw error;
  }
}

function unknownKey(key: string, field: Field | undefined): string {
  const shown = plainOrEscaped(key);
  if (field !== undefined) return `${shown}: cannot be set in a file, only by its flag or variable`;
  const known = fields.filter((name) => optionOf(name).inFile !== false).map(keyOf);
  return `${shown}: unknown key${didYouMean(key, known)}`;
}
