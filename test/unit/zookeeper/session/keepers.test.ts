import { createServer, type AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/clock.ts';
import { Addresses, probe, wantsTls } from '../../../../src/zookeeper/session/addresses.ts';
import { findServer } from '../../../../src/zookeeper/session/connect.ts';
import { Keepers } from '../../../../src/zookeeper/session/keepers.ts';
import type { Will } from '../../../../src/keeper/will.ts';
import { triesAll } from '../../../support/depth.ts';
import { FakeKeeper } from '../../../support/fake-keeper.ts';
import { VirtualClock } from '../../../support/virtual-clock.ts';
import { NO_ACCESS } from '../../../../src/zookeeper/session/access.ts';

const never = new AbortController().signal;
const RUNNING: Will = {
  election: 'one',
  commands: [{ runId: '1.1', mark: [], stopSignal: 'SIGTERM', killAfter: 1000, signalled: false }],
};
const IDLE: Will = { election: 'one', commands: [] };

const TRIES = triesAll ? 3_000 : 1_000;

describe('the keepers of a process', () => {
  it(`cost nothing once they are dead: ${TRIES} tries to connect that fail leave none behind`, async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const server = createServer((socket) => void socket.on('error', () => undefined).resetAndDestroy());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const forked: WeakRef<FakeKeeper>[] = [];
    const fork = (): FakeKeeper => {
      const keeper = new FakeKeeper();
      forked.push(new WeakRef(keeper));
      return keeper;
    };
    let failed = (): void => undefined;
    const nothing = (): void => undefined;
    const context = {
      addresses: new Addresses([{ host: '127.0.0.1', port }], systemClock),
      keepers: new Keepers(fork, systemClock, undefined),
      sessionTimeout: 5000,
      debug: false,
      client: 'auto' as const,
      access: NO_ACCESS,
      probe,
      wantsTls,
      clock: systemClock,
      logger: { trace: nothing, debug: () => failed(), info: nothing, warn: nothing, error: nothing, fatal: nothing },
    };
    const tryOnce = async (): Promise<void> => {
      const search = new AbortController();
      failed = () => search.abort(new Error('one try is enough'));
      await expect(findServer(context, undefined, search.signal)).rejects.toThrow('one try is enough');
    };
    try {
      for (let i = 0; i < TRIES; i++) await tryOnce();
    } finally {
      server.close();
    }
    // The references of this turn are kept until it ends.
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    expect(forked).toHaveLength(TRIES);
    expect(forked.filter((keeper) => keeper.deref() !== undefined).length).toBeLessThan(10);
  });

  it('have the present will first of all, and every later one while they live', async () => {
    const made: FakeKeeper[] = [];
    const fork = (): FakeKeeper => made[made.push(new FakeKeeper()) - 1] as FakeKeeper;
    const keepers = new Keepers(fork, systemClock, undefined);
    keepers.bequeath(RUNNING);
    keepers.next();
    keepers.next();
    made[0]?.kill();
    await made[0]?.gone;
    keepers.bequeath(IDLE);
    expect(made.map(({ received }) => received.length)).toEqual([1, 2]);
    expect(made[1]?.received).toEqual([RUNNING, IDLE].map((will) => ({ kind: 'will', will })));
  });
});

