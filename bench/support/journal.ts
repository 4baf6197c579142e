/**
 * The command's own record of when it began and ended. Bash writes it: of the programs that every host has, it alone
 * reads the clock without starting another (`$EPOCHREALTIME`, microseconds), and it begins faster than `date` under a
 * shell, or Perl. What it costs all the same is measured by `backToBack`, and stands beside each figure.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { poll } from '../../test/support/poll.ts';
import { plainEnvironment } from './candidate.ts';

export interface Stamp {
  readonly what: string;
  /** Milliseconds since the Unix epoch, with microseconds. All processes of a host read the same clock. */
  readonly at: number;
  readonly candidate: string;
  readonly pid: number;
  /** The tick that the command was told, ms since the Unix epoch; NaN when it was told none. */
  readonly tick: number;
}

export class Journal {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** Bash code that appends one stamp, in one write. */
  #stamp(what: string): string {
    return `echo "${what} $EPOCHREALTIME $BALLOT_CANDIDATE_ID \${BALLOT_TICK:--} $$" >>'${this.path}'`;
  }

  /** A command that stamps its start, works for `ms`, and stamps its end. */
  worker(ms: number): string[] {
    return ['bash', '-c', `${this.#stamp('start')}; sleep ${ms / 1000}; ${this.#stamp('end')}`];
  }

  /** A command that stamps its start and lasts until a signal ends it. */
  idler(): string[] {
    return ['bash', '-c', `${this.#stamp('start')}; exec sleep 1000`];
  }

  /** A command that only stamps its start. */
  marker(): string[] {
    return ['bash', '-c', this.#stamp('start')];
  }

  /** Words in front of a command line: a stamp, and then that command line in the same process. */
  launcher(): [string, ...string[]] {
    return ['bash', '-c', `${this.#stamp('launch')}; exec "$@"`, 'bash'];
  }

  /** Stamps `signal`, and sends it in the next breath. */
  signal(signal: string, pid: number): void {
    execFileSync('bash', ['-c', `${this.#stamp('signal')}; kill -${signal} ${pid}`], {
      env: plainEnvironment('/'),
      stdio: 'inherit',
    });
  }

  read(): Stamp[] {
    if (!existsSync(this.path)) return [];
    const lines = readFileSync(this.path, 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => {
      const words = line.split(' ');
      const [what = '', at = '', candidate = ''] = words;
      const [tick = '', pid] = words.slice(-2);
      return { what, at: Number(at) * 1000, candidate, pid: Number(pid), tick: Date.parse(tick) };
    });
  }

  /** Resolves with all stamps once there are `count` of `what`. Throws after `timeout` ms. */
  async reach(what: string, count: number, timeout = 20_000): Promise<Stamp[]> {
    let stamps: Stamp[] = [];
    const reached = (): boolean => {
      stamps = this.read();
      return stamps.filter((stamp) => stamp.what === what).length >= count;
    };
    await poll(reached, { timeout, interval: 10, what: `${count} × "${what}" in the journal` });
    return stamps;
  }
}

/** From each end to the start that follows it. Throws when two commands ran at once: then no figure counts. */
export function gaps(stamps: readonly Stamp[]): { readonly ms: number; readonly from: Stamp; readonly to: Stamp }[] {
  const found = [];
  for (const [index, to] of stamps.entries()) {
    const from = stamps[index - 1];
    if (from === undefined) continue;
    if (from.what === to.what || (to.what === 'end' && from.pid !== to.pid)) {
      throw new Error(`two commands at once: ${JSON.stringify(from)}, then ${JSON.stringify(to)}`);
    }
    if (to.what === 'start') found.push({ ms: to.at - from.at, from, to });
  }
  return found;
}

/**
 * The gap when a shell runs `command` `times` times in a row: what a start stamp and an end stamp cost without ballot,
 * ms each.
 */
export function backToBack(journal: Journal, command: readonly string[], times: number): number[] {
  const loop = `for ((i = 0; i < ${times}; i++)); do "$@"; done`;
  execFileSync('bash', ['-c', loop, 'bash', ...command], {
    env: { ...plainEnvironment('/'), BALLOT_CANDIDATE_ID: 'loop' },
    timeout: 30_000,
    stdio: 'inherit',
  });
  return gaps(journal.read()).map(({ ms }) => ms);
}
