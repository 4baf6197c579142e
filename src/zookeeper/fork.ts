import { fork, type ChildProcess } from 'node:child_process';
import { describe } from '../errors.ts';
import { systemClock } from '../clock.ts';
import type { Command, Report } from './protocol.ts';

/** A running keeper process, and the only tie to it. */
export interface KeeperProcess {
  readonly pid: number | undefined;
  /** Undefined while it runs, then how it ended. */
  readonly end: string | undefined;
  /** Sends a command. What cannot be delivered is dropped: `onEnd` tells. */
  send(command: Command): void;
  /** One listener at a time: whoever uses the keeper. */
  listen(listener: KeeperListener): void;
  /** SIGKILL: the session stays. */
  kill(): void;
  /** Whether the keeper holds this process's event loop. A new one does not. */
  hold(held: boolean): void;
}

export interface KeeperListener {
  report(report: Report): void;
  /** The process is gone; `how` in words. */
  end(how: string): void;
}

/**
 * What keeps the keeper small. Most of V8's flags, heap limits among them, would make it reject the compiled code that Node carries and
 * cost more (15 ms of 45 to start) than they save; these two do not. Measured with Node 20.20.
 */
const MEMORY_FLAGS = ['--v8-pool-size=0', '--single-threaded-gc'];

/**
 * Starts a keeper, which loads the ZooKeeper client and waits for its first command. It has a session of its own (a terminal's signals
 * miss it), an empty environment (NODE_OPTIONS and the like are not for it), and ballot's stderr for both of its outputs, because
 * the ZooKeeper binding prints to stdout.
 *
 * @param path the built `keeper.js`
 */
export function forkKeeper(path: string): KeeperProcess {
  try {
    return new ForkedKeeper(start(path));
  } catch (error) {
    return neverStarted(`cannot be started: ${describe(error)}`);
  }
}

function start(path: string): ChildProcess {
  const child = fork(path, [], {
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

class ForkedKeeper implements KeeperProcess {
  readonly #child: ChildProcess;
  #listener: KeeperListener | undefined;
  #end: string | undefined;
  #outbox: Command[] = [];

  constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (batch) => {
      for (const report of batch as Report[]) this.#listener?.report(report);
    });
    child.on('error', (error) => this.#ended(`cannot be started: ${error.message}`));
    // A keeper that executes its will obeys no more, though it may live on for seconds: whoever is alive needs another one. One that has died says how at the same time.
    child.on('disconnect', () => {
      systemClock.at(systemClock.now() + EXIT_FOLLOWS_MS, () => this.#ended('executes its will and obeys no more'));
    });
    child.on('exit', (code, signal) =>
      this.#ended(signal === null ? `exited with code ${code}` : `was ended by ${signal}`),
    );
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get end(): string | undefined {
    return this.#end;
  }

  /** What is sent in one turn travels in one message: a heartbeat wakes the keeper once. */
  send(command: Command): void {
    this.#outbox.push(command);
    if (isUrgent(command)) this.#flush();
    else if (this.#outbox.length === 1) queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    const batch = this.#outbox;
    if (batch.length === 0) return;
    this.#outbox = [];
    // An undeliverable message means that the process is going: its exit is reported by itself.
    if (this.#child.connected) this.#child.send(batch, () => undefined);
  }

  listen(listener: KeeperListener): void {
    this.#listener = listener;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  hold(held: boolean): void {
    if (held) this.#child.channel?.ref();
    else this.#child.channel?.unref();
  }

  #ended(how: string): void {
    if (this.#end !== undefined) return;
    this.#end = how;
    this.#listener?.end(how);
  }
}

/** The keeper has to know of a run before it is started, in case this process dies while starting it. */
function isUrgent(command: Command): boolean {
  return command.kind === 'will' && command.will.commands.some(({ group }) => group === undefined);
}

/** Between the end of the channel and the news of the exit of a keeper that has died, ms. */
const EXIT_FOLLOWS_MS = 20;

/** Some failures to fork are thrown, others reported. To whoever uses a keeper they are the same. */
function neverStarted(end: string): KeeperProcess {
  const nothing = (): void => undefined;
  return { pid: undefined, end, send: nothing, listen: nothing, kill: nothing, hold: nothing };
}

/** The dynamic linker may need its path to start this very Node. One malloc arena suffices for one thread. */
function minimalEnvironment(): NodeJS.ProcessEnv {
  const { LD_LIBRARY_PATH } = process.env;
  return {
    MALLOC_ARENA_MAX: '1',
    UV_THREADPOOL_SIZE: '1',
    ...(LD_LIBRARY_PATH === undefined ? {} : { LD_LIBRARY_PATH }),
  };
}
