/** What is known of an election's znodes, and which of it has to be read again. */
import type { Clock } from '../../clock.ts';
import { within } from '../../waiting.ts';
import type { Session, Watch, WatchEvent, ZNode } from '../session/port.ts';
import { childPath, sortProposals } from '../election/queue.ts';
import { ask } from './inspection.ts';
import { heartbeatDoubt, type Snapshot } from './snapshot.ts';

/** Where to look, and until when. */
export interface MirrorOptions {
  readonly session: Session;
  readonly clock: Clock;
  readonly basePath: string;
  /** Name of the register that is read as well. */
  readonly register: string;
  /** Ends all reading; its reason is thrown. */
  readonly signal: AbortSignal;
}

/** The election as it was read. Instants are monotonic ms. */
export interface Sight {
  readonly base: ZNode | undefined;
  readonly proposals: Snapshot['proposals'];
  /** Data of the register; empty when there is none. */
  readonly register: Buffer;
  /** The lease is known not to have changed since. */
  readonly unchangedSince: number;
  /** The ensemble's clock less this host's monotonic one, by the last heartbeat seen, ms. `undefined`: none yet. */
  readonly ensembleClock: number | undefined;
}

/** The snapshot of this sight at `now`, monotonic ms, when the wall clock of this host says `wall`. */
export function snapshotAt(basePath: string, sight: Sight, now: number, wall: number): Snapshot {
  const { base, proposals, unchangedSince, ensembleClock: offset } = sight;
  const ensembleClock = offset === undefined ? undefined : now + offset;
  const snapshot = { basePath, base, proposals, wall, ensembleClock, unchangedFor: undefined };
  const doubt = heartbeatDoubt(snapshot);
  const watched = now - unchangedSince;
  return { ...snapshot, unchangedFor: doubt !== undefined && watched >= doubt ? watched : undefined };
}

/** The base znode, among the names of its children. */
const BASE = '';
/** The list of its children. No znode has this name. */
const CHILDREN = '/';

/** A copy of an election's znodes, on one session. What a watch fires for is stale, and read again by `refresh`. */
export class Mirror {
  readonly #options: MirrorOptions;
  readonly #watches = new Map<string, Watch>();
  readonly #stale = new Set([BASE, CHILDREN]);
  readonly #nodes = new Map<string, ZNode>();
  #queue: readonly string[] = [];
  #unchangedSince: number;
  #ensembleClock: number | undefined;
  /** When the watch on the lease fired, and the version before that. */
  #beat: { readonly at: number; readonly version: number } | undefined;
  #interrupted = false;
  #wake: () => void = () => undefined;

  /** `ensembleClock`: as an earlier sight had it. */
  constructor(options: MirrorOptions, ensembleClock: number | undefined) {
    this.#options = options;
    this.#unchangedSince = options.clock.now();
    this.#ensembleClock = ensembleClock;
  }

  get sight(): Sight {
    return {
      base: this.#nodes.get(BASE),
      proposals: this.#queue.map((name) => ({ name, node: this.#nodes.get(name) })),
      register: this.#nodes.get(this.#options.register)?.data ?? Buffer.alloc(0),
      unchangedSince: this.#unchangedSince,
      ensembleClock: this.#ensembleClock,
    };
  }

