import type { Clock } from '../../clock.ts';
import type { ServerAddress } from '../../config/config.ts';
import { UnavailableError } from '../../errors.ts';
import type { Logger } from '../../log/logger.ts';
import { Addresses } from './addresses.ts';
import { attach } from './connect.ts';
import type { AttachContext } from './connect.ts';
import { SessionEndedError } from '../../election/errors.ts';
import { forkKeeper } from '../../keeper/process.ts';
import type { KeeperProcess } from '../../keeper/process.ts';
import { KeptSession } from './session.ts';
import { Keepers } from './keepers.ts';
import type { RequestOptions } from '../../election/register.ts';
import type { Session, SessionOpener } from './port.ts';
import { ServerSurvey } from './survey.ts';

export interface SessionsOptions {
  readonly servers: readonly ServerAddress[];
  /** To ask for, ms; the ensemble may grant another. */
  readonly sessionTimeout: number;
  /** The built `keeper.js`. */
  readonly keeperPath: string;
  /** A keeper that was forked ahead of time; the first session uses it. */
  readonly firstKeeper?: KeeperProcess;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly debug: boolean;
}

/** Sessions on a ZooKeeper ensemble, each held by a keeper process of its own. */
export function zookeeperSessions(options: SessionsOptions): SessionOpener {
  const { servers, sessionTimeout, keeperPath, firstKeeper, clock, logger, debug } = options;
  const keepers = new Keepers(() => forkKeeper(keeperPath), clock, firstKeeper);
  const survey = new ServerSurvey(servers, clock, logger);
  const context: AttachContext = {
    addresses: new Addresses(servers, clock),
    keepers,
    sessionTimeout,
    debug,
    clock,
    logger,
  };
  return {
    async open(request) {
      const session = await open(context, request);
      void survey.look(session.ended);
      return session;
    },
    bequeath: (will) => keepers.bequeath(will),
  };
}

async function open(context: AttachContext, { timeout, signal }: RequestOptions): Promise<Session> {
  const { clock, logger, sessionTimeout } = context;
  signal?.throwIfAborted();
  const answers = new Map<string, string>();
  const search = new AbortController();
  const onAbort = (): void => search.abort(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  const cancel = clock.at(clock.now() + timeout, () => {
    search.abort(noneWithin(timeout, context.addresses.names, answers));
  });
  try {
    const attached = await attach(context, undefined, search.signal, answers);
    if (attached.kind === 'over') throw new SessionEndedError(attached.why);
    const { grant, link } = attached;
    logger.debug('ZooKeeper session opened', { session: `0x${grant.id}`, address: link.endpoint.name });
    if (grant.timeout !== sessionTimeout) {
      logger.info('ZooKeeper grants another session timeout than asked for: the granted one counts', {
        askedMs: sessionTimeout,
        grantedMs: grant.timeout,
      });
    }
    return new KeptSession(context, attached);
  } finally {
    cancel();
    signal?.removeEventListener('abort', onAbort);
  }
}

function noneWithin(timeout: number, names: readonly string[], answers: ReadonlyMap<string, string>): UnavailableError {
  const message = `no ZooKeeper server granted a session within ${Math.round(timeout)} ms: ${said(names, answers)}`;
  return new UnavailableError(message, {
    hint: 'check zookeeper-servers, and that the ensemble runs and has a quorum',
  });
}

function said(names: readonly string[], answers: ReadonlyMap<string, string>): string {
  if (answers.size === 0) return `${names.join(', ')} has not answered yet`;
  return [...answers].map(([name, answer]) => `${name}: ${answer}`).join('; ');
}
