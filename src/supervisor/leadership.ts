/** What news of campaigns and of the lease change about the role in which the command runs. Pure. */
import { failureNote, unconfirmedNote } from './note.ts';
import { electionRetryDelay } from '../election/timing.ts';
import {
  after,
  stay,
  type Candidacy,
  type Effect,
  type Failure,
  type In,
  type LeaderRole,
  type On,
  type Plan,
  type Role,
  type StandbyRole,
  type State,
  type Step,
} from './state.ts';

/** The states that have a role. */
type WithRole = In<'waitingToRun' | 'scheduled' | 'running' | 'stopping'>;

/** Whether the event is of the campaign that is under way. */
export const isOf = (candidacy: Candidacy, event: { readonly campaign: number }): boolean =>
  event.campaign === candidacy.campaign;

/** Whether the role is that of the term that the event is about, and not of a later one. */
export function isOfTerm(role: Role | undefined, { term }: { readonly term: number }): role is LeaderRole {
  return role?.kind === 'leader' && role.leadership.term === term;
}

/** What a state does on an event of its term; one of an earlier term changes nothing. */
export const ofTerm =
  <S extends WithRole, E extends { readonly term: number }>(
    cell: (state: S, role: LeaderRole, event: E, plan: Plan, now: number) => Step,
  ) =>
  (state: S, event: E, plan: Plan, now: number): Step =>
    isOfTerm(state.role, event) ? cell(state, state.role, event, plan, now) : stay(state);

/** The role after a renewal. */
export function renewed({ leadership }: LeaderRole, { deadline }: On<'leaseRenewed'>): LeaderRole {
  return { kind: 'leader', leadership: { ...leadership, deadline, confirmed: true } };
}

/** The role after a renewal that was not acknowledged in time. */
export function doubtful({ leadership }: LeaderRole): LeaderRole {
  return { kind: 'leader', leadership: { ...leadership, confirmed: false } };
}

/** Who ran the command without leadership leads; `undefined`: nothing changes. */
export function electedRole(role: Role | undefined, event: On<'elected'>): LeaderRole | undefined {
  if (role?.kind !== 'standby' || !isOf(role.candidacy, event)) return undefined;
  return { kind: 'leader', leadership: event.leadership };
}

/** The role of a run whose campaign has found its place; `undefined`: nothing changes. */
export function placedRole(role: Role, event: On<'placed'>): StandbyRole | undefined {
  if (role.kind !== 'standby' || !isOf(role.candidacy, event) || role.candidacy.placed) return undefined;
  return { kind: 'standby', candidacy: { ...role.candidacy, placed: true } };
}

/** Whether this role serves the tick: the leader those of its term, a standby under `run-anyway` those of no term. */
export function isTickOf(role: Role, { term }: On<'tick'>): boolean {
  if (role.kind === 'leader') return role.leadership.term === term;
  return !role.candidacy.placed && term === undefined;
}

/** A renewal was not acknowledged in time: the role goes on. */
export const unconfirmed = ofTerm((state: WithRole, role, event: On<'leaseUnconfirmed'>, plan) => ({
  state: { ...state, role: doubtful(role) },
  effects: [unconfirmedNote(state, event, plan)],
}));

/** A campaign beside a run or a schedule has failed: another follows, or `atTheEnd` where none is ever won. */
export function campaignFailed(
  state: WithRole,
  event: On<'electionFailed'>,
  meanwhile: string,
  atTheEnd: (exitCode: number) => Step,
): Step {
  const { role } = state;
  if (role?.kind !== 'standby' || !isOf(role.candidacy, event)) return stay(state);
  if (isFinal(event.failure)) {
    const why = failureNote(event, 'error', 'another try would fail as well');
    return after([why], atTheEnd(event.failure.exitCode));
  }
  const why = failureNote(event, 'warn', meanwhile);
  const [candidacy, again] = campaignLater(role.candidacy, state.campaigns, event.jitter);
  const next: State = { ...state, campaigns: candidacy.campaign, role: { kind: 'standby', candidacy } };
  return { state: next, effects: [why, again] };
}

/** Waiting mends neither a bug in ballot nor an ensemble that does not believe this candidate: they are no outage. */
export function isFinal({ kind }: Failure): boolean {
  return kind === 'bug' || kind === 'unauthenticated';
}

/** The candidacy goes on: the next campaign follows after the backoff. */
export function campaignLater(candidacy: Candidacy, campaigns: number, jitter: number): [Candidacy, Effect] {
  const failures = candidacy.failures + 1;
  const next = { ...candidacy, campaign: campaigns + 1, failures, placed: false };
  return [next, { kind: 'campaign', campaign: next.campaign, delay: electionRetryDelay(failures, jitter) }];
}
