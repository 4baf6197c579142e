/** The state machine, led through events by hand. */
import { start, transition } from '../../src/supervisor/machine.ts';
import type { Plan } from '../../src/supervisor/state.ts';
import type { Effect, Event, State, Step } from '../../src/supervisor/state.ts';

/** Everything as it is by default, but for `run once`. */
export const DEFAULT_PLAN: Plan = {
  onChildSuccess: 'reelect',
  onChildError: 'reelect',
  onElectionFailure: 'retry',
  onLeaseLoss: 'keep',
  killAfter: 10_000,
  stopSignal: 'SIGTERM',
  electionTimeout: undefined,
  runTimeout: undefined,
  restartDelay: 100,
  restartMaxDelay: 30_000,
  cron: undefined,
};

export type At = readonly [at: number, event: Event];

/** What was entered with the last of these events, and its effects. The machine starts at 0. */
export function follow(plan: Plan, ...events: readonly At[]): Step {
  let step = start(plan, 0);
  for (const [at, event] of events) step = transition(step.state, event, plan, at);
  return step;
}

/** Elected at 0 for term 1, with a lease of 5 s until `deadline`. */
export function elected(deadline = 5000): At {
  const leadership = { term: 1, deadline, leaseDuration: 5000, confirmed: true };
  return [0, { kind: 'elected', campaign: 1, leadership }];
}

/** The end of the run of that number. */
export function runEnded(at: number, exitCode: number, run = 1): At {
  return [at, { kind: 'runEnded', run, outcome: { kind: 'exited', code: exitCode }, exitCode }];
}

/** The effects of one kind. */
export function effectsOf<Kind extends Effect['kind']>(
  { effects }: Pick<Step, 'effects'>,
  kind: Kind,
): Extract<Effect, { kind: Kind }>[] {
  return effects.filter((effect): effect is Extract<Effect, { kind: Kind }> => effect.kind === kind);
}

/** The state, which has to be of this name. */
export function stateOf<Name extends State['name']>({ state }: Step, name: Name): Extract<State, { name: Name }> {
  if (state.name !== name) throw new Error(`it is in ${state.name}, not in ${name}`);
  return state as Extract<State, { name: Name }>;
}
