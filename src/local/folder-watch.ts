/** Notices changes of an election's files, also before its folder exists, and after it was deleted and made anew. */
import { type FSWatcher, statSync, watch } from 'node:fs';
import { basename, dirname, relative, sep } from 'node:path';
import type { Clock } from '../clock.ts';
import { describe, orUndefined } from '../errors.ts';
import type { Logger } from '../log/logger.ts';
import { within } from '../waiting.ts';
import type { ElectionFolder } from './folder.ts';

export interface FolderWatchOptions {
  readonly folder: ElectionFolder;
  readonly clock: Clock;
  readonly logger?: Logger | undefined;
  /** No file tells that a process has died, and a watch may fail: every so many ms it is looked anyway. */
  readonly every: number;
}

/** A folder that is watched, as it was when the watch began. */
interface Watched {
  readonly inode: number;
  /** `undefined`: the system refuses to. */
  readonly watcher: FSWatcher | undefined;
}

/** A draft is not seen by anybody before it has its name. */
const isDraft = (name: string): boolean => name.endsWith('.tmp');

/**
 * Use: `arm`, read the files, await `changed`, and again. What changes after `arm` is noticed. Close it in the end.
 */
export class FolderWatch {
  readonly #options: FolderWatchOptions;
  readonly #watched = new Map<string, Watched>();
  #isChanged = false;
  #wake: () => void = () => undefined;

  constructor(options: FolderWatchOptions) {
    this.#options = options;
  }

  /** Watches what exists at this moment. */
  arm(): void {
    this.#isChanged = false;
    const { path, queue, registers } = this.#options.folder;
    const above = nearestFolder(dirname(path));
    const [next] = relative(above, path).split(sep);
    this.#watch(above, (name) => name === next);
    for (const folder of [path, queue, registers]) this.#watch(folder, (name) => !isDraft(name));
    for (const [folder, { watcher }] of this.#watched) {
      if ([above, path, queue, registers].includes(folder)) continue;
      watcher?.close();
      this.#watched.delete(folder);
    }
  }

  /** Resolves when something has changed since `arm`, or when it is time to look. Throws the signal's reason. */
  async changed(signal: AbortSignal): Promise<void> {
    const { clock, every } = this.#options;
    if (this.#isChanged) return signal.throwIfAborted();
    const woken = new Promise<void>((resolve) => (this.#wake = resolve));
    const cancel = clock.at(clock.now() + every, this.#wake);
    await within(clock, woken, { signal }).finally(cancel);
  }

  close(): void {
    for (const { watcher } of this.#watched.values()) watcher?.close();
    this.#watched.clear();
  }

  /** A folder that was deleted and made anew is another one. */
  #watch(folder: string, matters: (name: string) => boolean): void {
    const inode = inodeOf(folder);
    const before = this.#watched.get(folder);
    if (before?.inode === inode) return;
    before?.watcher?.close();
    this.#watched.delete(folder);
    if (inode !== undefined) this.#watched.set(folder, { inode, watcher: this.#open(folder, matters) });
  }

  #open(folder: string, matters: (name: string) => boolean): FSWatcher | undefined {
    const unwatched = (error: unknown): void =>
      this.#options.logger?.debug('a folder cannot be watched: it is looked at now and then', {
        folder,
        error: describe(error),
      });
    try {
      const watcher = watch(folder, { persistent: false }, (_event, name) => {
        // That the folder itself was deleted comes with its own name. One made anew may have its inode.
        const isGone = name === basename(folder);
        if (isGone) this.#forget(folder, watcher);
        if (name === null || isGone || matters(name)) this.#note();
      });
      watcher.on('error', (error) => {
        unwatched(error);
        this.#forget(folder, watcher);
      });
      return watcher;
    } catch (error) {
      unwatched(error);
      return undefined;
    }
  }

  /** The next `arm` watches it anew, if it is there. */
  #forget(folder: string, watcher: FSWatcher): void {
    watcher.close();
    if (this.#watched.get(folder)?.watcher === watcher) this.#watched.delete(folder);
  }

  #note(): void {
    this.#isChanged = true;
    this.#wake();
  }
}

const inodeOf = (path: string): number | undefined => orUndefined(() => statSync(path).ino);

/** The folder, or the nearest above it that exists. */
function nearestFolder(path: string): string {
  for (let folder = path; ; folder = dirname(folder))
    if (inodeOf(folder) !== undefined || folder === '/') return folder;
}
