import { type FSWatcher, readFileSync, watch } from 'node:fs';
import type { ElectionFolder } from '../../../../src/local/folder.ts';
import type { Candidate } from '../../../support/candidate.ts';
import type { Random } from '../../../support/random.ts';

/** A supervisor that has a keeper has been outlived by its command for so long at most, ms: `kill-after`, and more. */
const STOPPED_WITHIN_MS = 3_000;

/** A write takes about as long as the disk takes for it, ms. */
const WRITE_MS = 2;

/** What is written beside its place first. */
export type Written = 'lease' | 'tokens' | 'registers' | 'queue';

/** Kills, once, who writes a file of an election, at a random instant after the draft of it has shown up. */
export class DraftTrap implements Disposable {
  readonly #watcher: FSWatcher;
  readonly #random: Random;
  #waits: number;
  #victim: { readonly pid: number; readonly at: number } | undefined;

  /** `number`: how many drafts it takes. */
  constructor(folder: ElectionFolder, kind: Written, random: Random, number: number) {
    this.#random = random;
    this.#waits = number;
    const [place, begins] = kind === 'lease' || kind === 'tokens' ? [folder.path, kind] : [folder[kind], ''];
    const seen = new Set<string>();
    this.#watcher = watch(place, (_event, name) => {
      const [, pid] = /\.(\d+)\.[0-9a-f-]+\.tmp$/.exec(name ?? '') ?? [];
      if (name === null || pid === undefined || !name.startsWith(begins) || seen.has(name)) return;
      seen.add(name);
      this.#waits -= 1;
      if (this.#waits === 0) this.#kill(Number(pid));
    });
  }

  #kill(pid: number): void {
    const until = performance.now() + this.#random.between(0, WRITE_MS);
    while (performance.now() < until);
    this.#victim = { pid, at: performance.now() };
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended in order.
    }
  }

  /** Whether one of these was killed here. */
  victimAmong(candidates: readonly Candidate[]): Candidate | undefined {
    return candidates.find(({ pid }) => pid === this.#victim?.pid);
  }

  /** Ends a command that has lost its supervisor, and has no keeper that would end it. */
  endOrphan(candidates: readonly Candidate[]): void {
    const { at = Infinity } = this.#victim ?? {};
    if (performance.now() - at < STOPPED_WITHIN_MS) return;
    const orphans = this.victimAmong(candidates)?.descendants().filter(isOfRun) ?? [];
    for (const pid of orphans) process.kill(pid, 'SIGKILL');
  }

  [Symbol.dispose](): void {
    this.#watcher.close();
  }
}

function isOfRun(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').includes('BALLOT_RUN_ID=');
  } catch {
    return false;
  }
}
