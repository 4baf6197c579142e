import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { systemClock } from '../../src/clock.ts';
import type { Term } from '../../src/election/election.ts';
import { encodeLedger, type Ledger, type RunRecord } from '../../src/ledger/record.ts';
import { RunLedger } from '../../src/ledger/ledger.ts';
import { runBallot, type Ended } from '../support/ballot.ts';
import { useElections } from '../support/hooks.ts';
import { poll } from '../support/poll.ts';
import { freePorts } from '../support/ports.ts';
import { restrictedZNode } from '../support/restrict.ts';
import { recorder, within } from '../support/sessions.ts';
import { useZooKeeper } from '../support/stage.ts';
import { expectWithin } from '../support/yardstick.ts';

const NOON = Date.UTC(2026, 10, 21, 12);
const MINUTE = 60_000;

const zookeeper = useZooKeeper();
const elect = useElections(zookeeper);
let bases = 0;

const ballot = (...args: string[]): Promise<Ended> => runBallot(args);

const at = (base: string): string[] => ['--zookeeper-servers', zookeeper.connectString, '--zookeeper-base-path', base];
const historyOf = async (base: string): Promise<Record<string, unknown>[]> => {
  const { code, stdout, stderr } = await ballot('history', ...at(base), '-o', 'json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as Record<string, unknown>[];
};

const fresh = (): string => `/history-${++bases}`;
async function ledgerWith(data: Buffer | string, lease: string = ''): Promise<string> {
  const base = fresh();
  await zookeeper.observer.create(base, Buffer.from(lease), 'persistent', within);
  await zookeeper.observer.create(`${base}/runs`, Buffer.from(data), 'persistent', within);
  return base;
}

interface Leader {
  readonly term: Term;
  readonly ledger: RunLedger;
  enter(n: number): Promise<RunRecord>;
}

/** A candidate of its own that is elected and has opened the ledger. */
async function lead(base: string, candidateId: string): Promise<Leader> {
  const { election, term } = await elect(base, candidateId);
  const service = { schedule: '* * * * *', timezone: 'UTC', candidateId, hostname: hostname() };
  const ledger = new RunLedger({
    register: election.register('runs'),
    clock: systemClock,
    logger: recorder().logger,
    service,
  });
  await ledger.open(term.fencingToken, ({ through = NOON }) => through, AbortSignal.timeout(10_000));
  const enter = async (n: number): Promise<RunRecord> => {
    const { fencingToken } = term;
    const tick = NOON + n * MINUTE;
    const record = { runId: `${fencingToken}.${n}`, tick, candidateId, fencingToken, start: tick + 10 };
    expect(await ledger.enter(record, 3000)).toBe('entered');
    return record;
  };
  return { term, ledger, enter };
}

describe('ballot history', () => {
  it('of an election that nobody has stood in, or that runs no schedule, is empty, and says why on stderr', async () => {
    const base = fresh();
    expect(await ballot('history', ...at(base))).toMatchObject({ code: 0, stdout: '[]\n' });
    expect(await zookeeper.observer.exists(base, within)).toBeUndefined();
    await zookeeper.observer.create(base, Buffer.alloc(0), 'persistent', within);
    const json = await ballot('history', ...at(base), '-o', 'json');
    expect(json).toMatchObject({ code: 0, stdout: '[]\n' });
    expect(json.stderr).toContain(base);
    expect(json.stderr).toContain('no ledger of runs');
    expect((await ballot('history', ...at(base), '-o', 'table')).stdout).toBe('no runs\n');
  });

  it('tells what leaders have run, one after the other, and what is true of a run without an end', async () => {
    const base = fresh();
    const a = await lead(base, 'a');
    const one = await a.enter(1);
    a.ledger.close(one.runId, { end: one.start + 2500, outcome: 'failed', exitCode: 3, skipped: 2 });
    const two = await a.enter(2);
    const first = await historyOf(base);
    expect(first).toEqual([
      {
        tick: '2026-11-21T12:01:00Z',
        runId: one.runId,
        candidateId: 'a',
        fencingToken: a.term.fencingToken,
        start: '2026-11-21T12:01:00.010Z',
        end: '2026-11-21T12:01:02.510Z',
        took: '2.5s',
        outcome: 'failed',
        exitCode: 3,
        skipped: 2,
      },
      {
        tick: '2026-11-21T12:02:00Z',
        runId: two.runId,
        candidateId: 'a',
        fencingToken: a.term.fencingToken,
        start: '2026-11-21T12:02:00.010Z',
        outcome: 'running',
      },
    ]);
    a.ledger.termOver();
    await a.term.resign();
    expect((await historyOf(base))[1]).toMatchObject({ outcome: 'unknown' });

    const b = await lead(base, 'b');
    const three = await b.enter(3);
    b.ledger.close(three.runId, { end: three.start + 1, outcome: 'succeeded', exitCode: 0 });
    await poll(async () => {
      const [, lost, last] = await historyOf(base);
      return lost?.['outcome'] === 'lost' && last?.['outcome'] === 'succeeded';
    });
    const table = (await ballot('history', ...at(base), '-o', 'table')).stdout.split('\n');
    expect(table.map((line) => line.split(/ +/)[0])).toEqual([
      'TICK',
      '2026-11-21T12:01:00Z',
      '2026-11-21T12:02:00Z',
      '2026-11-21T12:03:00Z',
      '',
    ]);
    const yaml = (await ballot('history', ...at(base))).stdout;
    expect(parse(yaml)).toEqual(await historyOf(base));
  });

  it('changes nothing', async () => {
    const base = fresh();
    const a = await lead(base, 'a');
    await a.enter(1);
    const before = await zookeeper.observer.get(`${base}/runs`, within);
    await historyOf(base);
    await ballot('info', ...at(base));
    const after = await zookeeper.observer.get(`${base}/runs`, within);
    expect(after.stat).toEqual(before.stat);
    expect(after.data).toEqual(before.data);
  });

  it('of a ledger that cannot be read is an error that says why and how it begins', async () => {
    const base = await ledgerWith('\u001b[2Jrubbish');
    const { code, stdout, stderr } = await ballot('history', ...at(base));
    expect({ code, stdout }).toEqual({ code: 69, stdout: '' });
    expect(stderr).toContain(base);
    expect(stderr).toContain('not JSON');
    expect(stderr).toContain('.[2Jrubbish');
  });

  it('is refused by an ACL with 77', async () => {
    const base = fresh();
    await zookeeper.observer.create(base, Buffer.alloc(0), 'persistent', within);
    await restrictedZNode(zookeeper.connectString, `${base}/runs`);
    const { code, stdout, stderr } = await ballot('history', ...at(base));
    expect({ code, stdout }).toEqual({ code: 77, stdout: '' });
    expect(stderr).toContain(`${base}/runs`);
  });

  it('without an answer in time ends with 69, and names the servers as they are written', async () => {
    const [port] = await freePorts(1);
    const servers = `127.0.0.1:${port},[::1]:${port}`;
    for (const command of ['history', 'info']) {
      const { code, stdout, stderr, took } = await ballot(command, '--zookeeper-servers', servers, '--timeout', '1s');
      expect({ code, stdout }).toEqual({ code: 69, stdout: '' });
      expect(stderr).toContain(`no answer from ZooKeeper (127.0.0.1:${port}, [::1]:${port}) within 1s`);
      expectWithin(took, 3000);
    }
  });

  it('knows no other format, and is listed in the help', async () => {
    expect(await ballot('history', '-o', 'xml')).toMatchObject({ code: 64, stdout: '' });
    expect((await ballot('--help')).stdout).toMatch(/ballot history \[options\] +the last runs/);
    expect((await ballot('history', '--help')).stdout).toContain('--timeout');
  });
});

describe('ballot info', () => {
  const run = (n: number): RunRecord => ({
    runId: `7.${n}`,
    tick: NOON + n * MINUTE,
    candidateId: 'a',
    fencingToken: 7,
    start: NOON + n * MINUTE,
    end: NOON + n * MINUTE + 1500,
    outcome: 'succeeded',
    exitCode: 0,
  });
  const ledger: Ledger = { fencingToken: 7, through: NOON, runs: [1, 2, 3, 4, 5].map(run) };

  it("has the last three runs, and what was served, after everything else; the ledger is nobody's place in the queue", async () => {
    const base = await ledgerWith(encodeLedger(ledger));
    const { term } = await lead(base, 'b');
    const path = (await zookeeper.observer.children(base, within)).find((name) => name.startsWith('proposal-'));
    const json = JSON.parse((await ballot('info', ...at(base), '-o', 'json')).stdout) as {
      leader: { notes: string[]; candidateId: string };
      candidates: { proposalNode: string }[];
      lease: { fencingToken: number };
      runs: { runId: string }[];
    };
    expect(Object.keys(json)).toEqual(['leader', 'candidates', 'lease', 'runs', 'schedule']);
    expect(json.candidates.map(({ proposalNode }) => proposalNode)).toEqual([`${base}/${path}`]);
    expect(json.lease.fencingToken).toBe(term.fencingToken);
    expect(json.runs.map(({ runId }) => runId)).toEqual(['7.3', '7.4', '7.5']);
    const yaml = parse((await ballot('info', ...at(base))).stdout) as object;
    expect(Object.keys(yaml)).toEqual(['leader', 'allCandidates', 'lease', 'runs', 'schedule']);
    const table = (await ballot('info', ...at(base), '-o', 'table')).stdout.split('\n');
    expect(table[1]).toMatch(/^last runs: 2026-11-21T12:03:00Z succeeded on a, .*12:05:00Z succeeded on a$/);
  });

  it('says nothing of runs where there is no ledger, and says on stderr that one cannot be read', async () => {
    const empty = await ledgerWith('');
    expect(await ballot('info', ...at(empty))).toMatchObject({ code: 0, stdout: '{}\n' });
    const rubbish = await ledgerWith('rubbish');
    const { code, stdout, stderr } = await ballot('info', ...at(rubbish));
    expect({ code, stdout }).toEqual({ code: 0, stdout: '{}\n' });
    expect(stderr).toContain('the ledger of runs cannot be read');
  });
});
