import {
  VersionConflictError,
  GoneError,
  NotSentError,
  OutcomeUnknownError,
  GivenUpError,
} from '../../src/election/errors.ts';
import type { Register, RequestOptions } from '../../src/election/register.ts';
import type { VirtualProcess } from './virtual-clock.ts';

export interface State {
  readonly data: Buffer;
  readonly version: number;
  readonly stamp: number;
  readonly birth: string;
}

/** A znode as the ensemble keeps it: every state it has had. */
export class FakeZnode {
  readonly states: State[] = [];
  /** Every write that was applied, in order. */
  readonly applied: { readonly by: string; readonly data: Buffer }[] = [];
  #stamp = 1_000;
  /** How often the ensemble has lost its data: no session outlives that. */
  life = 0;
  #exists = false;
  #births = 0;

  get state(): State | undefined {
    return this.#exists ? this.states.at(-1) : undefined;
  }

  get text(): string {
    return String(this.state?.data ?? '');
  }

  /** The next transaction of the ensemble: also the number of a claim. */
  nextTransaction(): number {
    return (this.#stamp += 1);
  }

  make(): State {
    if (this.state !== undefined) return this.state;
    this.#exists = true;
    this.#births += 1;
    const made = { data: Buffer.alloc(0), version: 0, stamp: this.nextTransaction(), birth: String(this.#births) };
    this.states.push(made);
    return made;
  }

  remove(): void {
    this.#exists = false;
  }

  /** The ensemble has lost its data: transactions count from the beginning. */
  wipe(): void {
    this.remove();
    this.life += 1;
    this.states.length = 0;
    this.#stamp = 0;
  }

  set(by: string, data: Buffer, version: number): number {
    const { state } = this;
    if (state === undefined) throw new GoneError('no register /e/runs');
    if (version !== -1 && version !== state.version)
      throw new VersionConflictError('/e/runs was changed by somebody else');
    this.applied.push({ by, data });
    this.states.push({ ...state, data, version: state.version + 1, stamp: this.nextTransaction() });
    return state.version + 1;
  }
}

/**
 * What becomes of a write: `unanswered` is applied, `lost` is not, `late` is applied (if its version still fits) after
 * so many ms; the writer learns of none of them.
 */
export type Fate = 'answered' | 'unanswered' | 'lost' | 'not sent' | 'session ended' | { readonly late: number };

export interface Weather {
  /** One way, ms. */
  readonly latency: () => number;
  readonly fate: () => Fate;
  /** How many states a read may lag behind. */
  readonly lag: () => number;
}

/** A register whose every answer is a matter of the weather. */
export class FakeRegister implements Register {
  weather: Weather;
  /** Requests so far. */
  reads = 0;
  writes = 0;
  readonly #name: string;
  readonly #znode: FakeZnode;
  readonly #process: VirtualProcess;
  #readIn = -1;

  constructor(name: string, znode: FakeZnode, process: VirtualProcess, weather: Partial<Weather> = {}) {
    this.#name = name;
    this.#znode = znode;
    this.#process = process;
    this.weather = { latency: () => 1, fate: () => 'answered', lag: () => 0, ...weather };
  }

  async read(signal: AbortSignal): Promise<State> {
    this.reads += 1;
    await this.#travel(signal);
    this.#znode.make();
    const { states } = this.#znode;
    const state = states[Math.max(0, states.length - 1 - this.weather.lag())] as State;
    this.#readIn = this.#znode.life;
    await this.#travel(signal);
    return state;
  }

  write(data: Buffer, version: number, { timeout, signal }: RequestOptions): Promise<number> {
    this.writes += 1;
    const fate = this.weather.fate();
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const onAbort = (): void => reject(signal?.reason as Error);
      signal?.addEventListener('abort', onAbort, { once: true });
      const settle = (after: number, answer: () => void): void =>
        this.#after(after, () => {
          signal?.removeEventListener('abort', onAbort);
          answer();
        });
      if (fate === 'not sent' || this.#readIn !== this.#znode.life)
        return settle(0, () => reject(new NotSentError('set', '/e/runs', 'no session')));
      const delay = typeof fate === 'object' ? fate.late : this.weather.latency();
      this.#after(delay, () => {
        let answer = (): void => undefined;
        try {
          if (fate !== 'lost') answer = resolve.bind(undefined, this.#znode.set(this.#name, data, version));
        } catch (error) {
          answer = reject.bind(undefined, error as Error);
        }
        if (fate === 'answered') settle(this.weather.latency(), answer);
      });
      if (fate === 'answered') return;
      const error =
        fate === 'session ended' ? new GivenUpError('expired') : new OutcomeUnknownError('set', '/e/runs', 'lost');
      settle(Math.min(timeout, this.weather.latency() * 3), () => reject(error));
    });
  }

  #after(ms: number, action: () => void): void {
    this.#process.at(this.#process.now() + ms, action);
  }

  #travel(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error);
      const onAbort = (): void => reject(signal.reason as Error);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#after(this.weather.latency(), () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      });
    });
  }
}
