/** Two of ours and one of Go's in one election, each leading in turn and leaving in its own ways. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Candidate } from '../../support/candidate.ts';
import { BeatJournal, type Run } from '../../support/journal.ts';
import { poll } from '../../support/poll.ts';
import { Random } from '../../support/random.ts';
import type { Ensemble } from '../../support/zookeeper.ts';
import { GoCandidate } from './go-candidate.ts';
import { Observer } from './observer.ts';
import { monotonic } from './round.ts';
import type { Findings, SeriesOptions } from './series.ts';
import { PATIENCE_MS } from './trio.ts';

/** Beyond Findings. */
export interface MixedFindings extends Findings {
  /**
   * From the last renewal of a Go leader that left its record in the lease to our next start, ms: never less than its
   * session timeout.
   */
  readonly waited: readonly number[];
  /** How often Go's candidate was driven out of the queue by a rewritten proposal. */
  readonly driven: number;
}

const LEASE_MS = 4000;

class MixedElection implements AsyncDisposable {
  readonly basePath = `/mixed-${randomUUID()}`;
  readonly journal = new BeatJournal();
  readonly #zookeeper: Ensemble;
  readonly #observer: Observer;
  readonly #ours: Candidate[] = [];
  #number = 0;

  constructor(zookeeper: Ensemble) {
    this.#zookeeper = zookeeper;
    this.#observer = new Observer(zookeeper);
  }

  async ours(): Promise<Candidate> {
    const before = await this.#length();
    const candidate = new Candidate({
      id: `ours${++this.#number}`,
      servers: this.#zookeeper.connectString,
      basePath: this.basePath,
      command: this.journal.command('plain'),
      flags: { 'zookeeper-session-timeout': '4s', 'mixed-fleet': 'true', 'log-level': 'debug' },
    });
    this.#ours.push(candidate);
    await poll(async () => (await this.#length()) > before, { timeout: PATIENCE_MS, what: 'a place in the queue' });
    return candidate;
  }

  go(): Promise<GoCandidate> {
    return GoCandidate.enter(this.#zookeeper, this.basePath, `go${++this.#number}`, this.journal.command('plain'));
  }

  /** The next run after those so far, which has to be that candidate's. */
  async next(of: string): Promise<Run> {
    const run = await this.journal.started(this.journal.runs.length + 1, PATIENCE_MS).catch((error: unknown) => {
      const logs = this.#ours.map((each) => `--- ${each.id}\n${each.stdout.slice(-3000)}`);
      throw new Error(`${String(error)} (of ${of})\n${logs.join('\n')}`, { cause: error });
    });
    if (run.candidate !== of) throw new Error(`${run.candidate} runs, not ${of}`);
    return run;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#ours.map((candidate) => candidate[Symbol.asyncDispose]()));
    await this.#observer[Symbol.asyncDispose]();
    this.journal[Symbol.dispose]();
  }

  async #length(): Promise<number> {
    return (await this.#observer.look(this.basePath))?.proposals.length ?? 0;
  }
}

/**
 * Each round: Go leads and leaves (in turn by a crash and by resigning in its way), ours follows and is terminated, the
 * second of ours follows and is killed, Go's next candidate follows. Throws when somebody else follows, or nobody.
 */
export async function mixedFleet(zookeeper: Ensemble, { times, seed }: SeriesOptions): Promise<MixedFindings> {
  const random = new Random(seed);
  const moment = (): Promise<void> => sleep(random.between(200, 2200));
  await using election = new MixedElection(zookeeper);
  const { journal } = election;
  const nextStarts: number[] = [];
  const waited: number[] = [];
  let [driven, leftBehind] = [0, 0];
  let go = await election.go();
  await election.next(go.candidateId);
  for (let round = 0; round < times; round++) {
    const [first, second] = [await election.ours(), await election.ours()];
    await moment();
    const leaving = round % 2 === 0 ? go.crash() : go.resign();
    const [run] = await Promise.all([election.next(first.id), leaving]);
    waited.push(run.startedAt - go.renewedAt);
    driven += go.driven;
    if (go.failure !== undefined) throw new Error(`${go.candidateId} failed`, { cause: go.failure });
    go = await election.go();
    await moment();
    for (const [leader, follower, signal] of [
      [first, second.id, 'SIGTERM'],
      [second, go.candidateId, 'SIGKILL'],
    ] as const) {
      const struckAt = monotonic();
      leader.signal(signal);
      nextStarts.push((await election.next(follower)).startedAt - struckAt);
      await leader.ended;
      leftBehind += leader.descendants().length;
      await moment();
    }
  }
  await go.resign();
  const shown = { overlaps: journal.overlaps, gaps: journal.gaps(), nextStarts, late: [], records: [], evidence: [] };
  const counted = { touched: 0, termsLost: 0, disturbed: 0, leftBehind };
  return { rounds: times, seed, ...counted, ...shown, waited, driven };
}

/** What must never be, besides overlaps: ours starting while Go's lease is fresh, or driving Go out of the queue. */
export function mixedViolations({ waited, driven, overlaps, leftBehind }: MixedFindings): string[] {
  return [
    ...overlaps.map((overlap) => `two commands at once: ${JSON.stringify(overlap)}`),
    ...waited.filter((ms) => ms < LEASE_MS).map((ms) => `started ${ms.toFixed(1)} ms after Go's last renewal`),
    ...(driven > 0 ? [`Go's candidates were driven out of the queue ${driven} times`] : []),
    ...(leftBehind > 0 ? [`${leftBehind} processes left behind`] : []),
  ];
}
