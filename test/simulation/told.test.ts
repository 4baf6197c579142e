import { describe, expect, it } from 'vitest';
import { encodeStepDown, stepDownPath } from '../../src/zookeeper/election/step-down.ts';
import { seeds } from '../support/depth.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { overlaps } from './checks.ts';
import { scheduleOf, type CronSetting } from './cron.ts';
import { build, end, judge, type World } from './history.ts';
import { BASE } from './ledger-chronicle.ts';
import { QUIET_SETTING, type Setting } from './setting.ts';
import { Trace } from './trace.ts';

/**
 * Histories that went wrong once, told from beginning to end: nothing is left to chance but what takes how many
 * milliseconds.
 */

const EVERY_SECOND: CronSetting = {
  text: '@every 1s',
  schedule: scheduleOf('@every 1s'),
  gap: 1000,
  concurrency: 'skip',
  catchUp: 'none',
  startDeadline: undefined,
  clocks: 'near',
};

/** A command that ends soon. */
const BRIEF = { ...QUIET_SETTING.habits, lasts: [300, 300] } as const;

interface Told extends World {
  readonly problems: string[];
}

function tell(setting: Partial<Setting>, seed = 1): Told {
  const clock = new VirtualClock(seed);
  const trace = new Trace(clock);
  const problems: string[] = [];
  return { ...build(clock, { ...QUIET_SETTING, ...setting }, trace, {}, problems), problems };
}

function cron(what: Partial<CronSetting>, plan: Partial<Setting['plan']> = {}): Pick<Setting, 'cron' | 'plan'> {
  const schedule = { ...EVERY_SECOND, ...what };
  return { cron: schedule, plan: { ...QUIET_SETTING.plan, ...plan, cron: { concurrency: schedule.concurrency } } };
}

describe('a supervisor that stands still while a tick is being entered, beside a run that is deaf to SIGTERM', () => {
  it.each([600, 650, 700, 750, 800, 900, 1000, 1200])(
    'wakes up after %i ms, and no run of its term outlives the lease',
    async (pause) => {
      for (const seed of seeds(5)) {
        const world = tell(
          {
            theme: 'pauses',
            ...cron({ concurrency: 'allow' }),
            habits: { ...QUIET_SETTING.habits, lasts: [60_000, 60_000], stubborn: 1 },
          },
          seed,
        );
        const { clock, hosts, ledger, commands, problems } = world;
        for (const [index, host] of hosts.entries()) clock.schedule(400 * index, () => host.start());
        expect(await clock.run(20_000, () => commands.runs.length === 1)).toBe(true);
        const leader = hosts.find(({ name }) => name === commands.runs[0]?.host);
        ledger.onWrite = () => {
          ledger.onWrite = () => undefined;
          const goOn = leader?.pause(false);
          clock.after(pause, () => goOn?.());
        };
        await clock.run(clock.time + 10_000);
        await end(world, problems, false);
        const others = overlaps(commands.runs, clock.time).filter(({ older, newer }) => older.host !== newer.host);
        const paused = { host: leader?.name ?? '', kind: 'paused', from: 0, to: clock.time } as const;
        expect([...others, ...problems, ...judge(world, [paused])]).toEqual([]);
      }
    },
  );
});

