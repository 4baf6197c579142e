/** stdout of a command that shows something for as long as somebody looks. */
import type { Clock } from '../../clock.ts';
import { BallotError, ExitCode } from '../../errors.ts';
import { openTransport, type Transport } from '../../log/transport.ts';

/** The reader has gone away, or the terminal. */
const GONE: readonly (string | undefined)[] = ['EPIPE', 'EIO', 'ENXIO', 'ECONNRESET'];

/** Writes to a descriptor without ever blocking: a reader that takes nothing keeps no signal from being answered. */
export class Output {
  readonly #transport: Transport;

  constructor(fd: number, clock: Clock) {
    this.#transport = openTransport(fd, clock);
  }

  /**
   * Resolves with true when all of the text was taken, however slow the reader, and with false when there is no reader
   * any more. One at a time. Throws a BallotError when it cannot be written, as on a full disk.
   */
  async write(text: string): Promise<boolean> {
    let left = Buffer.from(text, 'utf8');
    while (left.length > 0) {
      const piece = left.subarray(0, this.#transport.pieceBytes);
      const taken = await new Promise<number | NodeJS.ErrnoException>((resolve) =>
        this.#transport.write(piece, (error, written) => resolve(error ?? written)),
      );
      if (typeof taken === 'number') left = left.subarray(taken);
      else if (GONE.includes(taken.code)) return false;
      else throw new BallotError('OUTPUT', ExitCode.unavailable, 'stdout cannot be written', { cause: taken });
    }
    return true;
  }
}
