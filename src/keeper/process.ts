import { fork, type ChildProcess } from 'node:child_process';
import { describe } from '../errors.ts';
import { systemClock, type Clock } from '../clock.ts';
import type { ClientChoice } from '../config/config.ts';
import { actsAt, type Will } from './will.ts';
import { type Command, type Report, WILL_ALONE } from './protocol.ts';

/** A running keeper process, and the only tie to it. */
export interface KeeperProcess {
  readonly pid: number | undefined;
  /** Undefined while it takes orders; then why it does not. A keeper that executes its will may live on for seconds. */
  readonly end: string | undefined;
  /** It executes wills and lives, or that is not known yet: see `kill`. Also of one that was just killed. */
  readonly executes: boolean;
  /** It takes no more orders, or has been told to end. */
  readonly isLeaving: boolean;
  /** Resolves when the process is gone. */
  readonly gone: Promise<void>;
  /** Resolves when its session is another keeper's to take: it is gone, or has handed over. */
  readonly free: Promise<void>;
  /** One listener, called once: in the turn in which `isLeaving` becomes true. */
  onLeaving(listener: () => void): void;
  /** Sends a command. What cannot be delivered is dropped: the listener's `end` tells. */
  send(command: Command): void;
  /** One listener at a time: the user of the keeper. */
  listen(listener: KeeperListener): void;
  /**
   * SIGKILL: the session stays. A keeper that executes its will is left to it, however silent it is: killed half-way,
   * it would leave a run that nobody stops, in a session that is taken over as if nothing ran. One whose will is due
   * gets a moment to say that it executes it. One that executes the will of one election alone hands the others over.
   */
  kill(): void;
  /** SIGKILL, also while it executes its will. */
  destroy(): void;
  /** Whether the keeper holds this process's event loop. A new one does not. */
  hold(held: boolean): void;
}

export interface KeeperListener {
  report(report: Report): void;
  /** It obeys no more; `how` in words. */
  end(how: string): void;
}

/** The process itself and the channel to it, as this process has noticed so far. */
export interface KeeperChannel {
  readonly pid: number | undefined;
  readonly isOpen: boolean;
  readonly isAlive: boolean;
  /** One listener. */
  listen(listener: ChannelListener): void;
  send(batch: readonly Command[]): void;
  /** SIGKILL. */
  destroy(): void;
  /** See `KeeperProcess`. */
  hold(held: boolean): void;
}

export interface ChannelListener {
  reports(batch: readonly Report[]): void;
  /** The channel is closed; the process may live on. */
  closed(): void;
  /** Without a `pid` it was never started. */
  failed(error: unknown): void;
  exited(code: number | null, signal: NodeJS.Signals | null): void;
}

/**
 * What keeps the keeper small. Most of V8's flags, heap limits among them, would make it reject the compiled code that
 * Node carries and cost more (15 ms of 45 to start) than they save; these two do not. Measured with Node 20.20.
 */
const MEMORY_FLAGS = ['--v8-pool-size=0', '--single-threaded-gc'];

/**
 * Starts a keeper, which loads the ZooKeeper client and waits for its first command. It has a session of its own (a
 * terminal's signals miss it), an empty environment (NODE_OPTIONS and the like are not for it), and ballot's stderr for
 * both of its outputs, because the ZooKeeper binding prints to stdout.
 *
 * @param path the built `keeper.js`
 * @param client the ZooKeeper client that it will be told to use, as far as is known: it is loaded ahead of time
 */
export function forkKeeper(path: string, client: ClientChoice = 'auto'): KeeperProcess {
  return new SupervisedKeeper(channelTo(path, [client]), systemClock);
}

/**
 * Starts a keeper that loads no client: it takes wills and executes them, and holds nothing. It has its first will from
 * the start, so that it knows it even if this process dies before it can say another word. Otherwise as `forkKeeper`.
 */
export function forkWillKeeper(path: string, will: Will): KeeperProcess {
  return new SupervisedKeeper(channelTo(path, [WILL_ALONE, JSON.stringify(will)]), systemClock);
}