describe('an outage of the whole ensemble under `keep`, `reelect` and `catch-up=once`', () => {
  const expectServed = async (text: string, gap: number, outage: number, at: number, lasts: number): Promise<void> => {
    const world = tell({
      theme: 'outages',
      ...cron({ text, schedule: scheduleOf(text), gap, catchUp: 'once' }, { onLeaseLoss: 'keep' }),
      habits: { ...QUIET_SETTING.habits, lasts: [lasts, lasts] },
    });
    const { clock, hosts, ensemble, commands, ledger, problems } = world;
    for (const [index, host] of hosts.entries()) clock.schedule(400 * index, () => host.start());
    await clock.run(12_000 + at);
    const terms = world.tenures.length;
    const downAt = clock.time;
    ensemble.goDown();
    await clock.run(downAt + outage);
    expect(world.tenures.length - terms, 'a term that begins in an outage').toBe(0);
    ensemble.comeBack();
    await clock.run(clock.time + 12_000);
    await end(world, problems, false);
    const away = { host: 'everybody', kind: 'network', from: downAt, to: downAt + outage } as const;
    expect([...problems, ...judge(world, [away])]).toEqual([]);
    const due = Math.floor(outage / gap) - 1;
    const served = commands.launches.filter((launch) => launch.at > downAt && launch.at < downAt + outage);
    expect(served.length).toBeGreaterThanOrEqual(due);
    // What was started in the dark stands in the history, once; so does everything else.
    const ticks = [...ledger.records().values()].map(({ tick }) => tick);
    expect(ticks.length).toBe(new Set(ticks).size);
    expect(ticks).toEqual(expect.arrayContaining(served.map(({ tick }) => tick)));
    expect(world.tenures.length, 'the hosts take turns again').toBeGreaterThan(terms + 1);
  };

  it.each([0, 100, 250, 400, 550, 700, 850, 950])(
    'that begins %i ms after a tick costs none, and repeats none',
    async (at) => {
      for (const lasts of [50, 300, 900]) await expectServed('@every 1s', 1000, 5_000, at, lasts);
    },
  );

  it('of two and a half minutes is served in the role that it found', () =>
    expectServed('@every 5s', 5000, 146_000, 300, 50));
});

describe('an outage', () => {
  it('that falls into the pause before a rerun under `stop` is said to be one', async () => {
    const plan = { ...QUIET_SETTING.plan, onChildSuccess: 'rerun', restartDelay: 5_000 } as const;
    const world = tell({ plan, habits: { ...QUIET_SETTING.habits, lasts: [200, 200] } });
    const { clock, hosts, ensemble, commands, trace, problems } = world;
    hosts[0]?.start();
    expect(await clock.run(10_000, () => commands.runs[0]?.endedAt !== undefined)).toBe(true);
    await clock.run(clock.time + 300);
    ensemble.goDown();
    await clock.run(clock.time + 6_000);
    ensemble.comeBack();
    await clock.run(clock.time + 15_000, () => commands.runs.length > 1);
    expect(commands.runs.length).toBeGreaterThan(1);
    await end(world, problems, false);
    expect([...problems, ...judge(world, [])]).toEqual([]);
    expect(trace.toString()).toContain('the lease runs out without a renewal');
    expect(trace.toString()).not.toContain('stood still');
  });

  it.each(['rerun', 'reelect'] as const)(
    'is not counted as standing by a candidate that runs its command anyway (%s)',
    async (policy) => {
      const plan = {
        ...QUIET_SETTING.plan,
        onChildSuccess: policy,
        onElectionFailure: 'run-anyway',
        electionTimeout: 10_000,
      } as const;
      const world = tell({ theme: 'keep', plan, habits: { ...QUIET_SETTING.habits, lasts: [2_000, 2_000] } });
      const { clock, hosts, ensemble, commands, problems } = world;
      ensemble.goDown();
      for (const host of hosts) host.start();
      expect(await clock.run(8_000, () => commands.alive.length === hosts.length)).toBe(true);
      await clock.run(30_000);
      ensemble.comeBack();
      await clock.run(clock.time + 5_000);
      expect(hosts.flatMap(({ incarnations }) => incarnations.map(({ exitCode }) => exitCode))).toEqual(
        hosts.map(() => undefined),
      );
      await end(world, problems, false);
      expect(problems).toEqual([]);
    },
  );
});

describe('a supervisor that is killed while it runs its command without a session', () => {
  it.each([0, 100, 700, 1_500, 3_000, 4_500])('leaves nothing behind, %i ms after the start', async (wait) => {
    const plan = { ...QUIET_SETTING.plan, onElectionFailure: 'run-anyway' } as const;
    const world = tell({ theme: 'keep', plan, habits: { ...QUIET_SETTING.habits, lasts: [60_000, 60_000] } });
    const { clock, hosts, ensemble, commands } = world;
    ensemble.goDown();
    hosts[0]?.start();
    expect(await clock.run(8_000, () => commands.alive.length === 1)).toBe(true);
    await clock.run(clock.time + wait);
    hosts[0]?.killSupervisor();
    expect(await clock.run(clock.time + 5_000, () => commands.alive.length === 0)).toBe(true);
  });
});