  /**
   * Reads everything that is stale. Resolves with false when contact was broken meanwhile: then some of it may be old.
   * Throws RefusedError when an ACL forbids it, SessionEndedError, and the signal's reason.
   */
  async refresh(): Promise<boolean> {
    this.#interrupted = false;
    if (this.#stale.delete(CHILDREN)) await this.#readChildren();
    // The list of children may be stale again already: it is read in the next round.
    const names = [...this.#stale].filter((name) => name !== CHILDREN);
    for (const name of names) this.#stale.delete(name);
    await Promise.all(names.map((name) => this.#readNode(name)));
    // It was made after its children had been asked for: no watch stands on them.
    if (this.#nodes.has(BASE) && !this.#watches.has(CHILDREN)) this.#mark(CHILDREN);
    return !this.#interrupted;
  }

  /** Resolves when something is stale, and at `at`, monotonic ms, at the latest. Throws the signal's reason. */
  async untilStale(at = Infinity): Promise<void> {
    const { clock, signal } = this.#options;
    if (this.#stale.size > 0) return signal.throwIfAborted();
    const woken = new Promise<void>((resolve) => (this.#wake = resolve));
    const cancel = at === Infinity ? undefined : clock.at(at, this.#wake);
    await within(clock, woken, { signal }).finally(() => cancel?.());
  }

  /** Ends the present wait of `untilStale`. */
  wake(): void {
    this.#wake();
  }

  /** Forgets all watches. */
  release(): void {
    for (const watch of this.#watches.values()) watch.cancel();
    this.#watches.clear();
  }

  async #readChildren(): Promise<void> {
    const { session, basePath, register } = this.#options;
    const armed = await ask(this.#options, (options) => session.childrenWatched(basePath, options));
    if (armed !== undefined) this.#arm(CHILDREN, armed.watch);
    const children = armed?.children ?? [];
    this.#queue = sortProposals(children);
    const present = new Set([...this.#queue, ...children.filter((name) => name === register)]);
    for (const name of [...this.#nodes.keys()]) if (name !== BASE && !present.has(name)) this.#drop(name);
    for (const name of present) if (!this.#nodes.has(name)) this.#stale.add(name);
  }

  async #readNode(name: string): Promise<void> {
    const { session, basePath } = this.#options;
    const path = name === BASE ? basePath : childPath(basePath, name);
    const armed = await ask(this.#options, (options) => session.getWatched(path, options));
    if (armed === undefined) {
      this.#drop(name);
      return name === BASE ? this.#awaitBase() : undefined;
    }
    this.#arm(name, armed.watch);
    if (name === BASE) this.#noteBeat(armed.node);
    this.#nodes.set(name, armed.node);
  }

  /** There is no election yet, or no more. */
  async #awaitBase(): Promise<void> {
    const { session, basePath } = this.#options;
    const armed = await ask(this.#options, (options) => session.existsWatched(basePath, options));
    if (armed === undefined) return;
    this.#arm(BASE, armed.watch);
    if (armed.stat !== undefined) this.#markAll();
  }

  /** A change that is the only one since the watch was set happened when the watch fired. */
  #noteBeat({ stat }: ZNode): void {
    const { clock } = this.#options;
    const before = this.#nodes.get(BASE);
    if (before?.stat.mzxid === stat.mzxid) return;
    const beat = this.#beat;
    this.#beat = undefined;
    this.#unchangedSince = beat?.at ?? clock.now();
    if (beat !== undefined && stat.version === beat.version + 1) this.#ensembleClock = stat.mtime - beat.at;
  }

  #arm(name: string, watch: Watch): void {
    this.#watches.get(name)?.cancel();
    this.#watches.set(name, watch);
    void watch.fired.then((event) => {
      if (this.#watches.get(name) !== watch) return;
      this.#watches.delete(name);
      this.#fired(name, event);
    });
  }

  #fired(name: string, event: WatchEvent): void {
    const node = this.#nodes.get(name);
    if (event === 'interrupted') this.#interrupted = true;
    if (name !== BASE && event !== 'deleted') return this.#mark(name);
    if (name === BASE && event === 'changed') {
      if (node !== undefined) this.#beat = { at: this.#options.clock.now(), version: node.stat.version };
      return this.#mark(BASE);
    }
    // Made anew, it may have other proposals of the same names.
    if (name === BASE || name === CHILDREN) this.#markAll();
    else this.#mark(name);
  }

  #mark(name: string): void {
    this.#stale.add(name);
    this.#wake();
  }

  #markAll(): void {
    for (const name of [BASE, CHILDREN, ...this.#nodes.keys()]) this.#stale.add(name);
    this.#wake();
  }

  #drop(name: string): void {
    this.#watches.get(name)?.cancel();
    this.#watches.delete(name);
    this.#nodes.delete(name);
    this.#stale.delete(name);
  }
}
