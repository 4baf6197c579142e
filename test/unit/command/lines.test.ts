import { describe, expect, it } from 'vitest';
import { LineSplitter, MAX_LINE_BYTES } from '../../../src/command/lines.ts';

interface Line {
  readonly text: string;
  readonly partial: boolean;
}

/** The lines that come of chunks, and what came before `end`. */
function split(...chunks: (string | Buffer)[]): Line[] {
  const lines: Line[] = [];
  const splitter = new LineSplitter((block, partial) => {
    expect(block.at(-1)).toBe(0x0a);
    for (const text of block.toString('utf8').slice(0, -1).split('\n')) lines.push({ text, partial });
    expect(partial && block.subarray(0, -1).includes(0x0a)).toBe(false);
  });
  for (const chunk of chunks) {
    const memory = Buffer.from(chunk);
    splitter.push(memory);
    memory.fill('!');
  }
  splitter.end();
  return lines;
}

const texts = (...chunks: (string | Buffer)[]): string[] => split(...chunks).map(({ text }) => text);
/** The same bytes in every possible pair of chunks, and byte by byte. */
function everyCut(bytes: Buffer): string[][] {
  const pairs = Array.from(bytes, (_, at) => texts(bytes.subarray(0, at), bytes.subarray(at)));
  return [...pairs, texts(...Array.from(bytes, (byte) => Buffer.of(byte)))];
}

describe('lines of a command', () => {
  it.each([
    ['nothing', '', []],
    ['one line', 'a\n', ['a']],
    ['empty lines', '\n\na\n\n', ['', '', 'a', '']],
    ['a last line without newline', 'a\nb', ['a', 'b']],
    ['one carriage return before the newline', 'a\r\nb\r\r\n', ['a', 'b\r']],
    ['a carriage return at the very end', 'a\nb\r', ['a', 'b']],
    ['carriage returns inside a line stay', '1%\r2%\n', ['1%\r2%']],
    ['characters of two, three and four bytes', 'é€😀\nü', ['é€😀', 'ü']],
  ])('%s', (_name, text, expected) => {
    expect(texts(text)).toEqual(expected);
    for (const lines of everyCut(Buffer.from(text))) expect(lines).toEqual(expected);
  });

  it('replaces invalid UTF-8, wherever the chunks were cut', () => {
    const bytes = Buffer.from([0x61, 0xff, 0x62, 0x0a, 0xe2, 0x82, 0x0a, 0x63, 0xc3]);
    for (const lines of everyCut(bytes)) expect(lines).toEqual(['a\ufffdb', '\ufffd', 'c\ufffd']);
  });

  it('keeps a line of exactly the limit whole', () => {
    const line = 'x'.repeat(MAX_LINE_BYTES);
    expect(split(`${line}\n`)).toEqual([{ text: line, partial: false }]);
    expect(split(line, '\n', 'b\n').map(({ partial }) => partial)).toEqual([false, false]);
  });

  it.each([MAX_LINE_BYTES + 1, 400 * 1024, 5 * MAX_LINE_BYTES])(
    'cuts a line of %i bytes, and marks every piece but the last',
    (length) => {
      const line = Array.from({ length }, (_, index) => String.fromCharCode(97 + (index % 26))).join('');
      const chunks = [`before\n${line}\nafter\n`];
      const small = Array.from({ length: Math.ceil(chunks[0]!.length / 4096) }, (_, at) =>
        chunks[0]!.slice(at * 4096, (at + 1) * 4096),
      );
      for (const input of [chunks, small]) {
        const [first, ...rest] = split(...input);
        const last = rest.pop();
        expect([first, last]).toEqual([
          { text: 'before', partial: false },
          { text: 'after', partial: false },
        ]);
        expect(rest.map(({ text }) => text).join('') === line).toBe(true);
        expect(rest.map(({ partial }) => partial)).toEqual([...rest.slice(1).map(() => true), false]);
        expect(rest.length).toBe(Math.ceil(length / MAX_LINE_BYTES));
      }
    },
  );

  it('does not cut through a character', () => {
    const line = `x${'€'.repeat(MAX_LINE_BYTES / 2)}`;
    const pieces = texts(line);
    expect(pieces.join('') === line).toBe(true);
    for (const piece of pieces) expect(Buffer.byteLength(piece)).toBeLessThanOrEqual(MAX_LINE_BYTES);
  });

  it('cuts a run of bytes that is no UTF-8 at all', () => {
    const pieces = split(Buffer.alloc(MAX_LINE_BYTES * 2 + 1, 0x80));
    expect(pieces.map(({ partial }) => partial)).toEqual([true, true, false]);
    expect(pieces.map(({ text }) => text.length)).toEqual([MAX_LINE_BYTES, MAX_LINE_BYTES, 1]);
  });

  it('holds back no more than one line: without newlines, what came is handed on piece by piece', () => {
    let taken = 0;
    const splitter = new LineSplitter((block) => {
      taken += block.length - 1;
    });
    for (let pushed = 0; pushed < 100 * MAX_LINE_BYTES; pushed += 1000) {
      splitter.push(Buffer.alloc(1000, 'x'));
      expect(pushed + 1000 - taken).toBeLessThanOrEqual(MAX_LINE_BYTES);
    }
  });
});
