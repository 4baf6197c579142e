import type { Clock } from '../clock.ts';
import { deferred, type Deferred } from '../waiting.ts';
import type { Transport } from './transport.ts';

/** More than this many bytes not yet taken by the kernel: the command's output has to wait. */
const HIGH_BYTES = 1024 * 1024;
/** Once no more than this is left, it may go on. */
const LOW_BYTES = 512 * 1024;
/** Ballot's own lines are dropped beyond this many bytes of them: nobody reads the log, and supervision must go on. */
const MAX_OWN_BYTES = 256 * 1024;

export interface WriterEvents {
  /** The reader is gone: nothing will be written any more. Called once. */
  closed(error: NodeJS.ErrnoException): void;
  /** A write failed, and `bytes` of the log with it; the next may succeed. */
  lost(error: NodeJS.ErrnoException, bytes: number): void;
  /** Everything has been taken by the kernel, the last of it without an error. */
  idle(): void;
}

interface Entry {
  readonly data: Buffer;
  readonly own: boolean;
}

/** A queue in front of a descriptor: never blocks, never drops a command's output while somebody can read it. */
export class LogWriter {
  readonly #transport: Transport;
  readonly #events: WriterEvents;
  readonly #queue: Entry[] = [];
  #offset = 0;
  #pending = 0;
  #pendingOwn = 0;
  #progress = 0;
  #busy = false;
  #closed = false;
  #failing = false;
  #room: Deferred<void> | undefined;
  readonly #settled = new Set<() => void>();

  constructor(transport: Transport, events: WriterEvents) {
    this.#transport = transport;
    this.#events = events;
  }

  /** Takes a line of ballot's own. False: dropped, since too many wait already or the reader is gone. */
  writeOwn(line: string): boolean {
    if (this.#closed || this.#pendingOwn > MAX_OWN_BYTES) return false;
    const data = Buffer.from(line, 'utf8');
    this.#pendingOwn += data.length;
    this.#add({ data, own: true });
    return true;
  }

  /** Takes a block of the command's output. Returns a promise when the next one should wait for it. */
  writeOutput(data: Buffer): Promise<void> | undefined {
    if (this.#closed) return undefined;
    this.#add({ data, own: false });
    if (this.#pending <= HIGH_BYTES) return undefined;
    this.#room ??= deferred();
    return this.#room.promise;
  }

  /**
   * Resolves with true once everything has been taken by the kernel; with false when nothing more was taken for
   * `timeout` ms (noticed before twice that), or the reader is gone. After false the process must be ended by
   * `process.exit`: the pending write would keep the event loop alive.
   */
  flush(timeout: number, clock: Clock): Promise<boolean> {
    return new Promise((resolve) => {
      if (this.#pending === 0 || this.#closed) return resolve(!this.#closed);
      let cancel = (): void => {};
      const settle = (): void => {
        cancel();
        this.#settled.delete(settle);
        resolve(this.#pending === 0 && !this.#closed);
      };
      const watch = (progress: number): void => {
        cancel = clock.at(clock.now() + timeout, () =>
          progress === this.#progress ? settle() : watch(this.#progress),
        );
      };
      this.#settled.add(settle);
      watch(this.#progress);
    });
  }

  #add(entry: Entry): void {
    this.#queue.push(entry);
    this.#pending += entry.data.length;
    if (!this.#busy) this.#writeNext();
  }

  #writeNext(): void {
    const entry = this.#queue[0];
    this.#busy = entry !== undefined;
    if (entry === undefined) return this.#idle();
    const piece = entry.data.subarray(this.#offset, this.#offset + this.#transport.pieceBytes);
    this.#transport.write(piece, (error, written) => {
      this.#failing = error !== null;
      if (error === null) this.#advance(entry, written);
      else if (this.#transport.breaks) return this.#close(error);
      else this.#lose(entry, error);
      this.#writeNext();
    });
  }

  #advance(entry: Entry, bytes: number): void {
    this.#offset += bytes;
    this.#pending -= bytes;
    this.#progress += 1;
    if (this.#offset >= entry.data.length) this.#shift(entry);
    if (this.#pending <= LOW_BYTES) this.#wake();
  }

  #lose(entry: Entry, error: NodeJS.ErrnoException): void {
    const left = entry.data.length - this.#offset;
    this.#events.lost(error, left);
    this.#advance(entry, left);
  }

  #shift(entry: Entry): void {
    this.#queue.shift();
    this.#offset = 0;
    if (entry.own) this.#pendingOwn -= entry.data.length;
  }

  #idle(): void {
    // After a failure there is nothing to say yet: saying it would fail too, and again for ever.
    if (!this.#failing) this.#events.idle();
    if (this.#pending > 0) return;
    for (const settle of [...this.#settled]) settle();
  }

  #wake(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }

  #close(error: NodeJS.ErrnoException): void {
    this.#closed = true;
    this.#queue.length = 0;
    this.#wake();
    for (const settle of [...this.#settled]) settle();
    this.#events.closed(error);
  }
}
