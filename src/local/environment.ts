/** What every run of an election on this host carries in its environment. */

/** Which election on this host it is. */
export interface NamedElection {
  readonly election: string;
  /** `undefined`: this user has no home, and there is no election. */
  readonly stateDir: string | undefined;
}

/** Variables that name the election to a ballot that is started inside it. */
export function localEnvironment({ election, stateDir }: NamedElection): NodeJS.ProcessEnv {
  return { BALLOT_COORDINATOR: 'local', BALLOT_ELECTION: election, BALLOT_STATE_DIR: stateDir };
}

/** What such a ballot needs besides, to look at the election. */
export function sharingEnvironment(stateGroup: string | undefined): NodeJS.ProcessEnv {
  return stateGroup === undefined ? {} : { BALLOT_STATE_GROUP: stateGroup };
}

/** Entries of the environment (`NAME=value`) that all runs of a term on this host carry, and no others. */
export function tracesOfTerm(named: NamedElection, fencingToken: number): string[] {
  const traces = { ...localEnvironment(named), BALLOT_FENCING_TOKEN: String(fencingToken) };
  return Object.entries(traces).map(([name, value]) => `${name}=${value}`);
}
