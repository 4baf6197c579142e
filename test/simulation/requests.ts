import { RefusedError } from '../../src/errors.ts';
import type { RequestOptions } from '../../src/election/register.ts';
import { BadVersionError, NoNodeError, NotSentError, OutcomeUnknownError } from '../../src/election/errors.ts';
import { NodeExistsError, ZooKeeperError } from '../../src/zookeeper/session/errors.ts';
import type { VirtualProcess } from '../support/virtual-clock.ts';
import type { Reply, Request } from './server.ts';

export type Answer = Extract<Reply, { ok: true }>;

interface Pending {
  readonly request: Request;
  sent: boolean;
  finish(reply: Reply | Error): void;
}

/** The requests of a session that have not ended, in the order of calls; numbered from one. */
export class Requests {
  readonly #process: VirtualProcess;
  readonly #pending = new Map<number, Pending>();
  #carrier: ((xid: number, request: Request) => void) | undefined;
  #xid = 0;

  constructor(process: VirtualProcess) {
    this.#process = process;
  }

  /** `onAnswer` is called in the very turn in which the answer arrives: an event may come right behind it. */
  ask(request: Request, { timeout, signal }: RequestOptions, onAnswer?: () => void): Promise<Answer> {
    if (signal?.aborted) return Promise.reject(signal.reason as Error);
    const xid = (this.#xid += 1);
    return new Promise((resolve, reject) => {
      const finish = (outcome: Reply | Error): void => {
        this.#pending.delete(xid);
        cancel();
        signal?.removeEventListener('abort', onAbort);
        if (outcome instanceof Error) return reject(outcome);
        if (!outcome.ok) return reject(errorOf(request, outcome.code));
        onAnswer?.();
        resolve(outcome);
      };
      const onAbort = (): void => finish(signal?.reason as Error);
      const pending: Pending = { request, sent: false, finish };
      const cancel = this.#process.at(this.#process.now() + timeout, () => finish(late(pending, timeout)));
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#pending.set(xid, pending);
      this.#send(xid, pending);
    });
  }

  /** Contact: what waited for it goes out. */
  resume(carrier: (xid: number, request: Request) => void): void {
    this.#carrier = carrier;
    for (const [xid, pending] of this.#pending) this.#send(xid, pending);
  }

  replied(xid: number, reply: Reply): void {
    this.#pending.get(xid)?.finish(reply);
  }

  /** No contact: what was sent has an unknown outcome, the rest waits. */
  interrupt(why: string): void {
    this.#carrier = undefined;
    for (const { sent, request, finish } of [...this.#pending.values()])
      if (sent) finish(new OutcomeUnknownError(request.kind, request.path, why));
  }

  /** The session is over. */
  end(reason: Error): void {
    this.interrupt(reason.message);
    for (const { finish } of [...this.#pending.values()]) finish(reason);
  }

  #send(xid: number, pending: Pending): void {
    if (this.#carrier === undefined) return;
    pending.sent = true;
    this.#carrier(xid, pending.request);
  }
}

function late({ request: { kind, path }, sent }: Pending, timeout: number): Error {
  const ms = `${Math.round(timeout)} ms`;
  return sent
    ? new OutcomeUnknownError(kind, path, `no answer within ${ms}`)
    : new NotSentError(kind, path, `no contact for ${ms}`);
}

function errorOf({ kind, path }: Request, code: Extract<Reply, { ok: false }>['code']): Error {
  if (code === 'noNode') return new NoNodeError(path);
  if (code === 'nodeExists') return new NodeExistsError(path);
  if (code === 'badVersion') return new BadVersionError(path);
  if (code === 'notEmpty') return new ZooKeeperError(kind, path, -111, 'ZNOTEMPTY');
  return new RefusedError(path);
}
