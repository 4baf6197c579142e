/** Puts the parts of an election on this host together. */
import { hostname } from 'node:os';
import { systemClock } from '../clock.ts';
import { markOf } from '../command/mark.ts';
import { forkWillKeeper } from '../keeper/process.ts';
import { createLocalElection, type LocalElection } from '../local/election.ts';
import { tracesOfTerm } from '../local/environment.ts';
import { electionFolder } from '../local/folder.ts';
import type { ScheduleRecord } from '../cron/schedule.ts';
import type { Logger } from '../log/logger.ts';
import type { RunContext } from './command-context.ts';
import { electionEnvironment } from './environment.ts';

/** The candidate that the configuration describes, and its election's name. `served`: its schedule, if it has one. */
export function localElection(
  { config, keeperPath }: RunContext,
  logger: Logger,
  served: Partial<ScheduleRecord> = {},
): { readonly election: LocalElection; readonly name: string } {
  const folder = electionFolder(config);
  const election = createLocalElection({
    clock: systemClock,
    logger,
    stateDir: folder.stateDir,
    election: config.election,
    group: folder.group,
    candidate: { candidateId: config.candidateId, hostname: hostname(), ...served },
    stop: {
      onLeaseLoss: config.onLeaseLoss,
      stopSignal: config.stopSignal,
      killAfter: config.killAfter,
      mark: (runId) => markOf({ ...electionEnvironment(config), BALLOT_RUN_ID: runId }),
    },
    traces: (fencingToken) => tracesOfTerm(config, fencingToken),
    forkKeeper: (will) => forkWillKeeper(keeperPath, will),
  });
  return { election, name: folder.path };
}
