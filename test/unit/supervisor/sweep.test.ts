/**
 * Exhaustive sweep of the state machine: every state that can be reached, on every event, under every combination of
 * policies. The world around it (does a run live, which campaign is under way, is the lease held) is kept beside the
 * state, so that only events that can happen are tried, and those of earlier campaigns, terms and runs too.
 */
import { describe, expect, it } from 'vitest';
import { triesAll } from '../../support/depth.ts';
import { start, transition } from '../../../src/supervisor/machine.ts';
import type { Plan } from '../../../src/supervisor/state.ts';
import type { Effect, Event, State, Step } from '../../../src/supervisor/state.ts';

interface World {
  readonly state: State;
  readonly now: number;
  /**
   * The runs that live, whether their own process has ended already, and whether they are only being entered in the
   * ledger.
   */
  readonly alive: readonly Life[];
  /** Whose ticks are being reported: a token, `anyway` without leadership, or nobody's. */
  readonly serving: number | 'anyway' | undefined;
  /** The campaign that is under way. */
  readonly campaign: number | undefined;
  /** Fencing token of the term that is held, and until when. */
  readonly term: { readonly token: number; readonly deadline: number } | undefined;
  readonly terms: number;
  /**
   * The resignation that is under way; one that is overdue is given up for the next. `orStay`: the term is still held.
   */
  readonly resigning: { readonly id: number; readonly orStay: boolean } | undefined;
  readonly finished: boolean;
  /** How it came to this, newest first. */
  readonly path: Path | undefined;
}

interface Life {
  readonly run: number;
  readonly ended: boolean;
  readonly entering: boolean;
  /** Just started: the next event may say that it was too late. */
  readonly fresh: boolean;
}

/** Put into words only when something is wrong: there are a million of them. */
interface Path {
  readonly from: State['name'];
  readonly event: Event;
  readonly after: number;
  readonly before: Path | undefined;
}

function* steps(path: Path | undefined): Generator<string> {
  for (let at = path; at !== undefined; at = at.before) yield `${at.from} +${at.after} ${JSON.stringify(at.event)}`;
}

const LEASE = 5000;
/** A second signal counts from here on, ms after the first. */
const REPEATED = 1000;
const policies = ['rerun', 'reelect', 'exit', 'ignore'] as const;

/** The latest runs of `allow` that are followed at once. */
const MOST_RUNS = 2;

function* plans(): Generator<Plan> {
  for (const onChildSuccess of policies)
    for (const onChildError of policies)
      for (const onElectionFailure of ['retry', 'run-anyway', 'exit'] as const)
        for (const onLeaseLoss of ['keep', 'stop'] as const)
          // Without limits there are only states that there are with them, too.
          for (const limit of onElectionFailure === 'retry' ? [undefined, 60_000] : [60_000])
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
              cron: undefined,
            };
}

/**
 * `rerun` is `ignore` with a schedule; what a run's outcome chooses between is swept without one. Two runs at once have
 * a hundred times the states.
 */
function* cronPlans(): Generator<Plan> {
  for (const plan of plans()) {
    const { onChildSuccess, onChildError, onElectionFailure, onLeaseLoss, runTimeout } = plan;
    if (onChildError !== 'reelect' || onChildSuccess === 'ignore' || onElectionFailure === 'exit') continue;
    const isLimited = runTimeout !== undefined;
    if (onElectionFailure === 'retry' && onChildSuccess === (onLeaseLoss === 'stop' ? 'reelect' : 'exit'))
      if (isLimited === (onLeaseLoss === 'stop')) yield { ...plan, cron: { concurrency: 'allow' } };
    if (!isLimited) continue;
    if (onChildSuccess !== 'reelect' && onLeaseLoss !== (onChildSuccess === 'rerun' ? 'stop' : 'keep')) continue;
    for (const concurrency of ['skip', 'queue', 'replace'] as const) yield { ...plan, cron: { concurrency } };
  }
}

/** `npm run sweep` takes all of them. */
const isWhole = process.env['BALLOT_SWEEP'] === 'all';

