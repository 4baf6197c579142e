/** What a command is told of its election and run, by variables, and what a ballot inside a command reads there. */
import type { RunConfig } from '../config/config.ts';
import { tlsFields, variableOf, type Field } from '../config/options.ts';
import { formatServers } from '../config/servers.ts';
import type { Run } from '../election/election.ts';
import { ConfigurationError } from '../errors.ts';
import { formatInstant } from '../ledger/record.ts';
import { localEnvironment, sharingEnvironment } from '../local/environment.ts';

/** Who stands, and where. */
type Candidate = Pick<
  RunConfig,
  | 'candidateId'
  | 'coordinator'
  | 'election'
  | 'stateDir'
  | 'stateGroup'
  | 'zookeeperServers'
  | 'zookeeperBasePath'
  | (typeof tlsFields)[number]
>;

/** What an outer ballot has said of its own run, and what a service manager has said to ballot alone. */
const NOT_INHERITED = ['BALLOT_FENCING_TOKEN', 'BALLOT_TICK', 'NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID'];

/** Ballot's own environment, less what is not the command's, and what it may need to know of its election and run. */
export function commandEnvironment(config: Candidate, env: NodeJS.ProcessEnv, run: Run): NodeJS.ProcessEnv {
  // What another coordinator's ballot has said to this one would be about another election.
  const elsewhere = config.coordinator === 'local' ? ABOUT_ZOOKEEPER : [];
  const notInherited = [...NOT_INHERITED, ...elsewhere, ...tlsFields.map(variable)];
  const inherited = Object.fromEntries(Object.entries(env).filter(([name]) => !notInherited.includes(name)));
  const tick = run.tick === undefined ? {} : { BALLOT_TICK: formatInstant(run.tick) };
  const token = run.fencingToken === undefined ? {} : { BALLOT_FENCING_TOKEN: String(run.fencingToken) };
  return {
    ...inherited,
    // A ballot in the command is not to look where an outer one's elections are.
    ...(inherited['BALLOT_COORDINATOR'] !== undefined && { BALLOT_COORDINATOR: config.coordinator }),
    ...electionEnvironment(config),
    BALLOT_RUN_ID: run.runId,
    ...token,
    ...tick,
  };
}

const ABOUT_ZOOKEEPER = ['BALLOT_ZOOKEEPER_SERVERS', 'BALLOT_ZOOKEEPER_BASE_PATH'] as const;

/** What every run of this candidate is told of its election. */
export function electionEnvironment(config: Candidate): NodeJS.ProcessEnv {
  if (config.coordinator === 'local')
    return {
      BALLOT_CANDIDATE_ID: config.candidateId,
      ...localEnvironment(config),
      ...sharingEnvironment(config.stateGroup),
    };
  return {
    BALLOT_CANDIDATE_ID: config.candidateId,
    BALLOT_ZOOKEEPER_SERVERS: formatServers(config.zookeeperServers),
    BALLOT_ZOOKEEPER_BASE_PATH: config.zookeeperBasePath,
    ...tlsEnvironment(config),
  };
}

const variable = (field: Field): string => `BALLOT_${variableOf(field)}`;

/** How its servers are spoken to. The files are named, not handed over. */
function tlsEnvironment(config: Candidate): NodeJS.ProcessEnv {
  if (!config.zookeeperTls) return {};
  const set = tlsFields.filter((field) => config[field] !== undefined);
  return Object.fromEntries(set.map((field) => [variable(field), String(config[field])]));
}

/** One server has several names, at least on its own host. */
function plainLoopback(server: string): string {
  return server.replace(/^(127(\.\d+){3}|\[::1\])(?=:)/, 'localhost');
}

/**
 * Throws ConfigurationError when ballot was started by the command of the very election it is to stand in: it would
 * wait for itself. BALLOT_RUN_ID is what only a command that ballot runs has.
 */
export function refuseOwnElection(config: Candidate, env: NodeJS.ProcessEnv): void {
  const { BALLOT_RUN_ID: runId, BALLOT_ZOOKEEPER_SERVERS: servers, BALLOT_ZOOKEEPER_BASE_PATH: basePath } = env;
  if (config.coordinator === 'local') return refuseOwnLocal(config, env);
  if (runId === undefined || basePath !== config.zookeeperBasePath) return;
  const outer = new Set((servers ?? '').split(',').map(plainLoopback));
  const inner = formatServers(config.zookeeperServers).split(',').map(plainLoopback);
  if (!inner.some((server) => outer.has(server))) return;
  throw new ConfigurationError(
    [
      `zookeeper-base-path: this process runs as the command of the election ${basePath} itself ` +
        `(BALLOT_RUN_ID ${runId}), and would wait for itself to end`,
    ],
    { hint: 'choose another base path for the inner election' },
  );
}

function refuseOwnLocal(config: Candidate, env: NodeJS.ProcessEnv): void {
  const { BALLOT_RUN_ID: runId } = env;
  const isOwn = Object.entries(localEnvironment(config)).every(([name, value]) => env[name] === value);
  if (runId === undefined || !isOwn) return;
  throw new ConfigurationError(
    [
      `election: this process runs as the command of the election ${config.election} in ${config.stateDir} itself ` +
        `(BALLOT_RUN_ID ${runId}), and would wait for itself to end`,
    ],
    { hint: 'choose another name for the inner election' },
  );
}
