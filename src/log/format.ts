import type { LogFormat, LogLevel } from '../config/config.ts';
import type { OutputStream } from '../command/output.ts';
import { escapedBlock } from '../visible.ts';
import type { Fields } from './logger.ts';

/** A log line of ballot's own: what it is made of, and as pino wrote it, with its newline. */
export interface OwnLine {
  readonly time: string;
  readonly level: LogLevel;
  readonly msg: string;
  readonly fields: Fields;
  readonly json: string;
}

/** Who writes: the same on every line. */
export interface Identity {
  readonly hostname: string;
  readonly candidateId: string | undefined;
}

/** What frames each line of a command's output: UTF-8 bytes as latin1 text. `after` ends with a newline. */
export interface Frame {
  readonly before: string;
  readonly after: string;
}

/** What frames the lines of a block that was written to `stream` at `time`. */
export type Framer = (stream: OutputStream, time: string, partial: boolean) => Frame;

export interface Formatter {
  /** A line of ballot's own as text, with its newline. */
  own(line: OwnLine): string;
  /** What frames the output of the run with this id. */
  framer(runId: string): Framer;
  /** Makes a block safe to stand between `before` and `after`. */
  escape(block: string): string;
}

/** Go's ballot logs what the command writes to stderr as errors. */
export const streamLevels = { stdout: 'info', stderr: 'error' } as const satisfies Record<OutputStream, LogLevel>;
const streamNames = { stdout: 'cmd-run-stdout', stderr: 'cmd-run-stderr' } as const;

/** A string as latin1 text of its UTF-8 bytes, one character a byte: V8 searches and joins that as plain memory. */
export function bytesOf(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** The reverse of `bytesOf`. */
export function textOf(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** The mark of a line that was cut, for people. */
const CUT_MARK = bytesOf(' …');

const JSON_SPECIAL = /["\\\0-\x09\x0b-\x1f]/;

/** The inside of a JSON string for every line of a block; the newlines stay. Readers of logfmt understand it too. */
function escapeJson(block: string): string {
  if (!JSON_SPECIAL.test(block)) return block;
  // Without a backslash in it, a `\n` in the result can only stand for a newline.
  if (!block.includes('\\')) return JSON.stringify(block).slice(1, -1).replaceAll('\\n', '\n');
  return block
    .split('\n')
    .map((line) => (JSON_SPECIAL.test(line) ? JSON.stringify(line).slice(1, -1) : line))
    .join('\n');
}

/** Frames in which only the time changes: `around` is what stands before and after it, up to the output. */
function framerOf(around: (stream: OutputStream) => readonly [string, string], end: string, cutEnd: string): Framer {
  const heads = { stdout: around('stdout').map(bytesOf), stderr: around('stderr').map(bytesOf) };
  return (stream, time, partial) => ({ before: heads[stream].join(time), after: partial ? cutEnd : end });
}

function jsonFormatter(identity: Identity): Formatter {
  return {
    own: ({ json }) => json,
    framer: (runId) =>
      framerOf(
        (stream) => {
          const fields = JSON.stringify({ ...identity, name: streamNames[stream], stream, runId }).slice(1, -1);
          return [`{"level":"${streamLevels[stream]}","time":"`, `",${fields},"msg":"`];
        },
        '"}\n',
        '","partial":true}\n',
      ),
    escape: escapeJson,
  };
}

/** logfmt: quoted when it is not a plain word. */
function logfmtValue(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'null');
  return /^[\w.:/@+-]+$/.test(text) ? text : JSON.stringify(text);
}

function logfmt(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key.replaceAll(/[\s="\0-\x1f\x7f]/g, '_')}=${logfmtValue(value)}`)
    .join(' ');
}

function rawFormatter(identity: Identity): Formatter {
  return {
    own: ({ time, level, msg, fields }) => `${logfmt({ time, level, ...identity, name: 'ballot', msg, ...fields })}\n`,
    framer: (runId) =>
      framerOf(
        (stream) => {
          const fields = logfmt({ level: streamLevels[stream], ...identity, name: streamNames[stream], stream, runId });
          return ['time=', ` ${fields} msg="`];
        },
        '"\n',
        '" partial=true\n',
      ),
    escape: escapeJson,
  };
}

const RESET = '\x1b[0m';
const DIM = '\x1b[2m';
const levelColours: Readonly<Record<LogLevel, string>> = {
  trace: '\x1b[2m',
  debug: '\x1b[36m',
  info: '\x1b[32m',
  warn: '\x1b[33m',
  error: '\x1b[31m',
  fatal: '\x1b[1;31m',
};

function humanFormatter({ colours, runIds }: ForPeople): Formatter {
  const dim = (text: string): string => (colours ? `${DIM}${text}${RESET}` : text);
  const head = (time: string, level: LogLevel): string => {
    const word = level.toUpperCase().padEnd(5);
    return `${dim(time)} ${colours ? `${levelColours[level]}${word}${RESET}` : word} `;
  };
  const safe = (text: string): string => textOf(escapedBlock(bytesOf(text.replaceAll('\n', '\\n')), false));
  return {
    own: ({ time, level, msg, fields }) => {
      const rest = logfmt(fields);
      return `${head(time, level)}${safe(msg)}${rest === '' ? '' : ` ${dim(safe(rest))}`}\n`;
    },
    framer: (runId) => (stream, time, partial) => ({
      before: `${head(time, streamLevels[stream])}${dim(`${streamNames[stream]}${runIds ? ` ${runId}` : ''}:`)} `,
      // The command's own colours end with its line.
      after: `${colours ? RESET : ''}${partial ? CUT_MARK : ''}\n`,
    }),
    escape: (block) => escapedBlock(block, colours),
  };
}

/** How lines for people look. `runIds`: each line of output names its run. */
export interface ForPeople {
  readonly colours: boolean;
  readonly runIds: boolean;
}

/** @param people only looked at for `human` */
export function formatter(format: LogFormat, identity: Identity, people: ForPeople): Formatter {
  if (format === 'json') return jsonFormatter(identity);
  return format === 'raw' ? rawFormatter(identity) : humanFormatter(people);
}

/**
 * A block of lines of a command's output, each framed. `block` is latin1 text that ends with a newline; so is the
 * result. (`replaceAll` with two strings takes half the time of `split` and `join`; a `$` would mean something in its
 * second one.)
 */
export function frameLines(block: string, { before, after }: Frame): string {
  const between = (after + before).replaceAll('$', '$$$$');
  return before + block.slice(0, -1).replaceAll('\n', between) + after;
}
