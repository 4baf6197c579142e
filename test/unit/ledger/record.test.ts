import { describe, expect, it } from 'vitest';
import {
  closed,
  encodeLedger,
  entered,
  handedOver,
  isOpen,
  limited,
  lostRuns,
  noted,
  opened,
  parseLedger,
  skipped,
  withdrawn,
  type Ledger,
  type RunOutcome,
  type TickRecord,
} from '../../../src/ledger/record.ts';
import { Random } from '../../support/random.ts';

const NOON = Date.UTC(2026, 10, 21, 12);
const MINUTE = 60_000;

const run = (n: number, changes: Partial<TickRecord> = {}): TickRecord => ({
  runId: `7.${n}`,
  tick: NOON + n * MINUTE,
  candidateId: 'a',
  fencingToken: 7,
  start: NOON + n * MINUTE + 3,
  ...changes,
});
const ended = (n: number, changes: Partial<TickRecord> = {}): TickRecord =>
  run(n, { end: NOON + n * MINUTE + 900, outcome: 'succeeded', exitCode: 0, ...changes });

const SERVICE = { schedule: '* * * * *', timezone: 'UTC', candidateId: 'b', hostname: 'host-b' };

const full: Ledger = {
  fencingToken: 9,
  through: NOON + 3 * MINUTE,
  handedOver: NOON + 4 * MINUTE,
  runs: [
    ended(1, { outcome: 'failed', exitCode: 3, skipped: 2 }),
    run(2, { outcome: 'lost' }),
    run(3, { fencingToken: 9 }),
  ],
};

function read(data: Buffer | string): Ledger {
  const parsed = parseLedger(Buffer.from(data));
  if (parsed.kind !== 'ledger') throw new Error(JSON.stringify(parsed));
  return parsed.ledger;
}
const whyNot = (data: Buffer | string): string => {
  const parsed = parseLedger(Buffer.from(data));
  return parsed.kind === 'unreadable' ? parsed.why : parsed.kind;
};

