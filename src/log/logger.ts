import type { OutputSink } from '../command/output.ts';
import type { LogLevel } from '../config/config.ts';

/** Extra facts of a log line; a value that is `undefined` is left out. */
export type Fields = Readonly<Record<string, string | number | boolean | undefined>>;

/** What the rest of ballot logs with. Never throws, never blocks. */
export type Logger = Readonly<Record<LogLevel, (message: string, fields?: Fields) => void>>;

/** The log of a process: ballot's own lines, and the lines of the command it runs. */
export interface RootLogger extends Logger {
  /** Takes the output of the run with this id. */
  outputOf(runId: string): OutputSink;
  /**
   * Resolves with true once everything logged so far has been taken by the reader (or the disk); with false when
   * nothing more was taken for `timeout` ms, or the reader is gone. After false, end the process with `process.exit`: a
   * pending write keeps the event loop alive.
   */
  flush(timeout: number): Promise<boolean>;
}
