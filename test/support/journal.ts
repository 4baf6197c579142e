/**
 * The judge of the faults suite: what the commands of one election have written of themselves (beating.pl). It trusts
 * no log, no lease and no observer's clock.
 *
 * A stopped observer cannot hide anything, because nothing is observed: every line is in the file, in the order of the
 * writes. A busy machine can hide nothing either: a command that lives but gets no processor still holds its lock,
 * which the start of the next one notices. Nor can it fake an overlap: a line that follows another run's start was
 * written after it, and its writer lived.
 */
import { closeSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { poll } from './poll.ts';

const commandPath = join(import.meta.dirname, 'beating.pl');

/** `plain` ends at SIGTERM; `deaf` ignores it; `family` is plain with a deaf child. */
export type CommandKind = 'plain' | 'deaf' | 'family';

/** One run of the command, from its own lines. Instants are ms of CLOCK_MONOTONIC, as `process.hrtime` gives them. */
export interface Run {
  readonly candidate: string;
  readonly runId: string;
  readonly token: number;
  readonly pid: number;
  /** When the kernel made the process, to 10 ms. */
  readonly born: number;
  readonly startedAt: number;
  /** Its last sign of life so far. */
  lastAt: number;
  /** It has written its end. */
  ended: boolean;
  /**
   * Instants of its lines that follow the start of another run, if it was frozen at that start: the late writer that
   * the fencing token is for.
   */
  readonly late: number[];
  /** It started while the run before was frozen: that is expected to be there. */
  readonly besideFrozen: boolean;
  /** Every process of it is stopped by the test at present. To be set and cleared by the test, after reading. */
  frozen: boolean;
}

/** Two runs at once. */
export interface Overlap {
  readonly of: string;
  readonly and: string;
  /** From the start of the second to the last sign of life of the first, as far as it is known. */
  ms: number;
  readonly seenBy: 'order of lines' | 'birth' | 'lock';
}

const READ_BYTES = 1 << 16;

/** What an overlap counts at least, ms: how long a process lived that wrote nothing is not known. */
const SOME_MS = 0.001;

/** Clock ticks of `/proc/PID/stat`, ms. */
const BIRTH_PRECISION_MS = 10;

/** The lines of one election's commands, judged as they come. Dispose of it. */
export class BeatJournal implements Disposable {
  readonly runs: Run[] = [];
  readonly overlaps: Overlap[] = [];
  readonly path: string;
  readonly #folder: string;
  readonly #file: number;
  readonly #buffer = Buffer.alloc(READ_BYTES);
  readonly #byId = new Map<string, Run>();
  readonly #besides = new Map<Run, Overlap>();
  #rest = '';

  constructor() {
    this.#folder = mkdtempSync(join(tmpdir(), 'ballot-beats-'));
    this.path = join(this.#folder, 'journal');
    closeSync(openSync(this.path, 'a'));
    this.#file = openSync(this.path, 'r');
  }

  command(kind: CommandKind): [string, ...string[]] {
    return ['perl', commandPath, this.path, kind];
  }

  /** The run that started last. Throws when there is none. */
  get latest(): Run {
    const run = this.read().at(-1);
    if (run === undefined) throw new Error('no command has started yet');
    return run;
  }

  /** Takes in what was written since. */
  read(): readonly Run[] {
    for (;;) {
      const length = readSync(this.#file, this.#buffer, 0, READ_BYTES, null);
      if (length === 0) return this.runs;
      const lines = (this.#rest + this.#buffer.toString('latin1', 0, length)).split('\n');
      this.#rest = lines.pop() ?? '';
      for (const line of lines) this.#take(line);
    }
  }

  /** Waits for the run number `count`, counted from 1. Throws after `timeout` ms. */
  async started(count: number, timeout: number): Promise<Run> {
    await poll(() => this.read().length >= count, { timeout, what: `start ${count} of the command in the journal` });
    return this.runs[count - 1] as Run;
  }

  /** From the last sign of life of each run to the start of the next, ms: the least room that the hand-overs had. */
  gaps(): number[] {
    return this.read()
      .slice(1)
      .flatMap((run, i) => {
        const before = this.runs[i];
        return before === undefined || before.late.length > 0 ? [] : [run.startedAt - before.lastAt];
      });
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #take(line: string): void {
    const words = line.split(' ');
    const [event = '', candidate = '', runId = ''] = words;
    const [pid = NaN, token = NaN, time = NaN, born = NaN] = words.slice(3).map(Number);
    const at = time / 1000;
    const key = `${candidate}/${runId}`;
    let run = this.#byId.get(key);
    if (run === undefined) {
      const besideFrozen = this.runs.at(-1)?.frozen ?? false;
      const fresh = { ended: false, late: [], besideFrozen, frozen: false, startedAt: at, lastAt: at };
      run = { candidate, runId, token, pid, born: born / 1000, ...fresh };
      this.#byId.set(key, run);
      this.#judgeBirth(run);
      this.runs.push(run);
    }
    if (event === 'overlap') this.#beside(run);
    const beside = this.#besides.get(run);
    if (event === 'alone' && beside !== undefined) beside.ms = Math.max(beside.ms, at - run.startedAt);
    this.#judgeLine(run, at);
    run.lastAt = Math.max(run.lastAt, at);
    run.ended ||= event === 'end';
  }

  /** A line of a run after the first line of a later run: both lived. */
  #judgeLine(run: Run, at: number): void {
    const next = this.runs[this.runs.lastIndexOf(run) + 1];
    if (next === undefined) return;
    if (next.besideFrozen) run.late.push(at);
    else this.#note(run, next, Math.max(SOME_MS, at - next.startedAt), 'order of lines');
  }

  /** The kernel made the process of a run before the last sign of life of the one before. */
  #judgeBirth(run: Run): void {
    const before = this.runs.at(-1);
    if (before === undefined || before.frozen) return;
    const ms = before.lastAt - (run.born + BIRTH_PRECISION_MS);
    if (ms > 0) this.#note(before, run, ms, 'birth');
  }

  /** A process of an earlier run held the lock when this one started. */
  #beside(run: Run): void {
    const before = this.runs.at(-2);
    if (before !== undefined && !run.besideFrozen) this.#besides.set(run, this.#note(before, run, SOME_MS, 'lock'));
  }

  #note(of: Run, and: Run, ms: number, seenBy: Overlap['seenBy']): Overlap {
    const known = this.overlaps.find((one) => one.of === of.runId && one.and === and.runId && one.seenBy === seenBy);
    const overlap = known ?? { of: of.runId, and: and.runId, ms, seenBy };
    overlap.ms = Math.max(overlap.ms, ms);
    if (known === undefined) this.overlaps.push(overlap);
    return overlap;
  }
}
