import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../support/virtual-clock.ts';
import { build, end, type World } from './history.ts';
import { QUIET_SETTING, type Setting } from './setting.ts';
import { Trace } from './trace.ts';

const UNREACHABLE = 'warn: ZooKeeper is still unreachable';

interface Told {
  readonly world: World;
  /** What each host has said of the outage, oldest first. */
  said(host: string): string[];
}

/** Three candidates stand in the order of their names; the first one runs the command. */
async function stood(plan: Partial<Setting['plan']>): Promise<Told> {
  const clock = new VirtualClock(1);
  const trace = new Trace(clock);
  const setting = { ...QUIET_SETTING, plan: { ...QUIET_SETTING.plan, ...plan } };
  const world = build(clock, setting, trace, {}, []);
  for (const [index, host] of world.hosts.entries()) clock.schedule(1000 * index, () => host.start());
  await clock.run(5000, () => false);
  expect(world.commands.runs.map(({ host }) => host)).toEqual([world.hosts[0]?.name]);
  const said = (host: string): string[] =>
    String(trace)
      .split('\n')
      .filter((line) => line.includes(` ${host} `) && line.includes(UNREACHABLE));
  return { world, said };
}

const names = ({ hosts }: World): [string, string, string] => hosts.map(({ name }) => name) as [string, string, string];

describe('an outage of minutes', () => {
  it('is told of every 30 s by every candidate, with where the command runs as far as it knows (`keep`)', async () => {
    const { world, said } = await stood({ onLeaseLoss: 'keep' });
    const [leader, next, last] = names(world);
    world.ensemble.goDown();
    await world.clock.run(world.clock.time + 95_000);
    for (const host of [leader, next, last]) {
      expect(said(host)).toHaveLength(3);
      expect(said(host)[2]).toMatch(/ unreachableFor=1m30s why=\S/);
    }
    expect(said(leader)[0]).toContain(`command=runs here leader=${leader}`);
    for (const host of [next, last])
      expect(said(host)[0]).toMatch(
        new RegExp(`command=runs elsewhere, as far as known leader=${leader} host=${leader} seenBefore=\\d+s`),
      );
    world.ensemble.comeBack();
    await world.clock.run(world.clock.time + 60_000);
    expect([leader, next, last].map((host) => said(host).length)).toEqual([3, 3, 3]);
    await end(world, [], false);
  });

  it('says that nobody runs the command, where every leader has stopped it (`stop`)', async () => {
    const { world, said } = await stood({ onLeaseLoss: 'stop' });
    const [leader, next] = names(world);
    world.ensemble.goDown();
    await world.clock.run(world.clock.time + 35_000);
    expect(world.commands.alive).toEqual([]);
    expect(said(leader)[0]).toMatch(/command=runs nowhere, as far as known$/);
    expect(said(next)[0]).toContain(
      `command=runs nowhere, as far as known, unless its leader still reaches ZooKeeper leader=${leader}`,
    );
    world.ensemble.comeBack();
    await end(world, [], false);
  });

  it('is told of by a candidate that has never reached ZooKeeper', async () => {
    const { world, said } = await stood({});
    const [leader, next, last] = names(world);
    for (const host of world.hosts) host.stop('SIGTERM');
    await world.clock.run(world.clock.time + 5000, () => world.hosts.every(({ current }) => current === undefined));
    world.ensemble.goDown();
    world.hosts[0]?.start();
    await world.clock.run(world.clock.time + 65_000);
    expect(said(leader).length).toBeGreaterThanOrEqual(1);
    expect(said(leader)[0]).toContain('command=not known: this candidate has not seen the election yet');
    expect([...said(next), ...said(last)]).toEqual([]);
    await end(world, [], true);
  });
});

describe('an outage that is over, or a candidate that has left', () => {
  it('is told of no more', async () => {
    const { world, said } = await stood({ onLeaseLoss: 'keep' });
    const [leader] = names(world);
    world.ensemble.goDown();
    await world.clock.run(world.clock.time + 20_000);
    world.hosts[0]?.stop('SIGTERM');
    await world.clock.run(world.clock.time + 100_000);
    expect(world.hosts[0]?.current).toBeUndefined();
    expect(said(leader)).toEqual([]);
    await end(world, [], true);
  });
});
