/**
 * Three candidates serve `@every 1s`, and every five seconds the supervisor of the one that leads is killed, at a
 * random moment, and another candidate comes in its place.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe } from '../../../src/errors.ts';
import { Candidate, Journal, type LogLine } from '../../support/candidate.ts';
import { tickOf } from '../../support/cron.ts';
import { poll } from '../../support/poll.ts';
import { Random } from '../../support/random.ts';
import type { Arena } from './arena.ts';
import type { TickFigures } from './report.ts';
import type { Findings, SeriesOptions } from './series.ts';
import { PATIENCE_MS, stillAlive } from './trio.ts';

/** Beyond Findings. */
export interface CronFindings extends Findings {
  readonly ticks: TickFigures;
  /** Ticks that were started more than once, or before their time. */
  readonly wrongTicks: readonly string[];
}

const EVERY_MS = 1000;
const ROUND_MS = 5000;
/** How long a run takes: a third of the kills meet one. */
const WORK = 'stay 0.3';

class CronElection implements AsyncDisposable {
  readonly journal = new Journal();
  readonly all: Candidate[] = [];
  readonly #arena: Arena;
  readonly #flags: Readonly<Record<string, string>>;

  constructor(arena: Arena, flags: Readonly<Record<string, string>>) {
    this.#arena = arena;
    this.#flags = flags;
  }

  enter(): void {
    const where = this.#arena.candidate(this.all.length % 3);
    const flags = { ...where.flags, schedule: '@every 1s', 'kill-after': '500ms', ...this.#flags };
    const id = `c${this.all.length + 1}`;
    this.all.push(new Candidate({ ...where, id, mode: 'cron', flags, command: this.journal.command(WORK) }));
  }

  /** The candidate that holds the lease. Waits until one does. */
  leader(): Promise<Candidate> {
    const find = async (): Promise<Candidate | undefined> => {
      const lease = (await this.#arena.look())?.lease;
      const pid = lease?.kind === 'held' ? lease.pid : undefined;
      return this.all.find((candidate) => candidate.isRunning && String(candidate.pid) === pid);
    };
    return poll(find, { timeout: PATIENCE_MS, interval: 10, what: 'a leader' });
  }

  /** Ends everybody as an operator would. Returns the ids of processes that were left behind. */
  async end(): Promise<number[]> {
    const running = this.all.filter((candidate) => candidate.isRunning);
    const keepers = running.flatMap((candidate) => candidate.keepers());
    for (const candidate of running) candidate.signal('SIGTERM');
    await Promise.all(running.map((candidate) => candidate.end(PATIENCE_MS)));
    return stillAlive([...keepers, ...this.all.flatMap((candidate) => candidate.descendants())]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.all.map((candidate) => candidate[Symbol.asyncDispose]()));
    this.journal[Symbol.dispose]();
  }
}

/** Throws when nobody leads again after a kill, or no tick is served any more. */
export async function cronKill(
  arena: Arena,
  flags: Readonly<Record<string, string>>,
  { times, seed, onRound }: SeriesOptions,
): Promise<CronFindings> {
  const random = new Random(seed);
  await using election = new CronElection(arena, flags);
  const { journal } = election;
  for (let number = 0; number < 3; number++) election.enter();
  await journal.started(2, { timeout: PATIENCE_MS });
  for (let round = 0; round < times; round++) {
    const over = performance.now() + ROUND_MS;
    await sleep(random.between(0, ROUND_MS - 1000));
    const leader = await election.leader().catch((error: unknown) => {
      throw new Error(`round ${round + 1}: ${describe(error)}\n${evidenceOf(election)}`);
    });
    leader.signal('SIGKILL');
    await leader.ended;
    election.enter();
    await sleep(Math.max(0, over - performance.now()));
    onRound?.(round + 1);
  }
  await journal.started(journal.starts().length + 2, { timeout: PATIENCE_MS });
  const leftBehind = (await election.end()).length;
  const records = await arena.leftOver();
  const counted = { touched: 0, termsLost: 0, disturbed: 0, leftBehind };
  const overlaps = journal.overlaps().map(({ pid }) => ({
    ...{ of: 'another run', and: `process ${pid}`, ms: 0.001, seenBy: 'lock' as const },
  }));
  const shown = { overlaps, gaps: [], nextStarts: [], late: [], records };
  const ticks = figuresOf(election);
  const wrongTicks = wrong(journal);
  const evidence =
    overlaps.length + wrongTicks.length + records.length + leftBehind === 0 ? [] : [evidenceOf(election)];
  return { rounds: times, seed, ...counted, ...shown, ticks, wrongTicks, evidence };
}

/** A supervisor that is killed every few seconds has hardly started again on a busy machine. */
const MOST = 0.75;

/** What must never be, besides overlaps. That ticks are missed is in the nature of the fault: but not most of them. */
export function cronViolations({ overlaps, leftBehind, ticks, wrongTicks, records }: CronFindings): string[] {
  return [
    ...overlaps.map((overlap) => `two commands at once: ${JSON.stringify(overlap)}`),
    ...wrongTicks,
    ...records,
    ...(leftBehind > 0 ? [`${leftBehind} processes left behind`] : []),
    ...(ticks.notStarted > ticks.due * MOST ? [`${ticks.notStarted} of ${ticks.due} ticks were not started`] : []),
  ];
}

function figuresOf({ journal, all }: CronElection): TickFigures {
  const started = journal.starts().map(tickOf);
  const due = (Math.max(...started) - Math.min(...started)) / EVERY_MS + 1;
  const said = (text: string): LogLine[] => all.flatMap((candidate) => candidate.said(text));
  const lost = new Set(said('a run was lost with its leader').map((line) => Date.parse(String(line['tick']))));
  const settled = new Set([...started, ...lost]);
  return {
    due,
    served: settled.size - lost.size,
    lost: lost.size,
    notStarted: due - settled.size,
    madeUp: said('making up the latest missed tick').length,
  };
}

function wrong(journal: Journal): string[] {
  const starts = journal.starts();
  const times = new Map<string, number>();
  for (const { tick } of starts) times.set(tick, (times.get(tick) ?? 0) + 1);
  return [
    ...[...times].filter(([, count]) => count > 1).map(([tick, count]) => `${tick} was started ${count} times`),
    ...starts
      .filter((start) => start.time * 1000 < tickOf(start))
      .map(({ tick }) => `${tick} was started before its time`),
  ];
}

function evidenceOf({ journal, all }: CronElection): string {
  const lines = journal.entries().map((entry) => JSON.stringify(entry));
  const logs = all.map(({ id, stdout }) => `--- ${id}\n${stdout.slice(-6000)}`);
  return [...lines, ...logs].join('\n');
}
