/**
 * Node remembers at its start which of the first three descriptors are terminals, restores them when it ends, and
 * aborts (SIGABRT) where one is gone meanwhile. So it finds /dev/null in their place.
 */
import { closeSync, fstatSync, openSync } from 'node:fs';
import { orUndefined } from './errors.ts';

/** At the end of the process, before Node looks, /dev/null takes the place of whatever may have been a terminal. */
export function forgetTerminals(fds: readonly (1 | 2 | 0)[]): void {
  // Not isatty: it says no of a terminal that is gone already, which Node still takes for one.
  const devices = fds.filter((fd) => orUndefined(() => fstatSync(fd).isCharacterDevice()) === true);
  process.on('exit', () => devices.forEach((fd) => replaceByNull(fd)));
}

/** Puts /dev/null in the place of one of the first three descriptors: open(2) takes the lowest that is free. */
export function replaceByNull(fd: 0 | 1 | 2): void {
  const flags = fd === 0 ? 'r' : 'w';
  try {
    closeSync(openSync('/dev/null', flags));
  } catch {
    // Where there is no /dev/null the descriptor stays what it is: a free one would be taken by the next file that is
    // opened.
    return;
  }
  closeSync(fd);
  openSync('/dev/null', flags);
}
