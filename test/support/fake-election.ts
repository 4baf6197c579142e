import type { CampaignOptions, Election, Term, TermEvent } from '../../src/election/election.ts';
import type { VirtualProcess } from './virtual-clock.ts';

/** A term whose lease a test renews and takes away. */
export class FakeTerm implements Term {
  readonly succession = { why: 'first' } as const;
  readonly heartbeat: number;
  deadline: number;
  safeUntil: number;
  /** When it was resigned, monotonic ms. */
  resignedAt: number | undefined;
  /** What `resign` waits for, or ends with. */
  resignation: Promise<void> = Promise.resolve();
  readonly fencingToken: number;
  readonly leaseDuration: number;
  readonly #listeners = new Set<(event: TermEvent) => void>();
  readonly #clock: VirtualProcess;

  constructor(clock: VirtualProcess, fencingToken: number, leaseDuration: number) {
    this.#clock = clock;
    this.fencingToken = fencingToken;
    this.leaseDuration = leaseDuration;
    this.heartbeat = leaseDuration / 3;
    this.deadline = clock.now() + leaseDuration;
    this.safeUntil = this.deadline;
  }

  subscribe(listener: (event: TermEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  emit(event: TermEvent): void {
    for (const listener of this.#listeners) queueMicrotask(() => this.#listeners.has(listener) && listener(event));
  }

  /** A renewal that was sent just now is acknowledged. */
  renew(): void {
    this.deadline = this.safeUntil = this.#clock.now() + this.leaseDuration;
    this.emit({ kind: 'renewed', deadline: this.deadline });
  }

  async resign(): Promise<'resigned'> {
    this.resignedAt ??= this.#clock.now();
    await this.resignation;
    return 'resigned';
  }
}

interface Campaign {
  readonly options: CampaignOptions;
  readonly win: (term: Term) => void;
  readonly fail: (error: unknown) => void;
}

/** An election that a test decides. */
export class FakeElection implements Election {
  readonly outlook = 'b leads';
  readonly campaigns: Campaign[] = [];
  readonly runs: number[] = [];
  closedAt: number | undefined;
  readonly #clock: VirtualProcess;

  constructor(clock: VirtualProcess) {
    this.#clock = clock;
  }

  campaign(options: CampaignOptions): Promise<Term> {
    return new Promise((win, fail) => {
      options.signal.addEventListener('abort', () => fail(options.signal.reason as Error), { once: true });
      this.campaigns.push({ options, win, fail });
    });
  }

  /** The present campaign is won, with a lease of so many ms. */
  elect(leaseDuration = 3000): FakeTerm {
    const term = new FakeTerm(this.#clock, this.campaigns.length, leaseDuration);
    this.campaigns.at(-1)?.options.onPlace?.();
    this.campaigns.at(-1)?.win(term);
    return term;
  }

  setRuns(runs: readonly unknown[]): void {
    this.runs.push(runs.length);
  }

  register(): never {
    throw new Error('there is no register here');
  }

  close(): Promise<void> {
    this.closedAt ??= this.#clock.now();
    return Promise.resolve();
  }
}
