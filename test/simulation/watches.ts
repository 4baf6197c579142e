import type { Watch, WatchEvent } from '../../src/zookeeper/session/port.ts';
import type { Happening } from './tree.ts';

/** The watches that a session has left and that have not fired. */
export class Watches {
  readonly #armed = new Map<string, Set<(event: WatchEvent) => void>>();

  leave(on: Happening['on'], path: string): Watch {
    const key = `${on} ${path}`;
    const armed = this.#armed.get(key) ?? new Set();
    this.#armed.set(key, armed);
    let fire: (event: WatchEvent) => void = () => undefined;
    const fired = new Promise<WatchEvent>((resolve) => {
      fire = resolve;
    });
    armed.add(fire);
    return { fired, cancel: () => armed.delete(fire) };
  }

  /** Each fires once; the server forgets it, so does this side. */
  fire(happening: Happening): void {
    this.#release(`${happening.on} ${happening.path}`, happening.event);
  }

  interrupt(): void {
    for (const key of [...this.#armed.keys()]) this.#release(key, 'interrupted');
  }

  #release(key: string, event: WatchEvent): void {
    const armed = this.#armed.get(key);
    this.#armed.delete(key);
    for (const fire of armed ?? []) fire(event);
  }
}
