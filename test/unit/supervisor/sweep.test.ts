/**
 * Exhaustive sweep of the state machine: every state that can be reached, on every event, under every combination of policies. The world around
 * it (does a run live, which campaign is under way, is the lease held) is kept beside the state, so that only events that can happen are tried,
 * and those of earlier campaigns, terms and runs too.
 */
import { describe, expect, it } from 'vitest';
import { start, transition } from '../../../src/supervisor/machine.ts';
import type { Plan } from '../../../src/supervisor/policy.ts';
import type { Effect, Event, State, Step } from '../../../src/supervisor/state.ts';

interface World {
  readonly state: State;
  readonly now: number;
  /** The run that lives, and whether its own process has ended already. */
  readonly alive: { readonly run: number; readonly ended: boolean } | undefined;
  /** The campaign that is under way. */
  readonly campaign: number | undefined;
  /** Fencing token of the term that is held, and until when. */
  readonly term: { readonly token: number; readonly deadline: number } | undefined;
  readonly terms: number;
  /** The resignation that is under way; one that is overdue is given up for the next. */
  readonly resigning: number | undefined;
  readonly finished: boolean;
  /** How it came to this, newest first. */
  readonly path: Path | undefined;
}

interface Path {
  readonly step: string;
  readonly before: Path | undefined;
}

function* steps(path: Path | undefined): Generator<string> {
  for (let at = path; at !== undefined; at = at.before) yield at.step;
}

const LEASE = 5000;
const policies = ['rerun', 'reelect', 'exit', 'ignore'] as const;

function* plans(): Generator<Plan> {
  for (const onChildSuccess of policies)
    for (const onChildError of policies)
      for (const onElectionFailure of ['retry', 'run-anyway', 'exit'] as const)
        for (const onLeaseLoss of ['keep', 'stop'] as const)
          for (const limit of [undefined, 60_000])
            yield {
              onChildSuccess,
              onChildError,
              onElectionFailure,
              onLeaseLoss,
              killAfter: 10_000,
              stopSignal: 'SIGTERM',
              electionTimeout: limit,
              runTimeout: limit,
              restartDelay: 100,
              restartMaxDelay: 30_000,
            };
}

/** Every event that the world can produce, with the time that passes before it. */
function possible(world: World): { readonly event: Event; readonly after: number }[] {
  const { state, alive, campaign, term, now } = world;
  const events: { event: Event; after: number }[] = [];
  const add = (event: Event, after = 1): void => void events.push({ event, after });
  const leadership = (token: number) => ({ term: token, deadline: now + LEASE, leaseDuration: LEASE });
  if (campaign !== undefined) {
    add({ kind: 'elected', campaign, leadership: leadership(world.terms + 1) });
    for (const kind of ['unavailable', 'refused', 'bug'] as const)
      add({
        kind: 'electionFailed',
        campaign,
        failure: { kind, message: 'why', exitCode: kind === 'bug' ? 70 : 69 },
        jitter: 0.5,
      });
  }
  if (term !== undefined) {
    add({ kind: 'leaseRenewed', term: term.token, deadline: now + 1 + LEASE });
    add({ kind: 'leaseUnconfirmed', term: term.token, why: 'no answer' });
    add({ kind: 'leaseLost', term: term.token, cause: { kind: 'claimed', by: 'x' } });
  }
  if (alive !== undefined) {
    const { run } = alive;
    if (!alive.ended) add({ kind: 'commandEnded', run, outcome: { kind: 'exited', code: 0 } });
    for (const code of [0, 3])
      for (const after of [1, 40_000])
        add({ kind: 'runEnded', run, outcome: { kind: 'exited', code }, exitCode: code }, after);
  }
  if (state.deadline !== undefined)
    for (const late of [0, 20_000]) add({ kind: 'deadline' }, Math.max(0, state.deadline - now) + late);
  add({ kind: 'stopRequested', signal: 'SIGTERM' });
  add({ kind: 'stopRequested', signal: 'SIGINT' });
  if (world.resigning !== undefined)
    for (const error of [undefined, 'no answer']) add({ kind: 'resigned', resignation: world.resigning, error });
  return events;
}

