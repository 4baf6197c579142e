/**
 * What a core file of this process holds: nothing of its memory, once a password is in it. The kernel's filter
 * (core(5), `coredump_filter`) is inherited; commands are started with the one that ballot was started with.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const FILTER = '/proc/self/coredump_filter';

/** The filter that this process was started with; `undefined` while it is in force. */
let inherited: string | undefined;

/** From now on a core file of this process holds no memory. Where there is no such filter nothing is changed. */
export function keepOutOfCores(): void {
  if (inherited !== undefined) return;
  try {
    const before = readFileSync(FILTER, 'utf8').trim();
    writeFileSync(FILTER, '0x0');
    inherited = `0x${before}`;
  } catch {
    // Not Linux, or a kernel without core files.
  }
}

/** Starts a process with the filter that this one was started with. In that moment the filter is not in force here. */
export function withInheritedFilter<T>(start: () => T): T {
  if (inherited === undefined) return start();
  try {
    write(inherited);
    return start();
  } finally {
    write('0x0');
  }
}

function write(filter: string): void {
  try {
    writeFileSync(FILTER, filter);
  } catch {
    // It could be written before, so /proc is gone: there is nothing to be done about it.
  }
}
