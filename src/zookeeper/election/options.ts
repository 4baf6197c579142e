import { sleep, type Clock } from '../../clock.ts';
import type { Logger } from '../../log/logger.ts';
import { NotSentError, OutcomeUnknownError } from '../../election/errors.ts';
import type { RequestOptions } from '../../election/register.ts';
import type { Session, SessionOpener } from '../session/port.ts';
import type { StopRules } from '../../election/election.ts';
import type { Candidate } from './record.ts';

/** What every part of one candidate's election is given. Durations in ms. */
export interface ElectionOptions {
  readonly sessions: SessionOpener;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly basePath: string;
  readonly candidate: Candidate;
  /** The session timeout asked for; the ensemble may grant another. */
  readonly sessionTimeout: number;
  /** `undefined`: as long as the granted session timeout. */
  readonly leaseDuration: number | undefined;
  readonly stop: StopRules;
  /** What it stands for is no command of ballot's. */
  readonly withoutCommand?: true;
  /** Candidates of Go's ballot stand in the same election: proposals are never rewritten. */
  readonly mixedFleet: boolean;
}

/** A request whose outcome is not known, or that was never sent. Anything else is an answer. */
export function isUnanswered(error: unknown): boolean {
  return error instanceof OutcomeUnknownError || error instanceof NotSentError;
}

/** A pause between two tries, so that a request that fails at once cannot spin. */
export const RETRY_PAUSE_MS = 10;

/** How often who has no session looks for the next one, ms: as often as one is opened. */
export const SESSION_PAUSE_MS = 100;

/**
 * Repeats a request that may be repeated (a read, or a write that changes nothing when done twice) until it is
 * answered. A connection that stays silent for a third of the session timeout is replaced. Ends with the signal's
 * reason when aborted.
 */
export async function untilAnswered<T>(
  clock: Clock,
  session: Session,
  signal: AbortSignal,
  request: (options: RequestOptions) => Promise<T>,
): Promise<T> {
  const timeout = session.timeout / 3;
  for (;;) {
    signal.throwIfAborted();
    const sentAt = clock.now();
    try {
      return await request({ timeout, signal });
    } catch (error) {
      signal.throwIfAborted();
      if (!isUnanswered(error)) throw error;
      suspectIfSilent(clock, session, error, sentAt, timeout);
      await sleep(clock, RETRY_PAUSE_MS, signal);
    }
  }
}

/**
 * Replaces the connection when it was silent for `timeout` ms, from when the request was sent at the earliest, and not
 * counting the time for which the request waited for this connection. One that broke is replaced by the session itself.
 */
export function suspectIfSilent(clock: Clock, session: Session, error: unknown, sentAt: number, timeout: number): void {
  const { contact } = session;
  if (!(error instanceof OutcomeUnknownError) || !contact.up) return;
  if (clock.now() - Math.max(sentAt, contact.since) >= timeout) session.reconnect(error.message);
}