const stale: readonly Event[] = [
  { kind: 'elected', campaign: -1, leadership: { term: -1, deadline: 1e9, leaseDuration: LEASE } },
  { kind: 'electionFailed', campaign: -1, failure: { kind: 'bug', message: '', exitCode: 70 }, jitter: 0 },
  { kind: 'leaseRenewed', term: -1, deadline: 1e9 },
  { kind: 'leaseUnconfirmed', term: -1, why: '' },
  { kind: 'leaseLost', term: -1, cause: { kind: 'wiped' } },
  { kind: 'commandEnded', run: -1, outcome: { kind: 'exited', code: 1 } },
  { kind: 'resigned', resignation: -1, error: 'why' },
  { kind: 'runEnded', run: -1, outcome: { kind: 'exited', code: 1 }, exitCode: 1 },
];

class Broken extends Error {}

function follow(world: World, event: Event, after: number, plan: Plan): World {
  const now = world.now + after;
  const path = { step: `${world.state.name} +${after} ${JSON.stringify(event)}`, before: world.path };
  let { alive, campaign, term, terms, resigning } = world;
  if (event.kind === 'elected')
    [term, terms, campaign] = [
      { token: event.leadership.term, deadline: event.leadership.deadline },
      terms + 1,
      undefined,
    ];
  if (event.kind === 'electionFailed') campaign = undefined;
  if (event.kind === 'leaseRenewed') term = { token: event.term, deadline: event.deadline };
  if (event.kind === 'leaseLost') term = undefined;
  if (event.kind === 'commandEnded' && alive) alive = { ...alive, ended: true };
  if (event.kind === 'runEnded') alive = undefined;
  if (event.kind === 'resigned') resigning = undefined;
  if (event.kind === 'deadline' && world.state.name === 'resigning') resigning = undefined;
  const { state, effects } = transition(world.state, event, plan, now);
  let next: World = { state, now, alive, campaign, term, terms, resigning, finished: world.finished, path };
  for (const effect of effects) next = perform(next, effect, plan);
  return next;
}

/** Performs an effect on the world, and checks that it is allowed. */
function perform(world: World, effect: Effect, plan: Plan): World {
  const check = (holds: boolean, what: string): void => {
    if (!holds)
      throw new Broken(
        `${what}\n${JSON.stringify(plan)}\n${[...steps(world.path)].join('\n')}\n-> ${JSON.stringify(effect)} ${JSON.stringify(world.state)}`,
      );
  };
  check(!world.finished, 'nothing happens after the end');
  switch (effect.kind) {
    case 'spawn': {
      check(world.alive === undefined, 'no second run while one lives');
      check(world.resigning === undefined, 'no run while resigning');
      if (effect.term === undefined) check(plan.onElectionFailure === 'run-anyway', 'no run without a term');
      else {
        check(world.term?.token === effect.term, 'a run belongs to the term that is held');
        check(world.now < (world.term?.deadline ?? 0), 'no run after the deadline of the lease');
      }
      return { ...world, alive: { run: effect.run, ended: false } };
    }
    case 'signal':
      check(world.alive?.run === effect.run, 'signals go to the run that lives');
      return world;
    case 'resign':
      check(world.alive === undefined, 'no resignation while a run lives');
      check(world.resigning === undefined, 'one resignation at a time');
      return {
        ...world,
        resigning: effect.resignation,
        term: undefined,
        campaign: effect.leave ? undefined : world.campaign,
      };
    case 'renew':
      check(world.term?.token === effect.term, 'only a lease that is held is renewed');
      return world;
    case 'campaign':
      check(world.campaign === undefined, 'one campaign at a time');
      check(world.term === undefined, 'no campaign while leading');
      return { ...world, campaign: effect.campaign };
    case 'finish':
      check(
        world.alive === undefined && world.campaign === undefined && world.term === undefined,
        'nothing is left at the end',
      );
      return { ...world, finished: true };
    case 'note':
      return world;
  }
}

