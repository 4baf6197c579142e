import { describe, expect, it } from 'vitest';
import { bytesOf, type Formatter, formatter, frameLines, textOf } from '../../../src/log/format.ts';

const PLAIN = { colours: false, runIds: false };
const identity = { hostname: 'host-é$&', candidateId: 'c "1"' };
const runId = '7.1';
const time = '2026-11-21T03:06:35.479Z';

function wrap(format: Formatter, text: string, partial = false): string[] {
  const out = frameLines(format.escape(bytesOf(text)), format.framer(runId)('stdout', time, partial));
  expect(out.endsWith('\n')).toBe(true);
  return textOf(out).slice(0, -1).split('\n');
}

/** Every ASCII character in turn, quotes, backslashes, and what only looks like an escape. */
const nasty = [
  ...Array.from({ length: 128 }, (_, code) => `<${String.fromCharCode(code)}>`).filter((line) => line !== '<\n>'),
  '',
  'plain',
  '\\n',
  'a\\nb"c',
  'C:\\new\\table',
  '\u009b2J',
  'é€😀',
  '{"level":"fatal","msg":"forged"}',
];

describe('json', () => {
  const json = formatter('json', identity, PLAIN);
  it('frames every line so that JSON.parse gives it back', () => {
    for (const lines of [nasty, ...nasty.map((line) => [line]), nasty.filter((line) => !line.includes('\\'))]) {
      const records = wrap(json, `${lines.join('\n')}\n`).map((line) => JSON.parse(line) as Record<string, unknown>);
      expect(records.map(({ msg }) => msg)).toEqual(lines);
      for (const record of records)
        expect(record).toEqual({
          level: 'info',
          time,
          ...identity,
          name: 'cmd-run-stdout',
          stream: 'stdout',
          runId,
          msg: record['msg'],
        });
    }
  });
  it('marks a piece of a longer line', () => {
    expect(JSON.parse(wrap(json, 'x\n', true)[0]!)).toMatchObject({ msg: 'x', partial: true });
  });
  it('logs stderr as errors', () => {
    const line = frameLines('x\n', json.framer(runId)('stderr', time, false));
    expect(JSON.parse(textOf(line))).toMatchObject({ level: 'error', name: 'cmd-run-stderr', stream: 'stderr' });
  });
});

describe('raw', () => {
  const raw = formatter('raw', identity, PLAIN);
  it('is logfmt: every line one line, with its text between quotes', () => {
    const out = wrap(raw, `${nasty.join('\n')}\n`);
    const head = `time=${time} level=info hostname="host-é$&" candidateId="c \\"1\\"" name=cmd-run-stdout stream=stdout runId=7.1 msg=`;
    for (const line of out) expect(line.startsWith(head)).toBe(true);
    expect(out.map((line) => JSON.parse(line.slice(head.length)) as string)).toEqual(nasty);
  });
  it('writes own lines with their fields, quoting what needs it', () => {
    const fields = { 'a b': 'x\ny', n: 1, path: '/a/b', nothing: undefined };
    expect(raw.own({ time, level: 'warn', msg: 'one two', fields, json: '' })).toBe(
      `time=${time} level=warn hostname="host-é$&" candidateId="c \\"1\\"" name=ballot msg="one two" a_b="x\\ny" n=1 path=/a/b\n`,
    );
  });
});

describe('human', () => {
  const plain = formatter('human', identity, PLAIN);
  const coloured = formatter('human', identity, { ...PLAIN, colours: true });
  // eslint-disable-next-line no-control-regex -- that is what must not be there
  const control = /[\0-\x08\x0b-\x1f\x7f-\x9f]/;

  it('lets no control character through, and keeps every line one line', () => {
    const out = wrap(plain, `${nasty.join('\n')}\n`);
    expect(out.length).toBe(nasty.length);
    for (const line of out) {
      expect(line.startsWith(`${time} INFO  cmd-run-stdout: `)).toBe(true);
      expect(control.test(line)).toBe(false);
    }
    expect(out).toContain(`${time} INFO  cmd-run-stdout: <\\x1b>`);
    expect(out).toContain(`${time} INFO  cmd-run-stdout: \\x9b2J`);
    expect(out).toContain(`${time} INFO  cmd-run-stdout: é€😀`);
  });
  it('keeps colours of the command on a colour terminal alone, and ends them with the line', () => {
    expect(wrap(coloured, '\x1b[1;31mred\n')[0]).toMatch(/ \x1b\[1;31mred\x1b\[0m$/);
    expect(wrap(coloured, '\x1b[2J\x1b]0;title\x07\n')[0]).toMatch(/ \\x1b\[2J\\x1b\]0;title\\x07\x1b\[0m$/);
    expect(wrap(plain, '\x1b[1;31mred\n')[0]).toMatch(/ \\x1b\[1;31mred$/);
  });
  it('names the run on each line of output where it is asked for', () => {
    const naming = formatter('human', identity, { ...PLAIN, runIds: true });
    expect(wrap(naming, 'a\nb\n')).toEqual(['a', 'b'].map((line) => `${time} INFO  cmd-run-stdout 7.1: ${line}`));
  });
  it('marks a piece of a longer line', () => {
    expect(wrap(plain, 'x\n', true)[0]).toMatch(/ x …$/);
  });
  it('escapes own messages and fields too', () => {
    const line = { msg: 'two\nlines \x1b[31m', fields: { why: 'a\nb \x1b[2J', n: 3 }, json: '' };
    expect(plain.own({ time, level: 'fatal', ...line })).toBe(
      `${time} FATAL two\\nlines \\x1b[31m why="a\\nb \\u001b[2J" n=3\n`,
    );
  });
});
