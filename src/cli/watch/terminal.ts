/** The terminal that stdout is: what is drawn on it, its size, its keys, and what it was before. */
import { constants, openSync, writeSync } from 'node:fs';
import { ReadStream } from 'node:tty';
import type { Clock } from '../../clock.ts';
import { orUndefined } from '../../errors.ts';
import { within } from '../../waiting.ts';
import type { Size } from './layout.ts';
import { Output } from './output.ts';

/** What the user does to it. */
export interface TerminalEvents {
  /** A key: the character, or the sequence that it sends. */
  key(key: string): void;
  /** All has to be drawn anew: another size, or somebody else has drawn on it. */
  spoilt(): void;
  /** There is no terminal any more. */
  hungUp(): void;
}

/** DECSET 1049 (a screen of its own), cursor hidden, no wrapping: a row that seems wider than it is stays one row. */
const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l';
const LEAVE = '\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l';

/** For a terminal that does not know its size. */
const USUAL: Size = { columns: 80, rows: 24 };

/** How long the end waits for what is being drawn, ms. */
const DRAWN_WITHIN_MS = 1_000;

/** After Ctrl-Z, ms: in a process that was stopped no time passes, and one that nobody can continue is not stopped. */
const RESUME_MS = 50;

/** A control sequence, or one character. */
const KEYS = /\x1b\[[\d;]*[A-Za-z~]|\x1bO[A-Z]|[^]/gu;

export class Terminal {
  readonly #events: TerminalEvents;
  readonly #clock: Clock;
  readonly #output: Output;
  /** Non-blocking, of its own: the end must not wait for a terminal that is stopped. */
  readonly #last: number;
  readonly #keys: ReadStream | undefined;
  readonly #restore = (): void => this.#leave();
  readonly #onContinue = (): void => this.#resume();
  readonly #onResize = (): void => this.#events.spoilt();
  #isEntered = false;
  #closed = false;
  #drawing: Promise<unknown> = Promise.resolve();

  /** Enters the terminal's other screen. It is left when this is closed, and however the process ends. */
  constructor(clock: Clock, events: TerminalEvents) {
    this.#clock = clock;
    this.#events = events;
    this.#output = new Output(1, clock);
    this.#last = openTerminal(constants.O_WRONLY | constants.O_NONBLOCK) ?? 1;
    const keys = openTerminal(constants.O_RDWR);
    this.#keys = keys === undefined ? undefined : this.#listen(new ReadStream(keys));
    // Before others: what they say of an error is to be seen, and what they put in the place of stdout is no terminal.
    process.prependListener('exit', this.#restore);
    process.on('uncaughtExceptionMonitor', this.#restore);
    process.on('SIGCONT', this.#onContinue);
    process.stdout.on('resize', this.#onResize);
    this.#enter();
  }

  /** Whether keys can be read at all. */
  get hasKeys(): boolean {
    return this.#keys !== undefined;
  }

  get size(): Size {
    const { columns, rows } = process.stdout;
    return { columns: columns || USUAL.columns, rows: rows || USUAL.rows };
  }

  /** Resolves when the terminal has taken it; one at a time. Throws as `Output.write` does. */
  async draw(text: string): Promise<void> {
    if (!this.#isEntered) return;
    const drawn = this.#output.write(text);
    this.#drawing = drawn.catch(() => undefined);
    if (!(await drawn)) this.#events.hungUp();
  }

  /** Leaves the screen and the whole job, as the shell's Ctrl-Z does. It is drawn anew when the job goes on. */
  suspend(): void {
    this.#leave();
    process.kill(0, 'SIGTSTP');
    this.#clock.at(this.#clock.now() + RESUME_MS, () => this.#resume());
  }

  /** Gives the terminal back as it was. */
  async close(): Promise<void> {
    this.#closed = true;
    const late = { at: this.#clock.now() + DRAWN_WITHIN_MS };
    await within(this.#clock, this.#drawing, late).catch(() => undefined);
    this.#leave();
    process.removeListener('exit', this.#restore);
    process.removeListener('uncaughtExceptionMonitor', this.#restore);
    process.removeListener('SIGCONT', this.#onContinue);
    process.stdout.removeListener('resize', this.#onResize);
    this.#keys?.destroy();
  }

  #listen(keys: ReadStream): ReadStream {
    keys.setEncoding('utf8');
    keys.on('data', (typed) => {
      for (const [key] of String(typed).matchAll(KEYS)) this.#events.key(key);
    });
    keys.on('end', () => this.#events.hungUp());
    keys.on('error', () => this.#events.hungUp());
    return keys;
  }

  #resume(): void {
    if (this.#closed) return;
    this.#enter();
    this.#events.spoilt();
  }

  #enter(): void {
    this.#keys?.setRawMode(true);
    this.#write(ENTER);
    this.#isEntered = true;
  }

  #leave(): void {
    if (!this.#isEntered) return;
    this.#isEntered = false;
    this.#write(LEAVE);
    this.#keys?.setRawMode(false);
  }

  #write(text: string): void {
    try {
      writeSync(this.#last, text);
    } catch {
      // It is stopped, or gone: there is nobody who could be told.
    }
  }
}

/** The terminal of stdout, else the one that the process belongs to. `undefined`: neither can be opened so. */
function openTerminal(flags: number): number | undefined {
  const open = (path: string): number | undefined => orUndefined(() => openSync(path, flags | constants.O_NOCTTY));
  return open('/proc/self/fd/1') ?? open('/dev/tty');
}