const INSTANTS = new Set(['deadline', 'due', 'graceEnd', 'giveUpAt', 'startedAt', 'since', 'confirmedSince']);

/** Two worlds with the same key behave alike: instants count from now, numbers of campaigns, runs and terms do not count at all. */
function key({ state, now, alive, campaign, term, resigning }: World): string {
  const current = { run: alive?.run, campaign, term: term?.token };
  return JSON.stringify(
    [state, alive?.ended, term && Math.sign(term.deadline - now), resigning !== undefined, campaign !== undefined],
    (name, value: unknown) => {
      if (typeof value !== 'number') return value;
      if (name === 'campaigns' || name === 'runs' || name === 'resignations') return undefined;
      if (name === 'run' || name === 'campaign' || name === 'term') return value === current[name];
      if (name === 'failedRuns' || name === 'failures') return Math.min(value, 2);
      // Past, present or to come: nothing else of an instant decides.
      if (INSTANTS.has(name)) return Math.sign(value - now);
      return value;
    },
  );
}

function begin(plan: Plan): World {
  const { state, effects }: Step = start(plan, 0);
  let world: World = {
    state,
    now: 0,
    alive: undefined,
    campaign: undefined,
    term: undefined,
    terms: 0,
    resigning: undefined,
    finished: false,
    path: undefined,
  };
  for (const effect of effects) world = perform(world, effect, plan);
  return world;
}

function explore(plan: Plan): World[] {
  const seen = new Map<string, World>();
  const todo = [begin(plan)];
  for (let world = todo.pop(); world !== undefined; world = todo.pop()) {
    const id = key(world);
    if (seen.has(id)) continue;
    seen.set(id, world);
    for (const { event, after } of possible(world)) todo.push(follow(world, event, after, plan));
  }
  return [...seen.values()];
}

/** A transition that does nothing returns the very state. */
function ignores(world: World, event: Event, plan: Plan): boolean {
  const { state, effects } = transition(world.state, event, plan, world.now);
  return state === world.state && effects.length === 0;
}

/** Asks for a stop of a command that ignores everything but SIGKILL; every other wait is answered, or runs into its deadline. */
function stop(world: World, plan: Plan): World {
  let end = follow(world, { kind: 'stopRequested', signal: 'SIGTERM' }, 1, plan);
  for (let step = 0; !end.finished && step < 12; step++) {
    const { alive, resigning, state, now } = end;
    const killed = { outcome: { kind: 'signalled', signal: 'SIGKILL' }, exitCode: 137 } as const;
    if (resigning !== undefined)
      end = follow(end, { kind: 'resigned', resignation: resigning, error: undefined }, 1, plan);
    else if (alive !== undefined && state.name === 'killing')
      end = follow(end, { kind: 'runEnded', run: alive.run, ...killed }, 1, plan);
    else end = follow(end, { kind: 'deadline' }, Math.max(0, (state.deadline ?? now) - now), plan);
  }
  return end;
}

const names: readonly State['name'][] = [
  'backingOff',
  'campaigning',
  'done',
  'killing',
  'resigning',
  'running',
  'terminating',
];

describe('state machine, swept', () => {
  it(
    'keeps its promises in every reachable state, on every event, under every policy, and ends when it is asked to',
    { timeout: 120_000 },
    () => {
      const reached = new Set<string>();
      let worlds = 0;
      for (const plan of plans()) {
        for (const world of explore(plan)) {
          worlds++;
          reached.add(world.state.name);
          const how = (event: unknown): string => [JSON.stringify(event), ...steps(world.path)].join('\n');
          for (const event of stale) if (!ignores(world, event, plan)) expect.fail(`stale: ${how(event)}`);
          if (world.state.name !== 'done') {
            if (!stop(world, plan).finished) expect.fail(`does not end: ${how('stop')}`);
          } else for (const { event } of possible(world)) if (!ignores(world, event, plan)) expect.fail(how(event));
        }
      }
      expect([...reached].toSorted()).toEqual(names);
      expect(worlds).toBeGreaterThan(10_000);
    },
  );
});