/** Each outcome with each of its policies, and each pair of neighbours among the policies: half of the plans. */
function sweptPlans(): Plan[] {
  const isNear = ({ onChildSuccess, onChildError }: Plan): boolean =>
    (policies.indexOf(onChildError) - policies.indexOf(onChildSuccess) + policies.length) % policies.length < 2;
  const all = [...plans()];
  return isWhole ? all : sparse(all.filter(isNear));
}

/** Each combination comes with one `concurrency`; two runs at once take longer than everything else together. */
function sweptCronPlans(): Plan[] {
  const all = [...cronPlans()];
  if (isWhole) return all;
  return ['skip', 'queue', 'replace'].flatMap((concurrency, turn) =>
    sparse(all.filter(({ cron }) => cron?.concurrency === concurrency).filter((_, index) => index % 3 === turn)),
  );
}

/** Without `--all` every fourth, and of the next eight neighbours others than of these. */
function sparse(all: Plan[]): Plan[] {
  return triesAll ? all : all.filter((_, index) => (index + Math.floor(index / 8)) % 4 === 0);
}

/** Every event that the world can produce, with the time that passes before it. */
function possible(world: World): { readonly event: Event; readonly after: number }[] {
  const { state, alive, campaign, term, now } = world;
  const events: { event: Event; after: number }[] = [];
  const add = (event: Event, after = 1): void => void events.push({ event, after });
  const leadership = (token: number) => ({ term: token, deadline: now + LEASE, leaseDuration: LEASE, confirmed: true });
  if (campaign !== undefined) {
    add({ kind: 'elected', campaign, leadership: leadership(world.terms + 1) });
    add({ kind: 'placed', campaign });
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
    add({ kind: 'stepDownAsked', term: term.token, by: 'x' });
  }
  if (world.serving !== undefined && alive.length < MOST_RUNS)
    add({ kind: 'tick', term: world.serving === 'anyway' ? undefined : world.serving, tick: now });
  if (term !== undefined && world.serving === term.token)
    for (const kind of ['refused', 'unavailable'] as const)
      add({ kind: 'ledgerFailed', term: term.token, failure: { kind, message: 'why', exitCode: 77 } });
  for (const { run, ended, entering, fresh } of alive) {
    if (entering) {
      add({ kind: 'runStarted', run, term: term?.token, pid: 7 });
      for (const why of ['taken', 'fenced', 'unanswered', 'withdrawn'] as const) add({ kind: 'notEntered', run, why });
      add({ kind: 'tooLate', run });
      continue;
    }
    if (fresh) {
      add({ kind: 'runStarted', run, term: term?.token, pid: 7 });
      add({ kind: 'tooLate', run });
    }
    if (!ended) add({ kind: 'commandEnded', run, left: '' });
    for (const code of [0, 3])
      for (const after of [1, 40_000])
        add({ kind: 'runEnded', run, outcome: { kind: 'exited', code }, exitCode: code }, after);
  }
  if (state.deadline !== undefined)
    for (const late of [0, 20_000]) add({ kind: 'deadline' }, Math.max(0, state.deadline - now) + late);
  add({ kind: 'stopRequested', signal: 'SIGTERM' });
  add({ kind: 'stopRequested', signal: 'SIGINT' });
  if (state.name === 'stopping') add({ kind: 'stopRequested', signal: 'SIGTERM' }, REPEATED);
  if (world.resigning !== undefined)
    for (const error of [undefined, 'no answer']) add({ kind: 'resigned', resignation: world.resigning.id, error });
  if (world.resigning?.orStay === true) add({ kind: 'stayed', resignation: world.resigning.id });
  return events;
}

