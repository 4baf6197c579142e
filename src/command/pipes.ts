import { spawn, spawnSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmdirSync, rmSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Pipes for a command's output. Node's own `stdio: 'pipe'` is a pair of sockets, and a socket cannot be opened by name:
 * `echo x >/dev/stderr` in a shell script then fails with ENXIO. Node has no pipe(2), so these are named pipes (FIFOs),
 * made by mkfifo(1) and unlinked at once, and opened anew through /proc/self/fd for each run. Linux only.
 */
export interface Pipe {
  /** Non-blocking read end. */
  readonly read: number;
  /** Blocking write end, to be inherited by the command and closed here. */
  readonly write: number;
  /** Gives the pipe back for a later run. Only once its end has been read: then no process holds it any more. */
  giveBack(): void;
}

const MKFIFO_TIMEOUT_MS = 2000;
/** Two streams of a run, and two of the next while a process outside the group still holds the first two. */
const STOCK = 4;

/** Descriptors that keep an unnamed FIFO, and never read from it. */
const stock: number[] = [];

interface Names {
  readonly folder: string;
  readonly paths: readonly string[];
}

function chooseNames(base: string): Names {
  const folder = mkdtempSync(join(base, 'ballot-'));
  return { folder, paths: Array.from({ length: STOCK }, (_, index) => join(folder, String(index))) };
}

function collect(names: Names): void {
  for (const path of names.paths) stock.push(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK));
}

/** By name, which is quicker than to ask for all that is in the folder: a start waits for it. */
function remove({ folder, paths }: Names): void {
  try {
    for (const path of paths) unlinkSync(path);
    rmdirSync(folder);
  } catch {
    // Not all of them were made, or somebody else has removed some.
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Those of `preparePipes`, which mkfifo may have made already though its end was not noticed yet. */
let underWay: Names | undefined;

/** Folders to try: a container may have a read-only root. */
const bases = (): string[] => [tmpdir(), '/dev/shm'];

/** Makes pipes ahead of time: a launch would wait some 3 ms for them. Never rejects: a launch tries again. */
export async function preparePipes(): Promise<void> {
  if (process.platform !== 'linux') return;
  for (const base of bases()) {
    if (stock.length >= 2) return;
    try {
      const names = chooseNames(base);
      // The process may end while mkfifo is at work.
      const forget = (): void => remove(names);
      process.once('exit', forget);
      try {
        underWay = names;
        await new Promise<void>((resolve, reject) => {
          const options = { stdio: 'ignore', timeout: MKFIFO_TIMEOUT_MS } as const;
          spawn('mkfifo', ['-m', '600', ...names.paths], options)
            .once('error', reject)
            .once('exit', resolve);
        });
        if (underWay === names) collect(names);
      } finally {
        underWay = undefined;
        process.off('exit', forget);
        remove(names);
      }
    } catch {
      // No room, no right or no mkfifo here: the next folder, or the launch's own way out.
    }
  }
}

function makeNow(): void {
  if (underWay !== undefined) {
    const names = underWay;
    underWay = undefined;
    try {
      return collect(names);
    } catch {
      // Not yet.
    }
  }
  for (const base of bases()) {
    if (stock.length >= 2) return;
    try {
      const names = chooseNames(base);
      try {
        spawnSync('mkfifo', ['-m', '600', ...names.paths], { stdio: 'ignore', timeout: MKFIFO_TIMEOUT_MS });
        collect(names);
      } finally {
        remove(names);
      }
    } catch {
      // As above.
    }
  }
}

function open(anchor: number): Pipe {
  const path = `/proc/self/fd/${anchor}`;
  const write = openSync(path, constants.O_WRONLY);
  try {
    const read = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    return { read, write, giveBack: () => void stock.push(anchor) };
  } catch (error) {
    closeSync(write);
    throw error;
  }
}

/** Two pipes; `undefined`: no Linux, no mkfifo, no writable folder, or no descriptors left. */
export function takePipes(): { readonly stdout: Pipe; readonly stderr: Pipe } | undefined {
  if (process.platform !== 'linux') return undefined;
  if (stock.length < 2) makeNow();
  const [first, second] = [stock.pop(), stock.pop()];
  const opened: Pipe[] = [];
  try {
    if (first === undefined || second === undefined) throw new Error('no pipes');
    opened.push(open(first));
    opened.push(open(second));
    return { stdout: opened[0]!, stderr: opened[1]! };
  } catch {
    for (const pipe of opened) {
      closeSync(pipe.read);
      closeSync(pipe.write);
    }
    for (const anchor of [first, second]) if (anchor !== undefined) stock.push(anchor);
    return undefined;
  }
}
