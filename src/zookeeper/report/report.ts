/** The report: who leads, who stands, and true notes about each, in Go's ballot's words where it has them. Pure. */
import { formatDuration } from '../../duration.ts';
import { CLAIMED_BY, CLAIMED_WITH, CREATED } from '../../election/report.ts';
import type { CandidateReport, ElectionReport, LeaderReport, LeaseReport } from '../../election/report.ts';
import { driftsOf, isNotable, leaseDrift, proposalDrift, read, type Reading, type Snapshot } from './snapshot.ts';
import { areNamesakes, differences, isOfGo, type Difference } from '../election/differences.ts';
import type { Candidate, ProposalRecord } from '../election/record.ts';
import { parseGoTime } from '../election/go-time.ts';

/** The report about an election. Never throws, whatever the znodes hold. */
export function electionReport(snapshot: Snapshot): ElectionReport {
  const reading = read(snapshot);
  const peers = peersOf(reading);
  const candidates = reading.proposals.map((_, index) => candidateReport(reading, index, peers));
  const silent = reading.lease.kind === 'vacant' && candidates.length === 0;
  return {
    leader: leaderReport(reading, snapshot),
    candidates,
    lease: silent ? undefined : leaseReport(reading, snapshot),
  };
}

/** A duration for people: to the millisecond. */
function inWords(ms: number): string {
  return formatDuration(Math.round(ms));
}

function leaderReport(reading: Reading, snapshot: Snapshot): LeaderReport | undefined {
  const { lease } = reading;
  if (lease.kind !== 'held') return undefined;
  const { candidateId, hostname, pid, proposalTime, proposalNode, sessionTimeout, lastSeenTime } = lease.record;
  const notes = ['is leader', `last heartbeat ${inWords(reading.now - reading.leaseStamp)} ago`];
  if (reading.leaderIsLate) notes.push('last heartbeat is older than the expected publish interval');
  if (snapshot.unchangedFor !== undefined) {
    notes.push(`no heartbeat in the ${inWords(snapshot.unchangedFor)} before this report`);
  }
  if (reading.holderProposal === undefined) {
    notes.push('possibly resigning', 'election may be in progress', 'proposal node is gone');
  }
  const beat = leaseDrift(reading);
  if (isNotable(beat)) notes.push(`time drift of ${inWords(beat)} between heartbeat and zookeeper write`);
  const person = { candidateId, hostname, pid, proposalTime, proposalNode, sessionTimeout, notes, lastSeenTime };
  return { ...person, ...scheduleOf(lease.record) };
}

function scheduleOf({ schedule, timezone }: Partial<Candidate>): Pick<CandidateReport, 'schedule' | 'timezone'> {
  return { ...(schedule === undefined ? {} : { schedule }), ...(timezone === undefined ? {} : { timezone }) };
}

function candidateReport(reading: Reading, index: number, peers: Peers): CandidateReport {
  const own = reading.proposals[index]!;
  const record = own.proposal?.kind === 'readable' ? own.proposal.record : undefined;
  return {
    candidateId: record?.candidateId ?? own.name,
    hostname: record?.hostname ?? '',
    pid: record?.pid ?? '',
    proposalTime: record?.proposalTime ?? '',
    // Never the record's own word for it: a Go candidate that stands again writes the path of its former proposal.
    proposalNode: own.path,
    sessionTimeout: record?.sessionTimeout ?? '',
    ...(own.node === undefined ? {} : { standsFor: reading.now - own.node.stat.ctime }),
    notes: [
      ...claimNotes(reading, index),
      ...proposalNotes(reading, index),
      ...(record === undefined ? [] : peerNotes(reading, index, record, peers)),
    ],
    ...scheduleOf(record ?? {}),
  };
}

/** How a proposal stands to the lease. */
function claimNotes(reading: Reading, index: number): string[] {
  const { lease, holderProposal } = reading;
  const { path, proposal } = reading.proposals[index]!;
  const notes: string[] = [];
  if (path === holderProposal) notes.push(CLAIMED_WITH);
  else if (index === 0) notes.push(...firstInLine(reading));
  const sameId =
    lease.kind === 'held' && proposal?.kind === 'readable' && proposal.record.candidateId === lease.record.candidateId;
  if (sameId) {
    notes.push(CLAIMED_BY);
    if (reading.leaderIsLate) notes.push('possibly resigning');
  }
  return notes;
}

/** The first of the queue, which does not hold the lease. */
function firstInLine({ lease, leaseStamp, now }: Reading): string[] {
  if (lease.kind === 'vacant') return ['first in line, the lease is vacant'];
  if (lease.kind === 'unreadable') return ['first in line, waiting for an unreadable lease to run out'];
  const notes = [
    'should be leader but another candidate is claiming the role',
    'possibly waiting for previous leader resignation',
  ];
  if (lease.duration === undefined) return notes;
  const left = lease.duration - (now - leaseStamp);
  notes.push(left > 0 ? `waiting for a lease that runs out in ${inWords(left)}` : 'may claim the lease, it ran out');
  return notes;
}

/** What a proposal's znode says of itself. */
function proposalNotes(reading: Reading, index: number): string[] {
  const own = reading.proposals[index]!;
  if (own.node === undefined || own.proposal === undefined) return ['gone'];
  const { stat } = own.node;
  const notes: string[] = [];
  if (own.proposal.kind === 'unreadable') {
    notes.push('unparseable', describeData(own.proposal.why, own.proposal.excerpt));
  }
  notes.push(`${CREATED} ${inWords(reading.now - stat.ctime)} ago`);
  const drift = proposalDrift(own);
  if (isNotable(drift)) notes.push(`time drift of ${inWords(drift)} between proposal and zookeeper write`);
  if (stat.ephemeralOwner === '0') {
    notes.push(
      'belongs to no session and will never go away by itself: delete it, or nobody behind it is elected in turn',
    );
  } else {
    const earlier = reading.proposals.find(({ node }) => node?.stat.ephemeralOwner === stat.ephemeralOwner);
    if (earlier !== undefined && earlier !== own)
      notes.push(`same session as ${earlier.name}: one of the two is a ghost`);
  }
  return notes;
}

