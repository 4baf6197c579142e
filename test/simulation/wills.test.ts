import { describe, expect, it } from 'vitest';
import type { Term, TermEvent } from '../../src/election/election.ts';
import { createElection } from '../../src/zookeeper/election/election.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { Commands, NotStarted } from './command.ts';
import { Ensemble } from './ensemble.ts';
import { FakeSessions } from './sessions.ts';
import { QUIET_SETTING } from './setting.ts';
import { Trace } from './trace.ts';

const STOP = { onLeaseLoss: 'stop', stopSignal: 'SIGTERM', killAfter: 10_000, mark: () => [] } as const;

/** `short` runs out first: then the keeper executes its will, and that one alone. */
const LEASES_MS = { short: 5_000, long: 20_000 } as const;
type Name = keyof typeof LEASES_MS;

/** One process that leads two elections, and runs a command that is deaf to SIGTERM in each. */
async function leaderOfTwo() {
  const clock = new VirtualClock(1);
  const trace = new Trace(clock);
  const log = (who: string, what: string): void => trace.log(who, what);
  const ensemble = new Ensemble(clock, { tickTime: 500, log });
  const commands = new Commands(clock, { ...QUIET_SETTING.habits, stubborn: 1 }, log);
  const started = new Map<string, ReturnType<Commands['launch']>>();
  const find = (runId: string) => {
    const command = started.get(runId);
    return command instanceof NotStarted ? undefined : command;
  };
  const process = clock.process();
  const machine = { find, released: () => undefined, say: (line: string) => log('keeper', line) };
  const sessions = new FakeSessions(ensemble, 'h1', process, 6_000, { machine, logger: trace.logger('h1') });

  const lead = async (name: Name) => {
    const election = createElection({
      ...{ sessions, clock: process, logger: trace.logger(name), stop: STOP, mixedFleet: false },
      basePath: `/${name}`,
      candidate: { candidateId: 'h1', hostname: 'h1', pid: '1' },
      sessionTimeout: 6_000,
      leaseDuration: LEASES_MS[name],
    });
    const { signal } = new AbortController();
    const term: Term = await clock.wait(
      election.campaign({ signal, patience: { opening: 60_000, standing: Infinity } }),
    );
    const events: TermEvent['kind'][] = [];
    term.subscribe(({ kind }) => void events.push(kind));
    const run = { runId: `${name}.1`, fencingToken: term.fencingToken };
    started.set(run.runId, commands.launch('h1', process, run));
    election.setRuns([{ ...run, group: undefined, signalled: false }]);
    return { term, events };
  };
  const [short, long] = [await lead('short'), await lead('long')];
  await clock.run(clock.time + 6_000);
  return { clock, trace, ensemble, sessions, process, commands, short, long };
}

const leaseOf = ({ ensemble }: { readonly ensemble: Ensemble }, name: Name): string =>
  String(ensemble.tree.get(`/${name}`)?.data ?? '');

const alive = ({ commands }: { readonly commands: Commands }): string[] => commands.alive.map(({ runId }) => runId);

describe('a process in two elections that stands still until the lease of one runs out', () => {
  it('has the will of that one executed, and goes on leading the other', async () => {
    const world = await leaderOfTwo();
    const { clock, process, sessions, ensemble, short, long } = world;
    const [keeper, session] = [sessions.keeper, sessions.sessionId];
    process.pause();
    const deadline = process.trueTime(short.term.deadline);
    expect(await clock.run(deadline, () => leaseOf(world, 'short') === ''), 'before the lease runs out').toBe(true);
    expect(alive(world)).toEqual(['long.1']);
    await clock.run(clock.time + 50);
    expect(ensemble.proposals('/short')).toEqual([]);
    expect(ensemble.proposals('/long')).toHaveLength(1);

    process.resume();
    await clock.run(clock.time + 15_000);
    expect(short.events.at(-1)).toBe('lost');
    expect(long.events.at(-1)).toBe('renewed');
    expect(alive(world)).toEqual(['long.1']);
    expect(sessions.keepers, 'the keeper is still at work').toEqual([keeper]);
    expect(sessions.sessionId).toBe(session);
  });

  it('hands the other over to a new keeper when it wants to be rid of this one, which ends what it has begun', async () => {
    const world = await leaderOfTwo();
    const { clock, trace, process, sessions, ensemble, short, long } = world;
    const [first, session] = [sessions.keeper, sessions.sessionId];
    process.pause();
    const deadline = process.trueTime(short.term.deadline);
    const isStopping = (): boolean => trace.toString().includes('SIGTERM to run short.1');
    expect(await clock.run(deadline, isStopping)).toBe(true);
    // It wakes up while its keeper waits for the command, and finds the keeper's server silent.
    ensemble.cut('h1', first?.server === undefined ? [] : [first.server], 'none');
    process.resume();
    const isReplaced = (): boolean => sessions.keeper !== first && sessions.keeper?.connection !== undefined;
    expect(await clock.run(deadline, isReplaced), 'before the command is dead').toBe(true);
    expect(alive(world)).toEqual(['short.1', 'long.1']);
    expect(sessions.keepers).toHaveLength(2);

    expect(await clock.run(deadline, () => !alive(world).includes('short.1')), 'before the lease runs out').toBe(true);
    await clock.run(clock.time + 15_000);
    expect(sessions.keepers).toEqual([sessions.keeper]);
    expect(sessions.keeper).not.toBe(first);
    expect(sessions.sessionId).toBe(session);
    expect(long.events).not.toContain('lost');
    expect(long.events.at(-1)).toBe('renewed');
    expect(alive(world)).toEqual(['long.1']);
  });
});
