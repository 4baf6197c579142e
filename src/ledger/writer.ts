import { sleep, type Clock } from '../clock.ts';
import { BallotError, describe, ExitCode } from '../errors.ts';
import type { Logger } from '../log/logger.ts';
import {
  GivenUpError,
  GoneError,
  NotSentError,
  OutcomeUnknownError,
  VersionConflictError,
} from '../election/errors.ts';
import type { Register } from '../election/register.ts';
import { encodeLedger, limited, MOST_RUNS, parseLedger, type Ledger, type RunRecord } from './record.ts';

export interface LedgerParts {
  readonly register: Register;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The ledger of runs belongs to another term (`undefined`: to none): nothing may be started for this one. */
export class FencedError extends BallotError {
  constructor(token: number, other: number | undefined) {
    const owner = other === undefined ? 'no term' : `term ${other}`;
    super('FENCED', ExitCode.unavailable, `the ledger of runs belongs to ${owner}, not to ${token} any more`);
  }
}

/** Of one request, ms. A silent connection is found out by the heartbeats of the term well before. */
export const REQUEST_TIMEOUT_MS = 2_000;

/** Between two tries, ms. */
const PAUSE_MS = 50;

/** After an answer that probably stays the same for a while (an ACL, a quota), ms. */
const REFUSED_PAUSE_MS = 1_000;

/**
 * What is entered during an outage may be withdrawn before it was written: it must not have pushed out an earlier run.
 * So this many are kept.
 */
const MOST_KEPT = 2 * MOST_RUNS;

/** No answer, or another state of the register than expected: trying again is enough. */
const PASSING = [OutcomeUnknownError, NotSentError, GivenUpError, VersionConflictError, GoneError];

/** Tries to write the ledger, one after the other: what to log of a failure, and how long to wait after it. */
export class Tries {
  readonly #parts: LedgerParts;
  #hasWarned = false;

  constructor(parts: LedgerParts) {
    this.#parts = parts;
  }

  /** Resolves when it is time for the next try. Rejects with the signal's reason when aborted. */
  async failed(error: unknown, signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#parts;
    const passes = PASSING.some((kind) => error instanceof kind);
    const level = passes || this.#hasWarned ? 'debug' : 'warn';
    this.#hasWarned ||= !passes;
    logger[level]('the ledger of runs could not be written; it is tried again', { error: describe(error) });
    await sleep(clock, passes ? PAUSE_MS : REFUSED_PAUSE_MS, signal);
  }

  succeeded(): void {
    this.#hasWarned = false;
  }
}

/** A pause that the end of the term cuts short. */
const ended = (): void => undefined;

export type Answer = 'written' | 'fenced' | 'unanswered';

/** The acknowledged beginning of a term: `ledger` carries `token`, and is what the register holds under `version`. */
export interface Opening {
  readonly token: number;
  readonly ledger: Ledger;
  readonly version: number;
  readonly birth: string;
}

interface Waiter {
  readonly revision: number;
  settle(answer: Answer): void;
}

/**
 * Brings the ledger of one term, from its opening on, to the register: whatever has changed is written, whole, in one
 * write at a time, until it is acknowledged.
 *
 * From the acknowledged opening on the register carries the token of this term. Every other term's write names an older
 * version and is refused; an earlier term then reads the higher token and writes no more. So while the register has
 * this token, it holds an earlier state of `ledger`, or one whose acknowledgement was lost, and `ledger` is right.
 * After any failure the register is read again. With this term's token, its version is the one to write under, which a
 * write that is still on its way no longer matches. With another token, this term is fenced, for good.
 */
export class LedgerWriter {
  readonly token: number;
  readonly #parts: LedgerParts;
  #ledger: Ledger;
  /** As it was last acknowledged. */
  #written: Ledger;
  /** `undefined`: not known since a write has failed. */
  #version: number | undefined;
  #revision = 0;
  #acknowledged = 0;
  #birth: string;
  #state: 'open' | 'over' | 'ended' | 'fenced' = 'open';
  #isWriting = false;
  readonly #tries: Tries;
  readonly #over = new AbortController();
  readonly #waiters = new Set<Waiter>();

  constructor(parts: LedgerParts, { token, ledger, version, birth }: Opening) {
    this.#parts = parts;
    this.#tries = new Tries(parts);
    this.token = token;
    this.#ledger = ledger;
    this.#written = ledger;
    this.#version = version;
    this.#birth = birth;
  }

  /** Whether a ledger of this token and birth is this term's: a coordinator that lost its data gives tokens again. */
  wrote(token: number, birth: string): boolean {
    return token === this.token && birth === this.#birth;
  }

  /** Counts the changes: names the ledger as it is now. */
  get revision(): number {
    return this.#revision;
  }

  /** Whether a ledger with the changes up to there was acknowledged. */
  hasWritten(revision: number): boolean {
    return revision <= this.#acknowledged;
  }

  /** With all changes, written or not. */
  get ledger(): Ledger {
    return this.#ledger;
  }

  /**
   * `over`: nothing is entered any more, what is known of the runs is still written. `ended`: nothing is written any
   * more, but changes are kept. `fenced`: a later term writes; changes are of no use.
   */
  get state(): 'open' | 'over' | 'ended' | 'fenced' {
    return this.#state;
  }

