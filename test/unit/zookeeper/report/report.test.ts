import { describe, expect, it } from 'vitest';
import { heartbeatDoubt, type Snapshot } from '../../../../src/zookeeper/report/snapshot.ts';
import { formatGoTime } from '../../../../src/zookeeper/election/record.ts';
import { electionReport } from '../../../../src/zookeeper/report/report.ts';
import { BASE, lease, nameOf, NOW, proposal, snapshot, znode } from '../../../support/snapshots.ts';

const vacant = znode('', { ephemeralOwner: '0' });

describe('an election of nobody', () => {
  it.each([
    ['without a base znode', snapshot({})],
    ['with a vacant lease', snapshot({ base: vacant })],
  ])('%s has nothing to report', (_, empty) => {
    expect(electionReport(empty)).toEqual({ leader: undefined, candidates: [], lease: undefined });
  });
});

describe('an election with a leader', () => {
  const report = electionReport(
    snapshot({
      base: lease(3, 'a', { record: { fencingToken: 77, runId: 'r1' } }),
      proposals: [proposal(3, 'a'), proposal(5, 'b')],
    }),
  );

  it('names it with the notes of Go', () => {
    expect(report.leader).toEqual({
      candidateId: 'a',
      hostname: 'host-a',
      pid: '103',
      proposalTime: '2026-11-21 11:59:00 +0000 UTC',
      proposalNode: `${BASE}/${nameOf(3)}`,
      sessionTimeout: '5s',
      notes: ['is leader', 'last heartbeat 1s ago'],
      lastSeenTime: '2026-11-21 11:59:59 +0000 UTC',
    });
  });

  it('lists every candidate with the notes of Go', () => {
    expect(
      report.candidates.map(({ candidateId, proposalNode, notes }) => ({ candidateId, proposalNode, notes })),
    ).toEqual([
      {
        candidateId: 'a',
        proposalNode: `${BASE}/${nameOf(3)}`,
        notes: [
          'this proposal node claimed leadership',
          'this candidate id claimed leadership',
          'proposal node created 1m0s ago',
        ],
      },
      { candidateId: 'b', proposalNode: `${BASE}/${nameOf(5)}`, notes: ['proposal node created 1m0s ago'] },
    ]);
  });

  it('tells about the lease', () => {
    expect(report.lease).toEqual({
      state: 'held',
      holder: 'a',
      duration: 5000,
      age: 1000,
      expiresIn: 4000,
      fencingToken: 77,
      runId: 'r1',
      notes: [],
    });
  });
});

describe('the leader', () => {
  const notesOf = (fields: Partial<Snapshot>): readonly string[] =>
    electionReport(snapshot(fields)).leader?.notes ?? [];
  const late = 'last heartbeat is older than the expected publish interval';
  const gone = ['possibly resigning', 'election may be in progress', 'proposal node is gone'];

  it('is late after half of its session timeout, or of its lease when that is shorter', () => {
    const proposals = [proposal(3, 'a')];
    expect(notesOf({ base: lease(3, 'a', { age: 2500 }), proposals })).not.toContain(late);
    expect(notesOf({ base: lease(3, 'a', { age: 2501 }), proposals })).toContain(late);
    const short = { leaseDuration: '500ms' };
    expect(notesOf({ base: lease(3, 'a', { age: 251, record: short }), proposals })).toContain(late);
    const long = { leaseDuration: '60s' };
    expect(notesOf({ base: lease(3, 'a', { age: 2501, record: long }), proposals })).toContain(late);
  });

  it('may be resigning when its proposal is gone, or another candidate has one of that name', () => {
    expect(notesOf({ base: lease(3, 'a'), proposals: [proposal(5, 'b')] })).toEqual(expect.arrayContaining(gone));
    expect(notesOf({ base: lease(3, 'a'), proposals: [proposal(3, 'b')] })).toEqual(expect.arrayContaining(gone));
    expect(notesOf({ base: lease(3, 'a'), proposals: [proposal(3, 'a')] })).not.toContain('possibly resigning');
  });

  it('is told to have a clock of its own when it has', () => {
    const record = { lastSeenTime: formatGoTime(NOW - 31_000) };
    expect(notesOf({ base: lease(3, 'a', { record }), proposals: [proposal(3, 'a')] })).toContain(
      'time drift of 30s between heartbeat and zookeeper write',
    );
  });

  it('has been watched in vain', () => {
    const fields = { base: lease(3, 'a', { age: 9000 }), proposals: [proposal(3, 'a')], unchangedFor: 3000.4 };
    expect(notesOf(fields)).toContain('no heartbeat in the 3s before this report');
  });
});

