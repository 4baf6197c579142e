import { isatty } from 'node:tty';
import { type DestinationStream, levels, type Logger as Pino, pino, symbols } from 'pino';
import type { OutputBlock, OutputSink } from '../command/output.ts';
import { type Clock, systemClock } from '../clock.ts';
import type { LogFormat, LogLevel } from '../config/config.ts';
import { type Formatter, type Framer, formatter, frameLines, streamLevels } from './format.ts';
import type { Fields, RootLogger } from './logger.ts';
import { openTransport } from './transport.ts';
import { LogWriter } from './writer.ts';

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  readonly hostname: string;
  readonly candidateId: string | undefined;
  /** Descriptor to write to: 1 for what supervises, 2 for what reports on stdout. */
  readonly fd: number;
  /** Adds the place in the source to each line of ballot's own. */
  readonly debug?: boolean;
  /** In `human`, each line of output names its run. The other formats always do. */
  readonly runIds?: boolean;
  /** `NO_COLOR` and `TERM` are looked at. */
  readonly env?: NodeJS.ProcessEnv;
  readonly clock?: Clock;
}

/** Fields with these names would spoil the line: they get an underscore. */
const TAKEN: ReadonlySet<string> = new Set(['time', 'level', 'msg', 'hostname', 'candidateId', 'name', 'source']);

/** A colour terminal, and nobody said no (no-color.org). */
function wantsColours(fd: number, env: NodeJS.ProcessEnv): boolean {
  return isatty(fd) && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
}

class RootLog implements RootLogger {
  readonly #pino: Pino;
  readonly #formatter: Formatter;
  readonly #writer: LogWriter;
  readonly #clock: Clock;
  readonly #debug: boolean;
  readonly #fd: number;
  /** Opened when there is something to complain about, and then kept: each opening costs a descriptor. */
  #complaints: LogWriter | undefined;
  #dropped = 0;
  #lostBytes = 0;
  #time = { at: Number.NaN, text: '' };
  readonly trace = this.#logger('trace');
  readonly debug = this.#logger('debug');
  readonly info = this.#logger('info');
  readonly warn = this.#logger('warn');
  readonly error = this.#logger('error');
  readonly fatal = this.#logger('fatal');

  constructor(options: LoggerOptions) {
    const { hostname, candidateId, fd } = options;
    this.#clock = options.clock ?? systemClock;
    this.#debug = options.debug ?? false;
    this.#fd = fd;
    const people = { colours: wantsColours(fd, options.env ?? {}), runIds: options.runIds ?? false };
    this.#formatter = formatter(options.format, { hostname, candidateId }, people);
    this.#writer = new LogWriter(openTransport(fd, this.#clock), {
      closed: (error) =>
        this.#complain(
          `the reader of the log is gone (${error.code ?? error.message}); the command goes on, its log is dropped`,
        ),
      lost: (error, bytes) => this.#lose(error, bytes),
      idle: () => this.#makeUp(),
    });
    this.#pino = pino(
      {
        level: options.level,
        base: { hostname, candidateId, name: 'ballot' },
        timestamp: () => `,"time":"${this.#now()}"`,
        formatters: { level: (label) => ({ level: label }) },
      },
      this.#destination(),
    );
  }

  outputOf(runId: string): OutputSink {
    const frame = this.#formatter.framer(runId);
    return { output: (block) => this.#output(block, frame) };
  }

  /** Lines of the command take no detour over records: one time stamp and one write a block. */
  #output({ stream, lines, partial }: OutputBlock, frame: Framer): Promise<void> | undefined {
    if (!this.#pino.isLevelEnabled(streamLevels[stream])) return undefined;
    const block = this.#formatter.escape(lines.toString('latin1'));
    return this.#writer.writeOutput(Buffer.from(frameLines(block, frame(stream, this.#now(), partial)), 'latin1'));
  }

  flush(timeout: number): Promise<boolean> {
    return this.#writer.flush(timeout, this.#clock);
  }

  #logger(level: LogLevel): RootLogger['info'] {
    const log = (message: string, fields: Fields = {}): void => {
      if (!this.#pino.isLevelEnabled(level)) return;
      const record: Record<string, unknown> = {};
      for (const [key, value] of Object.entries(fields)) record[TAKEN.has(key) ? `${key}_` : key] = value;
      if (this.#debug) record['source'] = callerOf(log);
      this.#pino[level](record, message);
    };
    return log;
  }

  /** pino writes the line as JSON, and leaves here what it was made of, for the other formats. */
  #destination(): DestinationStream {
    const made = { [symbols.needsMetadataGsym]: true, lastLevel: 0, lastMsg: '', lastObj: {}, lastTime: '' };
    const write = (json: string): void => {
      const level = levels.labels[made.lastLevel] as LogLevel;
      const line = { time: this.#time.text, level, msg: made.lastMsg, fields: made.lastObj, json };
      if (!this.#writer.writeOwn(this.#formatter.own(line))) this.#dropped += 1;
    };
    return Object.assign(made, { write });
  }

  /** Says what could not be said before. */
  #makeUp(): void {
    const [lines, bytes] = [this.#dropped, this.#lostBytes];
    this.#dropped = 0;
    this.#lostBytes = 0;
    if (lines > 0) this.warn('lines of this log were dropped: nobody read it in time', { lines });
    if (bytes > 0) this.warn('a part of this log was lost: it could not be written', { bytes });
  }

  #lose(error: NodeJS.ErrnoException, bytes: number): void {
    if (this.#lostBytes === 0)
      this.#complain(`the log cannot be written (${error.code ?? error.message}); the command goes on`);
    this.#lostBytes += bytes;
  }

  /** Says on stderr, once and as well as it can, what the log itself cannot say. */
  #complain(message: string): void {
    if (this.#fd === 2) return;
    const silent = { closed: (): void => {}, lost: (): void => {}, idle: (): void => {} };
    this.#complaints ??= new LogWriter(openTransport(2, this.#clock), silent);
    this.#complaints.writeOwn(`ballot: ${message}\n`);
  }

  /** RFC 3339 in UTC, to the millisecond. */
  #now(): string {
    const at = Math.floor(this.#clock.wall());
    if (at !== this.#time.at) this.#time = { at, text: new Date(at).toISOString() };
    return this.#time.text;
  }
}

/** Function, file and line of whoever called `callee`: `Supervisor.run main.js:120`. */
function callerOf(callee: (...parameters: never[]) => unknown): string {
  const limit = Error.stackTraceLimit;
  const holder: { stack?: string } = {};
  Error.stackTraceLimit = 1;
  Error.captureStackTrace(holder, callee);
  Error.stackTraceLimit = limit;
  // V8: " at Supervisor.run (file:///opt/ballot/dist/main.js:120:7)", or without a function " at file:///…:120:7".
  const frame = /at (?:(.*) \()?.*?([^/()]+:\d+):\d+\)?$/.exec(holder.stack?.split('\n').at(-1) ?? '');
  return frame === null ? 'unknown' : [frame[1], frame[2]].filter((part) => part !== undefined).join(' ');
}

/** Opens the log of this process. To be called once for each descriptor. */
export function createLogger(options: LoggerOptions): RootLogger {
  return new RootLog(options);
}
