/** Puts the parts of an election on this host together. */
import { hostname } from 'node:os';
import { systemClock } from '../clock.ts';
import { markOf } from '../command/mark.ts';
import type { GlobalConfig } from '../config/config.ts';
import { ConfigurationError } from '../errors.ts';
import { forkWillKeeper } from '../keeper/process.ts';
import { createLocalElection, type LocalElection } from '../local/election.ts';
import { type ElectionFolder, folderOf, refuseOtherSystems } from '../local/folder.ts';
import type { Logger } from '../log/logger.ts';
import type { RunContext } from './command-context.ts';
import { electionEnvironment, tracesOfTerm } from './environment.ts';

/** The candidate that the configuration describes. `served`: its schedule, if it has one. */
export function localElection(
  { config, keeperPath }: RunContext,
  logger: Logger,
  served: { readonly schedule?: string; readonly timezone?: string } = {},
): LocalElection {
  return createLocalElection({
    clock: systemClock,
    logger,
    stateDir: stateDirOf(config),
    election: config.election,
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
}

/** Where the files of the election are. Throws ConfigurationError where there can be none. */
export function electionFolder(config: GlobalConfig): ElectionFolder {
  refuseOtherSystems(process.platform);
  return folderOf(stateDirOf(config), config.election);
}

function stateDirOf({ stateDir }: GlobalConfig): string {
  if (stateDir !== undefined) return stateDir;
  throw new ConfigurationError(['state-dir: neither XDG_STATE_HOME nor HOME says where this user keeps state'], {
    hint: 'name a folder with --state-dir, state-dir in a file, or BALLOT_STATE_DIR',
  });
}
