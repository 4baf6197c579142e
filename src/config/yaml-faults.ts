import type { YAMLError } from 'yaml';

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
export function inWords({ code, message }: Pick<YAMLError, 'code' | 'message'>): string {
  const help = UNQUOTED.has(code) || /alias/i.test(message) ? ': text that begins with * or @ needs quotes' : '';
  return `${WORDS[code] ?? 'a line that cannot be read'}${help}`;
}
