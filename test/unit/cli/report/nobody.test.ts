import { describe, expect, it } from 'vitest';
import { notesOnNobody } from '../../../../src/cli/report/nobody.ts';
import { render } from '../../../../src/cli/report/render.ts';
import type { Neighbourhood } from '../../../../src/election/observer.ts';
import { desertedOf } from '../../../../src/zookeeper/report/observer.ts';
import { electionReport } from '../../../../src/zookeeper/report/report.ts';
import { lease, proposal, snapshot, znode } from '../../../support/snapshots.ts';

const BASE = '/jobs/reprot';
const missing = `there is no znode ${BASE}: no election was ever held there, or somebody has deleted it`;

const notesOf = (fields: Parameters<typeof snapshot>[0], around?: Neighbourhood): readonly string[] =>
  notesOnNobody(desertedOf(snapshot({ basePath: BASE, ...fields }), around));

describe('an election that was never held', () => {
  it.each<[string, Neighbourhood, string]>([
    ['a sibling that is spelled nearly so', { path: '/jobs', names: ['backup', 'report'] }, '/jobs/report'],
    ['a parent that is spelled nearly so', { path: '/', names: ['job', 'kafka'] }, '/job'],
  ])('is named with the nearest path that exists: %s', (_, around, near) => {
    expect(notesOf({}, around)).toEqual([missing, `the nearest path that exists is ${near}`]);
  });

  it('is named with what there is where nothing is near, but not with all of it', () => {
    const few = { path: '/jobs', names: ['backup'] };
    expect(notesOf({}, few)).toEqual([missing, 'below /jobs there are: backup']);
    const many = { path: '/jobs', names: ['a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7'] };
    expect(notesOf({}, many)[1]).toBe('below /jobs there are: a1, a2, a3, a4, a5, and 2 more');
    expect(notesOf({}, { path: '/', names: [] })[1]).toBe('/ exists, and there is nothing below it');
  });

  it('may have a znode: that of a folder of elections', () => {
    const base = znode('', { version: 0, ephemeralOwner: '0' });
    expect(notesOf({ base }, { path: BASE, names: ['eu', 'us'] })).toEqual([
      `no election was ever held at ${BASE}`,
      `below ${BASE} there are: eu, us`,
    ]);
  });
});

describe('an election that nobody stands in any more', () => {
  it('may have candidates that pause', () => {
    const base = znode('', { version: 4, ephemeralOwner: '0' });
    expect(notesOf({ base })).toEqual([
      'a candidate that pauses after a failed run is not shown, and stands again by itself',
    ]);
  });
});

describe('an election in which somebody stands', () => {
  it('has no such notes', () => {
    expect(notesOf({ base: znode(''), proposals: [proposal(1, 'a')] })).toEqual([]);
    expect(notesOf({ base: lease(1, 'a') })).toEqual([]);
  });
});

describe('notes on the election', () => {
  const report = { ...electionReport(snapshot({})), notes: ['one\u001b[2J', 'two'] };

  it('come last in every format, and cannot steer a terminal', async () => {
    expect(await render(report, 'table')).toBe('nobody leads, nobody stands\none.[2J\ntwo\n');
    expect(await render(report, 'yaml')).toBe('notes:\n- "one\\e[2J"\n- two\n');
    const document = JSON.parse(await render(report, 'json')) as object;
    expect(Object.keys(document)).toEqual(['leader', 'candidates', 'notes']);
  });
});
