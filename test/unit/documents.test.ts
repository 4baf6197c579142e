/**
 * README and docs/ against the rest of the repository: what they quote is in the source, what they name or link to
 * exists, and their prose has short lines.
 *
 * A document marks what ballot prints in two ways: as a code span of several plain words (`the lease is lost`), or as a
 * line of the log in a code block. `…` in a quotation stands for any text.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const files = (folder: string, ending: string) =>
  readdirSync(join(root, folder), { encoding: 'utf8', recursive: true })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name));
const documents = ['README.md', ...files('docs', '.md').sort()].map((path) => ({ path, text: read(path) }));

/** A code span that begins with one of these is a line to type. */
const PROGRAMS = /^(ballot|docker|npm|npx|node|nohup|systemctl|git) /;
/** Several words, as in a sentence: nothing of a path, an option, an assignment, SQL or code. */
const SENTENCE = /^(?![\w-]+: |[A-Z]+ )[\p{L}\d’'…][\p{L}\d’'…-]*[,;:]?( [\p{L}\d’'…][\p{L}\d’'…-]*[,;:]?)+$/u;
/** A line in the format `human`: its level and all that follows. */
const LOG_LINE =
  /^(?:\S+ +)?(?:\d{4}-\d\d-\d\dT[\d:.]+Z )?(?:TRACE|DEBUG|INFO|WARN|ERROR|FATAL) +((?! |cmd-run-).+)$/gm;
const CODE_BLOCK = /^ *```[^]*?^ *```$/gm;

/** The message of a line of the log, and the reason that it gives. */
function said(line: string): string[] {
  const reason = / (?:why|note)="((?:[^"\\]|\\.)+)"/.exec(line)?.[1];
  return [line.replace(/ [A-Za-z]+=.*$/, ''), ...(reason === undefined ? [] : [reason])];
}

/** All that this text quotes from ballot. */
function quotations(text: string): string[] {
  const blocks = [...text.matchAll(CODE_BLOCK)].flatMap(([block]) => [...block.matchAll(LOG_LINE)]);
  const spans = [...text.replace(CODE_BLOCK, '').matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span);
  const reasons = spans.flatMap((span) => /^why="?(.+?)"?$/.exec(span)?.[1] ?? []);
  const sentences = [...spans, ...reasons].filter((span) => SENTENCE.test(span) && !PROGRAMS.test(span));
  return [...blocks.flatMap(([, line = '']) => said(line)), ...sentences];
}

const HOLE = '\u0000';
const escaped = (text: string) => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);

/**
 * The texts in a source, literals that are added up as one; what a template inserts is a hole, and read as a text as
 * well, since it may hold others. No parser: a comment may count as a text.
 */
function literals(source: string): string[] {
  const joined = source.replaceAll(/(['`"]) \+\s*['`"]/g, '');
  const withHoles = joined.replaceAll(/\$\{(?:[^{}]|\{[^{}]*\})*\}/g, HOLE);
  const LITERAL = /'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`/g;
  const found = [joined, withHoles].flatMap((text) => [...text.matchAll(LITERAL)]);
  return found.map(([, single, double, template]) => single ?? double ?? template ?? '');
}

const texts = files('src', '.ts').flatMap((path) => literals(read(path)));
/** Whole texts with holes, as a pattern. A few letters between holes would match anything. */
const patterns = texts
  .filter((text) => text.includes(HOLE) && text.replaceAll(/[^A-Za-z]/g, '').length >= 7)
  .map((text) => new RegExp(`^${text.split(HOLE).map(escaped).join('.*')}$`));

/** Whether ballot can say this: it is part of a text of the source, or a whole one with its holes filled. */
function isInSource(quotation: string): boolean {
  const part = new RegExp(quotation.split('…').map(escaped).join('.*'));
  return texts.some((text) => part.test(text)) || patterns.some((pattern) => pattern.test(quotation));
}

describe.each(documents)('$path', ({ path, text }) => {
  it('quotes what ballot says', () => {
    expect(quotations(text).filter((quotation) => !isInSource(quotation))).toEqual([]);
  });

  it('links to files and headings that exist', () => {
    const links = [...text.matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g)];
    const dead = links.filter(([, file = '', heading]) => {
      const target = file === '' ? join(root, path) : join(root, dirname(path), file);
      if (!existsSync(target)) return true;
      return heading !== undefined && !headings(readFileSync(target, 'utf8')).includes(heading);
    });
    expect(dead.map(([link]) => link)).toEqual([]);
  });

  it('names tests and scripts that exist', () => {
    const named = [...text.matchAll(/`((?:test|scripts|bench)\/[\w@./-]+\.\w+)`/g)].map(([, file = '']) => file);
    expect(named.filter((file) => !existsSync(join(root, file)))).toEqual([]);
  });

  it('has no line of prose over 160 columns', () => {
    const prose = text.replaceAll(CODE_BLOCK, '').split('\n');
    expect(prose.filter((line) => [...line].length > 160 && !line.startsWith('|'))).toEqual([]);
  });
});

/** The anchors of a document, as GitHub makes them. */
function headings(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

describe('the rule itself', () => {
  it('sees a line that ballot never logs', () => {
    const text =
      'It says `the lease has gone fishing`.\n\n```\n2026-11-21T08:59:47.698Z INFO  elected king term=1\n```\n';
    expect(quotations(text).filter((quotation) => !isInSource(quotation))).toEqual([
      'elected king',
      'the lease has gone fishing',
    ]);
  });

  it('knows a text with a value in it, and a part of one', () => {
    expect(isInSource('28 ticks missed: nobody served them, and they are not made up')).toBe(true);
    expect(isInSource('another candidate of this election …')).toBe(true);
  });
});
