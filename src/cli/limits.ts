import { readFileSync } from 'node:fs';
import { ConfigurationError, orUndefined } from '../errors.ts';

/** A limit of the process, and what one candidate with its keeper and its command needs of it. */
interface Need {
  readonly name: string;
  readonly ulimit: string;
  readonly systemd: string;
  readonly least: number;
}

/**
 * Measured with Node 20: 38 of the supervisor with three runs at once, 21 of the keeper; Node 24 has two more of the
 * supervisor. The rest is for files that are open for a moment.
 */
const FILES: Need = { name: 'Max open files', ulimit: 'ulimit -n', systemd: 'LimitNOFILE', least: 48 };

/** Threads count. Measured with Node 20: 11 of the supervisor, 4 of the keeper, and the command's own. */
const PROCESSES: Need = { name: 'Max processes', ulimit: 'ulimit -u', systemd: 'LimitNPROC', least: 20 };

/**
 * Throws ConfigurationError where a limit of this process is too low for ballot: Node would crash at some later moment,
 * without a reason that anybody understands. Where limits cannot be read there is no check.
 */
export function checkLimits(): void {
  // No Linux, or no /proc.
  const limits = orUndefined(() => readFileSync('/proc/self/limits', 'utf8')) ?? '';
  // The kernel does not hold root to the number of processes.
  const needs = process.getuid?.() === 0 ? [FILES] : [FILES, PROCESSES];
  for (const { name, ulimit, systemd, least } of needs) {
    const soft = Number(new RegExp(`^${name} +(\\d+)`, 'm').exec(limits)?.[1] ?? Infinity);
    if (soft >= least) continue;
    throw new ConfigurationError([`${ulimit} is ${soft}: ballot and its command need at least ${least}`], {
      hint: `raise the limit: ${ulimit} 1024, ${systemd}=1024 in a systemd unit`,
    });
  }
}
