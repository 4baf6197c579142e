import { BallotError, ExitCode } from '../errors.ts';

interface ScheduleErrorOptions {
  readonly hint?: string;
  /** The whole text that is wrong: the message quotes it. */
  readonly whole?: string;
  /** The key that holds the text. Default: `schedule`. */
  readonly key?: string;
}

/** The text is no schedule, or none that ever fires. The message names the field and what it may hold. */
export class ScheduleError extends BallotError {
  /** The message without key and quotation, for a caller that adds them. */
  readonly why: string;

  constructor(why: string, { hint, whole, key = 'schedule' }: ScheduleErrorOptions = {}) {
    const what = whole === undefined ? why : `${JSON.stringify(whole)} is ${why}`;
    super('SCHEDULE', ExitCode.configuration, `${key}: ${what}`, hint === undefined ? {} : { hint });
    this.why = why;
  }
}