  get isDirty(): boolean {
    return !this.hasWritten(this.#revision);
  }

  /** Ids of the runs of which something is not acknowledged, oldest first. */
  get unrecorded(): string[] {
    return this.#ledger.runs.filter((run) => !this.#written.runs.includes(run)).map(({ runId }) => runId);
  }

  change(change: (ledger: Ledger) => Ledger): void {
    const changed = change(this.#ledger);
    if (changed === this.#ledger) return;
    this.#ledger = limited(changed, MOST_KEPT);
    this.#revision += 1;
    void this.#write();
  }

  /**
   * Resolves when all changes made so far are acknowledged; `unanswered` after `timeout` ms: they may have been
   * written. `fenced` also when the term ends meanwhile.
   */
  written(timeout: number): Promise<Answer> {
    if (this.#state !== 'open') return Promise.resolve('fenced');
    if (!this.isDirty) return Promise.resolve('written');
    const { clock } = this.#parts;
    return new Promise((resolve) => {
      const settle = (answer: Answer): void => {
        this.#waiters.delete(waiter);
        cancel();
        resolve(answer);
      };
      const waiter: Waiter = { revision: this.#revision, settle };
      const cancel = clock.at(clock.now() + timeout, () => settle('unanswered'));
      this.#waiters.add(waiter);
    });
  }

  /**
   * The term is over. What is known of its runs is still written for `ms`, unless a later term opens the ledger: a run
   * that never started would be taken for lost otherwise.
   */
  termOver(ms: number): void {
    if (this.#state !== 'open') return;
    this.#state = 'over';
    for (const waiter of [...this.#waiters]) waiter.settle('fenced');
    const { clock } = this.#parts;
    this.#over.signal.addEventListener(
      'abort',
      clock.at(clock.now() + ms, () => this.end()),
      { once: true },
    );
  }

  /** Writes no more. A write that is under way may still be applied, as long as nobody else has written. */
  end(): void {
    if (this.#isWritable) this.#stop('ended');
  }

  get #isWritable(): boolean {
    return this.#state === 'open' || this.#state === 'over';
  }

  #stop(state: 'ended' | 'fenced'): void {
    this.#state = state;
    this.#over.abort(new Error(`the ledger's term ${this.token} is over`));
    for (const waiter of [...this.#waiters]) waiter.settle('fenced');
  }

  #fence({ message }: FencedError): void {
    this.#parts.logger.debug('what was not yet written of the ledger of runs is dropped', { why: message });
    this.#stop('fenced');
  }

  async #write(): Promise<void> {
    if (this.#isWriting) return;
    this.#isWriting = true;
    while (this.#isWritable && this.isDirty) {
      try {
        await this.#try();
      } catch (error) {
        this.#version = undefined;
        if (error instanceof FencedError) this.#fence(error);
        else if (this.#isWritable) await this.#tries.failed(error, this.#over.signal).catch(ended);
      }
    }
    this.#isWriting = false;
  }

  async #try(): Promise<void> {
    const { signal } = this.#over;
    this.#version ??= await this.#present();
    const [ledger, revision] = [this.#ledger, this.#revision];
    const written = limited(ledger);
    this.#version = await this.#parts.register.write(encodeLedger(written), this.#version, {
      timeout: REQUEST_TIMEOUT_MS,
      signal,
    });
    this.#written = written;
    if (written !== ledger) this.#forget(ledger.runs.filter((run) => !written.runs.includes(run)));
    this.#acknowledged = revision;
    this.#tries.succeeded();
    for (const waiter of [...this.#waiters]) if (waiter.revision <= revision) waiter.settle('written');
  }

  /** Runs that an acknowledged write has pushed out. */
  #forget(pushedOut: readonly RunRecord[]): void {
    if (pushedOut.length === 0) return;
    this.#ledger = { ...this.#ledger, runs: this.#ledger.runs.filter((run) => !pushedOut.includes(run)) };
  }

  /** The version to write under. Throws FencedError when another term has written. */
  async #present(): Promise<number> {
    const { register, logger } = this.#parts;
    const { signal } = this.#over;
    const { data, version, birth } = await register.read(signal);
    const parsed = parseLedger(data);
    // A term that is over adds only to what it has written itself: the term that leads may be writing.
    if (this.#state === 'over' && (parsed.kind !== 'ledger' || !this.wrote(parsed.ledger.fencingToken, birth)))
      throw new FencedError(this.token, parsed.kind === 'ledger' ? parsed.ledger.fencingToken : undefined);
    if (parsed.kind === 'ledger') {
      const { fencingToken } = parsed.ledger;
      // Lower than ours: of before the opening, from a server that lags behind, and refused if it is written back as it
      // is; or from a coordinator that has lost its data, which has other leaders now.
      if (fencingToken < this.token) await register.write(data, version, { timeout: REQUEST_TIMEOUT_MS, signal });
      if (!this.wrote(fencingToken, birth)) throw new FencedError(this.token, fencingToken);
    } else if (parsed.kind === 'unreadable') {
      logger.warn('somebody has overwritten the ledger of runs; it is written anew', {
        why: parsed.why,
        excerpt: parsed.excerpt,
      });
    }
    this.#birth = birth;
    return version;
  }
}
