import type { Clock } from '../../clock.ts';
import { within } from '../../waiting.ts';
import type { Endpoint } from './addresses.ts';
import type { KeeperProcess } from '../../keeper/process.ts';
import type { Answer, ConnectCommand, Grant, Operation, Report, ZNodeEvent } from '../../keeper/protocol.ts';

/** A keeper starts in 60 ms. Only an overloaded host needs longer than this, ms. */
const START_TIMEOUT_MS = 10_000;

/** Why there is no connection (any more). */
export type ConnectionEnd =
  /** The connection or its keeper is gone; the session may well live on. */
  | { readonly kind: 'broken'; readonly why: string }
  /** The same, and it was the server that closed the connection, or was silent. */
  | { readonly kind: 'cut'; readonly why: string }
  /** The ensemble refused or ended the session. `why` in words, if the client knows. */
  | { readonly kind: 'ended'; readonly code: number; readonly why?: string }
  /** No keeper will ever work: its native module cannot be loaded. */
  | { readonly kind: 'moduleMissing'; readonly message: string };

export interface ConnectionListener {
  answer(answer: Answer): void;
  event(event: ZNodeEvent, path: string): void;
  /** The last call. The keeper is dead by then, or executes its will. */
  end(end: ConnectionEnd): void;
}

/** One keeper and one connection, made once: the client reconnects slowly and with mistakes. A failure ends both. */
export class KeeperConnection {
  readonly endpoint: Endpoint;
  readonly #keeper: KeeperProcess;
  readonly #clock: Clock;
  /** How often the keeper was asked whether it is there since its last word; −1: it spoke since the last check. */
  #asked = -1;
  #listener: ConnectionListener | undefined;
  /** Another step towards a session is done: the next may take the same time. */
  #onStep: ((problem: string) => void) | undefined;
  #onGrant: ((grant: Grant | ConnectionEnd) => void) | undefined;
  #end: ConnectionEnd | undefined;
  #granted = false;
  #client = '';
  #onClosed: (() => void) | undefined;

  constructor(keeper: KeeperProcess, endpoint: Endpoint, clock: Clock) {
    this.#keeper = keeper;
    this.endpoint = endpoint;
    this.#clock = clock;
  }

  /**
   * Connects: a grant once a request was answered, or why there is none; then the keeper is dead. Rejects with the
   * signal's reason when aborted; then, too.
   *
   * @param timeout ms for the server to grant, and then to answer, counted from when the keeper has begun: a busy host
   * that starts processes slowly is not the server's fault
   */
  connect(
    command: Omit<ConnectCommand, 'kind' | 'address'>,
    timeout: number,
    signal: AbortSignal,
  ): Promise<Grant | ConnectionEnd> {
    return new Promise((resolve, reject) => {
      const settle = (finish: () => void): void => {
        this.#onGrant = undefined;
        this.#onStep = undefined;
        cancel();
        signal.removeEventListener('abort', onAbort);
        finish();
      };
      const onAbort = (): void => {
        settle(() => reject(signal.reason as Error));
        this.kill('called off');
      };
      const killIn = (ms: number, problem: string): (() => void) =>
        this.#clock.at(this.#clock.now() + ms, () => this.kill(`${problem} within ${Math.round(ms)} ms`));
      let cancel = killIn(START_TIMEOUT_MS, 'the keeper process did not start');
      this.#onStep = (problem) => {
        cancel();
        cancel = killIn(timeout, problem);
      };
      this.#onGrant = (outcome) => settle(() => resolve(outcome));
      if (signal.aborted) return onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
      this.#keeper.hold(true);
      this.#keeper.listen({
        report: (report) => this.#onReport(report),
        end: (how) => this.#finish({ kind: 'broken', why: `the keeper process ${how}` }),
      });
      if (this.#keeper.end !== undefined)
        return this.#finish({ kind: 'broken', why: `the keeper process ${this.#keeper.end}` });
      this.#keeper.send({ ...command, kind: 'connect', address: `${this.endpoint.ip}:${this.endpoint.port}` });
    });
  }

  /** Whether the server has granted a session, which it may have cut since. */
  get granted(): boolean {
    return this.#granted;
  }

  /** The ZooKeeper client that its keeper uses, in words. */
  get client(): string {
    return this.#client;
  }

  listen(listener: ConnectionListener): void {
    this.#listener = listener;
    if (this.#end !== undefined) listener.end(this.#end);
  }

  /**
   * Call it regularly. A keeper that was asked twice and has not answered hangs or was stopped, and is given up. An
   * idle candidate sends no request that would show that. (Twice: when this process itself stood still, it may not have
   * read the first answer yet.)
   */
  checkKeeper(): void {
    if (this.#asked === 2) return this.kill('the keeper process does not answer');
    this.#asked++;
    if (this.#asked > 0) this.#keeper.send({ kind: 'ping' });
  }

  send(id: number, request: Operation): void {
    this.#keeper.send({ kind: 'request', id, request });
  }

  /** Gives the connection up without ending the session. */
  kill(why: string): void {
    this.#finish({ kind: 'broken', why });
  }

  /** Ends session and keeper, and reports no more. Resolves within `timeout` ms to whether the keeper confirmed it. */
  close(timeout: number): Promise<boolean> {
    this.#listener = undefined;
    if (this.#end !== undefined) return Promise.resolve(false);
    const confirmed = new Promise<boolean>((resolve) => {
      this.#onClosed = () => resolve(true);
      this.#keeper.listen({ report: (report) => this.#onReport(report), end: () => resolve(false) });
      this.#keeper.send({ kind: 'close' });
    });
    return within(this.#clock, confirmed, { at: this.#clock.now() + timeout })
      .catch(() => false)
      .finally(() => this.kill('closed'));
  }

  #onReport(report: Report): void {
    this.#asked = -1;
    if (this.#end !== undefined) return;
    switch (report.kind) {
      case 'answer':
        return this.#listener?.answer(report);
      case 'event':
        return this.#listener?.event(report.event, report.path);
      case 'connecting':
        this.#client = report.client;
        return this.#onStep?.('accepts connections, but does not answer');
      case 'alive':
      // `KeeperProcess` looks after these.
      case 'executes':
      case 'executesOne':
      case 'executed':
        return;
      case 'granted':
        this.#granted = true;
        return this.#onStep?.('grants a session, but does not answer');
      case 'connected':
        return this.#onGrant?.(report.grant);
      case 'closed':
        return this.#onClosed?.();
      case 'disconnected':
        return this.#finish({ kind: 'cut', why: this.#howCut(report.why) });
      case 'ended':
        return this.#finish(report);
      case 'broken':
        return this.#finish(
          report.cause === 'module'
            ? { kind: 'moduleMissing', message: report.message }
            : { kind: 'broken', why: `the keeper process failed: ${report.message}` },
        );
    }
  }

  #howCut(why: string | undefined): string {
    if (this.#onGrant === undefined) return why ?? 'the server closed the connection, or was silent for too long';
    const when = this.#granted ? 'grants a session, and cuts it at the first request' : 'drops the handshake';
    return why === undefined ? when : `${when}: ${why}`;
  }

  #finish(end: ConnectionEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#keeper.hold(false);
    this.#keeper.kill();
    this.#onGrant?.(end);
    this.#listener?.end(end);
  }
}
