/** A disk that is small enough to be filled. Who is not root cannot mount one. */
import { execFileSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import type { LocalStage } from './local-stage.ts';

/** A disk of its own in the place of the state folder, for as long as `work` takes. */
export async function onDisk(stage: LocalStage, work: () => Promise<void>): Promise<void> {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k,mode=0700', 'ballot-test', stage.stateDir]);
  try {
    await work();
  } finally {
    execFileSync('umount', ['--lazy', stage.stateDir]);
  }
}

/** Writes until there is no room left. */
export function fill(file: string): void {
  const page = Buffer.alloc(4096);
  for (;;)
    try {
      appendFileSync(file, page);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      return;
    }
}
