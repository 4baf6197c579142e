import { sleep, type Clock } from '../../clock.ts';
import type { ServerAddress } from '../../config/config.ts';
import { describe } from '../../errors.ts';
import type { Logger } from '../../log/logger.ts';
import { Addresses, CLOSES, SILENT, type Prober } from './addresses.ts';

/** A configured server none of whose addresses serves, and what the last of them said. */
export interface DeadServer {
  readonly server: ServerAddress;
  readonly name: string;
  readonly why: string;
}

/** Before the first look, ms, so that it does not delay the start. */
const SURVEY_AFTER_MS = 15_000;

/** Between the two looks, ms: a server that is being restarted is back by then. */
const SURVEY_AGAIN_AFTER_MS = 60_000;

/** For one connection, ms. */
const PROBE_MS = 2_000;

/**
 * Asks each server once, all at the same time, and returns those that do not serve. A server that is silent, or closes
 * the connection, counts as serving: it may know no four-letter words. `timeout` for each connection, ms. Rejects with
 * the signal's reason when aborted.
 */
export async function deadServers(
  servers: readonly ServerAddress[],
  clock: Clock,
  timeout: number,
  signal: AbortSignal,
  ask: Prober['probe'],
): Promise<DeadServer[]> {
  const found = await Promise.all(
    servers.map(async (server) => {
      const addresses = new Addresses([server], clock);
      const answers: (string | undefined)[] = [];
      do {
        const endpoint = await addresses.next(signal);
        const answer = 'problem' in endpoint ? endpoint.problem : await ask(endpoint, timeout, clock, signal);
        answers.push(typeof answer === 'object' ? answer.refusal : answer);
      } while (answers.length < addresses.size);
      const why = answers.at(-1);
      const serves = answers.some((answer) => answer === undefined || answer === SILENT || answer === CLOSES);
      return serves || why === undefined ? [] : [{ server, name: addresses.names.join(), why }];
    }),
  );
  return found.flat();
}

/**
 * Looks whether each of several servers serves: otherwise a dead one is noticed only when it is needed. Looks twice,
 * and warns once of each server that served neither time while others did.
 */
export class ServerSurvey {
  readonly #servers: readonly ServerAddress[];
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #ask: Prober['probe'];
  readonly #told = new Set<ServerAddress>();

  constructor(servers: readonly ServerAddress[], clock: Clock, logger: Logger, ask: Prober['probe']) {
    this.#servers = servers;
    this.#clock = clock;
    this.#logger = logger;
    this.#ask = ask;
  }

  /** Resolves when it has looked, or when `signal` is aborted. Never rejects. */
  async look(signal: AbortSignal): Promise<void> {
    if (this.#servers.length < 2) return;
    try {
      await sleep(this.#clock, SURVEY_AFTER_MS, signal);
      const first = await this.#dead(signal);
      if (first.length === 0) return;
      await sleep(this.#clock, SURVEY_AGAIN_AFTER_MS, signal);
      const second = await this.#dead(signal);
      this.#tell(second.filter(({ server }) => first.some((other) => other.server === server)));
    } catch (error) {
      if (!signal.aborted) this.#logger.debug('the servers could not be looked at', { error: describe(error) });
    }
  }

  #dead(signal: AbortSignal): Promise<DeadServer[]> {
    return deadServers(this.#servers, this.#clock, PROBE_MS, signal, this.#ask);
  }

  /** When none serves, the ensemble is away, which is logged elsewhere. */
  #tell(dead: readonly DeadServer[]): void {
    if (dead.length === this.#servers.length) return;
    for (const { server, name: address, why } of dead) {
      if (this.#told.has(server)) continue;
      this.#told.add(server);
      this.#logger.warn('one of the ZooKeeper servers does not serve, others do: check zookeeper-servers', {
        address,
        why,
      });
    }
  }
}
