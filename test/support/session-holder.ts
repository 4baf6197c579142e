/**
 * A supervisor that does nothing but hold a session: `session-holder <port> <keeper.js>` prints its session, an
 * ephemeral znode and its keeper as JSON, waits for SIGTERM, closes the session and ends by itself. `session-holder 0
 * <keeper.js>` forks a keeper and ends.
 */
import { systemClock } from '../../src/clock.ts';
import { forkKeeper } from '../../src/keeper/process.ts';
import { zookeeperSessions } from '../../src/zookeeper/session/sessions.ts';
import { clientChoice as client } from './sessions.ts';

const [port, keeperPath] = [Number(process.argv[2]), String(process.argv[3])];
const quiet = (): void => undefined;
const logger = { trace: quiet, debug: quiet, info: quiet, warn: quiet, error: quiet, fatal: quiet };

const firstKeeper = forkKeeper(keeperPath);
if (port !== 0) {
  const servers = [{ host: '127.0.0.1', port }];
  const holding = { servers, sessionTimeout: 2000, client, keeperPath, firstKeeper };
  const options = { ...holding, clock: systemClock, logger, debug: false };
  const session = await zookeeperSessions(options).open({ timeout: 120_000 });
  const path = await session.create('/held-', Buffer.from(''), 'ephemeral-sequential', { timeout: 5000 });
  process.once('SIGTERM', () => void session.close(3000).then(() => process.stdout.write('closed\n')));
  process.stdout.write(`${JSON.stringify({ session: session.id, path, keeper: firstKeeper.pid })}\n`);
}