const stale: readonly Event[] = [
  { kind: 'elected', campaign: -1, leadership: { term: -1, deadline: 1e9, leaseDuration: LEASE, confirmed: true } },
  { kind: 'electionFailed', campaign: -1, failure: { kind: 'bug', message: '', exitCode: 70 }, jitter: 0 },
  { kind: 'placed', campaign: -1 },
  { kind: 'leaseRenewed', term: -1, deadline: 1e9 },
  { kind: 'leaseUnconfirmed', term: -1, why: '' },
  { kind: 'leaseLost', term: -1, cause: { kind: 'wiped' } },
  { kind: 'stepDownAsked', term: -1, by: '' },
  { kind: 'commandEnded', run: -1, left: '' },
  { kind: 'resigned', resignation: -1, error: 'why' },
  { kind: 'stayed', resignation: -1 },
  { kind: 'runStarted', run: -1, term: -1, pid: 7 },
  { kind: 'notEntered', run: -1, why: 'taken' },
  { kind: 'tooLate', run: -1 },
  { kind: 'tick', term: -1, tick: 0 },
  { kind: 'ledgerFailed', term: -1, failure: { kind: 'bug', message: '', exitCode: 70 } },
  { kind: 'runEnded', run: -1, outcome: { kind: 'exited', code: 1 }, exitCode: 1 },
];

/** Pairs of state and event that have done something. */
const active = new Set<string>();

class Broken extends Error {}

function follow(world: World, event: Event, after: number, plan: Plan): World {
  const now = world.now + after;
  const path = { from: world.state.name, event, after, before: world.path };
  let { alive, campaign, term, terms, resigning, serving } = world;
  if (event.kind === 'elected')
    [term, terms, campaign] = [
      { token: event.leadership.term, deadline: event.leadership.deadline },
      terms + 1,
      undefined,
    ];
  if (event.kind === 'electionFailed') campaign = undefined;
  if (event.kind === 'leaseRenewed') term = { token: event.term, deadline: event.deadline };
  if (event.kind === 'leaseLost') {
    term = undefined;
    serving = undefined;
  }
  if (event.kind === 'runStarted')
    alive = alive.map((life) => (life.run === event.run ? { ...life, entering: false } : life));
  if (event.kind === 'commandEnded')
    alive = alive.map((life) => (life.run === event.run ? { ...life, ended: true } : life));
  alive = alive.map((life) => (life.fresh ? { ...life, fresh: false } : life));
  if (event.kind === 'runEnded' || event.kind === 'notEntered' || event.kind === 'tooLate')
    alive = alive.filter(({ run }) => run !== event.run);
  const isGivenUp = event.kind === 'deadline' && world.state.name === 'resigning';
  if (event.kind === 'resigned' || isGivenUp) [resigning, term, serving] = [undefined, undefined, undefined];
  if (event.kind === 'stayed') resigning = undefined;
  const { state, effects } = transition(world.state, event, plan, now);
  if (state !== world.state || effects.length > 0) active.add(`${world.state.name} ${event.kind}`);
  // Nobody would set it again, and the watchdog takes a supervisor for hung whose deadline has passed.
  if (event.kind === 'deadline' && world.state.deadline !== undefined && state === world.state)
    throw new Broken(`a deadline leads to nothing\n${[...steps(path)].join('\n')}`);
  if (event.kind === 'electionFailed' && !effects.some(({ kind }) => kind === 'note'))
    throw new Broken(`a failed election is passed over in silence\n${[...steps(path)].join('\n')}`);
  if (
    event.kind === 'electionFailed' &&
    event.failure.kind === 'bug' &&
    effects.some(({ kind }) => kind === 'campaign')
  )
    throw new Broken(`a bug is tried again\n${[...steps(path)].join('\n')}`);
  let next: World = { state, now, alive, serving, campaign, term, terms, resigning, finished: world.finished, path };
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
      check(world.alive.length === 0 || plan.cron?.concurrency === 'allow', 'no second run while one lives');
      check((effect.tick === undefined) === (plan.cron === undefined), 'a run has a tick if there is a schedule');
      check(world.state.name === 'running', 'a run is started into running');
      check(world.resigning === undefined, 'no run while resigning');
      if (effect.term === undefined) check(plan.onElectionFailure === 'run-anyway', 'no run without a term');
      else {
        check(world.term?.token === effect.term, 'a run belongs to the term that is held');
        const goesOn = plan.cron !== undefined && plan.onLeaseLoss === 'keep';
        check(goesOn || world.now < (world.term?.deadline ?? 0), 'no run after the deadline of the lease');
      }
      const entering = effect.tick !== undefined && effect.term !== undefined;
      return {
        ...world,
        alive: [
          ...world.alive,
          { run: effect.run, ended: false, entering, fresh: !entering && effect.term !== undefined },
        ],
      };
    }
    case 'serve':
      check(plan.cron !== undefined, 'only a schedule is served');
      check(
        effect.term === undefined || effect.term === world.term?.token,
        'a schedule is served in the term that is held',
      );
      return { ...world, serving: effect.term ?? 'anyway' };
    case 'unserve':
      check(world.serving === 'anyway', 'who leads serves');
      return { ...world, serving: undefined };
    case 'skip':
      check(plan.cron?.concurrency === 'skip' && world.alive.length > 0, 'ticks are skipped while the command runs');
      return world;
    case 'recordStart':
    case 'recordEnd':
      return world;
    case 'signal':
      check(
        world.alive.some(({ run }) => run === effect.run),
        'signals go to a run that lives',
      );
      return world;
    case 'resign':
      check(world.alive.length === 0, 'no resignation while a run lives');
      check(world.resigning === undefined, 'one resignation at a time');
      check(!effect.orStay || plan.onLeaseLoss === 'keep', 'who stops in time does not stay');
      return {
        ...world,
        resigning: { id: effect.resignation, orStay: effect.orStay },
        ...(effect.orStay ? {} : { term: undefined, serving: undefined }),
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
        world.alive.length === 0 && world.campaign === undefined && world.term === undefined,
        'nothing is left at the end',
      );
      return { ...world, finished: true };
    case 'note':
      return world;
  }
}

