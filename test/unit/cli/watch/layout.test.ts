import { describe, expect, it } from 'vitest';
import { paint, widthOf } from '../../../../src/cli/watch/cells.ts';
import { layout, type Layout } from '../../../../src/cli/watch/layout.ts';
import type { Scene } from '../../../../src/cli/watch/scene.ts';
import type { Ledger } from '../../../../src/ledger/record.ts';
import { formatGoTime } from '../../../../src/zookeeper/election/record.ts';
import { sceneOf, START } from '../../../support/scenes.ts';
import { lease, NOW, proposal } from '../../../support/snapshots.ts';

const RUN = { candidateId: 'a', fencingToken: 77 };
const ledger: Ledger = {
  fencingToken: 77,
  through: NOW,
  schedule: '*/5 * * * *',
  timezone: 'UTC',
  runs: [
    {
      ...RUN,
      runId: '77.1',
      tick: NOW - 600_000,
      start: NOW - 600_000,
      end: NOW - 590_000,
      outcome: 'succeeded',
      exitCode: 0,
    },
    {
      ...RUN,
      runId: '77.2',
      tick: NOW - 300_000,
      start: NOW - 300_000,
      end: NOW - 297_000,
      outcome: 'failed',
      exitCode: 3,
    },
    { ...RUN, runId: '77.3', tick: NOW, start: NOW - 2_000 },
  ],
};

/** `a` leads and runs, `b` and `c` stand by; `b` has another schedule, `c` a name of wide characters. */
const busy = (changes: Partial<Scene> = {}): Promise<Scene> => {
  const serves = { schedule: '*/5 * * * *', timezone: 'UTC' };
  const leaderSince = formatGoTime(NOW - 90_000);
  return sceneOf(
    {
      base: lease(3, 'a', { age: 1_250, record: { ...serves, fencingToken: 77, runId: '77.3', leaderSince } }),
      proposals: [
        proposal(3, 'a', { record: serves }),
        proposal(4, 'b', { age: 30_000, record: { ...serves, schedule: '@daily' } }),
        proposal(5, '日本', { age: 5_000, record: serves }),
      ],
    },
    { ledger, ...changes },
  );
};

const crowd = (count: number): Promise<Scene> =>
  sceneOf({
    base: lease(0, 'c0', { record: { hostname: 'host', pid: '7' } }),
    proposals: Array.from({ length: count }, (_, index) =>
      proposal(index, `c${index}`, { record: { hostname: 'host', pid: '7' } }),
    ),
  });

const shown = (scene: Scene, columns: number, rows: number, { later = 0, first = 0, keys = '' } = {}): Layout =>
  layout(scene, { now: START + later, wall: NOW + later }, { columns, rows }, first, keys);

const textOf = ({ rows }: Layout, columns: number): string[] => rows.map((row) => paint(row, columns, false));

const drawn = (scene: Scene, columns: number, rows: number, more = {}): string[] =>
  textOf(shown(scene, columns, rows, more), columns);

