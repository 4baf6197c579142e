/** Tells the service manager of a candidate: of one that supervises a command, and of one that has joined without. */
import type { Candidate } from '../candidate/candidate.ts';
import { systemClock as clock } from '../clock.ts';
import type { Election } from '../election/election.ts';
import type { Logger } from '../log/logger.ts';
import { serviceManager, type ServiceManager, type ServiceState } from '../service-manager/service-manager.ts';
import type { State } from '../supervisor/state.ts';
import { getsOn, leaderStatus, notYetStatus, stageOf, standbyStatus, statusOf } from '../supervisor/status.ts';
import type { Supervisor } from '../supervisor/supervisor.ts';

interface Served {
  readonly env: NodeJS.ProcessEnv;
  readonly logger: Logger;
  readonly election: Pick<Election, 'outlook'>;
  /** The election's name for people. */
  readonly name: string;
}

const PHASES = { before: 'starting', standing: 'ready', ending: 'stopping' } as const;

/**
 * Follows a supervisor, and tells the service manager. Close it when the candidate has left the election. `undefined`:
 * there is no service manager. Call it before the supervisor runs.
 */
export function tellOfSupervisor(
  supervisor: Pick<Supervisor, 'observe'>,
  { env, logger, election, name }: Served,
): ServiceManager | undefined {
  let state: State | undefined;
  let term: { readonly number: number; readonly since: number } | undefined;
  /** The latest campaign that has found a place. */
  let placed: number | undefined;
  const isPlaced = (now: State): boolean => 'candidacy' in now && now.candidacy.campaign === placed;
  const present = (): ServiceState => {
    const { outlook } = election;
    if (state === undefined) return { phase: 'starting', status: notYetStatus(name, outlook), isAlive: true };
    const facts = { election: name, outlook, isPlaced: isPlaced(state), leaderSince: term?.since };
    return {
      phase: PHASES[stageOf(state, facts.isPlaced)],
      status: statusOf(state, facts),
      isAlive: getsOn(state, clock.now()),
    };
  };
  const manager = serviceManager(env, { clock, logger, state: present });
  if (manager === undefined) return undefined;
  let stage = 'before';
  supervisor.observe((change) => {
    state = change.state;
    if (change.event.kind === 'placed') placed = change.event.campaign;
    const number = 'role' in state && state.role?.kind === 'leader' ? state.role.leadership.term : undefined;
    if (number !== undefined && number !== term?.number) term = { number, since: clock.wall() };
    // What changes within one stage has time until the next look: the command's own start and stop go first.
    const before = stage;
    stage = stageOf(state, isPlaced(state));
    if (stage !== before) manager.look();
  });
  manager.start();
  return manager;
}

/** The same for a candidate without a command. */
export function tellOfJoined(
  candidate: Pick<Candidate, 'leader' | 'on' | 'stands'>,
  { env, logger, election, name }: Served,
): ServiceManager | undefined {
  let phase: ServiceState['phase'] = 'starting';
  let leaderSince: number | undefined;
  const status = (): string => {
    if (phase === 'stopping') return `out of ${name}`;
    if (candidate.leader) return leaderStatus(name, leaderSince);
    return phase === 'ready' ? standbyStatus(name, election.outlook) : notYetStatus(name, election.outlook);
  };
  const manager = serviceManager(env, { clock, logger, state: () => ({ phase, status: status(), isAlive: true }) });
  if (manager === undefined) return undefined;
  const enter = (next: ServiceState['phase']): void => {
    phase = next;
    manager.look();
  };
  candidate.stands().then(
    () => phase === 'starting' && enter('ready'),
    // It was closed before, which is told below.
    () => undefined,
  );
  candidate.on('leader', () => {
    leaderSince = clock.wall();
    enter('ready');
  });
  candidate.on('follower', () => manager.look());
  candidate.on('closed', () => enter('stopping'));
  manager.start();
  return manager;
}
