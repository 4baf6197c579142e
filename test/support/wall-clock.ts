/**
 * Wall clocks of a process's own, which a test sets while it runs. Monotonic clocks are left alone. Linux, and a C
 * compiler.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

const source = join(import.meta.dirname, '../integration/faults/wall-clock.c');

/** Makes wall clocks; builds what it takes. Dispose of it when those who use them have ended. */
export class WallClocks implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'ballot-wall-clock-'));
  readonly #library = join(this.#folder, 'wall-clock.so');
  #made = 0;

  constructor() {
    execFileSync('cc', ['-shared', '-fPIC', '-O2', '-o', this.#library, source], { stdio: 'inherit' });
  }

  /** A wall clock that is `ahead` ms ahead of the host's (behind, when negative). */
  clock(ahead = 0): WallClock {
    return new WallClock(this.#library, join(this.#folder, String(++this.#made)), ahead);
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Wall clocks for the tests of a file. What they take is removed after the last of them. */
export function useWallClocks(): WallClocks {
  const clocks = new WallClocks();
  afterAll(() => clocks[Symbol.dispose]());
  return clocks;
}

export class WallClock {
  /** For the environment of whoever is to have this clock. */
  readonly env: Readonly<Record<string, string>>;
  readonly #file: string;
  #ahead: number;

  constructor(library: string, file: string, ahead: number) {
    this.env = { LD_PRELOAD: library, WALL_CLOCK_FILE: file };
    this.#file = file;
    this.#ahead = ahead;
    this.#write();
  }

  /** What it shows, ms since the Unix epoch. */
  get now(): number {
    return Date.now() + this.#ahead;
  }

  /** Sets it forward by `ms`, or back. */
  step(ms: number): void {
    this.#ahead += ms;
    this.#write();
  }

  #write(): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(this.#ahead));
    // In place: whoever has mapped it sees all of it at once.
    writeFileSync(this.#file, bytes, { flag: this.#written ? 'r+' : 'w' });
    this.#written = true;
  }
  #written = false;
}
