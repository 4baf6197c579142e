/** Sessions on throw-away servers, held by the built keeper. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../src/clock.ts';
import type { ClientChoice, ServerAddress } from '../../src/config/config.ts';
import type { Fields, Logger } from '../../src/log/logger.ts';
import type { Session, SessionOpener } from '../../src/zookeeper/session/port.ts';
import { zookeeperSessions, type SessionsOptions } from '../../src/zookeeper/session/sessions.ts';
import type { Ensemble } from './zookeeper.ts';

export const keeperPath = join(import.meta.dirname, '../../dist/keeper.js');

/** The ZooKeeper client that tests use: what `BALLOT_ZOOKEEPER_CLIENT` says, as for ballot itself. */
export const clientChoice = (process.env['BALLOT_ZOOKEEPER_CLIENT'] ?? 'auto') as ClientChoice;

/** For the environment of a ballot that is to use it. */
export const clientVariable: Readonly<Record<string, string>> =
  clientChoice === 'auto' ? {} : { BALLOT_ZOOKEEPER_CLIENT: clientChoice };

/** For requests that are to be answered: a busy machine takes its time. */
export const within = { timeout: 120_000 };

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: Fields | undefined;
}

/** A logger that remembers. */
export function recorder(): { readonly lines: LogLine[]; readonly logger: Logger } {
  const lines: LogLine[] = [];
  const at = (level: string) => (message: string, fields?: Fields) => void lines.push({ level, message, fields });
  const logger = { trace: at('trace'), debug: at('debug'), info: at('info'), warn: at('warn') };
  return { lines, logger: { ...logger, error: at('error'), fatal: at('fatal') } };
}

export function serversOf(ensemble: Pick<Ensemble, 'members'>): ServerAddress[] {
  return ensemble.members.map(({ port }) => ({ host: '127.0.0.1', port }));
}

/** Sessions of 4 s unless told otherwise. */
export function sessionsAt(
  servers: readonly ServerAddress[],
  options: Partial<SessionsOptions> = {},
): { readonly opener: SessionOpener; readonly lines: LogLine[] } {
  const { lines, logger } = recorder();
  const defaults = {
    servers,
    sessionTimeout: 4000,
    client: clientChoice,
    keeperPath,
    clock: systemClock,
    logger,
    debug: false,
  };
  return { opener: zookeeperSessions({ ...defaults, ...options }), lines };
}

/** Process ids of the keepers that this process has started and that are not dead (a zombie is). */
export function keepers(): number[] {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
  return children.map(Number).filter((pid) => isKeeper(pid));
}

function isKeeper(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('keeper.js') && !/\) [ZX] /.test(stateOf(pid));
  } catch {
    return false; // it ended between the list and the look
  }
}

function stateOf(pid: number): string {
  return readFileSync(`/proc/${pid}/stat`, 'utf8');
}

/** The one keeper of this process. */
export function theKeeper(): number {
  const [pid, ...more] = keepers();
  if (pid === undefined || more.length > 0) throw new Error(`expected one keeper, found ${pid} ${more.join(' ')}`);
  return pid;
}

/** Resolves at the next change of contact into `up`; at once when it is so already. */
export function contact(session: Session, up: boolean): Promise<void> {
  return new Promise((resolve) => {
    if (session.contact.up === up) return resolve();
    const stop = session.onContact((now) => {
      if (now.up !== up) return;
      stop();
      resolve();
    });
  });
}

export function endOf(session: Session): Promise<unknown> {
  return new Promise((resolve) => {
    if (session.ended.aborted) return resolve(session.ended.reason);
    session.ended.addEventListener('abort', () => resolve(session.ended.reason), { once: true });
  });
}