describe('the screen of an election', () => {
  it('at 120 columns', async () => {
    expect(drawn(await busy(), 120, 30)).toEqual([
      '/ballot/election  3 candidates',
      'zookeeper zk1:2181 answers',
      'leader    a on host-a, pid 103, leads for 1m30s, token 77',
      'lease     [###############-----] 1.2s old, 3.7s of 5s left',
      'run       77.3 for 2s, tick 2026-11-21T12:00:00Z',
      'next tick in 5m0s: 2026-11-21T12:05:00Z',
      'schedule  */5 * * * * in UTC',
      'last runs failed (3) after 3s on a, tick 2026-11-21T11:55:00Z',
      '          succeeded after 10s on a, tick 2026-11-21T11:50:00Z',
      '',
      '  #  CANDIDATE  HOST       PID  STANDS FOR  NOTES',
      '* 1  a          host-a     103  1m0s',
      '  2  b          host-b     104  30s         ' +
        'schedule differs from that of the leader a on host-a: */5 * * * * in UTC',
      '  3  日本       host-日本  105  5s',
    ]);
  });

  it('at 40 columns', async () => {
    expect(drawn(await busy(), 40, 30)).toEqual([
      '/ballot/election  3 candidates',
      'zookeeper zk1:2181 answers',
      'leader    a on host-a, pid 103, leads f…',
      'lease     [######--] 1.2s old, 3.7s of …',
      'run       77.3 for 2s, tick 2026-11-21T…',
      'next tick in 5m0s: 2026-11-21T12:05:00Z',
      'schedule  */5 * * * * in UTC',
      'last runs failed (3) after 3s on a, tic…',
      '          succeeded after 10s on a, tic…',
      '',
      '  #  CANDIDATE  HOST       STANDS FOR',
      '* 1  a          host-a     1m0s',
      '  2  b          host-b     30s',
      '  3  日本       host-日本  5s',
    ]);
  });

  it('at 20 columns', async () => {
    expect(drawn(await busy(), 20, 30)).toEqual([
      '/ballot/election  3…',
      'zk     zk1:2181 ans…',
      'leader a on host-a,…',
      'lease  [###-] 1.2s …',
      'run    77.3 for 2s,…',
      'next   in 5m0s: 202…',
      'cron   */5 * * * * …',
      'last   failed (3) a…',
      '       succeeded af…',
      '',
      '  #  CANDIDATE',
      '* 1  a',
      '  2  b',
      '  3  日本',
    ]);
  });

  it('before anything was read says for how long, and why', async () => {
    const connection = { state: 'connecting', since: START - 65_000, why: 'zk1:2181: connection refused' } as const;
    const scene = await busy({ picture: undefined, connection });
    expect(drawn(scene, 80, 4, { keys: 'q quits' })).toEqual([
      '/ballot/election',
      'zookeeper no answer for 1m5s: zk1:2181: connection refused',
      '',
      'q quits',
    ]);
  });

  it('of nobody', async () => {
    expect(drawn(await sceneOf({}, { notes: ['nobody was ever here'] }), 80, 9)).toEqual([
      '/ballot/election  0 candidates',
      'zookeeper zk1:2181 answers',
      'leader    nobody',
      'lease     vacant',
      'run       none',
      'note      nobody was ever here',
    ]);
  });

  it('names the server that answers, and the others', async () => {
    const connection = { state: 'connected', since: START, server: 'zk2:2181 (10.0.0.7)' } as const;
    const scene = await busy({ connection, servers: ['zk1:2181', 'zk2:2181'] });
    expect(drawn(scene, 80, 9)[1]).toBe('zookeeper zk2:2181 (10.0.0.7) answers, of zk2:2181, zk1:2181');
  });
});

describe('ages', () => {
  const rowOf = (lines: readonly string[], label: string): string | undefined =>
    lines.find((line) => line.startsWith(label));

  it('grow without another reading', async () => {
    const lines = drawn(await busy(), 120, 30, { later: 2_500 });
    expect(rowOf(lines, 'lease')).toBe('lease     [#####---------------] 3.7s old, 1.2s of 5s left');
    expect(rowOf(lines, 'leader')).toContain('leads for 1m32s');
    expect(rowOf(lines, 'run')).toContain('77.3 for 4.5s');
    expect(rowOf(lines, '* 1')).toContain('1m2s');
  });

  it('of a lease pass its end', async () => {
    const lines = drawn(await busy(), 120, 30, { later: 7_000 });
    expect(rowOf(lines, 'lease')).toBe('lease     [--------------------] 8.2s old, ran out 3.2s ago');
  });

  it('stand still while contact is lost, and all is said to be old', async () => {
    const connection = { state: 'lost', since: START + 1_000, why: 'zk1:2181: the server is gone' } as const;
    const lines = drawn(await busy({ connection }), 120, 30, { later: 61_000 });
    expect(lines.slice(1, 3)).toEqual([
      'zookeeper lost 1m0s ago: zk1:2181: the server is gone',
      '          OLD: all below is as of 2026-11-21T12:00:01Z',
    ]);
    expect(rowOf(lines, 'lease')).toBe('lease     [###########---------] 2.2s old, 2.7s of 5s left');
    expect(rowOf(lines, 'run')).toContain('77.3 for 3s');
    expect(rowOf(lines, '* 1')).toContain('1m1s');
  });
});

