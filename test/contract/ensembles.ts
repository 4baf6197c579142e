import { join } from 'node:path';
import { systemClock, type Clock } from '../../src/clock.ts';
import { NoNodeError } from '../../src/election/errors.ts';
import type { SessionOpener } from '../../src/zookeeper/session/port.ts';
import { zookeeperSessions } from '../../src/zookeeper/session/sessions.ts';
import { Ensemble } from '../simulation/ensemble.ts';
import { FakeSessions } from '../simulation/sessions.ts';
import { silentLogger } from '../support/silent-logger.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { startZooKeeper } from '../support/zookeeper.ts';

/** One ensemble with its own time, real or simulated: what the contract is tested on, one test after the other. */
export interface EnsembleWorld {
  /** To be called after each test: everybody serves, and whatever lies under `/` is gone. */
  reset(): Promise<void>;
  /** The granted timeouts lie between twice and twenty times this, ms. */
  readonly tickTime: number;
  /** A host of its own: its clock, and what opens its sessions. */
  host(name: string, sessionTimeout: number): { readonly sessions: SessionOpener; readonly clock: Clock };
  /** Lets time pass until the promise has settled, and settles like it. */
  settle<T>(promise: Promise<T>): Promise<T>;
  /** Lets `ms` pass. */
  pass(ms: number): Promise<void>;
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
    async reset() {
      world.silence(false);
      if (!ensemble.up) await world.comeBack();
      await clear(world);
    },
    tickTime: TICK_MS,
    host(name, sessionTimeout) {
      const process = clock.process();
      return { clock: process, sessions: new FakeSessions(ensemble, name, process, sessionTimeout) };
    },
    settle: (promise) => clock.wait(promise),
    pass: async (ms) => void (await clock.run(clock.time + ms)),
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

async function real(): Promise<EnsembleWorld> {
  const zookeeper = await startZooKeeper({ tickTime: TICK_MS });
  let silenced = false;
  const world: EnsembleWorld = {
    async reset() {
      world.silence(false);
      if (zookeeper.server.pid === undefined) await world.comeBack();
      await clear(world);
    },
    tickTime: TICK_MS,
    host(_name, sessionTimeout) {
      const sessions = zookeeperSessions({
        servers: [{ host: '127.0.0.1', port: zookeeper.server.port }],
        sessionTimeout,
        keeperPath: join(import.meta.dirname, '../../dist/keeper.js'),
        clock: systemClock,
        logger: silentLogger,
        debug: false,
      });
      return { clock: systemClock, sessions };
    },
    settle: (promise) => promise,
    pass: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    goDown: () => zookeeper.server.stop(),
    comeBack: (options = {}) => zookeeper.server.restart({ wipe: options.wiped ?? false }),
    silence(silent) {
      if (silent === silenced) return;
      silenced = silent;
      if (silent) zookeeper.server.pause();
      else zookeeper.server.resume();
    },
    close: () => zookeeper.close(),
  };
  return world;
}

/** What every contract is run on. */
export const ensembles: readonly (readonly [name: string, start: () => Promise<EnsembleWorld>])[] = [
  ['the simulated ensemble', () => Promise.resolve(simulated())],
  ['ZooKeeper', real],
];

/** The error that a promise rejects with. Fails when it does not. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}
