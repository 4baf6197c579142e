/**
 * Jute, ZooKeeper's encoding: big-endian numbers, byte strings and lists behind their length, nothing between them.
 * Source: `BinaryInputArchive` and `BinaryOutputArchive` of zookeeper-jute.
 */

/** What a peer has sent makes no sense. The message says what. */
export class GarbledError extends Error {}

/** Reads one frame from its beginning. Each method throws GarbledError when the frame does not hold what it reads. */
export class JuteReader {
  readonly #frame: Buffer;
  #at = 0;

  constructor(frame: Buffer) {
    this.#frame = frame;
  }

  /** How many bytes are not read yet. */
  get left(): number {
    return this.#frame.length - this.#at;
  }

  bool(): boolean {
    return this.#take(1)[0] !== 0;
  }

  int(): number {
    return this.#take(4).readInt32BE();
  }

  long(): bigint {
    return this.#take(8).readBigInt64BE();
  }

  /** A part of the frame. An absent value is an empty one. */
  buffer(): Buffer {
    return this.#take(this.#length('a buffer'));
  }

  string(): string {
    return this.#take(this.#length('a string')).toString('utf8');
  }

  /** `leastBytes` of an item bound how many a frame of this length can hold. */
  list<T>(item: (reader: JuteReader) => T, leastBytes: number): T[] {
    const length = this.#length('a list');
    if (length * leastBytes > this.left) throw new GarbledError(`a list of ${length} items in ${this.left} bytes`);
    return Array.from({ length }, () => item(this));
  }

  /** −1 stands for an absent value. */
  #length(of: string): number {
    const length = this.int();
    if (length < -1) throw new GarbledError(`${of} of length ${length}`);
    return Math.max(0, length);
  }

  #take(bytes: number): Buffer {
    if (bytes > this.left) throw new GarbledError(`${bytes} bytes were expected where ${this.left} are left`);
    this.#at += bytes;
    return this.#frame.subarray(this.#at - bytes, this.#at);
  }
}

/** Writes one frame. */
export class JuteWriter {
  readonly #parts: Buffer[] = [];

  bool(value: boolean): this {
    return this.#put(Buffer.of(value ? 1 : 0));
  }

  int(value: number): this {
    const part = Buffer.allocUnsafe(4);
    part.writeInt32BE(value);
    return this.#put(part);
  }

  long(value: bigint): this {
    const part = Buffer.allocUnsafe(8);
    part.writeBigInt64BE(value);
    return this.#put(part);
  }

  buffer(value: Buffer): this {
    return this.int(value.length).#put(value);
  }

  string(value: string): this {
    return this.buffer(Buffer.from(value, 'utf8'));
  }

  list<T>(items: readonly T[], write: (item: T, writer: this) => void): this {
    this.int(items.length);
    for (const item of items) write(item, this);
    return this;
  }

  /** What was written, behind its length. */
  frame(): Buffer {
    const body = Buffer.concat(this.#parts);
    const length = Buffer.allocUnsafe(4);
    length.writeInt32BE(body.length);
    return Buffer.concat([length, body]);
  }

  #put(part: Buffer): this {
    this.#parts.push(part);
    return this;
  }
}