describe('a standstill of the whole ensemble', () => {
  /** A leader and a standby under `keep`, both at work. */
  const atWork = async (seed: number, changes: Partial<Setting> = {}): Promise<Told> => {
    const plan = { ...QUIET_SETTING.plan, onLeaseLoss: 'keep' } as const;
    const world = tell({ theme: 'keep', candidates: 2, plan, ...changes }, seed);
    const { clock, hosts, commands, ensemble } = world;
    hosts[0]?.start();
    clock.schedule(500, () => hosts[1]?.start());
    expect(await clock.run(5_000, () => commands.runs.length === 1 && ensemble.proposals(BASE).length === 2)).toBe(
      true,
    );
    await clock.run(clock.time + 2_000);
    return world;
  };
  const expectInRole = async ({ problems, ...world }: Told): Promise<void> => {
    expect(world.commands.runs.map(({ host, endedAt }) => ({ host, endedAt }))).toEqual([
      { host: 'h1', endedAt: undefined },
    ]);
    await end(world, problems, false);
    expect(problems).toEqual([]);
  };

  it.each([200, 600, 1_000])(
    'leaves the leader its time to renew, though it has lost its place and is back %i ms later',
    async (later) => {
      for (const seed of seeds(5)) {
        const world = await atWork(seed, { leaseDuration: 4_500, lease: 4_500 });
        const { clock, ensemble } = world;
        // The leader takes a new place, behind the standby: nobody stands before that one any more.
        const [first] = ensemble.proposals(BASE);
        ensemble.tamper(first?.path ?? '', undefined);
        await clock.run(clock.time + 2_000);
        ensemble.freeze(true);
        await clock.run(clock.time + 6_000);
        ensemble.cut('h1', ensemble.servers, 'none');
        ensemble.freeze(false);
        clock.after(later, () => ensemble.cut('h1', ensemble.servers, 'open'));
        await clock.run(clock.time + 10_000);
        await expectInRole(world);
      }
    },
  );

  it('begins the count of its lease anew, though that had nearly run out', async () => {
    for (const seed of seeds(10)) {
      const world = await atWork(seed, { leaseDuration: 4_500, lease: 4_500 });
      const { clock, ensemble } = world;
      ensemble.cut('h1', ensemble.servers, 'none');
      // After the last proof of contact of the standby, and before the end of the lease.
      await clock.run(clock.time + 3_900);
      ensemble.goDown();
      ensemble.cut('h1', ensemble.servers, 'open');
      await clock.run(clock.time + 3_000);
      ensemble.comeBack();
      await clock.run(clock.time + 10_000);
      await expectInRole(world);
    }
  });

  it('that ends for a moment again and again is survived in role', async () => {
    for (const seed of seeds(10)) {
      const world = await atWork(seed);
      const { clock, ensemble, hosts } = world;
      const isAttached = (): boolean =>
        hosts.every(({ current }) => current?.sessions.keeper?.connection !== undefined);
      // So soon after it was granted, a cut makes a candidate distrust the next grants.
      for (const outage of [500, 500, 500, 5_000]) {
        ensemble.goDown();
        await clock.run(clock.time + outage);
        ensemble.comeBack();
        expect(await clock.run(clock.time + 3_000, isAttached)).toBe(true);
        await clock.run(clock.time + 150);
      }
      await clock.run(clock.time + 10_000);
      await expectInRole(world);
    }
  });

  it('that ends for a moment, in which a session is granted and cut, is survived in role', async () => {
    for (const seed of seeds(10)) {
      const world = await atWork(seed);
      const { clock, ensemble, hosts } = world;
      ensemble.goDown();
      await clock.run(clock.time + 7_000);
      ensemble.comeBack();
      const isGranted = (): boolean => hosts[0]?.current?.sessions.keeper?.connection !== undefined;
      expect(await clock.run(clock.time + 3_000, isGranted)).toBe(true);
      ensemble.goDown();
      await clock.run(clock.time + 1_200);
      ensemble.comeBack();
      await clock.run(clock.time + 10_000);
      await expectInRole(world);
    }
  });

  it.each([1_000, 1_300, 1_500, 1_700, 2_000, 2_500, 3_000])('of %i ms is survived in role', async (lasts) => {
    for (const seed of seeds(10)) {
      const world = await atWork(seed);
      const { clock, ensemble } = world;
      await clock.run(clock.time + seed * 50);
      for (const server of ensemble.servers) ensemble.stall(server, true);
      await clock.run(clock.time + lasts);
      for (const server of ensemble.servers) ensemble.stall(server, false);
      await clock.run(clock.time + 10_000);
      await expectInRole(world);
    }
  });
});