const INSTANTS = new Set(['deadline', 'due', 'graceEnd', 'again', 'giveUpAt', 'startedAt', 'since', 'confirmedSince']);

/**
 * Two worlds with the same key behave alike: instants count from now, numbers of campaigns, runs and terms do not count
 * at all.
 */
function key({ state, now, alive, serving, campaign, term, resigning }: World, plan: Plan): string {
  const counted = (name: string, value: number): unknown => {
    if (name === 'run') return alive.findIndex(({ run }) => run === value);
    if (name === 'campaign') return value === campaign;
    if (name === 'term') return value === term?.token;
    if (name === 'tick' || name === 'waiting') return 0;
    if (name === 'skipped') return Math.min(value, 1);
    if (name === 'failedRuns' || name === 'failures') return Math.min(value, 2);
    // Of the first stop request only this decides.
    if (name === 'at') return now - value < REPEATED;
    // Past, present or to come: nothing else of an instant decides.
    return INSTANTS.has(name) ? Math.sign(value - now) : value;
  };
  const isConfirmedRead = plan.cron !== undefined && plan.onLeaseLoss !== 'stop';
  const text = (name: string, value: unknown): string => {
    if (typeof value === 'number') return `${String(counted(name, value))},`;
    if (typeof value !== 'object' || value === null) return `${String(value)},`;
    let all = '{';
    for (const part in value) {
      // Whether the last renewal was confirmed matters to whom may stay in role, and serves a schedule.
      if (COUNTERS.has(part) || (part === 'confirmed' && !isConfirmedRead)) continue;
      const held = (value as Record<string, unknown>)[part];
      if (held !== undefined) all += `${part}:${text(part, held)}`;
    }
    return `${all}}`;
  };
  const lives = alive.map(({ ended, entering, fresh }) => [ended, entering, fresh]);
  const serves = serving === term?.token ? 'term' : serving;
  const world = [lives, serves, term && Math.sign(term.deadline - now), resigning?.orStay, campaign !== undefined];
  return text('', state) + text('', world);
}

const COUNTERS = new Set(['campaigns', 'runs', 'resignations']);

