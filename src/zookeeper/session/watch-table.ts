import type { Watch, WatchEvent } from './port.ts';
import type { ZNodeEvent } from '../../keeper/protocol.ts';

/** `data`: change, deletion, creation where there is none. `children`: a change of the list, deletion of the parent. */
export type WatchKind = 'data' | 'children';

const FIRES: Readonly<Record<ZNodeEvent, readonly WatchKind[]>> = {
  created: ['data'],
  changed: ['data'],
  child: ['children'],
  deleted: ['data', 'children'],
};

/**
 * The one-shot watches of a session, by path. The ensemble knows one watch for a path and kind however many wait for it
 * here. Events arrive in order with the answers to reads: one that nobody waits for belongs to a watch that was
 * cancelled or has been resolved, and is dropped.
 */
export class Watches {
  readonly #armed = { data: new Map<string, Set<Fire>>(), children: new Map<string, Set<Fire>>() };

  /** To be called in the same turn in which the read that armed the watch was answered. */
  add(kind: WatchKind, path: string): Watch {
    const { promise, resolve } = deferred<WatchEvent>();
    const waiting = this.#armed[kind].get(path) ?? new Set();
    this.#armed[kind].set(path, waiting.add(resolve));
    const cancel = (): void => {
      waiting.delete(resolve);
      if (waiting.size === 0 && this.#armed[kind].get(path) === waiting) this.#armed[kind].delete(path);
    };
    return { fired: promise, cancel };
  }

  fire(event: ZNodeEvent, path: string): void {
    for (const kind of FIRES[event]) {
      const waiting = this.#armed[kind].get(path);
      this.#armed[kind].delete(path);
      waiting?.forEach((resolve) => resolve(event));
    }
  }

  /** Contact was broken: events may have been missed. */
  interrupt(): void {
    for (const armed of Object.values(this.#armed)) {
      const all = [...armed.values()];
      armed.clear();
      for (const waiting of all) waiting.forEach((resolve) => resolve('interrupted'));
    }
  }
}

type Fire = (event: WatchEvent) => void;

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => (resolve = settle));
  return { promise, resolve };
}