interface Peer {
  readonly name: string;
  readonly index: number;
  readonly record: ProposalRecord;
}

/** The proposals that could be read, in the order of the queue, and by candidate id: a queue may be long. */
interface Peers {
  readonly all: readonly Peer[];
  readonly byId: ReadonlyMap<string, readonly Peer[]>;
}

function peersOf({ proposals }: Reading): Peers {
  const all = proposals.flatMap(({ name, proposal }, index) =>
    proposal?.kind === 'readable' ? [{ name, index, record: proposal.record }] : [],
  );
  const byId = new Map<string, Peer[]>();
  for (const peer of all) {
    const namesakes = byId.get(peer.record.candidateId);
    if (namesakes === undefined) byId.set(peer.record.candidateId, [peer]);
    else namesakes.push(peer);
  }
  return { all, byId };
}

/** How a candidate differs from those that it stands with. */
function peerNotes(reading: Reading, index: number, own: ProposalRecord, { all, byId }: Peers): string[] {
  const leader = reading.lease.kind === 'held' ? reading.lease.record : undefined;
  const first = all.find((peer) => peer.index !== index && peer.record.onLeaseLoss !== undefined)?.record;
  const reference = leader ?? (index === 0 ? undefined : first);
  const namesakes = (byId.get(own.candidateId) ?? [])
    .filter((peer) => peer.index !== index && areNamesakes(own, peer.record))
    .map(({ name, record }) => `candidate id is also that of ${name} on ${record.hostname}`);
  const unprepared = isOfGo(own)
    ? all.find((peer) => peer.index !== index && standsWithoutMixedFleet(peer.record))
    : undefined;
  const go = unprepared && `is of Go's ballot, and ${whose(unprepared.record)} stands without mixed-fleet`;
  return [
    ...(reference === undefined ? [] : differences(own, reference).map((found) => differenceNote(found, reference))),
    ...namesakes,
    ...(go === undefined ? [] : [go]),
  ];
}

function differenceNote({ setting, others }: Difference, reference: ProposalRecord): string {
  const value = setting === 'command' ? 'two jobs stand in one election' : others;
  return `${setting} differs from that of ${whose(reference)}: ${value}`;
}

function standsWithoutMixedFleet(record: ProposalRecord): boolean {
  return record.onLeaseLoss !== undefined && record.mixedFleet !== true;
}

function whose({ candidateId, hostname }: ProposalRecord): string {
  return `${candidateId} on ${hostname}`;
}

function describeData(why: string, excerpt: string): string {
  return excerpt === '' ? why : `${why}: ${excerpt}`;
}

function leaseReport(reading: Reading, snapshot: Snapshot): LeaseReport {
  const { lease } = reading;
  const clocks = clockNotes(reading, snapshot);
  if (lease.kind === 'vacant') return { state: 'vacant', notes: clocks };
  const age = reading.now - reading.leaseStamp;
  if (lease.kind === 'unreadable') {
    const { why, excerpt } = lease;
    return { state: 'unreadable', age, why, excerpt, notes: [`counts as held for ${OWN_TIMEOUT}`, ...clocks] };
  }
  const { candidateId: holder, leaseDuration, runId, leaderSince } = lease.record;
  const claimedAt = leaderSince === undefined ? undefined : parseGoTime(leaderSince);
  // A claim that was not renewed yet is its own token (and Go's ballot, which writes no duration, has none).
  const fencingToken =
    lease.record.fencingToken ?? (leaseDuration === undefined ? undefined : snapshot.base?.stat.mzxid);
  const expiresIn = lease.duration === undefined ? undefined : lease.duration - age;
  const notes = expiresIn === undefined ? [`names no usable duration: counts as held for ${OWN_TIMEOUT}`] : [];
  return {
    state: 'held',
    holder,
    age,
    ...(leaderSince === undefined ? {} : { leaderSince }),
    ...(claimedAt === undefined ? {} : { leadsFor: reading.now - claimedAt }),
    ...(lease.duration === undefined ? {} : { duration: lease.duration }),
    ...(expiresIn === undefined ? {} : { expiresIn }),
    ...(fencingToken === undefined ? {} : { fencingToken }),
    ...(runId === undefined ? {} : { runId }),
    notes: [...notes, ...clocks],
  };
}

const OWN_TIMEOUT = 'the session timeout of the candidate that reads it';

/** How this host's clock differs from the ensemble's, as far as it matters for the ages. */
function clockNotes(reading: Reading, snapshot: Snapshot): string[] {
  const behind = reading.now - snapshot.wall;
  if (snapshot.ensembleClock !== undefined) {
    if (!isNotable(behind)) return [];
    const side = behind > 0 ? 'behind' : 'ahead of';
    return [`clock of this host is ${inWords(Math.abs(behind))} ${side} that of zookeeper, ages are by zookeeper's`];
  }
  if (isNotable(behind)) {
    return [`clock of this host is at least ${inWords(behind)} behind that of zookeeper, ages may be greater`];
  }
  return driftsOf(reading).some(isNotable)
    ? ['clocks of candidates differ from that of zookeeper, ages are by the clock of this host']
    : [];
}
