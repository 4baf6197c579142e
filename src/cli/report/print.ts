import { BallotError, ExitCode } from '../../errors.ts';

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
