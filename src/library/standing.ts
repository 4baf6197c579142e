/** One who stands without a command, put together from its configuration: for a program, and for `ballot join`. */
import { hostname } from 'node:os';
import { Candidate, NO_COMMAND } from '../candidate/candidate.ts';
import { systemClock as clock } from '../clock.ts';
import type { JoinConfig, LibraryConfig } from '../config/config.ts';
import type { Election } from '../election/election.ts';
import type { Standing } from '../election/observer.ts';
import { UnavailableError } from '../errors.ts';
import { createLocalElection } from '../local/election.ts';
import { tracesOfTerm } from '../local/environment.ts';
import { electionFolder } from '../local/folder.ts';
import { participants } from '../local/standings.ts';
import type { Logger } from '../log/logger.ts';
import { createElection } from '../zookeeper/election/election.ts';
import { observe } from '../zookeeper/report/observer.ts';
import type { SessionOpener } from '../zookeeper/session/port.ts';

type Config = JoinConfig | LibraryConfig;

/** How long a look may take. */
interface LookLimits {
  readonly signal: AbortSignal;
  /** Milliseconds. */
  readonly timeout: number;
}

/** An election as one candidate without a command sees it, whatever holds it. */
export interface Candidacy {
  /** The election for people: its path. */
  readonly name: string;
  readonly election: Election;
  /** All who stand, in the order of the queue. Throws UnavailableError after the timeout, and the signal's reason. */
  participants(limits: LookLimits): Promise<Standing[]>;
}

/** A part in an election on ZooKeeper. */
export function candidacyInZooKeeper(config: Config, sessions: SessionOpener, logger: Logger): Candidacy {
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
  return {
    name: basePath,
    election,
    participants: (limits) => participantsInZooKeeper({ ...limits, sessions, basePath }),
  };
}

/** A part in an election on this host. Throws ConfigurationError where there can be none. */
export function candidacyOnThisHost(config: Config, logger: Logger): Candidacy {
  const { election: name, candidateId } = config;
  const folder = electionFolder(config);
  const election = createLocalElection({
    clock,
    logger,
    stateDir: folder.stateDir,
    election: name,
    group: folder.group,
    candidate: { candidateId, hostname: hostname() },
    stop: NO_COMMAND,
    // Others of this election may run a command.
    traces: (fencingToken) => tracesOfTerm({ election: name, stateDir: folder.stateDir }, fencingToken),
    forkKeeper: () => {
      throw new Error('a candidate without a command has no keeper on one host');
    },
  });
  return {
    name: folder.path,
    election,
    async participants({ signal }) {
      signal.throwIfAborted();
      return participants(folder);
    },
  };
}

/** A candidate that stands from now on. `killAfter`: how long the work of a term may take to end, ms. */
export function standing(config: Config, { name, election }: Candidacy, logger: Logger, killAfter: number): Candidate {
  return new Candidate({
    election,
    clock,
    logger,
    name,
    patience: config.zookeeperSessionTimeout,
    // The configuration has refused `run-anyway`: there is nothing to run.
    onElectionFailure: config.onElectionFailure === 'exit' ? 'exit' : 'retry',
    electionTimeout: config.electionTimeout,
    killAfter,
  });
}

/** How long the end waits for the goodbye to the ensemble, where this was the last user of the session, ms. */
const CLOSE_WITHIN_MS = 300;

interface Look extends LookLimits {
  readonly sessions: SessionOpener;
  readonly basePath: string;
}

async function participantsInZooKeeper({ sessions, basePath, signal, timeout }: Look): Promise<Standing[]> {
  signal.throwIfAborted();
  const late = new AbortController();
  const until = clock.now() + timeout;
  const noAnswer = (): void => late.abort(new UnavailableError(`no answer about ${basePath} within ${timeout} ms`));
  const cancel = clock.at(until, noAnswer);
  const ends = AbortSignal.any([late.signal, signal]);
  try {
    const session = await sessions.open({ timeout, signal: ends });
    try {
      return await observe({ session, clock, basePath, signal: ends, watchUntil: clock.now() }).participants();
    } finally {
      await session.close(CLOSE_WITHIN_MS);
    }
  } finally {
    cancel();
  }
}
