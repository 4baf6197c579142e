import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  encodeLease,
  encodeProposal,
  formatGoTime,
  parseLease,
  parseProposal,
  sameClaim,
  type LeaseRecord,
  type ProposalRecord,
} from '../../../../src/zookeeper/election/record.ts';
import { readAsGo } from '../../../support/go-reader.ts';

const goBytes = (name: string): Buffer => readFileSync(join(import.meta.dirname, '../../../fixtures/go', name));

const heldRecord = (data: Buffer): LeaseRecord => {
  const lease = parseLease(data);
  if (lease.kind !== 'held') throw new Error(`${lease.kind}: ${data.toString()}`);
  return lease.record;
};

const readableRecord = (data: Buffer): ProposalRecord => {
  const proposal = parseProposal(data);
  if (proposal.kind !== 'readable') throw new Error(`${proposal.why}: ${data.toString()}`);
  return proposal.record;
};

const ours: LeaseRecord = {
  candidateId: 'c',
  hostname: 'vm',
  pid: '1743',
  proposalTime: formatGoTime(Date.UTC(2026, 10, 21, 1, 42, 0, 120)),
  proposalNode: '/ballot/election/proposal-0000000003',
  sessionTimeout: '5s',
  lastSeenTime: formatGoTime(Date.UTC(2026, 10, 21, 1, 42, 5)),
  leaseDuration: '2.5s',
  fencingToken: 2 ** 40 + 1,
  runId: 'r1',
};

describe('records that Go wrote', () => {
  it.each(['lease.json', 'lease-escaped.json'])('%s is read and written back byte for byte', (name) => {
    const data = goBytes(name);
    expect(encodeLease(heldRecord(data)).toString()).toBe(data.toString());
  });

  it.each(['proposal.json', 'proposal-again.json'])('%s is read and written back byte for byte', (name) => {
    const data = goBytes(name);
    expect(encodeProposal(readableRecord(data)).toString()).toBe(data.toString());
  });

  it('carry every field', () => {
    expect(parseLease(goBytes('lease.json'))).toEqual({
      kind: 'held',
      duration: 5000,
      record: {
        candidateId: 'c',
        hostname: 'vm',
        pid: '1743',
        proposalTime: '2026-11-21 03:06:35.479168679 +0000 UTC m=+1.952092386',
        proposalNode: '/wire/a/proposal-0000000000',
        sessionTimeout: '5s',
        lastSeenTime: '2026-11-21 03:06:35.481036606 +0000 UTC m=+1.953960314',
      },
    });
  });

  it('are unescaped', () => {
    expect(heldRecord(goBytes('lease-escaped.json')).candidateId).toBe('<a&b> \u2028 é');
  });

  it('last for their session timeout', () => {
    expect(parseLease(goBytes('lease-escaped.json'))).toMatchObject({ duration: 90_000 });
  });
});

