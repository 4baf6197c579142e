/** A scene on a terminal, drawn anew whenever it changes, and as its ages grow. */
import type { Clock } from '../../clock.ts';
import { paint } from './cells.ts';
import type { Display } from './display.ts';
import { layout, type Size } from './layout.ts';
import type { Scene } from './scene.ts';
import { Terminal } from './terminal.ts';

/** From one drawing to the next, at least, ms. */
const REDRAW_MS = 100;

/** The same for ages alone: while a lease runs, and else. */
const TICK_MS = { fast: 250, slow: 1_000 };

const UP = new Set(['\x1b[A', '\x1bOA', 'k']);
const DOWN = new Set(['\x1b[B', '\x1bOB', 'j']);
const PAGE_UP = new Set(['\x1b[5~', 'b']);
const PAGE_DOWN = new Set(['\x1b[6~', ' ']);
const TOP = new Set(['\x1b[H', '\x1bOH', '\x1b[1~', 'g']);
const BOTTOM = new Set(['\x1b[F', '\x1bOF', '\x1b[4~', 'G']);
/** Raw mode makes characters of Ctrl-C and Ctrl-\. */
const QUIT = new Set(['q', 'Q', '\x03', '\x1c']);
const SUSPEND = '\x1a';
const REPAINT = '\x0c';

export interface ScreenOptions {
  readonly clock: Clock;
  readonly colours: boolean;
  /** The user wants to end it, or the terminal is gone. */
  quit(): void;
  /** It cannot go on. */
  fail(error: unknown): void;
}

export class Screen implements Display {
  readonly #options: ScreenOptions;
  readonly #terminal: Terminal;
  #scene: Scene | undefined;
  #first = 0;
  #shown = 0;
  /** What stands on the terminal; `undefined`: nobody knows. */
  #drawn: { readonly lines: readonly string[]; readonly size: Size } | undefined;
  #isDrawing = false;
  #isDue = false;
  #lastAt = -Infinity;
  #cancel: () => void = () => undefined;
  #closed = false;

  constructor(options: ScreenOptions) {
    this.#options = options;
    this.#terminal = new Terminal(options.clock, {
      key: (key) => this.#obey(key),
      spoilt: () => this.#spoil(),
      hungUp: () => options.quit(),
    });
  }

  show(scene: Scene): void {
    this.#scene = scene;
    this.#wantDrawing();
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    return this.#terminal.close();
  }

  #obey(key: string): void {
    if (QUIT.has(key)) return this.#options.quit();
    if (key === SUSPEND) return this.#terminal.suspend();
    if (key === REPAINT) return this.#spoil();
    const page = Math.max(1, this.#shown);
    if (UP.has(key)) this.#scroll(this.#first - 1);
    else if (DOWN.has(key)) this.#scroll(this.#first + 1);
    else if (PAGE_UP.has(key)) this.#scroll(this.#first - page);
    else if (PAGE_DOWN.has(key)) this.#scroll(this.#first + page);
    else if (TOP.has(key)) this.#scroll(0);
    else if (BOTTOM.has(key)) this.#scroll(Number.MAX_SAFE_INTEGER);
  }

  #scroll(first: number): void {
    this.#first = Math.max(0, first);
    this.#wantDrawing();
  }

  #spoil(): void {
    this.#drawn = undefined;
    this.#wantDrawing();
  }

  /** As soon as the last drawing was taken, and is long enough ago. */
  #wantDrawing(): void {
    this.#isDue = true;
    if (!this.#isDrawing) this.#arm(REDRAW_MS);
  }

  #arm(ms: number): void {
    if (this.#closed) return;
    this.#cancel();
    this.#cancel = this.#options.clock.at(this.#lastAt + ms, () => void this.#draw());
  }

  async #draw(): Promise<void> {
    const scene = this.#scene;
    if (scene === undefined || this.#isDrawing || this.#closed) return;
    this.#isDrawing = true;
    this.#isDue = false;
    this.#lastAt = this.#options.clock.now();
    try {
      await this.#terminal.draw(this.#textOf(scene));
    } catch (error) {
      return this.#options.fail(error);
    } finally {
      this.#isDrawing = false;
    }
    const runs = scene.connection.state === 'connected' && scene.picture?.election.lease?.expiresIn !== undefined;
    this.#arm(this.#isDue ? REDRAW_MS : runs ? TICK_MS.fast : TICK_MS.slow);
  }

  /** What turns the present screen into the one of this scene. */
  #textOf(scene: Scene): string {
    const { clock, colours } = this.#options;
    const { size } = this.#terminal;
    const keys = this.#terminal.hasKeys ? 'q quits, arrow keys scroll' : 'Ctrl-C quits';
    const { rows, first, shown } = layout(scene, { now: clock.now(), wall: clock.wall() }, size, this.#first, keys);
    [this.#first, this.#shown] = [first, shown];
    const lines = rows.map((row) => paint(row, size.columns, colours));
    const drawn = this.#drawn;
    const isFresh = drawn?.size.columns !== size.columns || drawn.size.rows !== size.rows;
    this.#drawn = { lines, size };
    return isFresh ? CLEAR + changed([], lines) : changed(drawn.lines, lines);
  }
}

/** ED 2. */
const CLEAR = '\x1b[2J';

/** Rows that differ, each at its place; erased before, as in the last column there is no place after. */
function changed(before: readonly string[], after: readonly string[]): string {
  const rows = Math.max(before.length, after.length);
  let text = '';
  for (let row = 0; row < rows; row++)
    if (before[row] !== after[row]) text += `\x1b[${row + 1};1H\x1b[2K${after[row] ?? ''}`;
  return text;
}
