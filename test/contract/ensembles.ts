import { join } from 'node:path';
import { systemClock, type Clock } from '../../src/clock.ts';
import { NoNodeError } from '../../src/zookeeper/session/errors.ts';
import type { ClientChoice } from '../../src/config/config.ts';
import type { SessionOpener } from '../../src/zookeeper/session/port.ts';
import { zookeeperSessions } from '../../src/zookeeper/session/sessions.ts';
import { Ensemble } from '../simulation/ensemble.ts';
import { triesAll } from '../support/depth.ts';
import { clientChoice } from '../support/sessions.ts';
import { silentLogger } from '../support/silent-logger.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { startZooKeeper } from '../support/zookeeper.ts';
import { realHost, simulatedHost, type FragileHost, type Host } from './hosts.ts';

/** One ensemble with its own time, real or simulated: what the contract is tested on, one test after the other. */
export interface EnsembleWorld {
  /** Everybody serves. */
  restore(): Promise<void>;
  /** To be called after each test: everybody serves, and whatever lies under `/` is gone. */
  reset(): Promise<void>;
  /** The granted timeouts lie between twice and twenty times this, ms. */
  readonly tickTime: number;
  host(name: string, sessionTimeout: number): Host;
  fragileHost(name: string, sessionTimeout: number): Promise<FragileHost>;
  /** Lets time pass until the promise has settled, and settles like it. */
  settle<T>(promise: Promise<T>): Promise<T>;
  /** Time is virtual: no machine is slow. */
  readonly isVirtual: boolean;
  /** Lets `ms` pass. */
  pass(ms: number): Promise<void>;
  /**
   * Lets time pass to the `index`-th of the moments, from 0, that are worth to be looked at. Where time is virtual,
   * each arrival at a process is one, and each is met twice; where it is real, each is eight times as far away as the
   * last.
   */
  moment(index: number): Promise<void>;
  /** All servers are gone: connections break. */
  goDown(): Promise<void>;
  comeBack(options?: { readonly wiped?: boolean }): Promise<void>;
  /** All servers stand still: connections stay, nobody answers. */
  silence(silent: boolean): void;
  close(): Promise<void>;
}

const TICK_MS = 100;

const O = { timeout: 5000 };

/** Deletes whatever has no owner or a dead one. A session that is just being closed may take its znodes itself. */
async function clear({ host, settle }: Pick<EnsembleWorld, 'host' | 'settle'>): Promise<void> {
  const session = await settle(host('cleaner', 1000).sessions.open(O));
  // The server that has applied a write has applied what was written before, too.
  await settle(session.create('/last-', Buffer.alloc(0), 'ephemeral-sequential', O));
  const remove = async (path: string): Promise<void> => {
    for (const name of await settle(session.children(path, O)))
      if (`${path}${name}` !== '/zookeeper') await remove(path === '/' ? `/${name}` : `${path}/${name}`);
    if (path !== '/') await settle(session.delete(path, -1, O));
  };
  const isGone = (error: unknown): boolean => error instanceof NoNodeError;
  for (let done = false; !done;)
    done = await remove('/').then(
      () => true,
      (error: unknown) => {
        if (isGone(error)) return false;
        throw error;
      },
    );
  await settle(session.close(500));
}

function simulated(): EnsembleWorld {
  const clock = new VirtualClock(7);
  const ensemble = new Ensemble(clock, { tickTime: TICK_MS });
  const world: EnsembleWorld = {
    async restore() {
      world.silence(false);
      if (!ensemble.up) await world.comeBack();
    },
    async reset() {
      await world.restore();
      await clear(world);
    },
    tickTime: TICK_MS,
    isVirtual: true,
    host: (name, sessionTimeout) => simulatedHost(clock, ensemble, name, sessionTimeout),
    fragileHost: (name, sessionTimeout) => Promise.resolve(simulatedHost(clock, ensemble, name, sessionTimeout)),
    settle: (promise) => clock.wait(promise),
    pass: async (ms) => void (await clock.run(clock.time + ms)),
    async moment(index) {
      let left = Math.floor(index / 2);
      if (left > 0) await clock.run(clock.time + 60_000, () => (left -= 1) <= 0);
    },
    async goDown() {
      ensemble.goDown();
      await clock.run(clock.time + 5);
    },
    async comeBack(options) {
      ensemble.comeBack(options);
      await clock.run(clock.time + 5);
    },
    silence(silent) {
      for (const server of ensemble.servers) ensemble.stall(server, silent);
    },
    close: () => Promise.resolve(),
  };
  return world;
}

