import type { Clock } from '../clock.ts';
import type { Logger } from '../log/logger.ts';
import type { SessionOpener } from '../zookeeper/session/port.ts';
import { zookeeperSessions } from '../zookeeper/session/sessions.ts';
import type { CliContext } from './context.ts';

/** Sessions as the configuration asks for them. The first one uses the keeper that was forked at the start. */
export function sessionsFor({ config, keeper, keeperPath }: CliContext, clock: Clock, logger: Logger): SessionOpener {
  return zookeeperSessions({
    servers: config.zookeeperServers,
    sessionTimeout: config.zookeeperSessionTimeout,
    keeperPath,
    firstKeeper: keeper,
    clock,
    logger,
    debug: config.debug,
  });
}
