import type { Readable } from 'node:stream';
import { nextTurn } from '../waiting.ts';
import { LineSplitter } from './lines.ts';

export type OutputStream = 'stdout' | 'stderr';

export interface OutputBlock {
  readonly stream: OutputStream;
  /** Whole lines of valid UTF-8, each ended by a newline. Only to be read during the call: the memory is used again. */
  readonly lines: Buffer;
  /** The one line in `lines` is a piece of a longer one; the next block of this stream goes on with it. */
  readonly partial: boolean;
}

/** Where the lines of a wrapped command go. */
export interface OutputSink {
  /** Never throws. Returns a promise when the reader is slow: hand nothing over until it resolves. It never rejects. */
  output(block: OutputBlock): Promise<void> | undefined;
}

/**
 * The most that a pipe can hold of what the group wrote before it was gone, bytes: 1 MiB is the default of
 * /proc/sys/fs/pipe-max-size, and more than the default buffer of a socket pair.
 */
const MAX_PIPE_BYTES = 1024 * 1024;

/** One stream of a command, from pipe to sink. While the sink asks to wait it is not read: the command blocks. */
export class OutputReader {
  readonly #source: Readable;
  readonly #splitter: LineSplitter;
  #waiting: Promise<void> | undefined;
  #received = 0;
  #ended = false;
  readonly #end: Promise<void>;

  /** `source` must deliver its chunks to `take`, or emit them as `data`. */
  constructor(source: Readable, stream: OutputStream, sink: OutputSink) {
    this.#source = source;
    this.#splitter = new LineSplitter((lines, partial) => {
      this.#waiting = sink.output({ stream, lines, partial }) ?? this.#waiting;
    });
    this.#end = new Promise((resolve) => {
      source.once('close', () => {
        this.#ended = true;
        this.#splitter.end();
        resolve();
      });
    });
    // A read error ends the stream: 'close' follows, and what was read before it is kept.
    source.on('error', () => source.destroy());
  }

  /** Resolves when the source has been read to its end. */
  get end(): Promise<void> {
    return this.#end;
  }

  /** Takes a chunk, which may be overwritten then. False: the source has to pause until this reader resumes it. */
  take(chunk: Buffer): boolean {
    this.#received += chunk.length;
    this.#splitter.push(chunk);
    if (this.#waiting === undefined) return true;
    this.#source.pause();
    void this.#waiting.then(() => {
      this.#waiting = undefined;
      if (!this.#ended) this.#source.resume();
    });
    return false;
  }

  /**
   * Resolves when everything is handed over that was written before `gone` resolved. That is at the end of the stream.
   * When a process outside the group keeps the pipe open, it is once the pipe was found empty after `gone`, or a pipe's
   * full contents have been read since. What such a process writes later is still handed over, but does not keep the
   * event loop alive.
   */
  async drained(gone: Promise<void>): Promise<void> {
    await Promise.race([this.#end, gone.then(() => this.#emptied())]);
    if (this.#ended) await this.#waiting;
  }

  async #emptied(): Promise<void> {
    const limit = this.#received + MAX_PIPE_BYTES;
    let before = -1;
    while (!this.#ended && this.#received < limit && (before !== this.#received || this.#waiting !== undefined)) {
      await this.#waiting;
      before = this.#received;
      await nextTurn();
      await nextTurn();
    }
    if (this.#ended) return;
    this.#splitter.end();
    (this.#source as Readable & { unref?: () => void }).unref?.();
  }
}