describe('too many candidates', () => {
  it('are cut, and it is said how many there are', async () => {
    const lines = drawn(await crowd(500), 80, 20);
    expect(lines).toHaveLength(20);
    expect(lines.slice(5)).toEqual([
      '',
      '  #   CANDIDATE  HOST  PID  STANDS FOR  NOTES',
      '* 1   c0         host  7    1m0s',
      ...Array.from(
        { length: 11 },
        (_, index) => `  ${index + 2}`.padEnd(6) + `c${index + 1}`.padEnd(11) + 'host  7    1m0s',
      ).map((line) => expect.stringContaining(line.slice(0, 10)) as string),
      '… 488 more',
    ]);
  });

  it('are shown from another place on, as far as there are any', async () => {
    const scene = await crowd(500);
    const middle = shown(scene, 80, 20, { first: 100 });
    expect(middle).toMatchObject({ first: 100, shown: 12 });
    expect(textOf(middle, 80)[7]).toMatch(/^  101  c100 /);
    expect(textOf(middle, 80).at(-1)).toBe('… 488 more: 100 above, 388 below');
    const end = shown(scene, 80, 20, { first: 10_000 });
    expect(end).toMatchObject({ first: 488, shown: 12 });
    expect(textOf(end, 80)[18]).toMatch(/^  500  c499 /);
  });

  it('leave room for the facts, and facts leave room for them', async () => {
    const notes = Array.from({ length: 30 }, (_, index) => `note ${index}`);
    const lines = drawn({ ...(await crowd(500)), notes }, 80, 14);
    expect(lines[8]).toBe('… 27 more rows');
    expect(lines.slice(9)).toEqual([
      '',
      expect.stringMatching(/^  # /),
      expect.stringMatching(/^\* 1 /),
      expect.stringMatching(/^  2 /),
      '… 498 more',
    ]);
  });
});

describe('any size', () => {
  const sizes = [1, 2, 3, 5, 7, 10, 19, 20, 33, 39, 40, 41, 57, 80, 119, 120, 200];
  it.each(sizes)('of %i columns and 1 to 60 rows is never exceeded', async (columns) => {
    const odd = await sceneOf(
      {
        base: lease(3, '日本語'.repeat(40), { record: { hostname: '\u001b[2J\u0007é'.repeat(20) } }),
        proposals: [3, 4, 5].map((sequence) =>
          proposal(sequence, '日本語'.repeat(40), {
            record: { hostname: '\u001b[2J\u0007é'.repeat(20), pid: '9'.repeat(30) },
          }),
        ),
      },
      { notes: ['\u009b31mred', 'x'.repeat(300)] },
    );
    for (const scene of [odd, await busy(), await crowd(60)])
      for (const rows of [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 24, 60]) {
        const lines = drawn(scene, columns, rows, { keys: 'q quits' });
        expect(lines.length).toBeLessThanOrEqual(rows);
        for (const line of lines) {
          expect(widthOf(line)).toBeLessThanOrEqual(columns);
          expect(line).toMatch(/^[^\p{Cc}]*$/u);
        }
      }
  });
});

describe('a row', () => {
  it('is coloured piece by piece, and each colour ends with its piece', async () => {
    const [, zookeeper = []] = shown(await busy(), 80, 9).rows;
    expect(paint(zookeeper, 80, true)).toBe('\u001b[2mzookeeper \u001b[0m\u001b[32mzk1:2181\u001b[0m answers');
    expect(paint(zookeeper, 14, true)).toBe('\u001b[2mzookeeper \u001b[0m\u001b[32mzk1…\u001b[0m');
  });
});