describe('the first in line', () => {
  const first = (fields: Partial<Snapshot>): readonly string[] =>
    electionReport(snapshot({ proposals: [proposal(5, 'b'), proposal(6, 'c')], ...fields })).candidates[0]?.notes ?? [];
  const created = 'proposal node created 1m0s ago';
  const go = [
    'should be leader but another candidate is claiming the role',
    'possibly waiting for previous leader resignation',
  ];

  it('waits for a lease to run out', () => {
    expect(first({ base: lease(3, 'a') })).toEqual([...go, 'waiting for a lease that runs out in 4s', created]);
  });

  it('may claim a lease that ran out', () => {
    expect(first({ base: lease(3, 'a', { age: 5000 }) })).toEqual([...go, 'may claim the lease, it ran out', created]);
  });

  it('is not said to wait for anybody when the lease is vacant', () => {
    expect(first({ base: vacant })).toEqual(['first in line, the lease is vacant', created]);
  });

  it('waits for an unreadable lease', () => {
    expect(first({ base: znode('{') })).toEqual(['first in line, waiting for an unreadable lease to run out', created]);
  });

  it('is not said when to claim a lease without a duration', () => {
    expect(first({ base: lease(3, 'a', { record: { sessionTimeout: 'soon' } }) })).toEqual([...go, created]);
  });
});

describe('a candidate', () => {
  const others = (candidate: Snapshot['proposals'][number], base = lease(3, 'a')): readonly string[] =>
    electionReport(snapshot({ base, proposals: [proposal(3, 'a'), candidate] })).candidates[1]?.notes ?? [];

  it('shares its id with the leader', () => {
    expect(others(proposal(5, 'a'))).toContain('this candidate id claimed leadership');
    expect(others(proposal(5, 'a'), lease(3, 'a', { age: 4000 }))).toContain('possibly resigning');
    expect(others(proposal(5, 'b'), lease(3, 'a', { age: 4000 }))).not.toContain('possibly resigning');
  });

  it('that vanished between listing and reading is gone, and known by its place', () => {
    const report = electionReport(snapshot({ base: vacant, proposals: [{ name: nameOf(5), node: undefined }] }));
    expect(report.candidates).toMatchObject([
      {
        candidateId: nameOf(5),
        proposalNode: `${BASE}/${nameOf(5)}`,
        notes: ['first in line, the lease is vacant', 'gone'],
      },
    ]);
  });

  it.each([
    ['undefined', 'not JSON: undefined'],
    ['', 'no data'],
    ['[1]', 'not a JSON object: [1]'],
  ])('with the data %j is unparseable', (data, why) => {
    const notes = others({ name: nameOf(5), node: znode(data) });
    expect(notes).toEqual(['unparseable', why, 'proposal node created 0s ago']);
  });

  it('has a clock that differs from the ensemble, by its creation and not by its last write', () => {
    const record = { proposalTime: formatGoTime(NOW - 60_000 - 1500) };
    expect(others(proposal(5, 'b', { record }))).toContain('time drift of 1.5s between proposal and zookeeper write');
    const ahead = { proposalTime: formatGoTime(NOW) };
    expect(others(proposal(5, 'b', { record: ahead }))).toContain(
      'time drift of -1m0s between proposal and zookeeper write',
    );
    expect(others(proposal(5, 'b', { stat: { mtime: NOW } })).join()).not.toMatch(/drift/);
  });

  it('is a ghost when it belongs to no session, or to the session of another', () => {
    expect(others(proposal(5, 'b', { stat: { ephemeralOwner: '0' } })).join()).toMatch(/belongs to no session/);
    expect(others(proposal(5, 'b', { stat: { ephemeralOwner: '10003' } }))).toContain(
      `same session as ${nameOf(3)}: one of the two is a ghost`,
    );
    expect(others(proposal(5, 'b')).join()).not.toMatch(/session/);
  });

  it('stands where it stands, whatever path its record names', () => {
    const record = { proposalNode: `${BASE}/${nameOf(1)}` } as object;
    const report = electionReport(snapshot({ base: vacant, proposals: [proposal(5, 'b', { record })] }));
    expect(report.candidates[0]?.proposalNode).toBe(`${BASE}/${nameOf(5)}`);
  });
});

describe('an unreadable lease', () => {
  it('names no leader and says why', () => {
    const report = electionReport(snapshot({ base: znode('{"pid":5}', { mtime: NOW - 700 }) }));
    expect(report.leader).toBeUndefined();
    expect(report.lease).toEqual({
      state: 'unreadable',
      age: 700,
      why: 'pid is not a string',
      excerpt: '{"pid":5}',
      notes: ['counts as held for the session timeout of the candidate that reads it'],
    });
  });
});