describe('the wire format of the ledger', () => {
  it('is one JSON object; instants are ISO 8601 in UTC, with milliseconds only if there are any', () => {
    expect(String(encodeLedger(full))).toBe(
      '{"fencingToken":9,"through":"2026-11-21T12:03:00Z","handedOver":"2026-11-21T12:04:00Z","runs":[' +
        '{"runId":"7.1","tick":"2026-11-21T12:01:00Z","candidateId":"a","fencingToken":7,"start":"2026-11-21T12:01:00.003Z","end":"2026-11-21T12:01:00.900Z","outcome":"failed","exitCode":3,"skipped":2},' +
        '{"runId":"7.2","tick":"2026-11-21T12:02:00Z","candidateId":"a","fencingToken":7,"start":"2026-11-21T12:02:00.003Z","outcome":"lost"},' +
        '{"runId":"7.3","tick":"2026-11-21T12:03:00Z","candidateId":"a","fencingToken":9,"start":"2026-11-21T12:03:00.003Z"}]}',
    );
  });

  it.each<[string, Ledger]>([
    ['all fields', full],
    ['nothing but a token', { fencingToken: 0, runs: [] }],
    ['a run without a token', { fencingToken: 1, runs: [{ runId: 'x', tick: 0, candidateId: '', start: 0 }] }],
    ['instants before 1970 and after 9999', { fencingToken: 1, through: 8.64e15, handedOver: -1, runs: [] }],
    ['the greatest numbers', { fencingToken: Number.MAX_SAFE_INTEGER, runs: [ended(1, { exitCode: 255 })] }],
    [
      'hostile strings',
      {
        fencingToken: 1,
        runs: [
          run(1, { runId: '"}],\u0000\u202e\ud83d\ude00', candidateId: '__proto__' }),
          run(2, { candidateId: 'constructor\r\n\u001b[2J' }),
        ],
      },
    ],
  ])('keeps %s', (_, ledger) => {
    expect(read(encodeLedger(ledger))).toEqual(ledger);
  });

  it('keeps what it does not know, in the ledger and in each run', () => {
    const wire = JSON.stringify({
      fencingToken: 4,
      runs: [
        {
          ...JSON.parse('{"__proto__":1,"runId":"x","candidateId":"a","outcome":"adjourned","cost":{"eur":2}}'),
          tick: '2026-11-21T12:00:00Z',
          start: '2026-11-21T12:00:00Z',
        },
      ],
      toString: null,
      unknownFields: [1],
    });
    const ledger = read(wire);
    expect(ledger.unknownFields).toEqual({ toString: null, unknownFields: [1] });
    expect(ledger.runs[0]).toMatchObject({ outcome: 'adjourned', unknownFields: { cost: { eur: 2 } } });
    expect(JSON.parse(String(encodeLedger(ledger)))).toEqual(JSON.parse(wire));
    const changed = closed(entered(ledger, run(30)), '7.30', { end: NOON, outcome: 'failed' });
    expect(String(encodeLedger(changed))).toContain('"cost":{"eur":2}');
    expect(String(encodeLedger(opened(changed, 5, NOON, SERVICE)))).toContain('"unknownFields":[1]');
  });

  it('says what its leader serves, after the fields of older ballots, which keep what they do not know', () => {
    const served = opened({ fencingToken: 0, runs: [] }, 1, NOON, SERVICE);
    const text =
      '{"fencingToken":1,"through":"2026-11-21T12:00:00Z","schedule":"* * * * *","timezone":"UTC","candidateId":"b","hostname":"host-b","terms":1,"runs":[]}';
    expect(String(encodeLedger(served))).toBe(text);
    expect(read(text)).toEqual(served);
    expect(whyNot('{"fencingToken":1,"schedule":5,"runs":[]}')).toBe('schedule is not text');
  });

  it('takes an empty znode for one that has no ledger', () => {
    expect(parseLedger(Buffer.alloc(0))).toEqual({ kind: 'empty' });
  });

  const wire = String(encodeLedger(full));
  const fields = JSON.parse(wire) as { runs: object[] };
  const edited = (changes: object): string => JSON.stringify({ ...fields, ...changes });
  const editedRun = (changes: object): string => edited({ runs: [{ ...fields.runs[1], ...changes }] });
  it.each([
    ['rubbish', 'rubbish', /^not JSON/],
    ['a NUL', '\0', /^not JSON/],
    ['a lease', '{"candidateId":"a","proposalNode":"/b/proposal-0000000001"}', 'fencingToken is missing'],
    ['null', 'null', 'not a JSON object'],
    ['a list', '[]', 'not a JSON object'],
    ['a number', '7', 'not a JSON object'],
    ['no token', '{"runs":[]}', 'fencingToken is missing'],
    ['no runs', '{"fencingToken":1}', 'runs is missing'],
    ['runs that are no list', edited({ runs: {} }), 'runs is not a list'],
    ['a run that is no object', edited({ runs: [null] }), 'runs[0]: not a JSON object'],
    ['a token that is text', edited({ fencingToken: '9' }), 'fencingToken is not a whole number'],
    ['a token with a fraction', edited({ fencingToken: 1.5 }), 'fencingToken is not a whole number'],
    ['a token below zero', edited({ fencingToken: -1 }), 'fencingToken is not a whole number'],
    ['a token beyond what counts exactly', edited({ fencingToken: 2 ** 53 }), 'fencingToken is not a whole number'],
    ['an infinite token', '{"fencingToken":1e999,"runs":[]}', 'fencingToken is not a whole number'],
    ['a token of null', edited({ fencingToken: null }), 'fencingToken is not a whole number'],
    ['an instant that is a number', edited({ through: NOON }), 'through is not an instant in UTC'],
    ['an instant elsewhere', edited({ through: '2026-11-21T12:00:00+01:00' }), 'through is not an instant in UTC'],
    ['a day alone', edited({ through: '2026-11-21' }), 'through is not an instant in UTC'],
    ['a day that is none', edited({ through: '2026-02-30T00:00:00Z' }), 'through is not an instant in UTC'],
    ['an hour that is none', edited({ through: '2026-02-03T25:00:00Z' }), 'through is not an instant in UTC'],
    ['an instant beyond all', edited({ handedOver: '+999999-01-01T00:00:00Z' }), 'handedOver is not an instant in UTC'],
    ['a run without an id', editedRun({ runId: undefined }), 'runs[0]: runId is missing'],
    ['a run whose id is a number', editedRun({ runId: 7 }), 'runs[0]: runId is not text'],
    ['an outcome that is a list', editedRun({ outcome: [] }), 'runs[0]: outcome is not text'],
    ['an exit code of text', editedRun({ exitCode: '1' }), 'runs[0]: exitCode is not a whole number'],
  ])('does not read %s', (_, data, why) => {
    expect(whyNot(data)).toMatch(why);
  });

  it('reads no part of it, however it is cut short', () => {
    for (let length = 1; length < wire.length; length += 1) expect(whyNot(wire.slice(0, length))).toMatch(/^not JSON/);
  });

  it('does not read what is larger than a ledger ever is, nor what could not be written again', () => {
    const large = edited({ note: 'x'.repeat(600 * 1024) });
    expect(whyNot(large)).toBe(`${large.length} bytes, more than 524288`);
    expect(whyNot(`{"fencingToken":1,"runs":[],"deep":${'['.repeat(200_000)}${']'.repeat(200_000)}}`)).toMatch(
      /^not JSON/,
    );
  });

  it('shows how unreadable data begins, printable', () => {
    expect(parseLedger(Buffer.from(`\u001b[2J${'y'.repeat(100)}`))).toMatchObject({
      excerpt: `.[2J${'y'.repeat(75)}…`,
    });
  });
});

