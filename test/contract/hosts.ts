import { systemClock, type Clock } from '../../src/clock.ts';
import type { SessionOpener } from '../../src/zookeeper/session/port.ts';
import type { Ensemble } from '../simulation/ensemble.ts';
import { FakeSessions } from '../simulation/sessions.ts';
import { Proxy } from '../support/proxy.ts';
import type { VirtualClock } from '../support/virtual-clock.ts';

/** A host: its clock, and what opens its sessions. */
export interface Host {
  readonly sessions: SessionOpener;
  readonly clock: Clock;
}

/** A host with its own network and its own bad days. */
export interface FragileHost extends Host {
  /** Its clock goes on, and nothing else of it. */
  freeze(): void;
  thaw(): void;
  /** Nothing passes between it and the servers; what is sent is held up. */
  cutOff(): void;
  reconnect(): void;
  /** It is gone with all that runs on it. */
  kill(): void;
  /** Ends all of that, as far as possible. Returns whether its code can run again. */
  revive(): boolean;
  release(): Promise<void>;
}

export function simulatedHost(
  clock: VirtualClock,
  ensemble: Ensemble,
  name: string,
  sessionTimeout: number,
): FragileHost {
  const process = clock.process();
  const sessions = new FakeSessions(ensemble, name, process, sessionTimeout);
  const reconnect = (): void => ensemble.cut(name, ensemble.servers, 'open');
  return {
    sessions,
    clock: process,
    freeze: () => process.pause(),
    thaw: () => process.resume(),
    cutOff: () => ensemble.cut(name, ensemble.servers, 'none'),
    reconnect,
    kill() {
      for (const keeper of sessions.keepers) keeper.vanish();
      process.kill();
    },
    revive() {
      reconnect();
      process.resume();
      return process.state === 'running';
    },
    release: () => Promise.resolve(),
  };
}

/** The clock of the machine, whose timers wait while it is frozen. */
export class FreezableClock implements Clock {
  /** What was due since it froze; `undefined`: it is not frozen. */
  #held: (() => void)[] | undefined;

  now(): number {
    return systemClock.now();
  }

  wall(): number {
    return systemClock.wall();
  }

  random(): number {
    return systemClock.random();
  }

  at(at: number, callback: () => void): () => void {
    let wanted: (() => void) | undefined = callback;
    const cancel = systemClock.at(at, () =>
      this.#held === undefined ? wanted?.() : this.#held.push(() => wanted?.()),
    );
    return () => {
      wanted = undefined;
      cancel();
    };
  }

  freeze(): void {
    this.#held ??= [];
  }

  thaw(): void {
    const due = this.#held ?? [];
    this.#held = undefined;
    for (const callback of due) callback();
  }
}

/**
 * A host in this process, behind a proxy of its own. Frozen, it takes nothing from the network, and its timers wait.
 * Gone, it is frozen for good. Its keeper lives on: without a network it reaches nobody.
 */
export async function realHost(
  port: number,
  open: (port: number, clock: Clock) => SessionOpener,
): Promise<FragileHost> {
  const proxy = await Proxy.start(port);
  const clock = new FreezableClock();
  const freeze = (): void => {
    clock.freeze();
    proxy.stall();
  };
  const thaw = (): void => {
    proxy.forward();
    clock.thaw();
  };
  return {
    sessions: open(proxy.port, clock),
    clock,
    freeze,
    thaw,
    cutOff: () => proxy.stall(),
    reconnect: () => proxy.forward(),
    kill: freeze,
    revive() {
      thaw();
      return true;
    },
    release: () => proxy.close(),
  };
}
