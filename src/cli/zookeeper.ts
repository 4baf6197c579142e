/** Puts the parts of an election on ZooKeeper together. */
import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { systemClock } from '../clock.ts';
import { markOf } from '../command/mark.ts';
import { defaultOf } from '../config/options.ts';
import type { Election } from '../election/election.ts';
import type { ScheduleRecord } from '../cron/schedule.ts';
import type { Logger } from '../log/logger.ts';
import { createElection } from '../zookeeper/election/election.ts';
import { sessionsFor, type RunContext } from './command-context.ts';
import { electionEnvironment } from './environment.ts';

/** The candidate that the configuration describes. `served`: its schedule, if it has one. */
export function zookeeperElection(context: RunContext, logger: Logger, served: Partial<ScheduleRecord> = {}): Election {
  const { config } = context;
  return createElection({
    sessions: sessionsFor(context, logger),
    clock: systemClock,
    logger,
    basePath: config.zookeeperBasePath,
    candidate: {
      candidateId: config.candidateId,
      hostname: hostname(),
      pid: String(process.pid),
      ...served,
      ...digestOnSharedPath(context),
    },
    sessionTimeout: config.zookeeperSessionTimeout,
    leaseDuration: config.leaseDuration,
    mixedFleet: config.mixedFleet,
    stop: {
      onLeaseLoss: config.onLeaseLoss,
      stopSignal: config.stopSignal,
      killAfter: config.killAfter,
      mark: (runId) => markOf({ ...electionEnvironment(config), BALLOT_RUN_ID: runId }),
    },
  });
}

/**
 * Tells two jobs apart that stand in one election because neither has chosen a base path. 32 bits are enough for that.
 * They are too few to find a secret argument by trying: many texts have the same digest.
 */
function digestOnSharedPath({ command, config }: RunContext): { readonly commandDigest?: string } {
  if (config.zookeeperBasePath !== defaultOf('zookeeperBasePath')) return {};
  return { commandDigest: createHash('sha256').update(JSON.stringify(command)).digest('hex').slice(0, 8) };
}
