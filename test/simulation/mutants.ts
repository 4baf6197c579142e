/**
 * Parts that do less than their ports promise, one safeguard each: with any of them in place the simulation has to find
 * a history that goes wrong.
 */
import type { RunningCommand } from '../../src/command/launch.ts';
import type { LiveRun, Election, Term, TermEvent } from '../../src/election/election.ts';
import { margin } from '../../src/election/timing.ts';
import type { SessionOpener, ZNode } from '../../src/zookeeper/session/port.ts';
import type { Will } from '../../src/keeper/will.ts';
import type { Parts } from './parts.ts';
import { like, sessionsWith } from './mutations.ts';
import { cronMutants, cronSpare } from './cron-mutants.ts';
import type { Mode, Theme } from './setting.ts';

export interface Mutant {
  /** What is taken away. */
  readonly what: string;
  /** Where it shows. */
  readonly theme: Theme;
  /** `once` unless told otherwise. */
  readonly mode?: Mode;
  /** The seed to begin the search with, where those before it are known to find nothing. */
  readonly from?: number;
  readonly parts: Parts;
}

const willsWith = (change: (will: Will) => Will): Required<Pick<Parts, 'sessions'>> => ({
  sessions: (real: SessionOpener) => like(real, { bequeath: (will: Will) => real.bequeath(change(will)) }),
});

/** Terms that believe in another deadline than the one they have. */
const deadlinesWith = (
  change: (deadline: number, leaseDuration: number) => number,
): Required<Pick<Parts, 'election'>> => ({
  election: (real) =>
    like(real, {
      campaign: async (options) => {
        const term = await real.campaign(options);
        const moved = (deadline: number): number => change(deadline, term.leaseDuration);
        return {
          fencingToken: term.fencingToken,
          succession: term.succession,
          leaseDuration: term.leaseDuration,
          heartbeat: term.heartbeat,
          get deadline() {
            return moved(term.deadline);
          },
          safeUntil: Infinity,
          subscribe: (listener: (event: TermEvent) => void) =>
            term.subscribe((event) =>
              listener('deadline' in event ? { ...event, deadline: moved(event.deadline) } : event),
            ),
          renew: () => term.renew(),
          resign: (how) => term.resign(how),
        };
      },
    }),
});

const withoutInstants = ({ election, commands, lease }: Will): Will => ({
  election,
  commands,
  ...(lease && { lease }),
});

const laterInstants = (will: Will, by: number): Will =>
  will.instants === undefined
    ? will
    : { ...will, instants: { termAt: will.instants.termAt + by, killAt: will.instants.killAt + by } };

/** A lease that its watchers take for a shorter one. */
function hurried({ data, stat }: ZNode): ZNode {
  const shorter = String(data).replace(/"leaseDuration":"[^"]+"/, '"leaseDuration":"100ms"');
  return { data: Buffer.from(shorter), stat };
}

/** Resigns when the first signal is sent, not when the last process is dead. */
function hastyElection(real: Election): Election {
  let term: Term | undefined;
  return like(real, {
    campaign: async (options) => (term = await real.campaign(options)),
    setRuns: (runs: readonly LiveRun[]) => {
      real.setRuns(runs);
      if (runs.some(({ signalled }) => signalled)) term?.resign().catch(() => undefined);
    },
  });
}

/** The group counts as dead with its leader, though others of it live on. */
function hastyCommand(real: RunningCommand): RunningCommand {
  return like(real, { gone: real.exited.then(() => undefined) });
}

const LEASE_AND_PROPOSALS = /^\/ballot\/election($|\/)/;

export const mutants = {
  versions: {
    what: 'the version under which the lease is claimed, renewed and cleared',
    theme: 'keep',
    parts: sessionsWith((session) => ({
      set: (path, data, _version, options) => session.set(path, data, -1, options),
    })),
  },
  deadline: {
    what: 'the deadline of a term, in supervisor and will',
    theme: 'rates',
    parts: { ...deadlinesWith(() => Infinity), ...willsWith(withoutInstants) },
  },
  starts: {
    what: 'the deadline of a term in the supervisor alone: it starts runs too late, though the will stops them',
    theme: 'rates',
    from: 1_000_032,
    parts: deadlinesWith(() => Infinity),
  },
  gone: { what: 'the wait for the whole process group', theme: 'rates', parts: { command: hastyCommand } },
  order: {
    what: 'the order of stopping and resigning',
    theme: 'rates',
    parts: { election: hastyElection },
  },
  will: { what: 'the will', theme: 'pauses', parts: willsWith(({ election }) => ({ election, commands: [] })) },
  margin: {
    what: 'the margin for clock rates, in supervisor and will',
    theme: 'rates',
    parts: {
      ...deadlinesWith((deadline, duration) => deadline + margin(duration)),
      // The will does not say how long the lease lasts; half a second covers the margin of the longest here.
      ...willsWith((will) => laterInstants(will, 500)),
    },
  },
  patience: {
    what: 'the wait for the end of a lease that somebody else holds',
    theme: 'rates',
    parts: sessionsWith((session) => ({
      get: async (path, options) => hurried(await session.get(path, options)),
      getWatched: async (path, options) => {
        const { node, watch } = await session.getWatched(path, options);
        return { node: hurried(node), watch };
      },
    })),
  },
  watches: {
    what: 'the events of watches',
    theme: 'rates',
    parts: sessionsWith((session) => ({
      childrenWatched: async (path, options) => {
        const { children, watch } = await session.childrenWatched(path, options);
        return { children, watch: like(watch, { fired: new Promise(() => undefined) }) };
      },
    })),
  },
  cleaning: {
    what: 'the deletion of a proposal whose creation was in doubt',
    theme: 'rates',
    from: 1_000_044,
    parts: sessionsWith((session) => ({
      exists: (path, options) =>
        LEASE_AND_PROPOSALS.test(path) && path.includes('proposal-')
          ? Promise.resolve(undefined)
          : session.exists(path, options),
    })),
  },
  ...cronMutants,
} as const satisfies Readonly<Record<string, Mutant>>;

/** A safeguard that has another one before it: without it alone all is still well. */
export const spare = {
  willsDeadline: {
    what: 'the deadline in the will: the supervisor, which never stands still here, acts',
    theme: 'rates',
    parts: willsWith(withoutInstants),
  },
  ...cronSpare,
} as const satisfies Readonly<Record<string, Mutant>>;

export type MutantName = keyof typeof mutants | keyof typeof spare;

export const all: Readonly<Record<MutantName, Mutant>> = { ...mutants, ...spare };
