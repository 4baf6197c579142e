/** Extra facts of a log line; a value that is `undefined` is left out. */
export type Fields = Readonly<Record<string, string | number | boolean | undefined>>;

/** What the rest of ballot logs with. Never throws, never blocks. */
export interface Logger {
  trace(message: string, fields?: Fields): void;
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
  fatal(message: string, fields?: Fields): void;
}