describe('an operator', () => {
  /** A leader whose host dies, and a standby that waits for the end of its lease. */
  const afterCrash = async (wait: number): Promise<Told & { readonly standby: string }> => {
    const world = tell({ candidates: 2, leaseDuration: 3000, lease: 3000 });
    const { clock, hosts, commands, ensemble } = world;
    hosts[0]?.start();
    clock.schedule(500, () => hosts[1]?.start());
    expect(await clock.run(5_000, () => commands.runs.length === 1 && ensemble.proposals(BASE).length === 2)).toBe(
      true,
    );
    await clock.run(clock.time + 2_000);
    hosts[0]?.crash();
    await clock.run(clock.time + wait);
    return { ...world, standby: ensemble.proposals(BASE).at(-1)?.path ?? '' };
  };

  it.each([0, 500, 1_000, 1_500, 2_000, 2_500, 2_900])(
    'who deletes the proposal of a standby %i ms after its leader died does not end it',
    async (wait) => {
      const { clock, hosts, ensemble, commands, problems, standby, ...world } = await afterCrash(wait);
      ensemble.tamper(standby, undefined);
      expect(await clock.run(clock.time + 15_000, () => commands.runs.length === 2)).toBe(true);
      expect(hosts[1]?.incarnations.map(({ exitCode }) => exitCode)).toEqual([undefined]);
      await end({ ...world, clock, hosts, ensemble, commands }, problems, false);
      expect(problems).toEqual([]);
    },
  );

  it.each([0, 1_000, 2_500])(
    'who deletes the base path %i ms after the leader died has a leader again',
    async (wait) => {
      const { clock, ensemble, commands, problems, ...world } = await afterCrash(wait);
      ensemble.tamper(BASE, undefined);
      expect(await clock.run(clock.time + 30_000, () => commands.runs.length === 2)).toBe(true);
      await end({ ...world, clock, ensemble, commands }, problems, false);
      expect(problems).toEqual([]);
    },
  );
});

describe('a leader that crashes before standbys whose election-timeout is little longer than its lease', () => {
  // Each of them is the next in line for less than the lease lasts. The ensemble's clock tells nothing here.
  it.each([
    ['the ensemble has changed its leader', false],
    ['Go’s candidates are in the fleet', true],
  ])('is followed all the same, though %s', async (_why, mixedFleet) => {
    for (const seed of seeds(5)) {
      const plan = { ...QUIET_SETTING.plan, onElectionFailure: 'exit', electionTimeout: 4_000 } as const;
      const world = tell({ candidates: 4, mixedFleet, leaseDuration: 3_000, lease: 3_000, plan }, seed);
      const { clock, hosts, ensemble, commands, problems } = world;
      for (const [index, host] of hosts.entries()) clock.schedule(1_600 * index, () => host.start());
      expect(await clock.run(10_000, () => ensemble.proposals(BASE).length === 4)).toBe(true);
      hosts[0]?.crash();
      ensemble.goDown();
      await clock.run(clock.time + 200);
      ensemble.comeBack();
      expect(await clock.run(clock.time + 20_000, () => commands.runs.length === 2)).toBe(true);
      await end(world, problems, false);
      expect(problems).toEqual([]);
    }
  });
});

