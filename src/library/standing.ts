/** One who stands without a command, put together from its configuration: for a program, and for `ballot join`. */
import { hostname } from 'node:os';
import { Candidate, NO_COMMAND } from '../candidate/candidate.ts';
import type { Clock } from '../clock.ts';
import type { JoinConfig, LibraryConfig } from '../config/config.ts';
import type { Election } from '../election/election.ts';
import type { Logger } from '../log/logger.ts';
import { createElection } from '../zookeeper/election/election.ts';
import type { SessionOpener } from '../zookeeper/session/port.ts';

export interface StandingParts {
  readonly sessions: SessionOpener;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long the work of a term may take to end, ms. */
  readonly killAfter: number;
}

/** A candidate that stands from now on, and its election. */
export function standing(
  config: JoinConfig | LibraryConfig,
  { sessions, clock, logger, killAfter }: StandingParts,
): { readonly candidate: Candidate; readonly election: Election } {
  const { zookeeperBasePath: basePath, zookeeperSessionTimeout: sessionTimeout, candidateId } = config;
  const election = createElection({
    sessions,
    clock,
    logger,
    basePath,
    candidate: { candidateId, hostname: hostname(), pid: String(process.pid) },
    sessionTimeout,
    leaseDuration: config.leaseDuration,
    mixedFleet: config.mixedFleet,
    stop: NO_COMMAND,
    withoutCommand: true,
  });
  const candidate = new Candidate({
    election,
    clock,
    logger,
    name: basePath,
    patience: sessionTimeout,
    // The configuration has refused `run-anyway`: there is nothing to run.
    onElectionFailure: config.onElectionFailure === 'exit' ? 'exit' : 'retry',
    electionTimeout: config.electionTimeout,
    killAfter,
  });
  return { candidate, election };
}