describe('opening', () => {
  it('closes what other terms left open as lost, takes the handing over back, and keeps what has ended', () => {
    const after = opened(full, 12, NOON, SERVICE);
    expect(after).toEqual({
      fencingToken: 12,
      terms: 1,
      through: NOON + 3 * MINUTE,
      ...SERVICE,
      runs: [full.runs[0], full.runs[1], { ...full.runs[2], outcome: 'lost' }],
    });
    expect(lostRuns(full, 12)).toEqual([after.runs[2]]);
    expect(lostRuns(after, 13)).toEqual([]);
  });

  it('reads, writes and keeps runs without a tick, which settle nothing', () => {
    const { tick: _, ...once } = run(1);
    const after = noted(noted({ fencingToken: 7, runs: [] }, once), once);
    expect(after).toEqual({ fencingToken: 7, runs: [once] });
    expect(read(encodeLedger(after))).toEqual(after);
    expect(opened(after, 9, undefined, undefined)).toEqual({
      fencingToken: 9,
      terms: 1,
      runs: [{ ...once, outcome: 'lost' }],
    });
  });

  it('counts the terms, each once', () => {
    const second = opened(opened({ fencingToken: 0, runs: [] }, 1, NOON, SERVICE), 5, NOON, SERVICE);
    expect(second.terms).toBe(2);
    expect(opened(second, 5, NOON, SERVICE).terms).toBe(2);
  });

  it('leaves runs of its own open, and never settles less than was settled', () => {
    expect(opened(full, 9, NOON + 9 * MINUTE, SERVICE)).toMatchObject({ through: NOON + 9 * MINUTE, runs: full.runs });
    expect(opened({ fencingToken: 0, runs: [] }, 1, 5, SERVICE)).toEqual({
      fencingToken: 1,
      terms: 1,
      through: 5,
      ...SERVICE,
      runs: [],
    });
    expect(lostRuns(full, 9)).toEqual([]);
  });
});

describe('handing over', () => {
  it('settles what came before it, and nothing that is settled comes back', () => {
    const { handedOver: _, ...open } = full;
    expect(handedOver(open, NOON + 4 * MINUTE, NOON + 4 * MINUTE)).toEqual({ ...full, through: NOON + 4 * MINUTE });
    expect(handedOver(open, NOON + 4 * MINUTE, NOON)).toEqual(full);
  });
});

