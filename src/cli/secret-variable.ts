/**
 * The variable that may carry a password. Ballot takes it out of its environment before it starts anything: what it
 * starts does not inherit it, and others do not read it in /proc/PID/environ.
 */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';

const VARIABLE = 'BALLOT_ZOOKEEPER_AUTH';

/** The variable, taken out of `process.env`. One that names a file stays: it is no secret, and a command needs it. */
export function takeSecretVariable(): NodeJS.ProcessEnv {
  const value = process.env[VARIABLE];
  if (value === undefined || /^file:/i.test(value)) return {};
  delete process.env[VARIABLE];
  eraseInMemory();
  return { [VARIABLE]: value };
}

/**
 * The kernel shows the environment as it lies in memory since the start, whatever became of the variables: the value is
 * overwritten there. A system that does not allow it shows it to this user and to root still.
 */
function eraseInMemory(): void {
  try {
    const environment = readFileSync('/proc/self/environ', 'latin1');
    const start = environmentStart(readFileSync('/proc/self/stat', 'latin1'));
    const memory = openSync('/proc/self/mem', 'r+');
    try {
      for (const { index, 0: entry } of environment.matchAll(ENTRY))
        writeSync(
          memory,
          Buffer.alloc(entry.length - VARIABLE.length - 1),
          0,
          undefined,
          start + index + VARIABLE.length + 1,
        );
    } finally {
      closeSync(memory);
    }
  } catch {
    // No /proc, or a kernel that guards it.
  }
}

const ENTRY = new RegExp(`(?<=^|\\0)${VARIABLE}=[^\\0]*`, 'g');

/** `env_start` of proc_pid_stat(5), the 50th field. The second, in parentheses, may hold anything. */
function environmentStart(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const start = Number(fields[50 - 3]);
  if (!Number.isSafeInteger(start) || start <= 0) throw new Error('the kernel does not say where the environment is');
  return start;
}
