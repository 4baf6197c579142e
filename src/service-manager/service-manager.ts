/** What the service manager (systemd, or another one that sets NOTIFY_SOCKET) is told of this process, and when. */
import { type Clock, sleep } from '../clock.ts';
import { describe } from '../errors.ts';
import type { Logger } from '../log/logger.ts';
import { dotted } from '../visible.ts';
import { within } from '../waiting.ts';
import { systemdNotify, type Send } from './notify.ts';

/** How a service is at present. */
export interface ServiceState {
  /** `ready`: it does what it was started for, or stands by for it. */
  readonly phase: 'starting' | 'ready' | 'stopping';
  /** One line for people: `systemctl status` shows it. */
  readonly status: string;
  /** Whether it gets on. One that does not is to be restarted. */
  readonly isAlive: boolean;
}

export interface ServiceParts {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Asked once a second, and whenever `look` is called. */
  readonly state: () => ServiceState;
}

export interface ServiceManagerParts extends ServiceParts {
  readonly send: Send;
  /** After how long without a sign of life the service is restarted, ms. `undefined`: never. */
  readonly watchdog: number | undefined;
}

/** How often the state is looked at, ms: a status that changes faster is not told each time. */
const LOOK_EVERY_MS = 1_000;

/** After a message that did not arrive, ms. */
const PAUSE_MS = 5_000;

/** How long the end waits for the last messages, ms. */
const CLOSE_WITHIN_MS = 1_000;

/** The service manager that the environment names, if any. Call `start` when there is a state to look at. */
export function serviceManager(env: NodeJS.ProcessEnv, parts: ServiceParts): ServiceManager | undefined {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: usec, WATCHDOG_PID: pid, PATH: path } = env;
  if (!socket) return undefined;
  const isForUs = pid === undefined || pid === String(process.pid);
  const watchdog = isForUs && Number(usec) > 0 ? Number(usec) / 1000 : undefined;
  return new ServiceManager({ ...parts, send: systemdNotify(socket, path, parts.clock), watchdog });
}

/** One message at a time is under way. What comes up meanwhile goes with the next one, the latest value of each. */
export class ServiceManager {
  readonly #parts: ServiceManagerParts;
  /** Variables to send. */
  readonly #pending = new Map<string, string>();
  readonly #closing = new AbortController();
  #sending: Promise<void> | undefined;
  #told: Pick<ServiceState, 'phase' | 'status'> = { phase: 'starting', status: '' };
  #beatAt: number;
  #disarm: () => void = () => undefined;
  #complaint: string | undefined;

  constructor(parts: ServiceManagerParts) {
    this.#parts = parts;
    this.#beatAt = parts.clock.now() + Math.min(LOOK_EVERY_MS, (parts.watchdog ?? Infinity) / 2);
  }

  /** Looks at the state from now on: not at once, since a start has other things to do. */
  start(): void {
    const { clock } = this.#parts;
    const at = Math.min(clock.now() + LOOK_EVERY_MS, Math.max(this.#beatAt, clock.now() + 1));
    this.#disarm = clock.at(at, () => {
      this.look();
      this.start();
    });
  }

  /** Tells what has changed, and gives a sign of life when one is due. */
  look(): void {
    const { clock, state, watchdog } = this.#parts;
    const { phase, status, isAlive } = state();
    const line = dotted(status);
    if (phase !== this.#told.phase && phase !== 'starting')
      this.#pending.set(phase === 'ready' ? 'READY' : 'STOPPING', '1');
    if (line !== this.#told.status) this.#pending.set('STATUS', line);
    // A service is never less than ready again.
    this.#told = { phase: phase === 'starting' ? this.#told.phase : phase, status: line };
    if (watchdog !== undefined && clock.now() >= this.#beatAt && phase !== 'stopping') {
      // Late by up to one look where it does not get on.
      this.#beatAt = clock.now() + (isAlive ? watchdog / 2 : LOOK_EVERY_MS);
      if (isAlive) this.#beat(watchdog);
    }
    this.#flush();
  }

  /** Says that this process ends, and waits a moment for that to arrive. Never rejects: the end itself tells enough. */
  async close(): Promise<void> {
    this.#disarm();
    if (this.#told.phase !== 'stopping') this.#pending.set('STOPPING', '1');
    this.#flush();
    const { clock } = this.#parts;
    await within(clock, this.#sending ?? Promise.resolve(), { at: clock.now() + CLOSE_WITHIN_MS }).catch(
      () => undefined,
    );
    this.#closing.abort(new Error('ballot ends'));
  }

  /** The watchdog counts from READY on; before that the time for the start does, which is prolonged. */
  #beat(watchdog: number): void {
    if (this.#told.phase === 'ready') this.#pending.set('WATCHDOG', '1');
    else this.#pending.set('EXTEND_TIMEOUT_USEC', String(Math.round(watchdog * 1000)));
  }

  #flush(): void {
    if (this.#sending !== undefined || this.#pending.size === 0 || this.#closing.signal.aborted) return;
    this.#sending = this.#sendAll().finally(() => {
      this.#sending = undefined;
    });
  }

  /** Sends until nothing is left, or ballot ends. Never rejects. */
  async #sendAll(): Promise<void> {
    const { clock, logger, send } = this.#parts;
    const { signal } = this.#closing;
    while (this.#pending.size > 0 && !signal.aborted) {
      const taken = new Map(this.#pending);
      this.#pending.clear();
      try {
        await send(
          [...taken].map(([name, value]) => `${name}=${value}`),
          signal,
        );
        this.#complaint = undefined;
      } catch (error) {
        if (signal.aborted) return;
        // What has come up meanwhile is newer.
        for (const [name, value] of taken) if (!this.#pending.has(name)) this.#pending.set(name, value);
        this.#complain(describe(error), logger);
        await sleep(clock, PAUSE_MS, signal).catch(() => undefined);
      }
    }
  }

  /** Once for each reason in a row. */
  #complain(why: string, logger: Logger): void {
    if (why === this.#complaint) return;
    this.#complaint = why;
    logger.warn('the service manager cannot be told how this service is', { why });
  }
}
