import { UnavailableError } from '../../src/errors.ts';
import type { RequestOptions } from '../../src/election/register.ts';
import type { Session, SessionOpener } from '../../src/zookeeper/session/port.ts';
import type { Will } from '../../src/keeper/will.ts';
import type { VirtualProcess } from '../support/virtual-clock.ts';
import type { Ensemble } from './ensemble.ts';
import { actsAt } from '../../src/keeper/will-instants.ts';
import { Keeper, type KeeperReports } from './keeper.ts';
import { FakeSession } from './session.ts';
import { NO_WILL, type Machine } from './will.ts';

/** Where a session's client lives. */
export interface Client {
  readonly ensemble: Ensemble;
  readonly host: string;
  /** The supervisor. */
  readonly process: VirtualProcess;
  readonly machine: Machine;
  /** What the supervisor last bequeathed. */
  readonly will: () => Will;
  /** A keeper for a session that asks for this timeout. */
  keeperFor(timeout: number, reports: KeeperReports): Keeper;
  /** A keeper was dismissed: another has to be there while a command lives. */
  guard(): void;
}

/** A keeper that ends unused is followed by another so long after its own start, ms. */
const SPARE_PAUSE_MS = 1_000;

/** Opens sessions of one host. */
export class FakeSessions implements SessionOpener {
  readonly #client: Client;
  readonly #sessionTimeout: number;
  readonly #opened: FakeSession[] = [];
  #will: Will = NO_WILL;
  /** A keeper without a session. */
  #spare: Keeper | undefined;
  #spareSince = 0;
  #cancelGuard: () => void = () => undefined;

  constructor(
    ensemble: Ensemble,
    host: string,
    process: VirtualProcess,
    sessionTimeout: number,
    machine: Machine = { find: () => undefined, released: () => undefined },
  ) {
    this.#client = {
      ensemble,
      host,
      process,
      machine,
      will: () => this.#will,
      keeperFor: (timeout, reports) => this.#keeperFor(timeout, reports),
      guard: () => this.#guard(),
    };
    this.#sessionTimeout = sessionTimeout;
  }

  /** The keeper at work, if there is one. */
  get keeper(): Keeper | undefined {
    return this.#opened.at(-1)?.keeper;
  }

  /** Every keeper that lives, those of sessions that are being closed too. */
  get keepers(): Keeper[] {
    const all = [
      ...this.#opened.flatMap(({ keepers }) => keepers),
      ...(this.#spare === undefined ? [] : [this.#spare]),
    ];
    return all.filter(({ process }) => process.state !== 'killed');
  }

  /** Id of the session at work, `"0"` before it is granted. */
  get sessionId(): string {
    return this.#opened.at(-1)?.id ?? '0';
  }

  bequeath(will: Will): void {
    this.#will = will;
    for (const keeper of this.keepers) keeper.bequeath(will);
    this.#guard();
  }

  revoke(): void {
    this.bequeath(NO_WILL);
  }

  #keeperFor(timeout: number, reports: KeeperReports): Keeper {
    const spare = this.#spare;
    this.#spare = undefined;
    if (spare === undefined || !spare.obeys) return new Keeper(this.#client, timeout, reports);
    spare.use(timeout, reports);
    return spare;
  }

  /** As `Keepers` does: while a command lives there is a keeper that knows of it, with a session or without. */
  #guard(): void {
    this.#cancelGuard();
    const { process } = this.#client;
    if (process.state === 'killed' || this.#will.commands.length === 0) return;
    const isDue = process.now() >= (actsAt(this.#will) ?? Infinity);
    if (this.keepers.some((keeper) => keeper.obeys || (isDue && keeper.executes))) return;
    const at = this.#spare === undefined ? process.now() : this.#spareSince + SPARE_PAUSE_MS;
    if (process.now() < at) return void (this.#cancelGuard = process.at(at, () => this.#guard()));
    this.#spareSince = process.now();
    const nothing = (): void => undefined;
    const ended = (): void => this.#guard();
    this.#spare = new Keeper(this.#client, this.#sessionTimeout, {
      connected: nothing,
      refused: nothing,
      replied: nothing,
      happened: nothing,
      ended,
    });
  }

  /** The supervisor was killed: every keeper sees its channel close. */
  orphan(): void {
    for (const keeper of this.keepers) keeper.orphan();
  }

  open({ timeout, signal }: RequestOptions): Promise<Session> {
    if (signal?.aborted) return Promise.reject(signal.reason as Error);
    const { process } = this.#client;
    const session = new FakeSession(this.#client, this.#sessionTimeout);
    this.#opened.push(session);
    return new Promise((resolve, reject) => {
      const settle = (finish: () => void): void => {
        cancel();
        removeListener();
        signal?.removeEventListener('abort', onAbort);
        finish();
      };
      const giveUp = (why: (said: string) => Error): void =>
        settle(() => {
          const { contact } = session;
          session.giveUp();
          reject(why(contact.up ? '' : contact.why));
        });
      const onAbort = (): void => giveUp(() => signal?.reason as Error);
      const cancel = process.at(process.now() + timeout, () =>
        giveUp((said) => new UnavailableError(`no ZooKeeper session within ${timeout} ms: ${said}`)),
      );
      signal?.addEventListener('abort', onAbort, { once: true });
      const removeListener = session.onContact((contact) => {
        if (contact.up) settle(() => resolve(session));
      });
      session.attach();
    });
  }
}