describe('a tick', () => {
  it('is entered only if it is later than all that are settled', () => {
    const next = entered(full, run(4));
    expect(next).toMatchObject({ through: NOON + 4 * MINUTE });
    expect(next.runs.at(-1)).toEqual(run(4));
    for (const tick of [4, 3, 0]) expect(entered(next, run(5, { tick: NOON + tick * MINUTE }))).toBe(next);
    expect(entered({ fencingToken: 1, runs: [] }, run(1)).through).toBe(NOON + MINUTE);
  });

  it('can be entered again when its entry was taken back, and only then', () => {
    const before = full.through;
    const next = entered(full, run(4));
    expect(withdrawn(next, '7.4', before)).toEqual(full);
    const again = entered(withdrawn(next, '7.4', before), run(5, { tick: NOON + 4 * MINUTE }));
    expect(again.runs.at(-1)?.runId).toBe('7.5');
    // The withdrawal is known late, once more: the tick belongs to another run by now.
    expect(withdrawn(again, '7.4', before)).toBe(again);
  });

  it('stays settled when a later one is', () => {
    const both = entered(entered(full, run(4)), run(5));
    expect(withdrawn(both, '7.4', full.through)).toMatchObject({ through: NOON + 5 * MINUTE });
    expect(withdrawn(skipped(entered(full, run(4)), NOON + 6 * MINUTE), '7.4', full.through)).toMatchObject({
      through: NOON + 6 * MINUTE,
    });
    const first = entered({ fencingToken: 1, runs: [] }, run(1));
    expect(withdrawn(first, '7.1', undefined)).toEqual({ fencingToken: 1, runs: [] });
  });

  it('of a run that has ended is never taken back', () => {
    const next = closed(entered(full, run(4)), '7.4', { end: NOON, outcome: 'not started' });
    expect(withdrawn(next, '7.4', full.through)).toBe(next);
  });

  it('that is skipped settles it and all before, not those after', () => {
    expect(skipped(full, NOON + 8 * MINUTE).through).toBe(NOON + 8 * MINUTE);
    expect(skipped(full, NOON)).toBe(full);
  });
});

describe('the end of a run', () => {
  it('is recorded once: the first counts', () => {
    const ending = { end: NOON + 1, outcome: 'timed out', exitCode: 124, skipped: 1 } as const;
    const next = closed(full, '7.3', ending);
    expect(next.runs[2]).toEqual({ ...full.runs[2], ...ending });
    expect(closed(next, '7.3', { end: NOON + 9, outcome: 'succeeded' })).toBe(next);
    expect(closed(full, '7.2', ending)).toBe(full);
    expect(closed(full, 'unknown', ending)).toBe(full);
  });
});

describe('the limits', () => {
  it('of 50 runs drops the oldest that have ended, and open ones last', () => {
    const runs = Array.from({ length: 70 }, (_, n) => (n % 10 === 3 ? run(n) : ended(n)));
    const left = limited({ fencingToken: 7, runs }).runs;
    expect(left).toHaveLength(50);
    expect(left.filter(isOpen)).toEqual(runs.filter(isOpen));
    expect(left.filter((one) => !isOpen(one))).toEqual(runs.filter((one) => !isOpen(one)).slice(20));
    const open = Array.from({ length: 60 }, (_, n) => run(n));
    expect(limited({ fencingToken: 7, runs: open }).runs).toEqual(open.slice(10));
  });

  it('of 512 KiB holds whatever the records hold, and through is kept', () => {
    const candidateId = 'ü'.repeat(20_000);
    let ledger: Ledger = { fencingToken: 7, runs: [] };
    for (let n = 0; n < 50; n += 1) {
      ledger = limited(closed(entered(ledger, run(n, { candidateId })), `7.${n}`, { end: 0, outcome: 'failed' }));
      expect(encodeLedger(ledger).length).toBeLessThanOrEqual(512 * 1024);
    }
    expect(ledger.runs.map(({ runId }) => runId).at(-1)).toBe('7.49');
    expect(ledger.runs.length).toBe(13);
    const vast = { fencingToken: 7, through: NOON, unknownFields: { note: 'x'.repeat(600_000) }, runs: [run(1)] };
    expect(encodeLedger(vast).length).toBeLessThan(512 * 1024);
    expect(read(encodeLedger(vast))).toEqual({ fencingToken: 7, through: NOON, runs: [] });
    const one = entered({ fencingToken: 7, runs: [] }, run(5, { candidateId: 'x'.repeat(600_000) }));
    expect(read(encodeLedger(one))).toEqual({ fencingToken: 7, through: NOON + 5 * MINUTE, runs: [] });
  });
});

