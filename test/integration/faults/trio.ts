/** Three real candidates of one election, each behind a network of its own where that is needed, and kept at three. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Candidate, isAlive } from '../../support/candidate.ts';
import { BeatJournal, type CommandKind, type Run } from '../../support/journal.ts';
import { poll } from '../../support/poll.ts';
import { Proxy } from '../../support/proxy.ts';
import type { Arena } from './arena.ts';

/** How long everything may take that a busy machine may delay, ms. */
export const PATIENCE_MS = 120_000;

export interface TrioOptions {
  readonly arena: Arena;
  readonly command: CommandKind;
  /** Flags of the candidate at that place among the three. */
  readonly flags: (place: number) => Readonly<Record<string, string>>;
  /** Each candidate talks through a proxy to the only server, which listens on this port. */
  readonly proxied: number | undefined;
  /** Seconds by which the wall clock of the candidate at that place is off. */
  readonly wallClocks?: readonly number[];
}

/** A candidate at its place among the three. */
export interface Member {
  readonly place: number;
  readonly candidate: Candidate;
  /** Only with networks of their own. */
  readonly proxy: Proxy | undefined;
}

/** Who leads, and what runs. */
export interface Leadership {
  readonly member: Member;
  readonly run: Run;
}

export class Trio implements AsyncDisposable {
  readonly journal = new BeatJournal();
  readonly #options: TrioOptions;
  readonly #members: Member[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), 'ballot-trio-'));
  #number = 0;
  #wallClock: string | undefined;

  constructor(options: TrioOptions) {
    this.#options = options;
  }

  get arena(): Arena {
    return this.#options.arena;
  }

  get members(): readonly Member[] {
    return this.#members;
  }

  /** Replaces members that have ended, and waits until one leads, its command runs, and the others stand behind it. */
  async settled(): Promise<Leadership> {
    let why = '';
    const look = async (): Promise<Leadership | undefined> => {
      // Each time anew: others may lead already, while the end of a killed supervisor is not known here yet.
      await this.#replaceEnded();
      const found = await this.#leadership();
      if (typeof found !== 'string') return found;
      why = found;
      return undefined;
    };
    return poll(look, { timeout: PATIENCE_MS, interval: 50, what: 'one that leads and two that stand by' }).catch(
      (error: unknown) => {
        throw new Error(`${String(error)}: ${why}\n${this.logs()}`, { cause: error });
      },
    );
  }

  async #replaceEnded(): Promise<void> {
    for (let place = 0; place < 3; place++) {
      const member = this.#members[place];
      if (member?.candidate.isRunning === true) continue;
      await member?.candidate[Symbol.asyncDispose]();
      await member?.proxy?.close();
      this.#members[place] = await this.#enter(place);
    }
  }

  /** Names of the proposals. */
  async queue(): Promise<readonly string[]> {
    return (await this.#options.arena.look())?.proposals ?? [];
  }

  /** Ends all three as an operator would. Returns the ids of processes that were left behind. */
  async end(): Promise<number[]> {
    const keepers = this.#members.flatMap(({ candidate }) => (candidate.isRunning ? candidate.keepers() : []));
    for (const { candidate } of this.#members) candidate.signal('SIGTERM');
    await Promise.all(this.#members.map(({ candidate }) => candidate.end(PATIENCE_MS)));
    const left = this.#members.flatMap(({ candidate }) => candidate.descendants());
    return [...left, ...(await stillAlive(keepers))];
  }

  /** The last lines of each log. */
  logs(): string {
    const of = ({ candidate }: Member): string => {
      const lines = candidate.log.slice(-40).map((line) => `${String(line['time'])} ${JSON.stringify(line)}`);
      return `--- ${candidate.id} (supervisor ${candidate.pid})\n${lines.join('\n')}\n${candidate.stderr}`;
    };
    return this.#members.map(of).join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#members.map(({ candidate }) => candidate[Symbol.asyncDispose]()));
    await Promise.all(this.#members.flatMap(({ proxy }) => proxy?.close() ?? []));
    this.journal[Symbol.dispose]();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #enter(place: number): Promise<Member> {
    const { arena, flags, command, proxied, wallClocks } = this.#options;
    const proxy = proxied === undefined ? undefined : await Proxy.start(proxied);
    const where = arena.candidate(place, proxy?.address);
    const offset = wallClocks?.[place] ?? 0;
    const candidate = new Candidate({
      ...where,
      id: `c${++this.#number}`,
      command: this.journal.command(command),
      flags: { ...where.flags, 'kill-after': '500ms', ...flags(place) },
      env: offset === 0 ? {} : { LD_PRELOAD: this.#shim(), WALL_CLOCK_OFFSET: String(offset) },
    });
    return { place, candidate, proxy };
  }

  async #leadership(): Promise<Leadership | string> {
    const state = await this.#options.arena.look();
    if (state?.lease.kind !== 'held') return `the lease is ${state?.lease.why ?? 'not there'}`;
    if (state.proposals.length !== 3) return `${state.proposals.length} proposals: ${state.proposals.join(' ')}`;
    const { pid, candidateId, fencingToken } = state.lease;
    const member = this.#members.find(({ candidate }) => String(candidate.pid) === pid);
    const run = this.journal.read().at(-1);
    if (member === undefined) return `the lease is of ${candidateId}, which has ended`;
    if (run === undefined || run.token !== fencingToken) return `term ${fencingToken} has no run yet`;
    if (run.ended || !isAlive(run.pid)) return `run ${run.runId} is over`;
    return { member, run };
  }

  /** Built once: a library that shifts the wall clock. */
  #shim(): string {
    if (this.#wallClock === undefined) {
      this.#wallClock = join(this.#folder, 'wall-clock.so');
      const source = join(import.meta.dirname, 'wall-clock.c');
      execFileSync('cc', ['-shared', '-fPIC', '-O2', '-o', this.#wallClock, source], { stdio: 'inherit' });
    }
    return this.#wallClock;
  }
}

/** Those of `pids` that live on although they were given ten seconds to end. */
export async function stillAlive(pids: readonly number[]): Promise<number[]> {
  const alive = (): number[] => pids.filter(isAlive);
  await poll(() => alive().length === 0).catch(() => undefined);
  return alive();
}
