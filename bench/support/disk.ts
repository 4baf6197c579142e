/** What the disk under the throw-away server takes for what ZooKeeper does before it acknowledges a write. */
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** As large as a record of ballot's in ZooKeeper's log. */
const RECORD = Buffer.alloc(400, 'x');
const PREALLOCATED = 4 * 2 ** 20;

/**
 * Milliseconds of each of `times` appends that are forced to the disk, in a file of `folder` that has its size already.
 */
export function syncTimes(folder: string, times: number): number[] {
  const file = openSync(join(folder, 'sync'), 'w');
  try {
    writeSync(file, Buffer.alloc(PREALLOCATED));
    fdatasyncSync(file);
    return Array.from({ length: times }, (_, i) => {
      writeSync(file, RECORD, 0, RECORD.length, i * RECORD.length);
      const startedAt = performance.now();
      fdatasyncSync(file);
      return performance.now() - startedAt;
    });
  } finally {
    closeSync(file);
  }
}
