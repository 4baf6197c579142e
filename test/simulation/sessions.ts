import { UnavailableError } from '../../src/errors.ts';
import type { RequestOptions, Session, SessionOpener, Will } from '../../src/zookeeper/port.ts';
import type { VirtualProcess } from '../support/virtual-clock.ts';
import type { Ensemble } from './ensemble.ts';
import type { Keeper } from './keeper.ts';
import { FakeSession } from './session.ts';
import type { Machine } from './will.ts';

/** Where a session's client lives. */
export interface Client {
  readonly ensemble: Ensemble;
  readonly host: string;
  /** The supervisor. */
  readonly process: VirtualProcess;
  readonly machine: Machine;
  /** What the supervisor last bequeathed. */
  readonly will: () => Will;
}

/** Opens sessions of one host. */
export class FakeSessions implements SessionOpener {
  readonly #client: Client;
  readonly #sessionTimeout: number;
  readonly #opened: FakeSession[] = [];
  #will: Will = { commands: [] };

  constructor(
    ensemble: Ensemble,
    host: string,
    process: VirtualProcess,
    sessionTimeout: number,
    machine: Machine = { find: () => undefined, released: () => undefined },
  ) {
    this.#client = { ensemble, host, process, machine, will: () => this.#will };
    this.#sessionTimeout = sessionTimeout;
  }

  /** The keeper at work, if there is one. */
  get keeper(): Keeper | undefined {
    return this.#opened.at(-1)?.keeper;
  }

  /** Every keeper that lives, those of sessions that are being closed too. */
  get keepers(): Keeper[] {
    return this.#opened.flatMap(({ keepers }) => keepers.filter(({ process }) => process.state !== 'killed'));
  }

  /** Id of the session at work, `"0"` before it is granted. */
  get sessionId(): string {
    return this.#opened.at(-1)?.id ?? '0';
  }

  bequeath(will: Will): void {
    this.#will = will;
    for (const keeper of this.keepers) keeper.bequeath(will);
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