function sessionsOn(
  ports: readonly number[],
  sessionTimeout: number,
  clock: Clock,
  client: ClientChoice,
): SessionOpener {
  return zookeeperSessions({
    servers: ports.map((port) => ({ host: '127.0.0.1', port })),
    sessionTimeout,
    client,
    keeperPath: join(import.meta.dirname, '../../dist/keeper.js'),
    clock,
    logger: silentLogger,
    debug: false,
  });
}

/** Servers that were silent for a while are to find each other again: they have as much patience as a test. */
const PATIENT = { initLimit: 600, syncLimit: 600 };

/** `clients`: of one host after the other, in turn. */
async function real(
  clients: readonly [ClientChoice, ...ClientChoice[]] = [clientChoice],
  members: 1 | 3 = 1,
): Promise<EnsembleWorld> {
  const zookeeper = await startZooKeeper({ tickTime: TICK_MS, members, config: members === 1 ? {} : PATIENT });
  const ports = zookeeper.members.map(({ port }) => port);
  let silenced = false;
  let hosts = 0;
  const nextClient = (): ClientChoice => clients[hosts % clients.length] as ClientChoice;
  const world: EnsembleWorld = {
    async restore() {
      world.silence(false);
      if (zookeeper.server.pid === undefined) await world.comeBack();
    },
    async reset() {
      await world.restore();
      await clear(world);
    },
    tickTime: TICK_MS,
    isVirtual: false,
    host: (_name, sessionTimeout) => ({
      clock: systemClock,
      sessions: sessionsOn(ports, sessionTimeout, systemClock, nextClient()),
    }),
    // Each behind a proxy to one of the servers.
    fragileHost(_name, sessionTimeout) {
      const [client, member] = [nextClient(), zookeeper.member(hosts++ % members)];
      return realHost(member.port, (port, clock) => sessionsOn([port], sessionTimeout, clock, client));
    },
    settle: (promise) => promise,
    pass: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    moment: (index) => world.pass(8 ** index - 1),
    async goDown() {
      await Promise.all(zookeeper.members.map((member) => member.stop()));
    },
    async comeBack({ wiped = false } = {}) {
      await Promise.all(zookeeper.members.map((member) => member.restart({ wipe: wiped })));
    },
    silence(silent) {
      if (silent === silenced) return;
      silenced = silent;
      for (const member of zookeeper.members) {
        if (silent) member.pause();
        else member.resume();
      }
    },
    close: () => zookeeper.close(),
  };
  return world;
}

type Named = readonly (readonly [name: string, start: () => Promise<EnsembleWorld>])[];

/** What every contract is run on. */
export const ensembles: Named = [
  ['the simulated ensemble', () => Promise.resolve(simulated())],
  ['ZooKeeper', () => real()],
];

/** What the contract of a session is run on as well: ballot's own client, and three servers by either. */
export const byEitherClient: Named = [
  ['ZooKeeper, by the wire client', () => real(['wire'])],
  ...(triesAll
    ? ([
        ['three servers', () => real([clientChoice], 3)],
        ['three servers, by the wire client', () => real(['wire'], 3)],
      ] as const)
    : []),
];

/** What the contract of an election is run on as well: hosts at each of the servers, every other by the wire client. */
export const threeServers: Named = triesAll
  ? [['three servers, by both clients', () => real([clientChoice, 'wire'], 3)]]
  : [];