describe('while a command lives, a keeper obeys that knows of it', () => {
  /** Keepers in a process of their own; `obeying`: how many of them would stop the command now. */
  function guarded() {
    const clock = new VirtualClock(1);
    const process = clock.process();
    const made: FakeKeeper[] = [];
    const fork = (): FakeKeeper => made[made.push(new FakeKeeper()) - 1] as FakeKeeper;
    const keepers = new Keepers(fork, process, undefined);
    const obeying = (): number =>
      made.filter((keeper) => !keeper.isLeaving && keeper.received.some((told) => told.kind === 'will')).length;
    return { clock, made, keepers, obeying };
  }

  it('without any session; the first session has the same keeper', () => {
    const { keepers, made, obeying } = guarded();
    keepers.bequeath(RUNNING);
    expect(obeying()).toBe(1);
    expect(keepers.next()).toBe(made[0]);
  });

  it('from the very turn in which the one before is killed', () => {
    const { keepers, made, obeying } = guarded();
    const first = keepers.next();
    keepers.bequeath(RUNNING);
    for (let tries = 0; tries < 5; tries++) {
      (tries === 0 ? first : keepers.next()).kill();
      expect(obeying()).toBe(1);
    }
    expect(made).toHaveLength(6);
  });

  it('of any election; once none has a command, none is kept', () => {
    const { keepers, obeying } = guarded();
    const first = keepers.next();
    keepers.bequeath(RUNNING);
    keepers.bequeath({ ...RUNNING, election: 'two' });
    keepers.bequeath(IDLE);
    first.kill();
    expect(obeying()).toBe(1);
    keepers.revoke('two');
    const last = keepers.next();
    keepers.giveBack(last);
    expect(last.isLeaving).toBe(true);
  });

  it('when a search for a session is called off; once no command lives, none is kept', () => {
    const { keepers, made, obeying } = guarded();
    keepers.bequeath(RUNNING);
    keepers.giveBack(keepers.next());
    expect([made.length, obeying()]).toEqual([1, 1]);
    keepers.bequeath(IDLE);
    keepers.giveBack(keepers.next());
    expect([made.length, obeying()]).toEqual([1, 0]);
  });

  it('and is tried once a second where none can live', async () => {
    const { clock, keepers, made } = guarded();
    keepers.bequeath(RUNNING);
    for (let step = 0; step < 500; step++) {
      made.at(-1)?.kill();
      await clock.run(clock.time + 10);
    }
    expect(made.length).toBeGreaterThan(4);
    expect(made.length).toBeLessThan(7);
  });

  it('that executes it, when it is due: another is not started', () => {
    const { keepers, made } = guarded();
    keepers.next();
    keepers.bequeath({ ...RUNNING, instants: { termAt: -2_000, killAt: -1_000 } });
    const [executor] = made;
    if (executor !== undefined) executor.executes = true;
    executor?.leave();
    expect(made).toHaveLength(1);
    keepers.bequeath(RUNNING);
    expect(made).toHaveLength(2);
  });
});

describe('a session whose keeper executes its will', () => {
  /** One keeper that executes this will, and what has become of the wait for it. */
  function executing(will: Will) {
    const clock = new VirtualClock(1);
    const keeper = new FakeKeeper();
    const keepers = new Keepers(() => keeper, clock.process(), undefined);
    keepers.bequeath(will);
    keepers.next();
    keeper.executes = true;
    const outcome = { free: false };
    return { clock, keeper, keepers, outcome };
  }
  const wait = ({ keepers, outcome }: ReturnType<typeof executing>, signal = never): Promise<void> =>
    keepers.executed(signal).then(() => void (outcome.free = true));

  it('is free at once when none does', async () => {
    const world = executing(IDLE);
    world.keeper.executes = false;
    await world.clock.wait(wait(world));
    expect(world.keeper.end).toBeUndefined();
  });

  it('is not free while the command lives, however long that takes', async () => {
    const world = executing(RUNNING);
    const waiting = wait(world);
    await world.clock.run(3_600_000);
    expect(world.outcome.free).toBe(false);
    expect(world.keeper.end).toBeUndefined();
    world.keeper.destroy();
    await world.clock.wait(waiting);
  });

  it('is free when nothing lives any more and the keeper has hung for ten seconds: it is killed', async () => {
    const world = executing(RUNNING);
    const waiting = wait(world);
    await world.clock.run(60_000);
    world.keepers.bequeath(IDLE);
    await world.clock.run(69_000);
    expect(world.keeper.end).toBeUndefined();
    await world.clock.run(81_000);
    await world.clock.wait(waiting);
    expect(world.keeper.end).toBe('was ended by SIGKILL');
  });

  it('is not waited for any longer when nobody wants it', async () => {
    const world = executing(RUNNING);
    const stop = new AbortController();
    const waiting = wait(world, stop.signal);
    stop.abort(new Error('not wanted'));
    await expect(waiting).rejects.toThrow('not wanted');
    expect(world.keeper.end).toBeUndefined();
  });
});
