import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { render } from '../../../../src/cli/report/render.ts';
import { leadingTerm, renderRuns, runDocument } from '../../../../src/cli/report/runs.ts';
import { electionReport } from '../../../../src/zookeeper/report/report.ts';
import type { RunRecord } from '../../../../src/ledger/record.ts';
import { lease, proposal, snapshot, znode } from '../../../support/snapshots.ts';

const NOON = Date.UTC(2026, 10, 21, 12);
const run = (n: number, changes: Partial<RunRecord> = {}): RunRecord => ({
  runId: `7.${n}`,
  tick: NOON + n * 60_000,
  candidateId: 'a',
  fencingToken: 7,
  start: NOON + n * 60_000 + 3,
  ...changes,
});
const RUNS: readonly RunRecord[] = [
  run(1, { end: NOON + 60_000 + 2253, outcome: 'failed', exitCode: 3, skipped: 1 }),
  run(2, { outcome: 'lost' }),
  run(3, { fencingToken: 9, candidateId: 'b' }),
];

const held = (token: number, options: { age?: number } = {}) =>
  electionReport(
    snapshot({ base: lease(3, 'b', { record: { fencingToken: token }, ...options }), proposals: [proposal(3, 'b')] }),
  );

describe('runs', () => {
  it('are told with what is known of them', () => {
    expect(RUNS.map((one) => runDocument(one, 9))).toEqual([
      {
        tick: '2026-11-21T12:01:00Z',
        runId: '7.1',
        candidateId: 'a',
        fencingToken: 7,
        start: '2026-11-21T12:01:00.003Z',
        end: '2026-11-21T12:01:02.253Z',
        took: '2.25s',
        outcome: 'failed',
        exitCode: 3,
        skipped: 1,
      },
      {
        tick: '2026-11-21T12:02:00Z',
        runId: '7.2',
        candidateId: 'a',
        fencingToken: 7,
        start: '2026-11-21T12:02:00.003Z',
        outcome: 'lost',
      },
      {
        tick: '2026-11-21T12:03:00Z',
        runId: '7.3',
        candidateId: 'b',
        fencingToken: 9,
        start: '2026-11-21T12:03:00.003Z',
        outcome: 'running',
      },
    ]);
  });

  it.each([
    ['the term that entered it leads', held(9), 'running'],
    ['another term leads', held(11), 'unknown'],
    ['the lease has run out', held(9, { age: 60_000 }), 'unknown'],
    ['nobody leads', electionReport(snapshot({ base: znode('') })), 'unknown'],
    ['there is no election', electionReport(snapshot({})), 'unknown'],
    ['the lease cannot be read', electionReport(snapshot({ base: znode('rubbish') })), 'unknown'],
  ])('without an end are what is true when %s', (_, election, outcome) => {
    expect(runDocument(run(3, { fencingToken: 9 }), leadingTerm(election)).outcome).toBe(outcome);
  });

  it('of a clock that was set back in between took less than nothing, and are shown all the same', () => {
    expect(runDocument(run(1, { end: NOON, outcome: 'stopped' }), 7).took).toBe('-1m0.003s');
  });
});

describe('a list of runs', () => {
  const documents = RUNS.map((one) => runDocument(one, 9));

  it('in JSON and YAML has the same keys in the same order, oldest first', async () => {
    const json = JSON.parse(await renderRuns(RUNS, 9, 'json')) as object[];
    expect(json).toEqual(documents);
    expect(Object.keys(json[0] as object).join(' ')).toBe(
      'tick runId candidateId fencingToken start end took outcome exitCode skipped',
    );
    for (const version of ['1.1', '1.2'] as const)
      expect(parse(await renderRuns(RUNS, 9, 'yaml'), { version })).toEqual(documents);
    expect((await renderRuns(RUNS, 9, 'yaml')).split('\n').slice(0, 3)).toEqual([
      '- tick: "2026-11-21T12:01:00Z"',
      '  runId: "7.1"',
      '  candidateId: a',
    ]);
  });

  it('as a table has one line for each, the newest last', async () => {
    expect((await renderRuns(RUNS, 9, 'table')).split('\n')).toEqual([
      'TICK                  RUN  CANDIDATE  START                     TOOK   OUTCOME  EXIT  SKIPPED',
      '2026-11-21T12:01:00Z  7.1  a          2026-11-21T12:01:00.003Z  2.25s  failed   3     1',
      '2026-11-21T12:02:00Z  7.2  a          2026-11-21T12:02:00.003Z         lost',
      '2026-11-21T12:03:00Z  7.3  b          2026-11-21T12:03:00.003Z         running',
      '',
    ]);
  });

  it('may be empty', async () => {
    expect(await renderRuns([], undefined, 'json')).toBe('[]\n');
    expect(await renderRuns([], undefined, 'yaml')).toBe('[]\n');
    expect(await renderRuns([], undefined, 'table')).toBe('no runs\n');
  });

  it('steers no terminal, whatever a ledger holds', async () => {
    const evil = [run(1, { candidateId: 'a\u001b[2J\n\u202eb\u009b', runId: '\r' })];
    for (const format of ['yaml', 'json', 'table'] as const)
      expect((await renderRuns(evil, undefined, format)).replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u202e]/u);
    expect((await renderRuns(evil, undefined, 'table')).split('\n')).toHaveLength(3);
  });
});

describe('the report about an election', () => {
  const documents = RUNS.map((one) => runDocument(one, 9));

  it("has the last runs after everything that Go's ballot prints, and after the lease", async () => {
    const json = JSON.parse(await render(held(9), 'json', RUNS)) as { runs: object[] };
    expect(Object.keys(json)).toEqual(['leader', 'candidates', 'lease', 'runs']);
    expect(json.runs).toEqual(documents);
    const yaml = parse(await render(held(9), 'yaml', RUNS)) as { runs: object[] };
    expect(Object.keys(yaml)).toEqual(['leader', 'allCandidates', 'lease', 'runs']);
    expect(yaml.runs).toEqual(documents);
  });

  it('as a table has them on one line', async () => {
    const lines = (await render(held(9), 'table', RUNS)).split('\n');
    expect(lines[1]).toBe(
      'last runs: 2026-11-21T12:01:00Z failed (3) on a, 2026-11-21T12:02:00Z lost on a, 2026-11-21T12:03:00Z running on b',
    );
    const nobody = await render(electionReport(snapshot({})), 'table', RUNS.slice(0, 1));
    expect(nobody).toBe('nobody leads, nobody stands\nlast runs: 2026-11-21T12:01:00Z failed (3) on a\n');
  });
});
