import type { Session } from '../../../src/zookeeper/session/port.ts';
import { electionAt } from '../../support/candidate.ts';
import { serversOf, sessionsAt } from '../../support/sessions.ts';
import type { Ensemble } from '../../support/zookeeper.ts';

/**
 * Reads elections from the servers, whatever becomes of its own session. It judges nothing: it only tells when the next
 * round may begin.
 */
export class Observer implements AsyncDisposable {
  readonly #zookeeper: Ensemble;
  #session: Session | undefined;

  constructor(zookeeper: Ensemble) {
    this.#zookeeper = zookeeper;
  }

  async look(basePath: string): ReturnType<typeof electionAt> {
    if (this.#session === undefined || this.#session.ended.aborted)
      this.#session = await sessionsAt(serversOf(this.#zookeeper)).opener.open({ timeout: 120_000 });
    return electionAt(this.#session, basePath);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session?.close(3000);
  }
}