describe('a host that freezes as a whole, with keeper and command', () => {
  it('says afterwards for how long, who leads, and that commands may have overlapped', async () => {
    const world = tell({ theme: 'freezes', candidates: 2 });
    const { clock, hosts, commands, trace, problems } = world;
    hosts[0]?.start();
    clock.schedule(500, () => hosts[1]?.start());
    expect(await clock.run(5_000, () => commands.runs.length === 1)).toBe(true);
    await clock.run(clock.time + 3_000);
    const goOn = hosts[0]?.pause(true);
    await clock.run(clock.time + 11_700);
    expect(commands.runs.map(({ host }) => host)).toEqual(['h1', 'h2']);
    goOn?.();
    await clock.run(clock.time + 5_000);
    const said = trace
      .toString()
      .split('\n')
      .filter((line) => / h1 +(error|warn):/.test(line));
    expect(said.join('\n')).toMatch(/the lease is lost .*stood still for 1[12]\.\ds/);
    expect(said.join('\n')).toMatch(/may have overlapped leader=h2/);
    await end(world, problems, false);
    expect(problems).toEqual([]);
  });
});

describe('a supervisor that stands still while its keeper executes the will', () => {
  it('wakes up, and does not run the command again under the lease that is given up', async () => {
    const plan = { ...QUIET_SETTING.plan, onChildSuccess: 'rerun', onChildError: 'rerun', restartDelay: 1 } as const;
    for (let pause = 900; pause <= 1_500; pause += 20) {
      const world = tell({ theme: 'pauses', candidates: 2, plan }, pause);
      const { clock, hosts, commands, trace, problems } = world;
      for (const [index, host] of hosts.entries()) clock.schedule(400 * index, () => host.start());
      expect(await clock.run(10_000, () => commands.runs.length === 1)).toBe(true);
      await clock.run(clock.time + 2_000);
      const from = clock.time;
      const goOn = hosts[0]?.pause(false);
      await clock.run(from + pause);
      goOn?.();
      const paused = { host: 'h1', kind: 'paused', from, to: clock.time } as const;
      await clock.run(clock.time + 6_000);
      expect(commands.alive).toHaveLength(1);
      if (pause === 1_500) expect(trace.toString()).toContain('the keeper has executed the will');
      await end(world, problems, false);
      expect([...problems, ...judge(world, [paused])]).toEqual([]);
    }
  });
});

describe('a leader that learns of its loss before its run is over', () => {
  it('ends a run that is deaf to SIGTERM before the lease would have run out', async () => {
    const plan = { ...QUIET_SETTING.plan, killAfter: 10_000 };
    const habits = { ...QUIET_SETTING.habits, stubborn: 1 };
    for (let away = 0; away <= 900; away += 50) {
      const world = tell({ candidates: 2, leaseDuration: 3_000, lease: 3_000, plan, habits }, 1 + away);
      const { clock, hosts, commands, ensemble, trace, problems } = world;
      for (const [index, host] of hosts.entries()) clock.schedule(400 * index, () => host.start());
      expect(await clock.run(10_000, () => commands.runs.length === 1)).toBe(true);
      await clock.run(clock.time + 2_000 + away);
      ensemble.cut('h1', ensemble.servers, 'none');
      await clock.run(clock.time + 1_000 + away);
      for (const session of ensemble.sessions.values()) if (session.host === 'h1') ensemble.expire(session);
      ensemble.tamper(BASE, Buffer.alloc(0));
      ensemble.cut('h1', ensemble.servers, 'open');
      const tampered = { host: 'everybody', kind: 'tampered', from: clock.time, to: clock.time } as const;
      await clock.run(clock.time + 6_000);
      expect(trace.toString()).toContain('the lease is lost');
      await end(world, problems, false);
      expect([...problems, ...judge(world, [tampered])]).toEqual([]);
    }
  });
});

