/** How a candidate is, in one line for people, from the state of its supervisor. Pure. */
import { formatInstant } from '../ledger/record.ts';
import type { Role, State } from './state.ts';

/** What the state does not say. */
export interface StatusFacts {
  /** The name of the election for people: its path. */
  readonly election: string;
  /** In words: what the election waits for. */
  readonly outlook: string;
  /** Whether the present campaign has found a place in the queue. */
  readonly isPlaced: boolean;
  /** Since when this candidate leads, ms since the Unix epoch. `undefined`: it does not. */
  readonly leaderSince: number | undefined;
}

/** How far a candidate is. `standing`: it has a place in the queue, leads, or runs the command. */
export function stageOf(state: State, isPlaced: boolean): 'before' | 'standing' | 'ending' {
  switch (state.name) {
    case 'campaigning':
      return isPlaced ? 'standing' : 'before';
    case 'waitingToStand':
      return 'before';
    case 'stopping':
      return state.ending.kind === 'requested' || state.ending.kind === 'leaving' ? 'ending' : 'standing';
    case 'resigning':
      return state.leaving ? 'ending' : 'standing';
    case 'done':
      return 'ending';
    default:
      return 'standing';
  }
}

/** A deadline that passed so long ago and has led to nothing means that the supervisor does not get on, ms. */
const OVERDUE_MS = 10_000;

/** Whether the supervisor gets on: at every deadline it leaves the state, or sets another one. `now`: monotonic ms. */
export function getsOn({ deadline = Infinity }: State, now: number): boolean {
  return now <= deadline + OVERDUE_MS;
}

export const notYetStatus = (election: string, outlook: string): string =>
  `not standing in ${election} yet: ${outlook}`;

export const standbyStatus = (election: string, outlook: string): string => `standing by in ${election}: ${outlook}`;

/** `since`: ms since the Unix epoch. */
export function leaderStatus(election: string, since: number | undefined): string {
  const known = since === undefined ? '' : ` since ${formatInstant(1000 * Math.floor(since / 1000))}`;
  return `leader of ${election}${known}`;
}

/** Such as `leader of /ballot/worker since 2026-11-21T08:59:47Z, run 3.7`. */
export function statusOf(state: State, facts: StatusFacts): string {
  const role = 'role' in state ? inRole(state.role, facts) : undefined;
  switch (state.name) {
    case 'campaigning':
    case 'waitingToStand':
      return state.name === 'campaigning' && facts.isPlaced
        ? standbyStatus(facts.election, facts.outlook)
        : notYetStatus(facts.election, facts.outlook);
    case 'waitingToRun':
      return `${role}, about to run the command`;
    case 'scheduled':
      return `${role}, no run before the next tick`;
    case 'running':
      return `${role}, ${runs(state)}`;
    case 'stopping':
      return `stopping ${runs(state)} in ${facts.election}`;
    case 'resigning':
      return `resigning from ${facts.election}`;
    case 'done':
      return `out of ${facts.election}`;
  }
}

function inRole(role: Role | undefined, { election, outlook, leaderSince }: StatusFacts): string | undefined {
  if (role === undefined) return undefined;
  if (role.kind === 'standby') return `without leadership in ${election} (${outlook})`;
  const doubt = role.leadership.confirmed ? '' : ', the lease cannot be renewed';
  return `${leaderStatus(election, leaderSince)}${doubt}`;
}

/** `run 3.7`, as the log names it; the term is left out where there is none. */
function runs({ alive, role }: Extract<State, { name: 'running' | 'stopping' }>): string {
  const term = role?.kind === 'leader' ? `${role.leadership.term}.` : '';
  return `${alive.length > 1 ? 'runs' : 'run'} ${alive.map(({ run }) => `${term}${run}`).join(', ')}`;
}
