import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { render } from '../../../../src/cli/report/render.ts';
import { servedSchedule, withScheduleNotes } from '../../../../src/cli/report/schedules.ts';
import type { ElectionReport } from '../../../../src/election/report.ts';
import { electionReport } from '../../../../src/zookeeper/report/report.ts';
import { BASE, lease, NOW, proposal, snapshot, znode } from '../../../support/snapshots.ts';

const nobody = electionReport(snapshot({}));
const held = electionReport(
  snapshot({
    base: lease(3, 'a', { record: { fencingToken: 77 } }),
    proposals: [proposal(3, 'a'), { name: 'proposal-0000000004', node: undefined }],
  }),
);

describe('yaml', () => {
  it('of an empty election is {}', async () => expect(await render(nobody, 'yaml')).toBe('{}\n'));

  it("has the keys, order and indentation of Go's ballot, ours after", async () => {
    expect(await render(held, 'yaml')).toBe(`leader:
  id: a
  host: host-a
  pid: "103"
  proposalTime: 2026-11-21 11:59:00 +0000 UTC
  proposalNode: /ballot/election/proposal-0000000003
  sessionTimeout: 5s
  notes:
  - is leader
  - last heartbeat 1s ago
  lastSeenTime: 2026-11-21 11:59:59 +0000 UTC
allCandidates:
- id: a
  host: host-a
  pid: "103"
  proposalTime: 2026-11-21 11:59:00 +0000 UTC
  proposalNode: /ballot/election/proposal-0000000003
  sessionTimeout: 5s
  notes:
  - this proposal node claimed leadership
  - this candidate id claimed leadership
  - proposal node created 1m0s ago
- id: proposal-0000000004
  proposalNode: /ballot/election/proposal-0000000004
  notes:
  - gone
lease:
  state: held
  holder: a
  duration: 5s
  age: 1s
  expiresIn: 4s
  fencingToken: 77
`);
  });

  it.each(['yes', '12', '1e3', 'null', '~', '2026-11-21', ': x', '- x', '#', '<<', '\u001b[2J\u009b', 'a\nb', '日本'])(
    'keeps the candidate id %j a text',
    async (id) => {
      const text = await render(electionReport(snapshot({ base: znode(''), proposals: [proposal(3, id)] })), 'yaml');
      for (const version of ['1.1', '1.2'] as const) {
        expect((parse(text, { version }) as { allCandidates: { id: unknown }[] }).allCandidates[0]?.id).toBe(id);
      }
      expect(text.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
    },
  );
});

describe('json', () => {
  it('of an empty election has both keys', async () => {
    expect(await render(nobody, 'json')).toBe('{\n    "leader": {},\n    "candidates": []\n}\n');
  });

  it("has the keys, order and indentation of Go's ballot, ours after", async () => {
    const text = await render(held, 'json');
    expect(text).toMatch(/^\{\n {4}"leader": \{\n {8}"candidateId": "a",\n/);
    const document = JSON.parse(text) as { leader: object; candidates: [object, object]; lease: object };
    expect(Object.keys(document)).toEqual(['leader', 'candidates', 'lease']);
    const person = ['candidateId', 'hostname', 'pid', 'proposalTime', 'proposalNode', 'sessionTimeout', 'notes'];
    expect(Object.keys(document.leader)).toEqual([...person, 'lastSeenTime']);
    expect(Object.keys(document.candidates[0])).toEqual(person);
    expect(document.candidates[1]).toEqual({
      candidateId: 'proposal-0000000004',
      proposalNode: '/ballot/election/proposal-0000000004',
      notes: ['gone'],
    });
    expect(document.lease).toEqual({
      state: 'held',
      holder: 'a',
      duration: '5s',
      age: '1s',
      expiresIn: '4s',
      fencingToken: 77,
    });
  });

  it('says since when a lease has run out, and why one is unreadable', async () => {
    const ranOut = electionReport(snapshot({ base: lease(3, 'a', { age: 7250 }) }));
    expect(JSON.parse(await render(ranOut, 'json'))).toMatchObject({ lease: { age: '7.25s', expired: '2.25s ago' } });
    const unreadable = electionReport(snapshot({ base: znode('\u001b]0;x') }));
    expect(JSON.parse(await render(unreadable, 'json'))).toMatchObject({
      leader: {},
      lease: { state: 'unreadable', why: 'not JSON', excerpt: '.]0;x' },
    });
  });
});

describe('schedules', () => {
  const served = { schedule: '0 3 * * *', timezone: 'UTC' };
  const report = (leads: Partial<typeof served>, ...others: Partial<typeof served>[]): ElectionReport =>
    withScheduleNotes(
      electionReport(
        snapshot({
          base: lease(3, 'a', { record: { fencingToken: 77, ...leads } }),
          proposals: [
            proposal(3, 'a', { record: leads }),
            ...others.map((record, n) => proposal(4 + n, `b${n}`, { record })),
          ],
        }),
      ),
    );
  const lastNotes = ({ candidates }: ElectionReport): (string | undefined)[] =>
    candidates.map(({ notes }) => notes.at(-1));
  const CREATED = 'proposal node created 1m0s ago';

  it('are noted, after all others, where they differ from the leader’s', () => {
    const others = [
      { ...served, schedule: '30 3 * * *' },
      { ...served, timezone: 'Europe/Paris' },
      {},
      { ...served, timezone: 'Zulu' },
    ];
    const note = 'schedule differs from that of the leader a on host-a: 0 3 * * * in UTC';
    expect(lastNotes(report(served, ...others))).toEqual([CREATED, note, note, CREATED, CREATED]);
    expect(lastNotes(report({}, { ...served, timezone: 'Asia/Tokyo' }, served))).toEqual([
      CREATED,
      CREATED,
      'schedule differs from that of b0 on host-b0: 0 3 * * * in Asia/Tokyo',
    ]);
  });

  it('have a next tick: of the leader, after what is settled', async () => {
    const looked = { now: NOW, seed: BASE };
    const next = { ...served, nextTick: '2026-11-22T03:00:00Z' };
    expect(await servedSchedule(report(served), undefined, looked)).toEqual(next);
    const ledger = { fencingToken: 1, runs: [], ...served, candidateId: 'a', hostname: 'h' };
    expect(await servedSchedule(report(served), { ...ledger, through: NOW + 86_400_000 }, looked)).toEqual({
      ...next,
      nextTick: '2026-11-23T03:00:00Z',
    });
    expect(await servedSchedule(report({ ...served, schedule: '@reboot' }), ledger, looked)).toEqual({
      schedule: '@reboot',
      timezone: 'UTC',
    });
    expect(await servedSchedule(nobody, ledger, looked)).toEqual(next);
    expect(await servedSchedule(nobody, undefined, looked)).toBeUndefined();
  });

  it('come after what was there before', async () => {
    const next = { ...served, nextTick: '2026-11-22T03:00:00Z' };
    const text = await render(report(served), 'yaml', [], next);
    expect(text).toMatch(/lastSeenTime: .*\n {2}schedule: 0 3 \* \* \*\n {2}timezone: UTC\nallCandidates:/);
    expect(text).toMatch(
      /\nschedule:\n {2}schedule: 0 3 \* \* \*\n {2}timezone: UTC\n {2}nextTick: "2026-11-22T03:00:00Z"\n$/,
    );
    const document = JSON.parse(await render(report(served), 'json', [], next)) as { leader: object };
    expect(Object.keys(document)).toEqual(['leader', 'candidates', 'lease', 'schedule']);
    expect(Object.keys(document.leader).slice(-3)).toEqual(['lastSeenTime', 'schedule', 'timezone']);
    expect(await render(report(served), 'table', [], next)).toContain(
      '\nschedule: 0 3 * * * in UTC, next tick 2026-11-22T03:00:00Z\n',
    );
  });
});

describe('table', () => {
  const lines = async (report: ElectionReport): Promise<string[]> => (await render(report, 'table')).split('\n');

  it('of an empty election says so', async () => {
    expect(await lines(nobody)).toEqual(['nobody leads, nobody stands', '']);
  });

  it('has the lease first, then a row for each candidate, the leader marked', async () => {
    expect(await lines(held)).toEqual([
      'lease: held by a, duration 5s, age 1s, expiresIn 4s, fencingToken 77',
      '   CANDIDATE            HOST    PID  PROPOSAL             NOTES',
      '*  a                    host-a  103  proposal-0000000003  is leader; last heartbeat 1s ago; this proposal node claimed leadership; this candidate id claimed leadership; proposal node created 1m0s ago',
      '   proposal-0000000004               proposal-0000000004  gone',
      '',
    ]);
  });

  it('has a row for a leader that stands no more', async () => {
    const ghost = electionReport(snapshot({ base: lease(3, 'a'), proposals: [proposal(5, 'b')] }));
    const rows = (await lines(ghost)).slice(2, -1);
    expect(rows.map((row) => row.slice(0, 4))).toEqual(['*  a', '   b']);
  });

  it('cannot be steered or broken by a name', async () => {
    const evil = electionReport(snapshot({ base: znode(''), proposals: [proposal(3, 'a\n\u001b[31m\u202e')] }));
    const text = await render(evil, 'table');
    expect(text).toContain('a..[31m.');
    expect(text.split('\n')).toHaveLength(4);
  });
});