describe('in run cron', () => {
  it('a tick that waits is handed over by a leader that is asked to stop', async () => {
    for (let moment = 0; moment < 1_000; moment += 100) {
      const world = tell({
        candidates: 2,
        ...cron({
          concurrency: 'queue',
          catchUp: 'once',
          text: '@every 2s',
          schedule: scheduleOf('@every 2s'),
          gap: 2_000,
        }),
        habits: { ...QUIET_SETTING.habits, lasts: [2_600, 2_600] },
      });
      const { clock, hosts, commands, ledger, problems } = world;
      for (const [index, host] of hosts.entries()) clock.schedule(400 * index, () => host.start());
      // The first run still lives at the second tick.
      expect(await clock.run(10_000, () => commands.runs.length === 1)).toBe(true);
      const first = commands.runs[0];
      await clock.run(clock.time + 2_050 + moment / 2);
      hosts.find(({ name }) => name === first?.host)?.stop('SIGTERM');
      await clock.run(clock.time + 8_000);
      await end(world, problems, false);
      expect([...problems, ...judge(world, [])]).toEqual([]);
      const ticks = [...ledger.records().values()].map(({ tick }) => tick);
      expect(ticks).toContain((first?.tick ?? 0) + 2_000);
    }
  });

  it('a candidate that runs anyway without leadership does so no more beside the next leader', async () => {
    const plan = { onLeaseLoss: 'keep', onElectionFailure: 'run-anyway', onChildSuccess: 'ignore' } as const;
    for (const seed of seeds(5)) {
      const world = tell({ theme: 'keep', ...cron({}, plan), habits: BRIEF }, seed);
      const { clock, hosts, ensemble, commands, problems } = world;
      ensemble.goDown();
      for (const host of hosts) host.start();
      const anyway = (): number => commands.launches.filter(({ fencingToken }) => fencingToken === undefined).length;
      expect(await clock.run(15_000, () => anyway() > 6)).toBe(true);
      ensemble.comeBack();
      await clock.run(clock.time + 8_000);
      const [before, launched] = [anyway(), commands.launches.length];
      await clock.run(clock.time + 10_000);
      expect(anyway()).toBe(before);
      expect(commands.launches.length - launched).toBeGreaterThanOrEqual(9);
      expect(commands.launches.length - launched).toBeLessThanOrEqual(11);
      await end(world, problems, false);
      expect(problems).toEqual([]);
    }
  });

  it.each([500, 3_000, 9_000])(
    'an ensemble that loses its data in %i ms, and counts anew, is served again',
    async (lasts) => {
      for (const seed of seeds(5)) {
        const world = tell(
          { theme: 'keep', ...cron({ catchUp: 'once' }, { onLeaseLoss: 'keep' }), habits: BRIEF },
          seed,
        );
        const { clock, hosts, ensemble, commands, problems } = world;
        for (const [index, host] of hosts.entries()) clock.schedule(400 * index, () => host.start());
        await clock.run(8_000);
        const from = clock.time;
        ensemble.goDown();
        await clock.run(from + lasts);
        ensemble.comeBack({ wiped: true });
        const wiped = { host: 'everybody', kind: 'wiped', from, to: clock.time } as const;
        await clock.run(clock.time + 10_000);
        const launched = commands.launches.length;
        await clock.run(clock.time + 10_000);
        expect(commands.launches.length - launched).toBeGreaterThanOrEqual(9);
        await end(world, problems, false);
        expect([...problems, ...judge(world, [wiped])]).toEqual([]);
      }
    },
  );
});

