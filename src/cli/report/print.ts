/** How reports are written: as JSON or in columns, to stdout. */
import { BallotError, ExitCode } from '../../errors.ts';
import { escapedLines } from '../../visible.ts';

/** A report as JSON, indented as Go's ballot does. */
export function jsonText(report: object): string {
  return `${escapedLines(JSON.stringify(report, null, 4))}\n`;
}

/** Rows as lines of text, in columns. A cell is as wide as it has characters. */
export function align(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const cells of rows)
    for (const [column, cell] of cells.entries()) widths[column] = Math.max(widths[column] ?? 0, [...cell].length);
  const pad = (cell: string, column: number): string => cell + ' '.repeat((widths[column] ?? 0) - [...cell].length);
  return rows.map((cells) => cells.map(pad).join('  ').trimEnd());
}

/**
 * Writes a report to stdout and resolves when all of it was taken, however slow the reader. A reader that has gone away
 * (`| head`) is no error. Throws a BallotError when stdout cannot be written, as on a full disk.
 */
export function print(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (cause?: NodeJS.ErrnoException | null): void => {
      if (cause && cause.code !== 'EPIPE') {
        reject(new BallotError('OUTPUT', ExitCode.unavailable, 'the report could not be written to stdout', { cause }));
      } else resolve();
    };
    // A failed write is reported twice, and an 'error' that nobody listens to would end the process.
    process.stdout.on('error', settle);
    process.stdout.write(text, settle);
  });
}

/** Says on stderr what is no error: for commands that have no log. */
export function warn(warnings: readonly string[]): void {
  for (const warning of warnings) process.stderr.write(`ballot: warning: ${warning}\n`);
}
