import { Buffer, isUtf8 } from 'node:buffer';

/** The longest line that is handed on in one piece, bytes without the newline. */
export const MAX_LINE_BYTES = 64 * 1024;

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * Takes a block of lines. `lines` holds whole lines, each ended by a newline, and is valid UTF-8; it may be overwritten
 * after the call returns. `partial`: the one line in it is a piece of a longer line, with more of it to follow.
 */
export type TakeLines = (lines: Buffer, partial: boolean) => void;

/** Invalid UTF-8 becomes U+FFFD; one carriage return before each newline goes, as Go's bufio.ScanLines does it. */
function clean(lines: Buffer): Buffer {
  let result = isUtf8(lines) ? lines : Buffer.from(lines.toString('utf8'));
  if (result.includes(CARRIAGE_RETURN))
    result = Buffer.from(result.toString('latin1').replaceAll('\r\n', '\n'), 'latin1');
  return result;
}

/** The largest index up to `MAX_LINE_BYTES` that does not cut a UTF-8 character. */
function cutIndex(bytes: Buffer): number {
  for (let index = MAX_LINE_BYTES; index > MAX_LINE_BYTES - 4; index -= 1) {
    if (((bytes[index] ?? 0) & 0xc0) !== 0x80) return index;
  }
  return MAX_LINE_BYTES;
}

/** Cuts a stream of bytes into lines. Holds back at most the last `MAX_LINE_BYTES` of it. */
export class LineSplitter {
  #rest = Buffer.alloc(0);
  readonly #take: TakeLines;

  constructor(take: TakeLines) {
    this.#take = take;
  }

  /** The chunk may be overwritten after the call returns. */
  push(chunk: Buffer): void {
    const last = chunk.lastIndexOf(NEWLINE);
    if (last < 0) {
      this.#rest = this.#takePieces(Buffer.concat([this.#rest, chunk]));
      return;
    }
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const end = this.#rest.length + last + 1;
    // Only the first line can be too long when the chunk itself is not: no need to measure each of them.
    const mayBeLong = chunk.length > MAX_LINE_BYTES || this.#rest.length + chunk.indexOf(NEWLINE) > MAX_LINE_BYTES;
    const taken = mayBeLong ? this.#takeLongLines(bytes.subarray(0, end)) : 0;
    if (taken < end) this.#take(clean(bytes.subarray(taken, end)), false);
    this.#rest = this.#takePieces(Buffer.from(bytes.subarray(end)));
  }

  /** Hands on a last line that has no newline. More may be pushed afterwards: it begins a new line. */
  end(): void {
    const rest = this.#rest;
    this.#rest = Buffer.alloc(0);
    if (rest.length > 0) this.#take(clean(Buffer.concat([rest, Buffer.of(NEWLINE)])), false);
  }

  /** Hands on everything up to the end of the last line that is too long; returns where that is. */
  #takeLongLines(lines: Buffer): number {
    let taken = 0;
    for (let start = 0; start < lines.length;) {
      const end = lines.indexOf(NEWLINE, start) + 1;
      if (end - start > MAX_LINE_BYTES + 1) {
        if (start > taken) this.#take(clean(lines.subarray(taken, start)), false);
        this.#take(clean(this.#takePieces(lines.subarray(start, end), 1)), false);
        taken = end;
      }
      start = end;
    }
    return taken;
  }

  /** Hands on pieces until no more than a line's length, plus `newline` bytes, is left; returns what is left. */
  #takePieces(line: Buffer, newline = 0): Buffer<ArrayBuffer> {
    let rest = line;
    while (rest.length - newline > MAX_LINE_BYTES) {
      const cut = cutIndex(rest);
      const piece = rest.subarray(0, cut);
      const valid = isUtf8(piece) ? piece : Buffer.from(piece.toString('utf8'));
      this.#take(Buffer.concat([valid, Buffer.of(NEWLINE)]), true);
      rest = rest.subarray(cut);
    }
    return rest as Buffer<ArrayBuffer>;
  }
}
