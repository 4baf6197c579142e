/**
 * What events do to the role in which the command runs: leader, standby that runs anyway, deposed. Pure.
 */
import { describeResult, electionRetryDelay, type Plan } from './policy.ts';
import type { Candidacy, Effect, Leadership, On, In, Role, Run, State, Step, StopReason } from './state.ts';
import { after, conclude, note } from './steps.ts';

export const stay = (state: State): Step => ({ state, effects: [] });

export const isStale = (candidacy: Candidacy, event: { readonly campaign: number }): boolean =>
  event.campaign !== candidacy.campaign;

export function leadershipOf(role: Role, event: { readonly term: number }): Leadership | undefined {
  return role.kind === 'leader' && role.leadership.term === event.term ? role.leadership : undefined;
}

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)}s`;

/** The same run in another role. */
export function inRole(run: Run, role: Role): Run {
  return { ...run, role };
}

export function renewedRole(role: Role, event: On<'leaseRenewed'>): Role | undefined {
  const leadership = leadershipOf(role, event);
  return leadership && { kind: 'leader', leadership: { ...leadership, deadline: event.deadline } };
}

export function electedRole(role: Role, event: On<'elected'>): Role | undefined {
  return role.kind === 'standby' && !isStale(role.candidacy, event)
    ? { kind: 'leader', leadership: event.leadership }
    : undefined;
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

export function unconfirmed(role: Role, state: State, event: On<'leaseUnconfirmed'>, plan: Plan): Step {
  if (leadershipOf(role, event) === undefined) return stay(state);
  const what =
    plan.onLeaseLoss === 'keep'
      ? 'the lease cannot be renewed; staying in role until it is known to be lost'
      : 'the lease cannot be renewed; the command is stopped before the lease runs out';
  return { state, effects: [note('warn', what, { term: event.term, why: event.why })] };
}

export function lossNote(event: On<'leaseLost'>): Effect {
  const { cause } = event;
  const why = cause.kind === 'wiped' ? 'its znode is gone' : `${cause.kind} by ${cause.by}`;
  return note('error', 'the lease is lost', { term: event.term, why });
}

/** The run of a state that is being stopped no longer has a term. */
export function depose(step: Step): Step {
  const { state } = step;
  if (state.name !== 'terminating' && state.name !== 'killing') return step;
  return { state: { ...state, run: inRole(state.run, { kind: 'deposed' }) }, effects: step.effects };
}

/** The candidacy goes on beside a run: the next campaign follows after the backoff. */
export function campaignLater(candidacy: Candidacy, campaigns: number, jitter: number): [Candidacy, Effect] {
  const failures = candidacy.failures + 1;
  const next = { ...candidacy, campaign: campaigns + 1, failures };
  return [next, { kind: 'campaign', campaign: next.campaign, delay: electionRetryDelay(failures, jitter) }];
}

export function ended(
  state: In<'running' | 'terminating' | 'killing'>,
  event: On<'runEnded'>,
  plan: Plan,
  now: number,
): Step {
  const { run } = state;
  if (event.run !== run.run) return stay(state);
  const reason: StopReason | undefined = state.name === 'running' ? undefined : state.reason;
  const { outcome, exitCode } = event;
  const result = { outcome, exitCode, timedOut: reason?.kind === 'runTimeout', ranFor: now - run.startedAt };
  const over = note(exitCode === 0 || reason?.kind === 'requested' ? 'info' : 'error', 'the run is over', {
    run: run.run,
    outcome: describeResult(result),
    ranFor: seconds(result.ranFor),
  });
  return after([over], conclude(state, run, reason, result, plan, now));
}