describe('records that we write', () => {
  it('have the fields of Go first, in its order, ours after', () => {
    expect(encodeLease({ ...ours, unknownFields: { later: [1] } }).toString()).toBe(
      '{"candidateId":"c","hostname":"vm","pid":"1743","proposalTime":"2026-11-21 01:42:00.12 +0000 UTC",' +
        '"proposalNode":"/ballot/election/proposal-0000000003","sessionTimeout":"5s",' +
        '"lastSeenTime":"2026-11-21 01:42:05 +0000 UTC","leaseDuration":"2.5s","fencingToken":1099511627777,"runId":"r1","later":[1]}',
    );
  });

  it('say what a candidate with a schedule serves, after all others; the reader of Go passes over it', () => {
    const { proposalNode: _, fencingToken: __, runId: ___, ...proposal } = ours;
    const served = { ...proposal, schedule: '0 3 * * *', timezone: 'Europe/Paris' };
    const bytes = encodeProposal(served);
    expect(String(bytes)).toMatch(/,"schedule":"0 3 \* \* \*","timezone":"Europe\/Paris"\}$/);
    expect(parseProposal(bytes)).toEqual({ kind: 'readable', record: served });
    expect(readAsGo(bytes)).toMatchObject({ candidateId: 'c' });
  });

  it('say what all candidates should have in common, after all others; the reader of Go passes over it', () => {
    const common = { ...ours, commandDigest: '0f', onLeaseLoss: 'keep', mixedFleet: true };
    expect(String(encodeLease(common))).toMatch(/,"commandDigest":"0f","onLeaseLoss":"keep","mixedFleet":true\}$/);
    expect(heldRecord(encodeLease(common))).toEqual(common);
    expect(readAsGo(encodeLease(common))).toMatchObject({ candidateId: 'c' });
  });

  it('are accepted by the reader of Go', () => {
    expect(readAsGo(encodeLease(ours))).toMatchObject({ candidateId: 'c', pid: '1743', sessionTimeout: '5s' });
    const { proposalNode: _, fencingToken: __, runId: ___, ...proposal } = ours;
    expect(readAsGo(encodeProposal(proposal))).toMatchObject({ candidateId: 'c', lastSeenTime: ours.lastSeenTime });
  });

  it.each(['<script>&', '"\\\u0000\u001f\t\n', '\u2028\u2029', '日本 🗳', '__proto__'])(
    'carry the candidate id %j unharmed, in Go as well',
    (candidateId) => {
      const data = encodeLease({ ...ours, candidateId });
      expect(heldRecord(data).candidateId).toBe(candidateId);
      expect(readAsGo(data)['candidateId']).toBe(candidateId);
      expect(data.toString()).not.toMatch(/[<>&\u2028\u2029]/);
    },
  );

  it('come back as they were', () => {
    expect(heldRecord(encodeLease(ours))).toEqual(ours);
  });
});

describe('the reader of Go, as modelled here,', () => {
  it.each([
    ['a pid that is a number', '{"pid":1743}', 'Go struct field pid'],
    ['an ISO time', '{"proposalTime":"2026-11-21T01:42:00Z"}', 'parsing time'],
    ['a time without a zone name', '{"lastSeenTime":"2026-11-21 01:42:00 +0000"}', 'parsing time'],
    ['a duration without a unit', '{"sessionTimeout":"5"}', 'invalid duration'],
  ])('refuses %s', (_, text, why) => expect(() => readAsGo(Buffer.from(text))).toThrow(why));

  it.each(['lease.json', 'lease-escaped.json', 'proposal.json', 'proposal-again.json'])('accepts %s', (name) => {
    expect(readAsGo(goBytes(name))).toHaveProperty('candidateId');
  });
});

describe('fields that we do not know', () => {
  it('are kept and written back after the others', () => {
    const text =
      '{"candidateId":"c","proposalNode":"/b/proposal-0000000001","next":{"a":[1,null]},"__proto__":{"x":1}}';
    const record = heldRecord(Buffer.from(text));
    expect(record.unknownFields?.['next']).toEqual({ a: [1, null] });
    expect(encodeLease(record).toString()).toBe(text);
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });

  it('cannot replace those that we do', () => {
    const record = { ...ours, unknownFields: { candidateId: 'somebody else' } };
    expect(heldRecord(encodeLease(record)).candidateId).toBe('c');
  });
});

describe('the duration of a lease', () => {
  const durationOf = (fields: Record<string, unknown>): unknown => {
    const lease = parseLease(Buffer.from(JSON.stringify({ candidateId: 'c', proposalNode: '/b/p', ...fields })));
    return lease.kind === 'held' ? lease.duration : lease;
  };

  it('is its own, rather than the session timeout', () => {
    expect(durationOf({ sessionTimeout: '5s', leaseDuration: '500ms' })).toBe(500);
  });

  it('is the session timeout of a record without one, or with a bad one', () => {
    expect(durationOf({ sessionTimeout: '4.5s' })).toBe(4500);
    expect(durationOf({ sessionTimeout: '4.5s', leaseDuration: '0s' })).toBe(4500);
  });

  it.each(['0s', '0', '-5s', '5', 'soon', '', '1e3s'])('is unknown for %j', (sessionTimeout) => {
    expect(durationOf({ sessionTimeout })).toBeUndefined();
  });
});