describe('an operator who asks the leader to step down', () => {
  const askFor = ({ ensemble }: World, fencingToken: number): void =>
    ensemble.tamper(stepDownPath(BASE), encodeStepDown({ fencingToken, by: 'an operator', time: '' }));

  it.each(['rerun', 'reelect', 'exit', 'ignore'] as const)(
    'has the command stopped, and another candidate leads; the request is nothing to that one (%s)',
    async (policy) => {
      for (const seed of seeds(5)) {
        const plan = { ...QUIET_SETTING.plan, onChildSuccess: policy, onChildError: policy };
        const world = tell({ plan }, seed);
        const { clock, hosts, commands, tenures, problems } = world;
        for (const [index, host] of hosts.entries()) clock.schedule(400 * index, () => host.start());
        expect(await clock.run(10_000, () => commands.runs.length === 1)).toBe(true);
        await clock.run(clock.time + 2_000);
        const [first] = tenures;
        askFor(world, first?.token ?? NaN);
        expect(await clock.run(clock.time + 1_000, () => commands.runs.length === 2)).toBe(true);
        expect(commands.runs.map(({ host }) => host)).toEqual(['h1', 'h2']);
        expect(commands.runs[0]?.endedAt).toBeLessThan(commands.runs[1]?.startedAt ?? 0);
        // A late writer repeats it.
        for (let again = 0; again < 3; again += 1) {
          askFor(world, first?.token ?? NaN);
          await clock.run(clock.time + 2_000);
        }
        expect(tenures).toHaveLength(2);
        askFor(world, tenures[1]?.token ?? NaN);
        expect(await clock.run(clock.time + 1_000, () => commands.runs.length === 3)).toBe(true);
        expect(commands.runs[2]?.host).toBe('h3');
        await end(world, problems, false);
        expect([...problems, ...judge(world, [])]).toEqual([]);
      }
    },
  );

  it('is heard by a leader whose connection broke while the request was written', async () => {
    for (const seed of seeds(5)) {
      const world = tell({ theme: 'keep', plan: { ...QUIET_SETTING.plan, onLeaseLoss: 'keep' } }, seed);
      const { clock, hosts, ensemble, commands, tenures, problems } = world;
      for (const [index, host] of hosts.entries()) clock.schedule(400 * index, () => host.start());
      expect(await clock.run(10_000, () => commands.runs.length === 1)).toBe(true);
      await clock.run(clock.time + 1_000);
      const from = clock.time;
      ensemble.cut('h1', ensemble.servers, 'none');
      askFor(world, tenures[0]?.token ?? NaN);
      await clock.run(clock.time + 500);
      ensemble.cut('h1', ensemble.servers, 'open');
      expect(await clock.run(clock.time + 10_000, () => commands.runs.length === 2)).toBe(true);
      expect(commands.runs[1]?.host).toBe('h2');
      const away = { host: 'h1', kind: 'network', from, to: clock.time } as const;
      await end(world, problems, false);
      expect([...problems, ...judge(world, [away])]).toEqual([]);
    }
  });

  it('of a schedule loses no tick and repeats none, though the ensemble goes away in the middle of it', async () => {
    // In between, 5 ms after the request, the ledger is handed over and the lease is not yet given up: nobody leads
    // then.
    for (const after of [0, 1, 20, 100]) {
      const plan = { onLeaseLoss: 'keep', onChildSuccess: 'rerun' } as const;
      const world = tell({ theme: 'outages', ...cron({ catchUp: 'once' }, plan), habits: BRIEF });
      const { clock, hosts, ensemble, commands, ledger, tenures, problems } = world;
      for (const [index, host] of hosts.entries()) clock.schedule(400 * index, () => host.start());
      await clock.run(8_300);
      const [from, launched] = [clock.time, commands.launches.length];
      askFor(world, tenures.at(-1)?.token ?? NaN);
      await clock.run(clock.time + after);
      ensemble.goDown();
      await clock.run(clock.time + 5_000);
      ensemble.comeBack();
      expect(await clock.run(clock.time + 10_000, () => tenures.length === 2)).toBe(true);
      await clock.run(clock.time + 6_000);
      expect(tenures.map(({ host }) => host)).toEqual(['h1', 'h2']);
      const away = { host: 'everybody', kind: 'network', from, to: from + 6_000 } as const;
      await end(world, problems, false);
      expect([...problems, ...judge(world, [away])]).toEqual([]);
      const ticks = [...ledger.records().values()].map(({ tick }) => tick);
      expect(ticks.length).toBe(new Set(ticks).size);
      expect(commands.launches.length - launched).toBeGreaterThanOrEqual(11);
    }
  });
});
