import { BallotError, ExitCode } from '../errors.ts';

/** The text is no schedule, or none that ever fires. The message names the field and what it may hold. */
export class ScheduleError extends BallotError {
  constructor(message: string, hint?: string) {
    super('SCHEDULE', ExitCode.configuration, message, hint === undefined ? {} : { hint });
  }
}
