/** Gives each run a cgroup (version 2) of its own, where ballot may divide its cgroup. */
import { constants } from 'node:fs';
import { join } from 'node:path';
import { sleep, type Clock } from '../clock.ts';
import { describe } from '../errors.ts';
import type { Logger } from '../log/logger.ts';
import { directMembersOf, isPopulated, removeCgroup } from './cgroup.ts';
import { access, mkdir, readdir, readFile, writeFile } from './files.ts';
import { ask, errorCode, namesOf, readStat } from './proc.ts';

/** The cgroup of one run. */
export interface RunCgroup {
  readonly path: string;
  /**
   * Moves the leader of the run into it, then those of `others` that the leader has forked before. Returns at once: the
   * kernel makes a move wait for milliseconds. A move that fails leaves the run without its cgroup, which is logged.
   */
  admit(leader: number, others: () => readonly number[]): void;
  /** The run is gone: removes it, now or later. */
  leave(): void;
}

/** A cgroup that exists, or is being made. */
interface Made {
  /** Ballot's own, which it is below. */
  readonly own: string;
  readonly path: string;
  readonly ready: Promise<unknown>;
}

/** `run-<process id of the supervisor>-<number>`: two ballots never choose the same name. */
const NAME = /^run-(\d+)-\d+$/;

/** How often to look for processes that were forked before a move. */
const ADMISSIONS = 3;

/** How long the end of ballot waits for the kernel, ms. */
const CLOSE_WITHIN_MS = 1_000;

/**
 * The supervisor's cgroups. Whether there are any is found out in the background: a run that starts earlier has none.
 * Nothing but processes is ever moved: no controller is enabled, so no limit of anybody changes.
 */
export class RunCgroups {
  readonly #logger: Logger;
  readonly #opened: Promise<void>;
  /** Ballot's own; `undefined` where it is not ballot's alone. */
  #own: string | undefined;
  /** Made ahead of time, so that a start does not wait for it. */
  #next: Made | undefined;
  #count = 0;
  /** Cgroups that could not be removed yet. */
  readonly #left = new Set<string>();
  /** One after the other. */
  #removals: Promise<void> = Promise.resolve();

  constructor(logger: Logger) {
    this.#logger = logger;
    this.#opened = this.#open();
  }

  /** A cgroup for a run that has just been started; `undefined` where there are none. */
  take(): RunCgroup | undefined {
    if (this.#own === undefined) return undefined;
    const taken = this.#next ?? this.#make(this.#own);
    this.#next = undefined;
    let admitted: Promise<void> = Promise.resolve();
    return {
      path: taken.path,
      admit: (leader, others) => void (admitted = this.#admit(taken, leader, others)),
      leave: () => void (this.#removals = this.#removals.then(() => admitted).then(() => this.#remove(taken.path))),
    };
  }

  /** Makes the next cgroup ahead of time. Called only after the start of a run: the two would share one processor. */
  #refill(): void {
    if (this.#own !== undefined) this.#next ??= this.#make(this.#own);
  }

  /**
   * Removes the cgroups that no run needs any more. The next ballot that starts here removes what is left. After this
   * call no run gets a cgroup.
   */
  async close(clock: Clock): Promise<void> {
    const over = new AbortController();
    const late = sleep(clock, CLOSE_WITHIN_MS, over.signal).catch(() => undefined);
    await Promise.race([this.#removeAll(), late]);
    over.abort();
  }

  async #removeAll(): Promise<void> {
    await this.#opened;
    const unused = this.#next;
    this.#own = undefined;
    this.#next = undefined;
    await this.#removals;
    await unused?.ready.catch(() => undefined);
    if (unused !== undefined) await this.#remove(unused.path);
  }

  async #open(): Promise<void> {
    try {
      const own = await findOwn();
      await removeStale(own);
      const first = this.#make(own);
      await first.ready;
      this.#own = own;
      this.#next = first;
      this.#logger.debug('each run gets a cgroup of its own', { below: own });
    } catch (error) {
      this.#logger.debug('runs get no cgroup of their own', { why: describe(error) });
    }
  }

  #make(own: string): Made {
    const path = join(own, `run-${process.pid}-${++this.#count}`);
    const ready = mkdir(path);
    // The run that uses the cgroup learns of the failure.
    ready.catch(() => undefined);
    return { own, path, ready };
  }

  async #admit({ own, path, ready }: Made, leader: number, others: () => readonly number[]): Promise<void> {
    try {
      await ready;
      await move(leader, path);
      for (let round = 1; round <= ADMISSIONS; round++) {
        // A process in a third cgroup was put there on purpose.
        const strayed = directMembersOf(own);
        const early = others().filter((pid) => strayed.includes(pid));
        if (early.length === 0) break;
        for (const pid of early) await move(pid, path);
      }
    } catch (error) {
      this.#logger.debug('this run has no cgroup of its own', { cgroup: path, why: describe(error) });
    }
    this.#refill();
  }

  /** Removes it, and those that could not be removed earlier. Never rejects. */
  async #remove(path: string): Promise<void> {
    this.#left.add(path);
    for (const cgroup of this.#left) {
      try {
        await removeCgroup(cgroup);
        this.#left.delete(cgroup);
      } catch (error) {
        this.#logger.debug('a cgroup cannot be removed yet', { cgroup, why: describe(error) });
      }
    }
  }
}

