import type { Clock } from '../../src/clock.ts';
import { Random } from './random.ts';

interface Event {
  readonly at: number;
  readonly order: number;
  action: (() => void) | undefined;
}

export interface VirtualProcessOptions {
  /** How fast its monotonic clock runs: 1.01 gains 1 %. */
  readonly rate?: number;
  /** Its wall clock less the true one, ms; or the wall clock that it shares with the other processes of its machine. */
  readonly wall?: number | WallClock;
  /** Its timers fire up to so many ms late, as a loaded event loop's do. */
  readonly lateness?: number;
  /** Runs on the machine of that process: their monotonic clocks are one. */
  readonly machineOf?: VirtualProcess;
  /** False for parts of the world that only ever run synchronously: no promise jobs to wait for. */
  readonly runsPromises?: boolean;
}

/**
 * The wall clock of a machine: true time and an offset, which steps now and then. It can be asked afterwards what it
 * showed.
 */
export class WallClock {
  readonly #clock: VirtualClock;
  readonly #steps: { readonly at: number; readonly offset: number }[];

  constructor(clock: VirtualClock, offset: number) {
    this.#clock = clock;
    this.#steps = [{ at: -Infinity, offset }];
  }

  /** The present offset, ms. */
  get offset(): number {
    return this.#steps.at(-1)!.offset;
  }

  /** Sets the clock, as an administrator or NTP does. */
  set(offset: number): void {
    this.#steps.push({ at: this.#clock.time, offset });
  }

  /** Milliseconds since the Unix epoch that it shows, or showed at true time `at`. */
  at(at = this.#clock.time): number {
    return Math.floor(EPOCH + at + this.offsetAt(at));
  }

  /** What its offset was at true time `at`, ms. */
  offsetAt(at: number): number {
    return this.#steps.findLast((step) => step.at <= at)!.offset;
  }

  /** When it was set between the two true times. */
  stepsBetween(from: number, to: number): number[] {
    return this.#steps.flatMap(({ at }) => (at >= from && at <= to ? [at] : []));
  }
}

/** The true time at which every history begins, ms since the Unix epoch. */
export const EPOCH = Date.UTC(2026, 10, 21);

/** Every promise job and `nextTick` that is due runs before this resolves. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * Virtual time. One scheduler runs events by time, then by the order in which they were asked for, and lets all promise
 * jobs settle after each event that entered a process: a history depends on its seed alone.
 */
export class VirtualClock {
  readonly random: Random;
  #time = 0;
  #order = 0;
  #entered = true;
  readonly #heap: Event[] = [];

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  /** True time: ms since the history began. No process can read it. */
  get time(): number {
    return this.#time;
  }