describe('data that is no record', () => {
  it('is a vacant lease when there is none', () => expect(parseLease(Buffer.alloc(0))).toEqual({ kind: 'vacant' }));

  it('is an unreadable proposal when there is none', () => {
    expect(parseProposal(Buffer.alloc(0))).toEqual({ kind: 'unreadable', why: 'no data', excerpt: '' });
  });

  const rubbish: [string, Buffer, string][] = [
    ['text', Buffer.from('null and void'), 'not JSON'],
    ['the word that a careless client stores', Buffer.from('undefined'), 'not JSON'],
    ['null', Buffer.from('null'), 'not a JSON object'],
    ['an array', Buffer.from('["c"]'), 'not a JSON object'],
    ['a number', Buffer.from('1743'), 'not a JSON object'],
    ['a string', Buffer.from('"c"'), 'not a JSON object'],
    ['binary', Buffer.from([0, 255, 27, 91, 50, 74]), 'not JSON'],
    ['a byte order mark', Buffer.from('\ufeff{"candidateId":"c","proposalNode":"/b/p"}'), 'not JSON'],
    ['half a record', goBytes('lease.json').subarray(0, 100), 'not JSON'],
    ['an empty object', Buffer.from('{}'), 'candidateId is missing'],
    ['a candidate without a name', Buffer.from('{"candidateId":"","proposalNode":"/b/p"}'), 'candidateId is missing'],
    ['a pid that is a number', Buffer.from('{"candidateId":"c","pid":1743}'), 'pid is not a string'],
    [
      'a token that is a fraction',
      Buffer.from('{"candidateId":"c","fencingToken":1.5}'),
      'fencingToken is not a number',
    ],
    ['a megabyte', Buffer.alloc(2 ** 20, 'x'), 'not JSON'],
    ['a megabyte of brackets', Buffer.alloc(2 ** 20, '['), 'not JSON'],
  ];

  it.each(rubbish)('%s says why it is unreadable, with a printable beginning', (_, data, why) => {
    for (const read of [parseLease, parseProposal]) {
      const result = read(data);
      expect(result).toMatchObject({ kind: 'unreadable', why });
      if (result.kind !== 'unreadable') return;
      expect([...result.excerpt].length).toBeLessThanOrEqual(80);
      expect(result.excerpt).toMatch(/^[^\p{C}]*$/u);
    }
  });

  it('is a lease without a proposal: who would hold it?', () => {
    expect(parseLease(goBytes('proposal.json'))).toMatchObject({ kind: 'unreadable', why: 'proposalNode is missing' });
  });

  it('is not cut when it fits, and ends in an ellipsis when not', () => {
    expect(parseLease(Buffer.alloc(80, 'x'))).toMatchObject({ excerpt: 'x'.repeat(80) });
    expect(parseLease(Buffer.alloc(81, 'x'))).toMatchObject({ excerpt: `${'x'.repeat(79)}…` });
  });
});

describe('a record that leaves out what we could do without', () => {
  it('is still a lease, with empty texts', () => {
    const record = heldRecord(Buffer.from('{"candidateId":"c","proposalNode":"/b/p","hostname":null}'));
    expect(record).toEqual({
      candidateId: 'c',
      proposalNode: '/b/p',
      hostname: '',
      pid: '',
      proposalTime: '',
      sessionTimeout: '',
      lastSeenTime: '',
    });
  });
});

describe('the same claim', () => {
  it('is that of one candidate for one place, whatever was renewed since', () => {
    expect(sameClaim(ours, { ...ours, lastSeenTime: 'later', fencingToken: 9, runId: 'r2' })).toBe(true);
  });

  it.each(['candidateId', 'hostname', 'pid', 'proposalNode', 'proposalTime'] as const)(
    'differs with the %s',
    (field) => {
      expect(sameClaim(ours, { ...ours, [field]: 'other' })).toBe(false);
    },
  );
});
