import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startZooKeeper, type Ensemble } from '../../support/zookeeper.ts';
import { TRIALS, type Verdict } from './trials.ts';

/** Rounds of each fault; `npm run faults` takes any number. */
const TIMES = 2;

/** Elections side by side: most of their time they wait for leases to run out. */
const PARALLEL = 8;

const LIMIT_MS = 1_800_000;

const seed = Date.now() % 1e9;
const outcomes = new Map<string, Verdict | Error>();
let shared: Ensemble;

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

async function holdAll(waiting: (typeof TRIALS)[string][], names: string[]): Promise<void> {
  for (let trial = waiting.shift(); trial !== undefined; trial = waiting.shift()) {
    const name = names.shift() as string;
    outcomes.set(name, await trial.hold(shared, { times: TIMES, seed }).catch(asError));
  }
}

beforeAll(async () => {
  shared = await startZooKeeper();
  // The long ones first.
  const names = Object.keys(TRIALS).toReversed();
  const trials = Object.values(TRIALS).toReversed();
  await Promise.all(Array.from({ length: PARALLEL }, () => holdAll(trials, names)));
}, LIMIT_MS);
afterAll(() => shared?.close());

describe(`two commands never run at once, and nothing is left behind (seed ${seed})`, () => {
  it.each(Object.entries(TRIALS).map(([name, { summary }]) => [name, summary]))('%s: %s', (name) => {
    const outcome = outcomes.get(name);
    if (outcome === undefined || outcome instanceof Error) throw outcome ?? new Error(`${name} was not tried`);
    const { figures, wrong, evidence } = outcome;
    expect(wrong, evidence.join('\n')).toEqual([]);
    expect(figures.overlap).toBe(0);
    expect(figures.n).toBe(TIMES);
  });
});
