import type { Clock } from '../../clock.ts';
import type { LogLevel } from '../../config/config.ts';
import type { Fields, Logger } from '../../log/logger.ts';

/** So many lines are kept. */
const MOST = 100;

interface Line {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Fields;
}

/** A log that waits while the terminal shows something else. The oldest lines give way. */
export class HeldLog implements Logger {
  readonly #log: Logger;
  readonly #clock: Clock;
  #lines: Line[] = [];
  #dropped = 0;

  constructor(log: Logger, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  readonly trace = this.#taking('trace');
  readonly debug = this.#taking('debug');
  readonly info = this.#taking('info');
  readonly warn = this.#taking('warn');
  readonly error = this.#taking('error');
  readonly fatal = this.#taking('fatal');

  /** Logs what was held, each line with the instant when it was said. */
  release(): void {
    if (this.#dropped > 0) this.#log.info('earlier lines of the log were dropped', { lines: this.#dropped });
    for (const { level, message, fields } of this.#lines) this.#log[level](message, fields);
    this.#lines = [];
    this.#dropped = 0;
  }

  #taking(level: LogLevel): Logger['info'] {
    return (message, fields = {}) => {
      const at = new Date(Math.floor(this.#clock.wall())).toISOString();
      this.#lines.push({ level, message, fields: { ...fields, at } });
      if (this.#lines.length <= MOST) return;
      this.#lines.shift();
      this.#dropped += 1;
    };
  }
}
