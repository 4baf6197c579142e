import type { KeeperListener, KeeperProcess } from '../../src/keeper/process.ts';
import type { Command, Report } from '../../src/keeper/protocol.ts';

/** What a keeper says whose connection is cut at once. */
const CUT: readonly Report[] = [{ kind: 'connecting', client: 'fake' }, { kind: 'disconnected' }];

/** A keeper whose process is the test's. */
export class FakeKeeper implements KeeperProcess {
  readonly pid = 1;
  readonly received: Command[] = [];
  readonly gone: Promise<void>;
  readonly free: Promise<void>;
  executes = false;
  end: string | undefined;
  isLeaving = false;
  #onLeaving: () => void = () => undefined;
  #listener: KeeperListener | undefined;
  readonly #onConnect: readonly Report[];
  #resolveGone: () => void = () => undefined;

  /** `onConnect`: what it says when it is asked to connect. */
  constructor(onConnect = CUT) {
    this.#onConnect = onConnect;
    this.gone = new Promise((resolve) => {
      this.#resolveGone = resolve;
    });
    this.free = this.gone;
  }

  send(command: Command): void {
    this.received.push(command);
    if (command.kind !== 'connect') return;
    queueMicrotask(() => {
      for (const report of this.#onConnect) this.report(report);
    });
  }

  /** Says something to its supervisor. */
  report(report: Report): void {
    this.#listener?.report(report);
  }

  listen(listener: KeeperListener): void {
    this.#listener = listener;
  }

  kill(): void {
    if (!this.executes) this.destroy();
  }

  onLeaving(listener: () => void): void {
    this.#onLeaving = listener;
  }

  /** It obeys no more. */
  leave(): void {
    if (this.isLeaving) return;
    this.isLeaving = true;
    this.#onLeaving();
  }

  destroy(): void {
    this.executes = false;
    this.leave();
    this.end = 'was ended by SIGKILL';
    this.#resolveGone();
  }

  hold(): void {}
}
