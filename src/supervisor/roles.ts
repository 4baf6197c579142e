/**
 * What events do to the role in which the command runs: leader, standby that runs anyway, deposed. Pure.
 */
import { formatInstant } from '../ledger/record.ts';
import type { LossCause, Succession } from '../election/election.ts';
import { note, seconds } from './note.ts';
import { electionRetryDelay, type Plan } from './policy.ts';
import type { Candidacy, Effect, LeaderRole, Leadership, On, Role, State, Step } from './state.ts';

export const stay = (state: State): Step => ({ state, effects: [] });

export const isStale = (candidacy: Candidacy, event: { readonly campaign: number }): boolean =>
  event.campaign !== candidacy.campaign;

export function leadershipOf(role: Role, event: { readonly term: number }): Leadership | undefined {
  return role.kind === 'leader' && role.leadership.term === event.term ? role.leadership : undefined;
}

export function renewedRole(role: Role, event: On<'leaseRenewed'>): LeaderRole | undefined {
  const leadership = leadershipOf(role, event);
  return leadership && { kind: 'leader', leadership: { ...leadership, deadline: event.deadline, confirmed: true } };
}

export function electedRole(role: Role, event: On<'elected'>): Role | undefined {
  return role.kind === 'standby' && !isStale(role.candidacy, event)
    ? { kind: 'leader', leadership: event.leadership }
    : undefined;
}

const WHY_ELECTED: Readonly<Record<Succession['why'], string>> = {
  first: 'nobody has led before',
  resigned: 'resigned',
  expired: 'its lease ran out without a renewal',
  vacant: 'the lease was vacant',
};

/** Says from whom the lead was taken over, and why. */
export function electedNote(
  event: On<'elected'>,
  message: string,
  fields: Readonly<Record<string, string>> = {},
): Effect {
  const { leadership, succession } = event;
  const why = succession && WHY_ELECTED[succession.why];
  return note('info', message, { term: leadership.term, ...fields, from: succession?.from, why });
}

/** A campaign beside a run failed: the role with the next campaign, and its effect. */
export function failedRole(
  state: State,
  role: Role,
  event: On<'electionFailed'>,
): { role: Role; campaigns: number; effect: Effect } | undefined {
  if (role.kind !== 'standby' || isStale(role.candidacy, event)) return undefined;
  const [candidacy, effect] = campaignLater(role.candidacy, state.campaigns, event.jitter);
  return { role: { kind: 'standby', candidacy }, campaigns: candidacy.campaign, effect };
}

/** A renewal was not acknowledged in time. `withRole` puts the role into the state. */
export function unconfirmed<R extends Role>(
  state: State,
  role: R,
  event: On<'leaseUnconfirmed'>,
  plan: Plan,
  withRole: (role: R) => State,
): Step {
  if (role.kind !== 'leader' || leadershipOf(role, event) === undefined) return stay(state);
  const runs = state.name === 'running' || state.name === 'stopping';
  const beforeEnd = runs ? 'the command is stopped before the lease runs out' : 'it is given up before it runs out';
  const what = plan.onLeaseLoss === 'keep' ? 'staying in role until it is known to be lost' : beforeEnd;
  const why = note('warn', `the lease cannot be renewed; ${what}`, { term: event.term, why: event.why });
  return { state: withRole({ ...role, leadership: { ...role.leadership, confirmed: false } }), effects: [why] };
}

/** A campaign beside a run, or beside a schedule, has failed. A bug in ballot is no matter of waiting. */
export function failureNote({ failure }: On<'electionFailed'>, meanwhile: string): Effect {
  const level = failure.kind === 'bug' ? 'error' : 'warn';
  return note(level, `the election failed; ${meanwhile}`, { why: failure.message });
}

export function ledgerNote({ term, failure }: On<'ledgerFailed'>): Effect {
  return note('error', 'the ledger of runs cannot be used', { term, why: failure.message });
}

export function lossNote(event: On<'leaseLost'>): Effect {
  return note('error', 'the lease is lost', { term: event.term, why: reasonOf(event.cause) });
}

function reasonOf(cause: LossCause): string {
  switch (cause.kind) {
    case 'wiped':
      return 'its znode is gone';
    case 'stoodStill':
      return `this process, or its host, stood still for ${seconds(cause.ms)}: its keeper may have given the lease up`;
    case 'claimed':
    case 'released':
      return `${cause.kind} by ${cause.by}`;
  }
}

/** The role of a run whose campaign has found its place; `undefined`: nothing changes. */
export function placedRole(role: Role, event: On<'placed'>): Extract<Role, { kind: 'standby' }> | undefined {
  if (role.kind !== 'standby' || isStale(role.candidacy, event) || role.candidacy.placed) return undefined;
  return { kind: 'standby', candidacy: { ...role.candidacy, placed: true } };
}

/** Whether this role serves the tick: the leader those of its term, a standby under `run-anyway` those of no term. */
export function isTickOf(role: Role, { term }: On<'tick'>): boolean {
  if (role.kind === 'leader') return role.leadership.term === term;
  return role.kind === 'standby' && !role.candidacy.placed && term === undefined;
}

export function skipNote(tick: number, why: string, fields: Readonly<Record<string, number>> = {}): Effect {
  return note('info', 'tick skipped', { tick: formatInstant(tick), why, ...fields });
}

/** The candidacy goes on beside a run: the next campaign follows after the backoff. */
export function campaignLater(candidacy: Candidacy, campaigns: number, jitter: number): [Candidacy, Effect] {
  const failures = candidacy.failures + 1;
  const next = { ...candidacy, campaign: campaigns + 1, failures, placed: false };
  return [next, { kind: 'campaign', campaign: next.campaign, delay: electionRetryDelay(failures, jitter) }];
}