/** Moves a process, unless it has ended. */
async function move(pid: number, cgroup: string): Promise<void> {
  try {
    await writeFile(join(cgroup, 'cgroup.procs'), String(pid), { flag: 'r+' });
  } catch (error) {
    if (errorCode(error) !== 'ESRCH') throw error;
  }
}

/**
 * Ballot's cgroup, if it is ballot's alone: so it is under systemd with `Delegate=yes`, and in a container with a
 * writable cgroup filesystem. Throws an Error that says why it is not.
 */
async function findOwn(): Promise<string> {
  const [mounts, cgroups] = await Promise.all(
    ['/proc/self/mountinfo', '/proc/self/cgroup'].map((path) => readFile(path, 'utf8')),
  );
  const own = locateCgroup(mounts ?? '', cgroups ?? '');
  if (own === undefined) throw new Error('no cgroup2 filesystem shows the cgroup of this process');
  const list = join(own, 'cgroup.procs');
  const members = (await readFile(list, 'latin1')).split('\n').filter(Boolean).map(Number);
  // Also where the mount is another namespace's, and shows somebody else's cgroup under the same path.
  if (!members.includes(process.pid)) throw new Error(`${list} does not name this process`);
  const strangers = members.filter((pid) => !isOurs(pid));
  if (strangers.length > 0) throw new Error(`others are in ${own}: ${strangers.map(nameOf).join(', ')}`);
  // The root of all cgroups alone has no such file. What a container sees as its root has one.
  await access(join(own, 'cgroup.events')).catch(() => {
    throw new Error(`${own} is the root of all cgroups`);
  });
  await access(list, constants.W_OK);
  return own;
}

/** The folder of our cgroup, by `/proc/self/cgroup` and `mountinfo`; `undefined`: no mount of cgroup2 shows it. */
export function locateCgroup(mounts: string, cgroups: string): string | undefined {
  const own = /^0::(\/.*)$/m.exec(cgroups)?.[1];
  // It lies outside of this process's cgroup namespace.
  if (own === undefined || own.startsWith('/..')) return undefined;
  for (const line of mounts.split('\n')) {
    // proc(5): id, parent, device, root, mount point, options, then optional fields up to a dash, then the type.
    const [, , , root, point] = line.split(' ').map(unescapeMount);
    if (root === undefined || point === undefined || !line.includes(' - cgroup2 ')) continue;
    if (own === root) return point;
    const prefix = root === '/' ? '' : root;
    if (own.startsWith(`${prefix}/`)) return join(point, own.slice(prefix.length));
  }
  return undefined;
}

/** Blanks and the like are written in octal. */
function unescapeMount(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}

/**
 * The supervisor, what it has started (keepers), and a container's process 1, which is in no cgroup with others on a
 * host.
 */
function isOurs(pid: number): boolean {
  if (pid === process.pid || pid === 1) return true;
  const stat = readStat(pid);
  return stat === 'none' || (typeof stat !== 'string' && stat.parent === process.pid);
}

function nameOf(pid: number): string {
  const stat = readStat(pid);
  return typeof stat === 'string' ? String(pid) : namesOf([stat]);
}

/** Removes the cgroups that dead ballots have left here. A populated one stays. */
async function removeStale(own: string): Promise<void> {
  for (const name of await readdir(own)) {
    const pid = Number(NAME.exec(name)?.[1]);
    const path = join(own, name);
    // No run of this process has been started yet: its number was another one's.
    if (!(pid > 0) || (pid !== process.pid && ask(pid) !== 'gone') || isPopulated(path)) continue;
    // Another process removes it at the same time, or has just moved in: the next start removes it.
    await removeCgroup(path).catch(() => undefined);
  }
}
