import type { Clock } from '../clock.ts';
import { UnavailableError } from '../errors.ts';
import { inspect } from '../zookeeper/report/inspection.ts';
import { read } from '../zookeeper/report/snapshot.ts';
import type { SessionOpener } from '../zookeeper/session/port.ts';
import type { Participant } from './api.ts';

/** How long the end waits for the goodbye to the ensemble, where this was the last user of the session, ms. */
const CLOSE_WITHIN_MS = 300;

/** What to look at, and for how long. */
interface Look {
  readonly sessions: SessionOpener;
  readonly clock: Clock;
  readonly basePath: string;
  readonly signal: AbortSignal;
  /** Milliseconds. */
  readonly timeout: number;
}

/** All who stand, in the order of the queue. Throws UnavailableError after the timeout, and the signal's reason. */
export async function participants({ sessions, clock, basePath, signal, timeout }: Look): Promise<Participant[]> {
  signal.throwIfAborted();
  const late = new AbortController();
  const until = clock.now() + timeout;
  const noAnswer = (): void => late.abort(new UnavailableError(`no answer about ${basePath} within ${timeout} ms`));
  const cancel = clock.at(until, noAnswer);
  const ends = AbortSignal.any([late.signal, signal]);
  try {
    const session = await sessions.open({ timeout, signal: ends });
    try {
      const { proposals, holderProposal } = read(
        await inspect({ session, clock, basePath, signal: ends, watchUntil: clock.now() }),
      );
      return proposals.flatMap(({ path, proposal }) => {
        if (proposal?.kind !== 'readable') return [];
        const { candidateId, hostname } = proposal.record;
        return [{ candidateId, hostname, leads: path === holderProposal }];
      });
    } finally {
      await session.close(CLOSE_WITHIN_MS);
    }
  } finally {
    cancel();
  }
}
