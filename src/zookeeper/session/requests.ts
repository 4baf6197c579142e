import type { Clock } from '../../clock.ts';
import { answerError, NoNodeError } from './errors.ts';
import { NotSentError, OutcomeUnknownError } from '../../election/errors.ts';
import type { RequestOptions } from '../../election/register.ts';
import type { Answer, Operation } from '../../keeper/protocol.ts';

/** Takes requests to the ensemble, in order. */
export interface Carrier {
  send(id: number, request: Operation): void;
}

interface Pending {
  readonly operation: Operation;
  sent: boolean;
  answer(answer: Answer): void;
  fail(error: Error): void;
}

/**
 * The requests of a session that have not ended yet, in the order of calls. Each ends once: by its answer, its
 * deadline, its signal, the loss of the contact it was sent over, or the end of the session. Without contact they wait
 * for it.
 */
export class Requests {
  readonly #clock: Clock;
  readonly #pending = new Map<number, Pending>();
  #carrier: Carrier | undefined;
  #lastId = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * `read` makes the result, in the very turn in which the answer arrives. `none` does when there is no such znode;
   * without it that is an error.
   */
  ask<T>(operation: Operation, options: RequestOptions, read: (answer: Answer) => T, none?: () => T): Promise<T> {
    const { signal, timeout } = options;
    return new Promise<T>((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error);
      const id = ++this.#lastId;
      const over = (): void => {
        this.#pending.delete(id);
        cancel();
        signal?.removeEventListener('abort', onAbort);
      };
      const pending: Pending = {
        operation,
        sent: false,
        answer(answer) {
          over();
          if (answer.rc === 0) return resolve(read(answer));
          const error = answerError(operation.op, operation.path, answer);
          if (none !== undefined && error instanceof NoNodeError) resolve(none());
          else reject(error);
        },
        fail(error) {
          over();
          reject(error);
        },
      };
      const onAbort = (): void => pending.fail(signal?.reason as Error);
      const cancel = this.#clock.at(this.#clock.now() + timeout, () => pending.fail(late(pending, timeout)));
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#pending.set(id, pending);
      this.#send(id, pending);
    });
  }

  /** Contact is back: sends what waited, in order. There is nothing else: `interrupt` has ended what was sent. */
  resume(carrier: Carrier): void {
    this.#carrier = carrier;
    for (const [id, pending] of this.#pending) this.#send(id, pending);
  }

  /** Returns what was answered. An answer that comes after its request has ended is dropped. */
  answer(answer: Answer): Operation | undefined {
    const pending = this.#pending.get(answer.id);
    pending?.answer(answer);
    return pending?.operation;
  }

  /** No contact: requests that were sent have an unknown outcome, the rest waits. */
  interrupt(why: string): void {
    this.#carrier = undefined;
    for (const pending of [...this.#pending.values()]) {
      if (pending.sent) pending.fail(new OutcomeUnknownError(pending.operation.op, pending.operation.path, why));
    }
  }

  /** The session is over: waiting requests will never be sent. */
  end(reason: Error): void {
    this.interrupt(reason.message);
    for (const pending of [...this.#pending.values()]) pending.fail(reason);
  }

  #send(id: number, pending: Pending): void {
    if (this.#carrier === undefined) return;
    pending.sent = true;
    this.#carrier.send(id, pending.operation);
  }
}

function late({ operation: { op, path }, sent }: Pending, timeout: number): Error {
  const within = `within ${Math.round(timeout)} ms`;
  return sent
    ? new OutcomeUnknownError(op, path, `no answer ${within}`)
    : new NotSentError(op, path, `no contact with ZooKeeper ${within}`);
}
