import { beforeAll, describe, expect, it } from 'vitest';
import { LOCAL_TRIALS, type LocalTrial, type Verdict } from './trials.ts';

/** Rounds of each fault; `npm run faults -- --coordinator local` takes any number. */
const TIMES = 2;

/** Elections side by side: most of their time they wait for something to start. */
const PARALLEL = 8;

const LIMIT_MS = 1_800_000;

const seed = Date.now() % 1e9;
const outcomes = new Map<string, Verdict | Error>();

async function holdAll(waiting: [string, LocalTrial][]): Promise<void> {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const [name, trial] = next;
    const outcome = await trial.hold({ times: TIMES, seed }).catch((error: unknown) => error as Error);
    outcomes.set(name, outcome);
  }
}

beforeAll(async () => {
  // The long ones first.
  const waiting = Object.entries(LOCAL_TRIALS).toReversed();
  await Promise.all(Array.from({ length: PARALLEL }, () => holdAll(waiting)));
}, LIMIT_MS);

describe(`on one host two commands never run at once, and nothing is left behind (seed ${seed})`, () => {
  it.each(Object.entries(LOCAL_TRIALS).map(([name, { summary }]) => [name, summary]))('%s: %s', (name) => {
    const outcome = outcomes.get(name);
    if (outcome === undefined || outcome instanceof Error) throw outcome ?? new Error(`${name} was not tried`);
    const { figures, wrong, evidence } = outcome;
    expect(wrong, evidence.join('\n')).toEqual([]);
    expect(figures.overlap).toBe(0);
    expect(figures.n).toBe(TIMES);
  });
});
