import { BallotError, RefusedError } from '../errors.ts';
import type { RegisterState } from '../election/register.ts';
import {
  closed,
  EMPTY_LEDGER,
  encodeLedger,
  entered,
  handedOver,
  limited,
  lostRuns,
  noted,
  opened,
  parseLedger,
  resumed,
  skipped,
  withdrawn,
  type Ledger,
  type RunEnding,
  type RunRecord,
  type TickRecord,
} from './record.ts';
import { FencedError, LedgerWriter, REQUEST_TIMEOUT_MS, Tries, type LedgerParts } from './writer.ts';
import { serviceOf, type Service } from './service.ts';

/** How long the ends of runs are still written after the term, ms: a stop with its grace takes about that. */
const WRITE_ON_MS = 15_000;

/** What a term finds when it opens the ledger. */
export interface Found {
  /** Every tick up to here is settled. `undefined`: there is no ledger, or none that can be read. */
  readonly through: number | undefined;
  /** When the last term resigned in order; `undefined` when it did not. Wall ms by its own clock. */
  readonly handedOver: number | undefined;
  /** Schedule and leader of the last term, which `through` is about. `undefined`: the ledger does not say. */
  readonly service: Service | undefined;
  /** Runs that earlier terms left open, closed as `lost` by this opening. */
  readonly lost: readonly RunRecord[];
}

export interface RunLedgerParts extends LedgerParts {
  /** What this candidate serves when it leads; `undefined` without a schedule. */
  readonly service: Service | undefined;
}

/**
 * The ledger of one candidate, over its terms: who may start which tick.
 *
 * At most one process starts a tick, whatever clocks and leases do. A run is started only after its entry was
 * acknowledged (or by a leader that was told to start without it, see `enter`). A tick is entered only if it is later
 * than `through`, and then becomes `through`. `through` goes back only when the last entry is withdrawn, whose run was
 * not started. Every write names the version of a state with the writer's own token or, at the opening, a lower one. So
 * of two terms that write, the earlier is refused, and learns why when it reads again.
 */
export class RunLedger {
  readonly #parts: RunLedgerParts;
  /** The present term, or the last one. */
  #term: LedgerWriter | undefined;
  /** What `through` was before each open run of the present term was entered. */
  readonly #before = new Map<string, number | undefined>();
  /** The first entry that has not been answered: since when, in monotonic ms, and in which ledger it stands. */
  #asked: { readonly at: number; readonly term: LedgerWriter; readonly revision: number } | undefined;

  constructor(parts: RunLedgerParts) {
    this.#parts = parts;
  }

  /** What this candidate serves when it leads. */
  get service(): Service {
    const { service } = this.#parts;
    if (service === undefined) throw new Error('invariant: a ledger without a schedule');
    return service;
  }

  /**
   * Takes the ledger over for the term with this fencing token: from then on no earlier term writes. Ends the term
   * before, as `termOver`; what that has not yet written is kept, unless another term has written since. `settle` says
   * through which instant ticks are settled from now on (never earlier than `found.through`, which is seen to). It is
   * called for each try; the last one counts. A ledger that cannot be read is replaced, with a warning.
   *
   * Tries until answered. Throws FencedError when a later term has written, RefusedError, the signal's reason when
   * aborted: then the ledger may have been opened all the same.
   */
  async open(token: number, settle: (found: Found) => number | undefined, signal: AbortSignal): Promise<Found> {
    const { register } = this.#parts;
    this.#term?.end();
    const tries = new Tries(this.#parts);
    let found: Found | undefined;
    for (;;) {
      signal.throwIfAborted();
      try {
        const read = await register.read(signal);
        const base = this.#base(read, token);
        // With our own token it was written by an earlier try, whose acknowledgement was lost.
        if (found === undefined || base.fencingToken !== token) found = foundIn(base, token);
        const next = limited(opened(base, token, settle(found), this.#parts.service));
        const options = { timeout: REQUEST_TIMEOUT_MS, signal };
        const after = await register.write(encodeLedger(next), read.version, options);
        this.#term = new LedgerWriter(this.#parts, { token, ledger: next, version: after, birth: read.birth });
        this.#before.clear();
        return found;
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof BallotError) || error instanceof FencedError || error instanceof RefusedError)
          throw error;
        await tries.failed(error, signal);
      }
    }
  }

  /** The ledger that the opening starts from. */
  #base({ data, stamp, birth }: RegisterState, token: number): Ledger {
    const { logger } = this.#parts;
    const parsed = parseLedger(data);
    const former = this.#term?.state === 'fenced' ? undefined : this.#term;
    if (parsed.kind === 'ledger') {
      const { fencingToken } = parsed.ledger;
      if (former !== undefined && former.wrote(fencingToken, birth)) return former.ledger;
      if (fencingToken > token) {
        // A token is older than every write that names it. Otherwise it comes from a coordinator that has lost its
        // data since.
        if (fencingToken <= stamp) throw new FencedError(token, fencingToken);
        logger.warn('the ledger of runs is from before the ensemble lost its data; it is taken over', {
          token,
          found: fencingToken,
        });
      }
    } else if (parsed.kind === 'unreadable') {
      const { why, excerpt } = parsed;
      logger.warn('the ledger of runs cannot be read, and is replaced', { why, excerpt });
    }
    if (former?.isDirty === true)
      logger.debug('what the term before had not yet written of the ledger of runs is dropped', {
        token: former.token,
      });
    return parsed.kind === 'ledger' ? parsed.ledger : EMPTY_LEDGER;
  }