function begin(plan: Plan): World {
  const { state, effects }: Step = start(plan, 0);
  let world: World = {
    state,
    now: 0,
    alive: [],
    serving: undefined,
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
    const id = key(world, plan);
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

/**
 * Asks for a stop of a command that ignores everything but SIGKILL; every other wait is answered, or runs into its
 * deadline.
 */
function stop(world: World, plan: Plan): World {
  let end = follow(world, { kind: 'stopRequested', signal: 'SIGTERM' }, 1, plan);
  for (let step = 0; !end.finished && step < 12; step++) {
    const { resigning, state, now } = end;
    const killing =
      state.name === 'stopping' ? state.alive.find(({ stop: being }) => being?.phase === 'killing') : undefined;
    const killed = { outcome: { kind: 'signalled', signal: 'SIGKILL' }, exitCode: 137 } as const;
    if (resigning !== undefined)
      end = follow(end, { kind: 'resigned', resignation: resigning.id, error: undefined }, 1, plan);
    else if (state.name === 'stopping' && killing !== undefined)
      end = follow(end, { kind: 'runEnded', run: killing.run, ...killed }, 1, plan);
    else end = follow(end, { kind: 'deadline' }, Math.max(0, (state.deadline ?? now) - now), plan);
  }
  return end;
}

type Kind = Event['kind'];
const OF_RUNS: readonly Kind[] = ['commandEnded', 'runStarted', 'runEnded', 'notEntered', 'tooLate'];
const OF_LEASES: readonly Kind[] = ['leaseRenewed', 'leaseUnconfirmed', 'leaseLost', 'stepDownAsked'];
const OF_RESIGNATIONS: readonly Kind[] = ['resigned', 'stayed'];

/** Events that change nothing in a state, on purpose: they do not come there, or are nothing to it. */
const IGNORED: Readonly<Record<State['name'], readonly Kind[]>> = {
  // `placed` tells those who go on without leadership that contact is back.
  campaigning: ['placed', ...OF_LEASES, ...OF_RUNS, 'tick', 'ledgerFailed', ...OF_RESIGNATIONS],
  // No campaign is under way, and nothing is held.
  waitingToStand: [
    'elected',
    'placed',
    'electionFailed',
    ...OF_LEASES,
    ...OF_RUNS,
    'tick',
    'ledgerFailed',
    ...OF_RESIGNATIONS,
  ],
  waitingToRun: [...OF_RUNS, ...OF_RESIGNATIONS],
  scheduled: [...OF_RUNS, ...OF_RESIGNATIONS],
  running: OF_RESIGNATIONS,
  // No further run is started: neither ticks nor the ledger matter. What is left of a run is being stopped already.
  // Every end of a stop gives the lead up.
  stopping: ['placed', 'commandEnded', 'stepDownAsked', 'tick', 'ledgerFailed', ...OF_RESIGNATIONS],
  // A campaign beside it has been aborted. Without a ledger nothing can be handed over: that answers by itself.
  resigning: ['elected', 'placed', 'electionFailed', ...OF_RUNS, 'stepDownAsked', 'ledgerFailed'],
  done: [...new Set(stale.map(({ kind }) => kind)), 'deadline', 'stopRequested'],
};

/** Every pair of state and event that does something. */
function meantPairs(): string[] {
  return Object.entries(IGNORED).flatMap(([state, ignored]) =>
    IGNORED.done.filter((kind) => !ignored.includes(kind)).map((kind) => `${state} ${kind}`),
  );
}

describe('state machine, swept', () => {
  it(
    'keeps its promises in every reachable state, on every event, under every policy, and ends when it is asked to',
    { timeout: 800_000 },
    () => {
      const reached = new Set<string>();
      let worlds = 0;
      for (const plan of [...sweptPlans(), ...sweptCronPlans()]) {
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
      expect([...reached].toSorted()).toEqual(Object.keys(IGNORED).toSorted());
      expect([...active].toSorted()).toEqual(meantPairs().toSorted());
      expect(worlds).toBeGreaterThan(10_000);
    },
  );
});
