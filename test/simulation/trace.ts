import type { Fields, Logger } from '../../src/log/logger.ts';
import type { VirtualClock } from '../support/virtual-clock.ts';

/** What happened in a history, in true time, told by whoever it happened to. */
export class Trace {
  readonly #clock: VirtualClock;
  readonly #lines: { readonly at: number; readonly who: string; readonly what: string; readonly fields?: Fields }[] =
    [];

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  /** In order. `what` has the fields of a log line behind it. */
  get lines(): readonly { readonly at: number; readonly who: string; readonly what: string }[] {
    return this.#lines.map(({ at, who, what, fields }) => ({ at, who, what: [what, ...facts(fields)].join(' ') }));
  }

  log(who: string, what: string): void {
    this.#lines.push({ at: this.#clock.time, who, what });
  }

  /** A candidate's own log as part of the history. */
  logger(who: string): Logger {
    const line =
      (level: string): Logger['info'] =>
      (message, fields = {}) => {
        this.#lines.push({ at: this.#clock.time, who, what: `${level}: ${message}`, fields });
      };
    return {
      trace: line('trace'),
      debug: line('debug'),
      info: line('info'),
      warn: line('warn'),
      error: line('error'),
      fatal: line('fatal'),
    };
  }

  toString(): string {
    return this.lines.map(({ at, who, what }) => `${at.toFixed(1).padStart(9)} ${who.padEnd(8)} ${what}`).join('\n');
  }
}

function facts(fields: Fields = {}): string[] {
  return Object.entries(fields).flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${value}`]));
}
