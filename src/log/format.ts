import type { LogFormat, LogLevel } from '../config/config.ts';
import type { OutputStream } from '../command/output.ts';
import { bytesOf, escapeJson, escapeTerminal, textOf } from './escape.ts';

/** A log line of ballot's own, as pino wrote it. */
export interface LogRecord {
  readonly time: string;
  readonly level: LogLevel;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** Who writes: the same on every line. */
export interface Identity {
  readonly hostname: string;
  readonly candidateId: string | undefined;
}

/**
 * What stands before and after each line of a command's output, as latin1 text of UTF-8 bytes. `after` ends with a
 * newline.
 */
export interface Frame {
  readonly before: string;
  readonly after: string;
}

/** What frames the lines of a block that was written to `stream` at `time`. */
export type Framer = (stream: OutputStream, time: string, partial: boolean) => Frame;

export interface Formatter {
  /** A line of ballot's own, with its newline. `json` is the record as pino wrote it. */
  own(json: string): string;
  /** What frames the output of the run with this id. */
  framer(runId: string): Framer;
  /** Makes a block safe to stand between `before` and `after`. */
  escape(block: string): string;
}

/** Go's ballot logs what the command writes to stderr as errors. */
export const streamLevels = { stdout: 'info', stderr: 'error' } as const satisfies Record<OutputStream, LogLevel>;
const streamNames = { stdout: 'cmd-run-stdout', stderr: 'cmd-run-stderr' } as const;

/** The mark of a line that was cut, for people. */
const CUT_MARK = bytesOf(' …');

function jsonFormatter(identity: Identity): Formatter {
  const who = JSON.stringify(identity).slice(1, -1);
  return {
    own: (json) => json,
    framer: (runId) => {
      const head = (stream: OutputStream): string => {
        const source = `"name":"${streamNames[stream]}","stream":"${stream}","runId":${JSON.stringify(runId)}`;
        return bytesOf(`",${who},${source},"msg":"`);
      };
      const heads = { stdout: head('stdout'), stderr: head('stderr') };
      return (stream, time, partial) => ({
        before: `{"level":"${streamLevels[stream]}","time":"${time}${heads[stream]}`,
        after: partial ? '","partial":true}\n' : '"}\n',
      });
    },
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
    own: (json) => {
      const { time, level, hostname, candidateId, name, msg, ...fields } = JSON.parse(json) as LogRecord;
      return `${logfmt({ time, level, hostname, candidateId, name, msg, ...fields })}\n`;
    },
    framer: (runId) => {
      const head = (stream: OutputStream): string => {
        const fields = logfmt({ ...identity, name: streamNames[stream], stream, runId });
        return bytesOf(` level=${streamLevels[stream]} ${fields} msg="`);
      };
      const heads = { stdout: head('stdout'), stderr: head('stderr') };
      return (stream, time, partial) => ({
        before: `time=${time}${heads[stream]}`,
        after: partial ? '" partial=true\n' : '"\n',
      });
    },
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
  const safe = (text: string): string => textOf(escapeTerminal(bytesOf(text.replaceAll('\n', '\\n')), false));
  return {
    own: (json) => {
      const {
        time,
        level,
        hostname: _host,
        candidateId: _id,
        name: _name,
        msg,
        ...fields
      } = JSON.parse(json) as LogRecord;
      const rest = logfmt(fields);
      return `${head(time, level)}${safe(msg)}${rest === '' ? '' : ` ${dim(safe(rest))}`}\n`;
    },
    framer: (runId) => (stream, time, partial) => ({
      before: `${head(time, streamLevels[stream])}${dim(`${streamNames[stream]}${runIds ? ` ${runId}` : ''}:`)} `,
      // The command's own colours end with its line.
      after: `${colours ? RESET : ''}${partial ? CUT_MARK : ''}\n`,
    }),
    escape: (block) => escapeTerminal(block, colours),
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