  /** Runs `action` at true time `at`, or now if that is past. Returns its cancellation. */
  schedule(at: number, action: () => void): () => void {
    const event: Event = { at: Math.max(at, this.#time), order: (this.#order += 1), action };
    this.#push(event);
    return () => {
      event.action = undefined;
    };
  }

  /** Runs `action` after `delay` ms of true time. Returns its cancellation. */
  after(delay: number, action: () => void): () => void {
    return this.schedule(this.#time + delay, action);
  }

  /** A process with clocks of its own. */
  process(options: VirtualProcessOptions = {}): VirtualProcess {
    return new VirtualProcess(this, this.random.fork(), options);
  }

  /** Told by a process that code with promises has run. */
  entered(): void {
    this.#entered = true;
  }

  /**
   * Runs all events up to true time `until`, and stops earlier when `done` says so after an event. Returns whether
   * `done` said so.
   */
  async run(until: number, done: () => boolean = () => false): Promise<boolean> {
    for (;;) {
      if (this.#entered) {
        this.#entered = false;
        await settled();
        if (done()) return true;
      }
      const next = this.#heap[0];
      if (next === undefined || next.at > until) break;
      this.#pop();
      if (next.action === undefined) continue;
      this.#time = next.at;
      next.action();
    }
    this.#time = Math.max(this.#time, until);
    return done();
  }

  /** Runs until the promise has settled; fails when it has not by true time `until`. */
  async wait<Value>(promise: Promise<Value>, until = this.#time + 3_600_000): Promise<Value> {
    let over = false;
    const mark = (): void => {
      over = true;
    };
    promise.then(mark, mark);
    this.entered();
    if (!(await this.run(until, () => over))) throw new Error(`still waiting after ${until} ms of virtual time`);
    return promise;
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let index = heap.push(event) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!before(event, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child += 1;
      if (!before(heap[child]!, last)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
  }
}

function before(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/**
 * One process: a `Clock`, and the door for everything that reaches it from outside. `pause` is SIGSTOP: clocks run on,
 * but none of its timers fires and no message is delivered until `resume`. `kill` is SIGKILL: nothing is delivered ever
 * again.
 */
export class VirtualProcess implements Clock {
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly #rate: number;
  readonly #lateness: number;
  readonly #runsPromises: boolean;
  readonly #start: number;
  /** Monotonic clocks of different hosts have nothing in common: each begins somewhere. */
  readonly #origin: number;
  readonly #wall: WallClock;
  #state: 'running' | 'paused' | 'killed' = 'running';
  /** What arrived while paused, or while older arrivals still wait for their turn. */
  #waiting: (() => void)[] = [];
  #pumping = false;

  constructor(clock: VirtualClock, random: Random, options: VirtualProcessOptions) {
    this.#clock = clock;
    this.#random = random;
    const { machineOf } = options;
    this.#rate = machineOf === undefined ? (options.rate ?? 1) : machineOf.#rate;
    this.#lateness = options.lateness ?? 0;
    this.#runsPromises = options.runsPromises ?? true;
    const { wall = 0 } = options;
    this.#wall = typeof wall === 'number' ? new WallClock(clock, wall) : wall;
    this.#start = machineOf === undefined ? clock.time : machineOf.#start;
    this.#origin = machineOf === undefined ? random.whole(1_000, 10_000_000) : machineOf.#origin;
  }

  get state(): 'running' | 'paused' | 'killed' {
    return this.#state;
  }

  now(): number {
    return this.#origin + (this.#clock.time - this.#start) * this.#rate;
  }

  wall(): number {
    return this.#wall.at();
  }

  /** Moves the wall clock by `ms`, as an administrator or NTP does. */
  stepWall(ms: number): void {
    this.#wall.set(this.#wall.offset + ms);
  }

  random(): number {
    return this.#random.next();
  }

  at(at: number, callback: () => void): () => void {
    let wanted: (() => void) | undefined = callback;
    const lateness = this.#lateness === 0 ? 0 : this.#random.next() * this.#lateness;
    // A billionth of a second more: the inverse of now() must not round to just before `at`.
    const due = this.#start + (at - this.#origin) / this.#rate + 1e-6 + lateness;
    const cancel = this.#clock.schedule(due, () => this.deliver(() => wanted?.()));
    return () => {
      wanted = undefined;
      cancel();
    };
  }

  /** The true time at which this process's monotonic clock shows `at`. */
  trueTime(at: number): number {
    return this.#start + (at - this.#origin) / this.#rate;
  }

  /** Runs `callback` in this process: now, or in order once it runs again, or never when it is killed. */
  deliver(callback: () => void): void {
    if (this.#state === 'killed') return;
    if (this.#state === 'running' && !this.#pumping) return this.#enter(callback);
    this.#waiting.push(callback);
  }

  pause(): void {
    if (this.#state === 'running') this.#state = 'paused';
  }

  resume(): void {
    if (this.#state !== 'paused') return;
    this.#state = 'running';
    if (!this.#pumping) this.#pump();
  }

  kill(): void {
    this.#state = 'killed';
    this.#waiting = [];
  }

  /** One arrival per event, so that the promise jobs of each settle before the next. */
  #pump(): void {
    this.#pumping = this.#waiting.length > 0;
    if (!this.#pumping) return;
    this.#clock.after(0.01, () => {
      if (this.#state !== 'running') {
        this.#pumping = false;
        return;
      }
      const next = this.#waiting.shift();
      if (next !== undefined) this.#enter(next);
      this.#pump();
    });
  }

  #enter(callback: () => void): void {
    if (this.#runsPromises) this.#clock.entered();
    callback();
  }
}
