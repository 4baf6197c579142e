/** Writes a report to stdout and resolves when it was taken, so that a slow reader gets all of it. A reader that has gone away (`| head`) is no error. */
export function print(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error | null): void => {
      if (error && (error as NodeJS.ErrnoException).code !== 'EPIPE') reject(error);
      else resolve();
    };
    // A failed write is reported to both, and an 'error' that nobody listens to would end the process.
    process.stdout.on('error', settle);
    process.stdout.write(text, settle);
  });
}
