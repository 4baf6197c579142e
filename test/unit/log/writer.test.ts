import { describe, expect, it } from 'vitest';
import type { Transport, Written } from '../../../src/log/transport.ts';
import { LogWriter } from '../../../src/log/writer.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

/** A reader that takes what it is told to take. */
class Reader implements Transport {
  readonly pieceBytes = 1000;
  readonly breaks: boolean;
  readonly taken: string[] = [];
  #piece: Buffer | undefined;
  #done: Written | undefined;

  constructor(breaks = true) {
    this.breaks = breaks;
  }
  write(piece: Buffer, done: Written): void {
    expect(this.#done).toBeUndefined();
    this.#piece = piece;
    this.#done = done;
  }
  take(bytes = this.#piece!.length): void {
    const done = this.#done!;
    this.#done = undefined;
    this.taken.push(this.#piece!.toString('latin1', 0, bytes));
    done(null, bytes);
  }
  takeAll(): void {
    while (this.#done !== undefined) this.take();
  }
  fail(code: string): void {
    const done = this.#done!;
    this.#done = undefined;
    done(Object.assign(new Error(code), { code }), 0);
  }
  get text(): string {
    return this.taken.join('');
  }
}

function open(breaks?: boolean): { reader: Reader; writer: LogWriter; said: string[] } {
  const reader = new Reader(breaks);
  const said: string[] = [];
  const writer = new LogWriter(reader, {
    closed: (error) => said.push(`closed ${error.code}`),
    lost: (error, bytes) => said.push(`lost ${bytes} ${error.code}`),
    idle: () => said.push('idle'),
  });
  return { reader, writer, said };
}

const settled = (promise: Promise<unknown>): Promise<boolean> =>
  Promise.race([promise.then(() => true), new Promise<boolean>((resolve) => setImmediate(() => resolve(false)))]);

describe('log writer', () => {
  it('keeps the order, through short writes', () => {
    const { reader, writer } = open();
    writer.writeOwn('one\n');
    void writer.writeOutput(Buffer.from('two\n'));
    reader.take(2);
    writer.writeOwn('three\n');
    reader.takeAll();
    expect(reader.text).toBe('one\ntwo\nthree\n');
  });

  it('asks the command’s output to wait when the reader is slow, and loses none of it', async () => {
    const { reader, writer } = open();
    let sent = 0;
    let wait: Promise<void> | undefined;
    while (wait === undefined && sent < 10_000_000) {
      wait = writer.writeOutput(Buffer.alloc(10_000, 'x'));
      sent += 10_000;
    }
    expect(sent).toBeLessThan(1_100_000);
    if (wait === undefined) throw new Error('nothing has to wait');
    reader.take();
    expect(await settled(wait)).toBe(false);
    reader.takeAll();
    expect(await settled(wait)).toBe(true);
    expect(reader.text.length).toBe(sent);
  });

  it('drops own lines beyond a bound while nobody reads, and takes them again afterwards', () => {
    const { reader, writer } = open();
    let kept = 0;
    while (kept < 100_000 && writer.writeOwn(`${'x'.repeat(99)}\n`)) kept += 1;
    expect(kept * 100).toBeLessThan(300_000);
    expect(writer.writeOutput(Buffer.from('output\n'))).toBeUndefined();
    reader.takeAll();
    expect(reader.text.length).toBe(kept * 100 + 7);
    expect(writer.writeOwn('again\n')).toBe(true);
  });

  it('flushes: true when all is taken, false after a time without progress, however long progress lasts', async () => {
    const time = new VirtualClock(1);
    const { reader, writer } = open();
    expect(await writer.flush(100, time.process())).toBe(true);
    void writer.writeOutput(Buffer.alloc(10_000, 'x'));
    const slow = writer.flush(100, time.process());
    const takeAt = (at: number): void => {
      time.schedule(at, () => {
        time.entered();
        reader.take();
      });
    };
    for (let at = 60; at <= 600; at += 60) takeAt(at);
    expect(await time.wait(slow)).toBe(true);
    void writer.writeOutput(Buffer.alloc(10_000, 'x'));
    const stuck = writer.flush(100, time.process());
    const from = time.time;
    takeAt(from + 50);
    expect(await time.wait(stuck)).toBe(false);
    expect(time.time - from).toBeLessThan(201);
  });

  it('lets go of everything when the reader is gone, and says so once', async () => {
    const time = new VirtualClock(1);
    const { reader, writer, said } = open();
    const wait = writer.writeOutput(Buffer.alloc(2_000_000));
    const flush = writer.flush(1000, time.process());
    reader.fail('EPIPE');
    await wait;
    expect(await flush).toBe(false);
    expect(writer.writeOutput(Buffer.alloc(2_000_000))).toBeUndefined();
    expect(writer.writeOwn('x')).toBe(false);
    expect(said).toEqual(['closed EPIPE']);
  });

  it('goes on after a failed write to a disk, and is not idle before one has succeeded', () => {
    const { reader, writer, said } = open(false);
    writer.writeOwn('lost\n');
    reader.fail('ENOSPC');
    expect(said).toEqual(['lost 5 ENOSPC']);
    writer.writeOwn('kept\n');
    reader.take();
    expect(said).toEqual(['lost 5 ENOSPC', 'idle']);
    expect(reader.text).toBe('kept\n');
  });
});
