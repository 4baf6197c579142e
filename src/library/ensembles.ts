/**
 * What the candidates of this process share: one session for each ensemble that it talks to, with one keeper, for all
 * its elections; and on this host nothing but the knowledge of one another.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../clock.ts';
import type { LibraryConfig } from '../config/config.ts';
import { clientFor } from '../config/rules.ts';
import { formatServers } from '../config/servers.ts';
import { tlsOf } from '../config/tls.ts';
import { ConfigurationError } from '../errors.ts';
import { AlreadyStandingError } from '../candidate/errors.ts';
import type { Logger } from '../log/logger.ts';
import { accessOf } from '../zookeeper/session/access.ts';
import type { SessionOpener } from '../zookeeper/session/port.ts';
import { zookeeperSessions } from '../zookeeper/session/sessions.ts';
import { loggerOf } from './options.ts';

/** An ensemble as this process uses it. */
interface Ensemble {
  readonly sessions: SessionOpener;
  /** Logs of the candidates that use it, in the order in which they came; the first one is told of the session. */
  readonly loggers: Logger[];
  /** Election and id of each candidate. */
  readonly candidates: Set<string>;
}

const ensembles = new Map<string, Ensemble>();

/** A candidate's part in an ensemble. */
export interface Share {
  readonly sessions: SessionOpener;
  /** The candidate is closed. */
  leave(): void;
}

/**
 * Sessions for one candidate. Opens nothing yet. Throws AlreadyStandingError, and ConfigurationError when a file of TLS
 * is wrong, or the keeper's program is not where it is looked for.
 */
export function join(config: LibraryConfig, logger: Logger): Share {
  const { zookeeperBasePath, candidateId } = config;
  const key = keyOf(config);
  const ensemble = ensembles.get(key) ?? open(config);
  const out = enter(ensemble.candidates, zookeeperBasePath, candidateId);
  ensembles.set(key, ensemble);
  ensemble.loggers.push(logger);
  return {
    sessions: ensemble.sessions,
    leave() {
      out();
      const at = ensemble.loggers.indexOf(logger);
      if (at >= 0) ensemble.loggers.splice(at, 1);
    },
  };
}

/** Those who say the same share an ensemble. Nobody prints it: it holds the password. */
function keyOf(config: LibraryConfig): string {
  const { zookeeperServers, zookeeperSessionTimeout, zookeeperClient, zookeeperAuth: auth, debug } = config;
  const who = auth && [auth.scheme, auth.user, auth.password()];
  const place = [formatServers(zookeeperServers), tlsOf(config)];
  return JSON.stringify([...place, zookeeperSessionTimeout, zookeeperClient, who, config.zookeeperAcl, debug]);
}

/** Candidates on this host: election and id. */
const onThisHost = new Set<string>();

/** Registers a candidate of an election on this host. Returns what removes it. Throws AlreadyStandingError. */
export function joinHere(election: string, candidateId: string): () => void {
  return enter(onThisHost, election, candidateId);
}

function enter(candidates: Set<string>, election: string, candidateId: string): () => void {
  const candidate = JSON.stringify([election, candidateId]);
  if (candidates.has(candidate)) throw new AlreadyStandingError(election, candidateId);
  candidates.add(candidate);
  return () => void candidates.delete(candidate);
}

function open(config: LibraryConfig): Ensemble {
  const { zookeeperServers, zookeeperSessionTimeout, debug } = config;
  const tls = tlsOf(config);
  const loggers: Logger[] = [];
  const logger = loggerOf((level) => (message, fields) => loggers[0]?.[level](message, fields));
  const sessions = zookeeperSessions({
    servers: zookeeperServers,
    sessionTimeout: zookeeperSessionTimeout,
    keeperPath: keeperPath(),
    client: clientFor(config),
    access: accessOf(config),
    ...(tls && { tls }),
    clock: systemClock,
    logger,
    debug,
  });
  return { sessions, loggers, candidates: new Set() };
}

/** The keeper is a program of its own, beside this file of the package. */
function keeperPath(): string {
  // Bundlers to CommonJS leave nothing of it.
  const here = import.meta.url as string | undefined;
  const path = here === undefined || here === '' ? undefined : fileURLToPath(new URL('./keeper.js', here));
  if (path !== undefined && existsSync(path)) return path;
  const where = path === undefined ? 'beside ballot’s own file' : `at ${path}`;
  throw new ConfigurationError([`ballot: its second program, keeper.js, is not ${where}`], {
    hint:
      'do not bundle ballot: keep it external (esbuild --external:ballot) and install it beside the bundle; ' +
      'it starts keeper.js of its package as a process of its own',
  });
}
