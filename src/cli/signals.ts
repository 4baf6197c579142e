/** The signals to a ballot that supervises, from its first moment on: before anything is there to answer them. */

import { sleepUntil, systemClock } from '../clock.ts';

/** These stop ballot: the command is stopped, the lease given up, and then ballot ends. */
const STOPPING = ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP'] as const;

/** These are the command's business. Without a handler SIGUSR1 opens Node's debugger, and SIGUSR2 ends the process. */
const PASSED_ON = ['SIGUSR1', 'SIGUSR2', 'SIGWINCH'] as const;

/** Who answers signals. */
export interface SignalHandlers {
  /** Whether SIGHUP stops ballot. */
  readonly onHangup: 'stop' | 'ignore';
  stop(signal: NodeJS.Signals): void;
  passOn(signal: NodeJS.Signals): void;
}

/** Listens to signals from its construction on. */
export class Signals {
  readonly #end: (signal: NodeJS.Signals) => void;
  #handlers: SignalHandlers | undefined;
  #hungUp = false;

  /** @param end ends the process at once: there is nothing yet that would have to be stopped or given up */
  constructor(end: (signal: NodeJS.Signals) => void) {
    this.#end = end;
    for (const signal of PASSED_ON) process.on(signal, () => this.#handlers?.passOn(signal));
    // SIGHUP comes last: a program that finds it caught (/proc/PID/status) may send any of these.
    for (const signal of STOPPING) process.on(signal, () => this.#stop(signal));
  }

  /** From here on `handlers` answer, and a SIGHUP that came before: only the configuration says what it means. */
  answerWith(handlers: SignalHandlers): void {
    this.#handlers = handlers;
    if (this.#hungUp) this.#stop('SIGHUP');
  }

  /** From here on stopping signals end the process at once, as any other would; an ignored SIGHUP stays ignored. */
  release(): void {
    for (const signal of STOPPING)
      if (signal !== 'SIGHUP' || this.#handlers?.onHangup !== 'ignore') process.removeAllListeners(signal);
  }

  #stop(signal: NodeJS.Signals): void {
    if (signal === 'SIGHUP') {
      this.#hungUp = true;
      if (this.#handlers?.onHangup !== 'stop') return;
    }
    if (this.#handlers === undefined) this.#end(signal);
    else this.#handlers.stop(signal);
  }
}

/**
 * When it is looked for, ms: not before the start of a command, which would wait for it; and again, for Node opens it
 * in a thread of its own, which a busy machine runs late.
 */
const DEBUGGER_LOOKS_MS = [30, 100, 1_000, 5_000] as const;

/**
 * Closes the debugger that an early SIGUSR1 opened, not one that was asked for. Loaded late: it costs milliseconds.
 * Resolves when it is looked for no more.
 */
export async function closeStrayDebugger(): Promise<void> {
  const asked = [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].join(' ');
  if (/--inspect(-brk|-wait)?(=|\s|$)/.test(asked)) return;
  const begun = systemClock.now();
  for (const after of DEBUGGER_LOOKS_MS) {
    await sleepUntil(systemClock, begun + after);
    const inspector = await import('node:inspector');
    if (inspector.url() !== undefined) inspector.close();
  }
}
