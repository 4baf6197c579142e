/** What can be listened to, by name, and what a listener is given. */
type Events = Readonly<Record<string, readonly unknown[]>>;

/**
 * Several listeners for each event. They are called in order, never synchronously, each in a turn of its own: what one
 * throws is an uncaught exception of its program, and neither stops the others nor us.
 */
export class Listeners<E extends Events> {
  readonly #listeners = new Map<keyof E, Set<(...facts: never) => void>>();

  /** Calls `listener` at each event of this name, `already` for one that has happened. Returns what ends that. */
  add<K extends keyof E>(name: K, listener: (...facts: E[K]) => void, already?: E[K]): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    // Another function for each registration: one that is registered twice is called twice, and leaves once.
    const call = (...facts: E[K]): void => listener(...facts);
    listeners.add(call);
    if (already !== undefined) queueMicrotask(() => listeners.has(call) && call(...already));
    return () => void listeners.delete(call);
  }

  /** Tells all who listen now. */
  tell<K extends keyof E>(name: K, ...facts: E[K]): void {
    const listeners = this.#listeners.get(name) ?? new Set();
    for (const listener of listeners)
      queueMicrotask(() => {
        if (listeners.has(listener)) (listener as (...facts: E[K]) => void)(...facts);
      });
  }
}