describe('ages', () => {
  const base = lease(3, 'a', { age: 1000 });
  const proposals = [proposal(3, 'a')];
  const report = (fields: Partial<Snapshot>): ReturnType<typeof electionReport> =>
    electionReport(snapshot({ base, proposals, ...fields }));

  it("are by the ensemble's clock once that was measured, and this host's clock is told to differ", () => {
    for (const [off, words] of [
      [30_000, '30s ahead of'],
      [-30_000, '30s behind'],
    ] as const) {
      const { leader, lease: told } = report({ wall: NOW + off, ensembleClock: NOW });
      expect(leader?.notes).toEqual(['is leader', 'last heartbeat 1s ago']);
      expect(told?.notes).toEqual([`clock of this host is ${words} that of zookeeper, ages are by zookeeper's`]);
    }
  });

  it('are never negative', () => {
    const { leader, lease: told } = report({ wall: NOW - 30_000 });
    expect(leader?.notes).toContain('last heartbeat 0s ago');
    expect(told?.notes).toEqual(['clock of this host is at least 29s behind that of zookeeper, ages may be greater']);
  });

  it("are by this host's clock otherwise, and that is said when clocks are seen to differ", () => {
    const record = { proposalTime: formatGoTime(NOW) };
    expect(report({ proposals: [proposal(3, 'a', { record })] }).lease?.notes).toEqual([
      'clocks of candidates differ from that of zookeeper, ages are by the clock of this host',
    ]);
    expect(report({}).lease?.notes).toEqual([]);
  });
});

describe('a heartbeat is doubted', () => {
  const proposals = [proposal(3, 'a')];
  const doubt = (fields: Partial<Snapshot>): number | undefined =>
    heartbeatDoubt(snapshot({ base: lease(3, 'a'), proposals, ...fields }));

  it('not while all clocks agree and the leader is in time', () => expect(doubt({})).toBeUndefined());

  it('when it seems late', () => expect(doubt({ base: lease(3, 'a', { age: 2600 }) })).toBe(3000));

  it('when the clock of this host is seen to be behind', () => expect(doubt({ wall: NOW - 5000 })).toBe(3000));

  it('when the clock of a candidate differs', () => {
    const other = proposal(4, 'b', { record: { proposalTime: formatGoTime(NOW) } });
    expect(doubt({ proposals: [...proposals, other] })).toBe(3000);
  });

  it('not when there is none to come: no lease, no holder, no duration', () => {
    expect(doubt({ base: vacant, wall: NOW - 5000 })).toBeUndefined();
    expect(doubt({ base: lease(3, 'a', { age: 2600 }), proposals: [] })).toBeUndefined();
    expect(doubt({ base: lease(3, 'a', { age: 9000, record: { sessionTimeout: '?' } }) })).toBeUndefined();
  });
});

describe('candidates that differ in what all should have in common', () => {
  const notes = (fields: Partial<Snapshot>): string[][] =>
    electionReport(snapshot(fields)).candidates.map((candidate) =>
      candidate.notes.filter((note) => /differs|is also|Go's/.test(note)),
    );
  const settings = { onLeaseLoss: 'keep', leaseDuration: '5s', commandDigest: '01' };
  const others = { onLeaseLoss: 'stop', leaseDuration: '9s', commandDigest: '02' };
  const differing = [
    'on-lease-loss differs from that of a on host-a: keep',
    'lease-duration differs from that of a on host-a: 5s',
    'command differs from that of a on host-a: two jobs stand in one election',
  ];
  const proposals = [
    proposal(3, 'a', { record: settings }),
    proposal(4, 'b', { record: settings }),
    proposal(5, 'c', { record: others }),
  ];

  it('are noted, after all else, against the leader', () => {
    const base = lease(3, 'a', { record: settings });
    expect(notes({ base, proposals })).toEqual([[], [], differing]);
    expect(electionReport(snapshot({ base, proposals })).candidates[2]?.notes.slice(-3)).toEqual(differing);
  });

  it('are noted against the first in the queue where nobody leads', () => {
    expect(notes({ base: vacant, proposals })).toEqual([[], [], differing]);
  });

  it('are noted where two have one id', () => {
    const twins = [proposal(3, 'a'), proposal(4, 'a', { record: { hostname: 'host-z' } }), proposal(5, 'b')];
    expect(notes({ base: vacant, proposals: twins })).toEqual([
      [`candidate id is also that of ${nameOf(4)} on host-z`],
      [`candidate id is also that of ${nameOf(3)} on host-a`],
      [],
    ]);
  });

  it("are noted where Go's stand with one of ours that was not told of them", () => {
    const go = proposal(3, 'g', { record: { proposalTime: '2026-11-21 11:59:00.5 +0000 UTC m=+1.95' } });
    const told = proposal(4, 'b', { record: { ...settings, mixedFleet: true } });
    const untold = proposal(5, 'c', { record: settings });
    expect(notes({ base: vacant, proposals: [go, told] })).toEqual([[], []]);
    expect(notes({ base: vacant, proposals: [go, told, untold] })).toEqual([
      ["is of Go's ballot, and c on host-c stands without mixed-fleet"],
      [],
      [],
    ]);
  });
});
