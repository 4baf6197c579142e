/** A candidate's place in an election on this host: in the kernel's queue for the lock, and in the folder. */
import type { LocalCandidate } from './lease.ts';
import type { ElectionFolder } from './folder.ts';
import type { LockRequest, Locks } from './lock.ts';
import { enterQueue, leaveQueue } from './queue.ts';
import type { Clock } from '../clock.ts';

export class Place {
  readonly folder: ElectionFolder;
  readonly lock: LockRequest;
  readonly #entry: string;
  #isHeld = false;

  private constructor(folder: ElectionFolder, lock: LockRequest, entry: string) {
    this.folder = folder;
    this.lock = lock;
    this.#entry = entry;
    lock.granted.then(
      () => (this.#isHeld = true),
      () => undefined,
    );
  }

  /** Joins the queue, at its end. Throws what `diskError` makes. */
  static take(folder: ElectionFolder, locks: Locks, candidate: LocalCandidate, clock: Clock): Place {
    // Before there is a process that waits: who is killed in between leaves a file that others can clear.
    const entry = enterQueue(folder.queue, candidate, { now: clock.now(), wall: clock.wall() });
    try {
      return new Place(folder, locks(folder.lock, entry), entry);
    } catch (error) {
      leaveQueue(entry);
      throw error;
    }
  }

  /** Whether the lock is ours. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Is shown as standing no more. */
  leaveQueue(): void {
    leaveQueue(this.#entry);
  }

  /** Gives up the place, or the lock. Idempotent. */
  giveUp(): void {
    this.lock.close();
    this.leaveQueue();
  }
}
