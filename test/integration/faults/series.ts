/** Rounds of one fault, one after the other, in one election. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Overlap } from '../../support/journal.ts';
import { Random } from '../../support/random.ts';
import type { Ensemble } from '../../support/zookeeper.ts';
import type { Arena } from './arena.ts';
import type { Fault } from './catalogue.ts';
import { Round } from './round.ts';
import { Trio } from './trio.ts';

/** What a series has shown. Durations in ms. */
export interface Findings {
  readonly rounds: number;
  readonly seed: number;
  /** From the fault to the next start, of the rounds in which there was one. */
  readonly nextStarts: readonly number[];
  readonly overlaps: readonly Overlap[];
  /** From the last sign of life of each run to the start of the next. */
  readonly gaps: readonly number[];
  readonly leftBehind: number;
  /** Rounds in which the run ended though the fault does not reach it, or in which the term changed. */
  readonly touched: number;
  readonly termsLost: number;
  /** For how long frozen commands went on after the host was thawed. */
  readonly late: readonly number[];
  /** How often the role moved without a fault: a machine too busy to renew in time. */
  readonly disturbed: number;
  /** What was wrong with the election's records, or left of them. */
  readonly records: readonly string[];
  /** Logs of rounds that went wrong. */
  readonly evidence: readonly string[];
}

/** One and a half heartbeats of a session of 4 s; and where nobody waits for heartbeats, ms. */
const ANY_MOMENT_MS = { onServers: 2000, here: 500 } as const;

export interface SeriesOptions {
  readonly times: number;
  readonly seed: number;
  /** Told after each round. */
  readonly onRound?: (round: number) => void;
}

/** Where a series is held: on this host, or on servers. */
export interface Place {
  readonly arena: Arena;
  readonly zookeeper?: Ensemble;
}

/** Throws when a round does not come to its end: nobody leads again, or somebody does who should not. */
export async function series(
  fault: Fault,
  { arena, zookeeper }: Place,
  { times, seed, onRound }: SeriesOptions,
): Promise<Findings> {
  const random = new Random(seed);
  const moment = zookeeper === undefined ? ANY_MOMENT_MS.here : ANY_MOMENT_MS.onServers;
  await using trio = new Trio({
    arena,
    command: fault.command ?? 'plain',
    flags: fault.flags ?? (() => ({})),
    proxied: fault.ownNetworks === true ? zookeeper?.server.port : undefined,
    ...(fault.wallClocks === undefined ? {} : { wallClocks: fault.wallClocks }),
  });
  try {
    const nextStarts: number[] = [];
    const late: number[] = [];
    const evidence: string[] = [];
    const records: string[] = [];
    let [leftBehind, touched, termsLost, disturbed, overlaps] = [0, 0, 0, 0, 0];
    for (let number = 0; number < times; number++) {
      let leadership = await trio.settled();
      await sleep(random.between(0, moment));
      // On a machine that is too busy to renew a short lease, the role may have moved by itself.
      while (trio.journal.latest !== leadership.run) {
        disturbed++;
        leadership = await trio.settled();
      }
      const round = new Round(trio, leadership, random, number, zookeeper);
      await fault.strike(round);
      const { member, run } = await trio.settled();
      const result = round.result();
      if (result.nextStart !== undefined) nextStarts.push(result.nextStart);
      if (result.late !== undefined) late.push(result.late);
      leftBehind += result.leftBehind;
      if (result.leftBehind > 0 || trio.journal.overlaps.length > overlaps) evidence.push(trio.logs());
      overlaps = trio.journal.overlaps.length;
      records.push(...arena.inspect());
      // A ZooKeeper that has lost its data begins anew.
      if (zookeeper === undefined && run.token < leadership.run.token)
        records.push(`the token fell to ${run.token} from ${leadership.run.token}`);
      if (run !== leadership.run) touched++;
      if (fault.outcome === 'same' && run !== leadership.run) evidence.push(trio.logs());
      if (run.token !== leadership.run.token || member !== leadership.member) termsLost++;
      onRound?.(number + 1);
    }
    leftBehind += (await trio.end()).length;
    records.push(...(await arena.leftOver()));
    const shown = { overlaps: trio.journal.overlaps, gaps: trio.journal.gaps(), nextStarts, late, records, evidence };
    return { rounds: times, seed, leftBehind, touched, termsLost, disturbed, ...shown };
  } catch (error) {
    throw new Error(`seed ${seed}, overlaps ${JSON.stringify(trio.journal.overlaps)}: ${String(error)}`, {
      cause: error,
    });
  }
}