describe('every change', () => {
  const OUTCOMES: readonly RunOutcome[] = ['succeeded', 'failed', 'lost', 'stopped'];
  const someRun = (random: Random, n: number): TickRecord => {
    const record = run(n, { fencingToken: random.whole(6, 9), tick: NOON + random.whole(0, 12) * MINUTE });
    return random.chance(0.6) ? { ...record, end: NOON, outcome: random.pick(OUTCOMES) } : record;
  };
  const someLedger = (random: Random): Ledger => ({
    fencingToken: random.whole(6, 9),
    runs: Array.from({ length: random.pick([0, 1, 3, 8, 49, 50, 51]) }, (_, n) => someRun(random, n)),
    ...(random.chance(0.8) ? { through: NOON + random.whole(0, 12) * MINUTE } : {}),
    ...(random.chance(0.3) ? { handedOver: NOON } : {}),
    ...(random.chance(0.3) ? { unknownFields: { kept: [null] } } : {}),
  });
  const SEEDS = 1_000;
  type Change = (ledger: Ledger) => Ledger;
  const kinds: Readonly<Record<string, (at: number, runId: string) => Change>> = {
    opened: (at) => (ledger) => opened(ledger, 9, at, SERVICE),
    entered: (at) => (ledger) => entered(ledger, run(99, { tick: at })),
    withdrawn: (at, runId) => (ledger) => withdrawn(ledger, runId, at - MINUTE),
    closed: (at, runId) => (ledger) => closed(ledger, runId, { end: at, outcome: 'failed', exitCode: 2 }),
    skipped: (at) => (ledger) => skipped(ledger, at),
    handedOver: (at) => (ledger) => handedOver(ledger, at, at - MINUTE),
    limited: () => limited,
  };
  const some = (seed: number, kind: string): { ledger: Ledger; change: Change } => {
    const random = new Random(seed);
    const at = NOON + random.whole(0, 14) * MINUTE;
    return { ledger: someLedger(random), change: kinds[kind]!(at, `7.${random.whole(0, 12)}`) };
  };
  const bytes = (ledger: Ledger): string => String(encodeLedger(ledger));

  it.each(Object.keys(kinds))('made twice is made once, also over the wire: %s', (kind) => {
    for (let seed = 0; seed < SEEDS / 10; seed += 1) {
      const { ledger, change } = some(seed, kind);
      const once = change(ledger);
      expect(bytes(change(once))).toBe(bytes(once));
      expect(bytes(change(read(encodeLedger(once))))).toBe(bytes(once));
      expect(read(encodeLedger(once))).toEqual(limited(once));
    }
  });

  it.each(Object.keys(kinds).filter((kind) => kind !== 'withdrawn'))('leaves what was settled settled: %s', (kind) => {
    for (let seed = 0; seed < SEEDS; seed += 1) {
      const { ledger, change } = some(seed, kind);
      expect(change(ledger).through ?? -Infinity).toBeGreaterThanOrEqual(ledger.through ?? -Infinity);
    }
  });

  it.each(Object.keys(kinds))('leaves the records of runs that have ended as they are: %s', (kind) => {
    for (let seed = 0; seed < SEEDS; seed += 1) {
      const { ledger, change } = some(seed, kind);
      const left = new Set(change(ledger).runs);
      const gone = ledger.runs.filter((record) => !isOpen(record) && !left.has(record));
      expect(gone.length).toBe(kind === 'limited' ? Math.max(0, ledger.runs.length - 50) : 0);
    }
  });
});