/** Node throws some failures to fork and reports others. For the user of a keeper they are the same. */
function channelTo(path: string, args: readonly string[]): KeeperChannel {
  try {
    return channelOf(start(path, args));
  } catch (error) {
    const nothing = (): void => undefined;
    const dead = { pid: undefined, isOpen: false, isAlive: false, send: nothing, destroy: nothing, hold: nothing };
    return { ...dead, listen: ({ failed }) => failed(error) };
  }
}

function start(path: string, args: readonly string[]): ChildProcess {
  const child = fork(path, args, {
    detached: true,
    execArgv: MEMORY_FLAGS,
    serialization: 'json',
    stdio: ['ignore', 2, 2, 'ipc'],
    env: minimalEnvironment(),
  });
  child.unref();
  child.channel?.unref();
  return child;
}

function channelOf(child: ChildProcess): KeeperChannel {
  return {
    pid: child.pid,
    get isOpen() {
      return child.connected;
    },
    get isAlive() {
      return child.exitCode === null && child.signalCode === null;
    },
    listen({ reports, closed, failed, exited }) {
      child.on('message', (batch) => reports(batch as Report[]));
      child.on('disconnect', closed).on('error', failed).on('exit', exited);
    },
    send: (batch) => void child.send(batch, () => undefined),
    destroy: () => void child.kill('SIGKILL'),
    hold(held) {
      if (held) child.channel?.ref();
      else child.channel?.unref();
    },
  };
}

/** A keeper as its supervisor sees it: what it was told, what it has said, and what follows for its end. */
export class SupervisedKeeper implements KeeperProcess {
  readonly gone: Promise<void>;
  readonly free: Promise<void>;
  readonly #channel: KeeperChannel;
  readonly #clock: Clock;
  #listener: KeeperListener | undefined;
  #end: string | undefined;
  readonly #wills = new Map<string, Will>();
  /** Elections of whose wills an instant has passed while it had them. */
  readonly #due = new Set<string>();
  /** Elections whose will it executes alone, by its own word. */
  readonly #executesAlone = new Set<string>();
  #outbox: Command[] = [];
  #handedOver = false;
  #becomeFree: () => void = () => undefined;
  /** It is killed unless it is found to execute its will. */
  #killing = false;
  /** It has said that it executes its will. */
  #hasConfessed = false;
  #isLeaving = false;
  #onLeaving: (() => void) | undefined;

