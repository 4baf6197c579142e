import type { Random } from '../support/random.ts';
import type { VirtualClock } from '../support/virtual-clock.ts';

/** How long a message takes, ms: usually `low` to `high`; now and then, as often as `spikes` says, up to `spike`. */
export interface Latency {
  readonly low: number;
  readonly high: number;
  readonly spikes: number;
  readonly spike: number;
}

export const QUIET: Latency = { low: 0.1, high: 0.6, spikes: 0, spike: 0 };

export function drawLatency(random: Random, latency: Latency): number {
  if (latency.spikes > 0 && random.chance(latency.spikes)) return random.between(latency.high, latency.spike);
  return random.between(latency.low, latency.high);
}

/**
 * One direction of a TCP connection: messages arrive in order or not at all. While blocked they are held, as
 * retransmission does, and arrive after the block: late, perhaps long after their sender gave up.
 */
export class Channel {
  readonly #clock: VirtualClock;
  readonly #delay: () => number;
  readonly #blocked: () => boolean;
  #queue: { readonly at: number; readonly arrive: () => void }[] = [];
  #lastArrival = 0;
  #pumping = false;
  #closed = false;

  constructor(clock: VirtualClock, delay: () => number, blocked: () => boolean) {
    this.#clock = clock;
    this.#delay = delay;
    this.#blocked = blocked;
  }

  send(arrive: () => void): void {
    if (this.#closed) return;
    const at = Math.max(this.#clock.time + this.#delay(), this.#lastArrival);
    this.#lastArrival = at;
    this.#queue.push({ at, arrive });
    this.kick();
  }

  /** To be called when the block may have ended. */
  kick(): void {
    const head = this.#queue[0];
    if (this.#pumping || this.#closed || head === undefined || this.#blocked()) return;
    this.#pumping = true;
    this.#clock.schedule(head.at, () => {
      this.#pumping = false;
      if (this.#closed || this.#blocked()) return;
      this.#queue.shift()?.arrive();
      this.kick();
    });
  }

  /** Drops all that is under way. */
  close(): void {
    this.#closed = true;
    this.#queue = [];
  }
}

/** Which directions pass between a host and a server. */
export type Passage = 'open' | 'none' | 'requestsOnly' | 'repliesOnly';

/** The wires between hosts and servers. */
export class Network {
  readonly #passages = new Map<string, Passage>();
  readonly #channels = new Set<Channel>();

  passage(host: string, server: string): Passage {
    return this.#passages.get(`${host} ${server}`) ?? 'open';
  }

  passesRequests(host: string, server: string): boolean {
    const passage = this.passage(host, server);
    return passage === 'open' || passage === 'requestsOnly';
  }

  passesReplies(host: string, server: string): boolean {
    const passage = this.passage(host, server);
    return passage === 'open' || passage === 'repliesOnly';
  }

  set(host: string, server: string, passage: Passage): void {
    this.#passages.set(`${host} ${server}`, passage);
    this.kick();
  }

  register(channel: Channel): void {
    this.#channels.add(channel);
  }

  forget(channel: Channel): void {
    this.#channels.delete(channel);
  }

  /** Lets every channel look again whether it may deliver. */
  kick(): void {
    for (const channel of this.#channels) channel.kick();
  }
}
