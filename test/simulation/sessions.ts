import type { RequestOptions } from '../../src/election/register.ts';
import { SupervisedKeeper, type KeeperProcess } from '../../src/keeper/process.ts';
import type { Will } from '../../src/keeper/will.ts';
import type { Logger } from '../../src/log/logger.ts';
import type { Session, SessionOpener } from '../../src/zookeeper/session/port.ts';
import { Sessions } from '../../src/zookeeper/session/sessions.ts';
import type { VirtualProcess } from '../support/virtual-clock.ts';
import type { Ensemble } from './ensemble.ts';
import { SimulatedKeeper, type Candidate } from './keeper.ts';
import { proberOf } from './prober.ts';
import type { Machine } from './keeper-host.ts';

const nothing = (): undefined => undefined;
const SILENT: Logger = {
  trace: nothing,
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  fatal: nothing,
};

/** What a host is to the sessions that it opens. */
interface Surroundings {
  readonly machine?: Machine;
  readonly logger?: Logger;
}

/** The sessions of one supervisor: the real ones, on keepers and servers that exist in virtual time alone. */
export class FakeSessions implements SessionOpener {
  readonly #sessions: Sessions;
  readonly #candidate: Candidate;
  #keepers: SimulatedKeeper[] = [];
  #session: Session | undefined;

  constructor(
    ensemble: Ensemble,
    host: string,
    process: VirtualProcess,
    sessionTimeout: number,
    { machine = { find: nothing, released: nothing, say: nothing }, logger = SILENT }: Surroundings = {},
  ) {
    this.#candidate = { ensemble, host, supervisor: process, machine };
    this.#sessions = new Sessions({
      servers: ensemble.servers.map(({ address }) => address),
      sessionTimeout,
      client: 'auto',
      fork: () => this.#fork(),
      ...proberOf(ensemble, host),
      clock: process,
      logger,
      debug: false,
    });
  }

  /** Every keeper that lives, the present one last. */
  get keepers(): readonly SimulatedKeeper[] {
    return this.#keepers.filter(({ process }) => process.state !== 'killed');
  }

  /** The keeper at work, if there is one. */
  get keeper(): SimulatedKeeper | undefined {
    return this.keepers.findLast(({ server }) => server !== undefined);
  }

  /** Id of the session at work, `"0"` before it is granted. */
  get sessionId(): string {
    return this.#session?.id ?? '0';
  }

  bequeath(will: Will): void {
    this.#sessions.bequeath(will);
  }

  revoke(election: string): void {
    this.#sessions.revoke(election);
  }

  async open(options: RequestOptions): Promise<Session> {
    this.#session = await this.#sessions.open(options);
    return this.#session;
  }

  /** The supervisor is gone: every keeper sees its channel close. */
  orphan(): void {
    for (const keeper of this.keepers) keeper.orphan();
  }

  #fork(): KeeperProcess {
    const keeper = new SimulatedKeeper(this.#candidate);
    this.#keepers = [...this.keepers, keeper];
    return new SupervisedKeeper(keeper, this.#candidate.supervisor);
  }
}
