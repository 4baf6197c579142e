/** Builds readings of an election for the tests of what is said about them. */
import { formatGoTime, type LeaseRecord, type ProposalRecord } from '../../src/zookeeper/election/record.ts';
import type { Snapshot } from '../../src/zookeeper/report/snapshot.ts';
import type { Stat } from '../../src/keeper/protocol.ts';
import type { ZNode } from '../../src/zookeeper/session/port.ts';

/** The moment of the readings, by every clock unless a test says otherwise. */
export const NOW = Date.UTC(2026, 10, 21, 12, 0, 0);
export const BASE = '/ballot/election';

export const nameOf = (sequence: number): string => `proposal-${String(sequence).padStart(10, '0')}`;

export function stat(fields: Partial<Stat>): Stat {
  const defaults = { czxid: 1, mzxid: 1, version: 0, ephemeralOwner: '1000', dataLength: 0, numChildren: 0 };
  return { ...defaults, ctime: NOW, mtime: NOW, ...fields };
}

export function znode(data: Buffer | string | object, fields: Partial<Stat> = {}): ZNode {
  const bytes = Buffer.isBuffer(data) ? data : Buffer.from(typeof data === 'string' ? data : JSON.stringify(data));
  return { data: bytes, stat: stat({ dataLength: bytes.length, ...fields }) };
}

/** A candidate's proposal, made `age` ms before the reading. */
export function proposal(
  sequence: number,
  candidateId: string,
  {
    age = 60_000,
    stat: fields = {},
    record = {},
  }: { age?: number; stat?: Partial<Stat>; record?: Partial<ProposalRecord> } = {},
): Snapshot['proposals'][number] {
  const made: ProposalRecord = {
    candidateId,
    hostname: `host-${candidateId}`,
    pid: String(100 + sequence),
    proposalTime: formatGoTime(NOW - age),
    sessionTimeout: '5s',
    ...record,
  };
  const times = { ctime: NOW - age, mtime: NOW - age, ephemeralOwner: `1000${sequence}` };
  return { name: nameOf(sequence), node: znode(made, { ...times, ...fields }) };
}

/** A lease held with proposal `sequence`, renewed `age` ms before the reading. */
export function lease(
  sequence: number,
  candidateId: string,
  { age = 1000, record = {} }: { age?: number; record?: Partial<LeaseRecord> } = {},
): ZNode {
  const held: LeaseRecord = {
    candidateId,
    hostname: `host-${candidateId}`,
    pid: String(100 + sequence),
    proposalTime: formatGoTime(NOW - 60_000),
    proposalNode: `${BASE}/${nameOf(sequence)}`,
    sessionTimeout: '5s',
    lastSeenTime: formatGoTime(NOW - age),
    ...record,
  };
  return znode(held, { mtime: NOW - age, ephemeralOwner: '0' });
}

export function snapshot(fields: Partial<Snapshot>): Snapshot {
  return {
    basePath: BASE,
    base: undefined,
    proposals: [],
    wall: NOW,
    ensembleClock: undefined,
    unchangedFor: undefined,
    ...fields,
  };
}