  /** For how long entries have not been answered, over all ticks, ms: 0 as long as they are. */
  get silentFor(): number {
    const asked = this.#asked;
    if (asked === undefined || asked.term !== this.#term || asked.term.hasWritten(asked.revision)) return 0;
    return this.#parts.clock.now() - asked.at;
  }

  /** Up to where ticks are settled, as far as the present term, or the last one, knows. `undefined` before that. */
  get through(): number | undefined {
    return this.#term?.ledger.through;
  }

  /**
   * Enters a run; to be awaited before it is started. `entered`: nobody else starts this tick, ever. `taken`: it or a
   * later one is settled already. `fenced`: a later term writes, or the term is over: not to be started. `unanswered`
   * after `timeout` ms: not known; the entry is still to be written, until it is withdrawn. A run that is started then
   * has no such guarantee.
   */
  async enter(record: TickRecord, timeout: number): Promise<'entered' | 'taken' | 'fenced' | 'unanswered'> {
    const term = this.#term;
    if (term === undefined || term.state !== 'open') return 'fenced';
    const { runId, tick } = record;
    const { through } = term.ledger;
    if (through !== undefined && tick <= through) return 'taken';
    this.#before.set(runId, through);
    const wasAnswered = this.silentFor === 0;
    term.change((present) => entered(present, record));
    if (wasAnswered) this.#asked = { at: this.#parts.clock.now(), term, revision: term.revision };
    const answer = await term.written(timeout);
    if (answer === 'fenced') this.withdraw(runId);
    if (answer !== 'written') return answer;
    this.#asked = undefined;
    // Withdrawn meanwhile: it was written, and so was that.
    return term.ledger.runs.some((run) => run.runId === runId) ? 'entered' : 'fenced';
  }

  /**
   * The run was not started after all: takes its entry back, and `through` too if nothing later was settled since, so
   * that the tick can be caught up. Never call it for a run that may have been started.
   */
  withdraw(runId: string): void {
    if (!this.#before.has(runId)) return;
    const before = this.#before.get(runId);
    this.#before.delete(runId);
    this.#term?.change((present) => withdrawn(present, runId, before));
  }

  /** Notes a run of no tick. Nobody has to wait for it. */
  note(record: RunRecord): void {
    this.#term?.change((present) => noted(present, record));
  }

  /** Resolves when all changes are written, when they are not this term's to write any more, or after `timeout` ms. */
  async written(timeout: number): Promise<void> {
    await this.#term?.written(timeout);
  }

  /** Records a run's end; after the term it is kept for `open`. Ignores runs that are unknown or have ended. */
  close(runId: string, ending: RunEnding): void {
    this.#before.delete(runId);
    this.#term?.change((present) => closed(present, runId, ending));
  }

  /** Ticks up to here were skipped on purpose: nobody catches them up. */
  skip(through: number): void {
    this.#term?.change((present) => skipped(present, through));
  }

  /**
   * Marks the ledger as handed over, and ticks up to `through` as settled. Waits until all changes are written,
   * `timeout` ms at most. Nothing of this term is sent after that. To be called when no run lives and none will be
   * entered, while the lease is still held. Resolves to whether it is written, or is no longer this term's to write.
   * With `orStay` the term goes on if it is not.
   */
  async handOver(through: number, timeout: number, orStay = false): Promise<boolean> {
    const term = this.#term;
    if (term === undefined || term.state !== 'open') return true;
    term.change((present) => handedOver(present, this.#parts.clock.wall(), through));
    const answer = await term.written(timeout);
    const stays = orStay && answer === 'unanswered';
    if (stays) term.change(resumed);
    else term.end();
    if (answer === 'unanswered' && !stays) this.#sayUnrecorded(term.unrecorded);
    return answer !== 'unanswered';
  }

  #sayUnrecorded(runs: readonly string[]): void {
    const { logger } = this.#parts;
    const [runId] = runs;
    if (runId === undefined)
      return logger.warn(
        'the ledger of runs cannot be written: the handover is not recorded, the next leader goes on as after a crash',
      );
    const what = runs.length === 1 ? 'run' : 'runs';
    logger.warn(
      `the ledger of runs cannot be written: ${what} ${runs.join(', ')} not recorded, ` +
        `unless it was written and the answer was lost`,
      { runId: runs.length === 1 ? runId : undefined },
    );
  }

  /**
   * The term is over without a resignation: nothing more is entered. The ends of its runs are still written for a
   * while, unless a later term writes; after that they are kept for `open`.
   */
  termOver(): void {
    this.#term?.termOver(WRITE_ON_MS);
  }
}

function foundIn(base: Ledger, token: number): Found {
  const { through, handedOver: at } = base;
  return { through, handedOver: at, service: serviceOf(base), lost: lostRuns(base, token) };
}