  constructor(channel: KeeperChannel, clock: Clock) {
    this.#channel = channel;
    this.#clock = clock;
    this.free = new Promise((resolve) => (this.#becomeFree = resolve));
    this.gone = new Promise((resolve) => {
      channel.listen({
        reports: (batch) => batch.forEach((report) => this.#onReport(report)),
        // One that has died says how soon after. One whose last word was lost may live on.
        closed: () => void this.gone.then(clock.at(clock.now() + EXIT_FOLLOWS_MS, () => this.#ended(GAVE_UP))),
        failed: (error) => {
          this.#ended(`cannot be started: ${describe(error)}`);
          if (channel.pid === undefined) resolve();
        },
        exited: (code, signal) => {
          this.#ended(howExited(code, signal));
          resolve();
        },
      });
    });
    void this.gone.then(this.#becomeFree);
  }

  #onReport(report: Report): void {
    if (report.kind === 'executes') this.#executing();
    else if (report.kind === 'executesOne') this.#executingOne(report.election);
    else if (report.kind === 'executed') this.#hasExecuted(report.election);
    else this.#listener?.report(report);
  }

  get pid(): number | undefined {
    return this.#channel.pid;
  }

  get end(): string | undefined {
    return this.#end;
  }

  get isLeaving(): boolean {
    return this.#isLeaving;
  }

  onLeaving(listener: () => void): void {
    this.#onLeaving = listener;
  }

  get executes(): boolean {
    return this.#channel.isAlive && (this.#hasConfessed || !this.#channel.isOpen || this.#killing);
  }

  #executing(): void {
    this.#hasConfessed = true;
    this.#ended(GAVE_UP);
  }

  #executingOne(election: string): void {
    this.#executesAlone.add(election);
    if (this.#killing) this.#handOver();
  }

  #hasExecuted(election: string): void {
    this.#executesAlone.delete(election);
    this.#due.delete(election);
  }

  #isDue(): boolean {
    const now = this.#clock.now();
    for (const will of this.#wills.values()) if (now >= (actsAt(will) ?? Infinity)) this.#due.add(will.election);
    return this.#due.size > 0;
  }

  /** It goes on with what it has begun, and ends by itself. */
  #handOver(): void {
    this.#killing = false;
    this.#handedOver = true;
    this.send({ kind: 'handOver' });
    this.#leave();
    this.#becomeFree();
  }

  /** What is sent in one turn travels in one message: a heartbeat wakes the keeper once. */
  send(command: Command): void {
    if (command.kind === 'will' || command.kind === 'revoke') this.#isDue();
    if (command.kind === 'will') this.#wills.set(command.will.election, command.will);
    if (command.kind === 'revoke') this.#wills.delete(command.election);
    this.#outbox.push(command);
    if (isUrgent(command)) this.#flush();
    else if (this.#outbox.length === 1) queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    const batch = this.#outbox;
    if (batch.length === 0) return;
    this.#outbox = [];
    // An undeliverable message means that the process is going: its exit is reported by itself.
    if (this.#channel.isOpen) this.#channel.send(batch);
  }

  listen(listener: KeeperListener): void {
    this.#listener = listener;
  }

  kill(): void {
    if (this.executes || this.#handedOver) return;
    if (this.#executesAlone.size > 0) return this.#handOver();
    // This process may have stood still, and not have read yet that the keeper has closed the channel.
    if (!this.#isDue()) return this.destroy();
    this.#killing = true;
    this.#leave();
    this.#clock.at(this.#clock.now() + CONFESSION_MS, () => {
      if (this.#channel.isOpen && this.#killing) this.destroy();
    });
  }

  destroy(): void {
    this.#channel.destroy();
    this.#leave();
  }

  hold(held: boolean): void {
    this.#channel.hold(held);
  }

  #ended(how: string): void {
    if (this.#end !== undefined) return;
    this.#end = how;
    this.#leave();
    this.#listener?.end(how);
  }

  #leave(): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    this.#onLeaving?.();
  }
}

/** The keeper acts on its own when it hears nothing of this process in time. */
const GAVE_UP =
  'has given up what this candidate held, since ballot did not run in time: ' +
  'look for what made this host, or this process, stand still';

/** A keeper that ends with code 0 has executed its will before the message about it arrived. */
function howExited(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal === 'SIGKILL')
    return 'was killed by SIGKILL: look for the kernel’s OOM killer, or for who kills processes';
  if (signal !== null) return `was ended by ${signal}`;
  return code === 0 ? GAVE_UP : `failed with exit code ${code}: its reason is on stderr`;
}

/** The keeper has to know of a run before it is started, in case this process dies while starting it. */
function isUrgent(command: Command): boolean {
  return command.kind === 'will' && command.will.commands.some(({ group }) => group === undefined);
}

/** From the end of a dead keeper's channel to the news of its exit, ms: more than a busy host needs. */
const EXIT_FOLLOWS_MS = 1_000;

/** How long a keeper may take to close the channel once its will is due, ms: a moment, and some for a busy host. */
const CONFESSION_MS = 1_000;

/** The dynamic linker may need its path to start this very Node. One malloc arena suffices for one thread. */
function minimalEnvironment(): NodeJS.ProcessEnv {
  const { LD_LIBRARY_PATH } = process.env;
  return {
    MALLOC_ARENA_MAX: '1',
    UV_THREADPOOL_SIZE: '1',
    ...(LD_LIBRARY_PATH === undefined ? {} : { LD_LIBRARY_PATH }),
  };
}
