import { fork } from 'node:child_process';
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
 * What keeps the keeper small; it runs little code of its own and no WebAssembly. Measured with Node 20.20 (RSS, fork to connected):
 * see docs/architecture.md.
 */
const MEMORY_FLAGS = [
  '--max-semi-space-size=1',
  '--max-old-space-size=32',
  '--v8-pool-size=0',
  '--single-threaded',
  '--no-opt',
];

/**
 * Starts a keeper, which loads the ZooKeeper client and waits for its first command. It has a session of its own (a terminal's signals
 * miss it), an empty environment (NODE_OPTIONS and the like are not for it), and ballot's stderr for both of its outputs, because
 * the ZooKeeper binding prints to stdout.
 *
 * @param path the built `keeper.js`
 */
export function forkKeeper(path: string): KeeperProcess {
  const child = fork(path, [], {
    detached: true,
    execArgv: MEMORY_FLAGS,
    serialization: 'json',
    stdio: ['ignore', 2, 2, 'ipc'],
    env: minimalEnvironment(),
  });
  child.unref();
  child.channel?.unref();

  let end: string | undefined;
  let listener: KeeperListener | undefined;
  const ended = (how: string): void => {
    if (end !== undefined) return;
    end = how;
    listener?.end(how);
  };
  child.on('message', (batch) => {
    for (const report of batch as Report[]) listener?.report(report);
  });
  child.on('error', (error) => ended(`cannot be started: ${error.message}`));
  child.on('exit', (code, signal) => ended(signal === null ? `exited with code ${code}` : `was ended by ${signal}`));

  return {
    get pid() {
      return child.pid;
    },
    get end() {
      return end;
    },
    send(command) {
      // An undeliverable message means that the process is going: its exit is reported by itself.
      if (child.connected) child.send(command, () => undefined);
    },
    listen(next) {
      listener = next;
    },
    kill() {
      child.kill('SIGKILL');
    },
    hold(held) {
      if (held) child.channel?.ref();
      else child.channel?.unref();
    },
  };
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
