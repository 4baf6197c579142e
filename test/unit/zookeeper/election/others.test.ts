import { describe, expect, it } from 'vitest';
import type { ElectionOptions } from '../../../../src/zookeeper/election/options.ts';
import type { LeaseRecord, ProposalRecord } from '../../../../src/zookeeper/election/record.ts';
import { Sightings } from '../../../../src/zookeeper/election/others.ts';
import { silentLogger } from '../../../support/silent-logger.ts';
import { VirtualClock } from '../../../support/virtual-clock.ts';

const own: ProposalRecord = {
  candidateId: 'a',
  hostname: 'host-a',
  pid: '1',
  proposalTime: '2026-11-21 01:42:00 +0000 UTC',
  sessionTimeout: '5s',
  leaseDuration: '5s',
  onLeaseLoss: 'keep',
  commandDigest: '00000000',
};
const other: ProposalRecord = { ...own, candidateId: 'b', hostname: 'host-b', pid: '2' };
const ofGo: ProposalRecord = {
  candidateId: 'g',
  hostname: 'host-g',
  pid: '3',
  proposalTime: '2026-11-21 03:06:35.479168679 +0000 UTC m=+1.952092386',
  sessionTimeout: '5s',
};

interface Met {
  readonly sightings: Sightings;
  readonly warned: [string, object?][];
}

function met(mixedFleet = false): Met {
  const warned: Met['warned'] = [];
  const logger = { ...silentLogger, warn: (...line: [string, object?]) => void warned.push(line) };
  const options = { clock: new VirtualClock(1).process(), logger, mixedFleet };
  return { sightings: new Sightings(options as unknown as ElectionOptions), warned };
}

const who = { candidate: 'b', host: 'host-b' };

describe('another candidate', () => {
  it('that has the same settings is no finding', () => {
    const { sightings, warned } = met();
    sightings.meet(own, other);
    expect(warned).toEqual([]);
  });

  it.each<[string, Partial<ProposalRecord>, RegExp, object]>([
    ['on-lease-loss', { onLeaseLoss: 'stop' }, /another on-lease-loss/, { ...who, here: 'keep', there: 'stop' }],
    ['lease duration', { leaseDuration: '9s' }, /another lease duration/, { ...who, here: '5s', there: '9s' }],
    ['command', { commandDigest: 'ffffffff' }, /another command.*zookeeper-base-path of its own/, who],
  ])('that has another %s is warned of once', (_, differs, message, fields) => {
    const { sightings, warned } = met();
    for (let times = 0; times < 3; times += 1) sightings.meet(own, { ...other, ...differs });
    expect(warned).toEqual([[expect.stringMatching(message), fields]]);
  });

  it('that says nothing of its settings (an older ballot) is no finding', () => {
    const { sightings, warned } = met();
    const { leaseDuration: _, onLeaseLoss: __, commandDigest: ___, ...older } = other;
    sightings.meet(own, older);
    expect(warned).toEqual([]);
  });

  it("of Go's is warned of once, unless mixed-fleet is set", () => {
    const [plain, mixed] = [met(), met(true)];
    for (const { sightings } of [plain, plain, mixed]) sightings.meet(own, ofGo);
    expect(plain.warned).toEqual([
      [expect.stringMatching(/Go's ballot.*set mixed-fleet/), { candidate: 'g', host: 'host-g' }],
    ]);
    expect(mixed.warned).toEqual([]);
  });
});

describe('a candidate of the same id', () => {
  const lease = (fields: Partial<LeaseRecord>): { kind: 'held'; record: LeaseRecord; duration: number } => ({
    kind: 'held',
    record: { ...own, proposalNode: '/x', lastSeenTime: '1', ...fields },
    duration: 5000,
  });
  const finding = (fields: object): Met['warned'] => [
    [expect.stringMatching(/same candidate id/) as string, { candidate: 'a', ...fields }],
  ];

  it('on another host is warned of once', () => {
    const { sightings, warned } = met();
    for (const pid of ['7', '8']) sightings.meet(own, { ...own, hostname: 'host-z', pid });
    expect(warned).toEqual(finding({ host: 'host-z', pid: '7' }));
  });

  it('on the same host is warned of when it renews its lease: until then it may be what a killed one has left', () => {
    const { sightings, warned } = met();
    sightings.meetLeader(own, lease({ pid: '7' }));
    sightings.meetLeader(own, lease({ pid: '7' }));
    expect(warned).toEqual([]);
    sightings.meetLeader(own, lease({ pid: '7', lastSeenTime: '2' }));
    expect(warned).toEqual(finding({ host: 'host-a', pid: '7' }));
  });

  it('is this very one, when its own lease is read', () => {
    const { sightings, warned } = met();
    for (const lastSeenTime of ['1', '2']) sightings.meetLeader(own, lease({ lastSeenTime }));
    expect(warned).toEqual([]);
  });
});
