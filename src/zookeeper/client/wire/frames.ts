import { GarbledError } from './jute.ts';

/** `jute.maxbuffer` as servers have it by default: a longer request makes them cut the connection. */
export const MAX_REQUEST_BYTES = 0xfffff;

/**
 * The longest frame that is taken from a server. Answers may be longer than requests: ZooKeeper's own client allows
 * `jute.maxbuffer` once more for that (`BinaryInputArchive`: `extraMaxBuffer`).
 */
export const MAX_ANSWER_BYTES = 2 * MAX_REQUEST_BYTES;

/** Cuts what arrives into frames. It holds one frame that is not complete yet, of a length that was checked first. */
export class FrameSplitter {
  /** Where the length of the next frame arrives. */
  readonly #length = Buffer.alloc(4);
  /** What arrives at present: a length or a frame. */
  #part = this.#length;
  #filled = 0;

  /**
   * The frames that are complete with this chunk, without their lengths. Throws GarbledError at a length that no server
   * sends: what follows cannot be read either.
   */
  *push(chunk: Buffer): Generator<Buffer> {
    for (let at = 0; at < chunk.length;) {
      const copied = chunk.copy(this.#part, this.#filled, at);
      at += copied;
      this.#filled += copied;
      const part = this.#part;
      if (this.#filled < part.length) return;
      this.#filled = 0;
      this.#part = part === this.#length ? Buffer.allocUnsafe(checked(part.readInt32BE())) : this.#length;
      if (part !== this.#length) yield part;
    }
  }
}

function checked(length: number): number {
  if (length > 0 && length <= MAX_ANSWER_BYTES) return length;
  throw new GarbledError(`a frame of ${length} bytes, at most ${MAX_ANSWER_BYTES} are allowed`);
}
