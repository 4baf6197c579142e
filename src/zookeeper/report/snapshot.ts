/**
 * One look at an election's znodes, understood. Pure.
 *
 * Ages are by the ensemble's clock: a znode's stamp against another stamp, or against a measured reading of that clock.
 * When there is neither, the clock of this host is used.
 */
import type { Standing } from '../../election/observer.ts';
import type { ZNode } from '../session/port.ts';
import { parseLease, parseProposal, usableDuration, type Lease, type Proposal } from '../election/record.ts';
import { parseGoTime } from '../election/go-time.ts';
import { childPath } from '../election/queue.ts';

/** One reading of the election's znodes. */
export interface Snapshot {
  readonly basePath: string;
  /** The base znode; `undefined` when there is none: nobody has ever stood. */
  readonly base: ZNode | undefined;
  /** In the order of the queue. `node` is `undefined` for a proposal that was listed and gone when it was read. */
  readonly proposals: readonly { readonly name: string; readonly node: ZNode | undefined }[];
  /** This host's wall clock at the reading, ms since the Unix epoch. */
  readonly wall: number;
  /** The ensemble's clock at the reading, measured by a heartbeat that was seen to happen; ms since the Unix epoch. */
  readonly ensembleClock: number | undefined;
  /** How long the lease was watched before the reading without a change, ms; `undefined`: not watched, or changed. */
  readonly unchangedFor: number | undefined;
}

/** A proposal, understood. */
export interface ReadProposal {
  readonly name: string;
  readonly path: string;
  readonly node: ZNode | undefined;
  readonly proposal: Proposal | undefined;
}

/** A snapshot, understood. */
export interface Reading {
  readonly lease: Lease;
  /** The ensemble's stamp of the lease's last change. */
  readonly leaseStamp: number;
  readonly proposals: readonly ReadProposal[];
  /** The ensemble's clock, as well as it is known: never before any stamp. */
  readonly now: number;
  /** Path of the proposal that the lease was claimed with, if it still stands. */
  readonly holderProposal: string | undefined;
  /** The last heartbeat is older than the leader's interval allows. */
  readonly leaderIsLate: boolean;
}

/** Understands a snapshot. Never throws, whatever the znodes hold. */
export function read(snapshot: Snapshot): Reading {
  const lease: Lease = snapshot.base === undefined ? { kind: 'vacant' } : parseLease(snapshot.base.data);
  const leaseStamp = snapshot.base?.stat.mtime ?? 0;
  const proposals = snapshot.proposals.map(({ name, node }) => ({
    name,
    path: childPath(snapshot.basePath, name),
    node,
    proposal: node === undefined ? undefined : parseProposal(node.data),
  }));
  const stamps = proposals.map(({ node }) => node?.stat.mtime ?? 0);
  const now = Math.max(snapshot.ensembleClock ?? snapshot.wall, leaseStamp, ...stamps);
  const interval = heartbeatInterval(lease);
  return {
    lease,
    leaseStamp,
    proposals,
    now,
    holderProposal: holderProposal(lease, proposals),
    leaderIsLate: interval !== undefined && now - leaseStamp > interval,
  };
}

/** All who stand and say who they are, in the order of the queue. */
export function standingIn(snapshot: Snapshot): Standing[] {
  const { proposals, holderProposal: leading } = read(snapshot);
  return proposals.flatMap(({ path, proposal }) => {
    if (proposal?.kind !== 'readable') return [];
    const { candidateId, hostname, pid } = proposal.record;
    return [{ candidateId, hostname, pid, leads: path === leading }];
  });
}

/**
 * How long the lease has to be watched before anything true can be said about the leader's heartbeat, ms: a little more
 * than its interval. `undefined` when the stamps are good enough. A late heartbeat may as well be a clock that differs
 * from the ensemble's, and the other way round.
 */
export function heartbeatDoubt(snapshot: Snapshot): number | undefined {
  const reading = read(snapshot);
  const interval = heartbeatInterval(reading.lease);
  if (interval === undefined || reading.holderProposal === undefined) return undefined;
  const clocksDiffer = isNotable(reading.now - snapshot.wall) || driftsOf(reading).some(isNotable);
  return reading.leaderIsLate || clocksDiffer ? interval * 1.2 : undefined;
}

/** A smaller difference between two clocks may be the time that a request takes, and does not matter. */
const NOTABLE_DRIFT_MS = 500;

/** True for a difference between clocks that people should know of. */
export function isNotable(ms: number | undefined): ms is number {
  return ms !== undefined && Math.abs(ms) > NOTABLE_DRIFT_MS;
}

/** The ensemble's stamp of the last heartbeat less the holder's own time of it, ms. */
export function leaseDrift({ lease, leaseStamp }: Reading): number | undefined {
  return lease.kind === 'held' ? drift(leaseStamp, lease.record.lastSeenTime) : undefined;
}

/**
 * The ensemble's stamp of a proposal's creation less the candidate's own time of it, ms. The creation counts, because a
 * leader's proposal is rewritten with every heartbeat.
 */
export function proposalDrift({ node, proposal }: ReadProposal): number | undefined {
  if (node === undefined || proposal?.kind !== 'readable') return undefined;
  return drift(node.stat.ctime, proposal.record.proposalTime);
}

/** Every drift that the records show. */
export function driftsOf(reading: Reading): (number | undefined)[] {
  return [leaseDrift(reading), ...reading.proposals.map(proposalDrift)];
}

function drift(stamp: number, written: string): number | undefined {
  const time = parseGoTime(written);
  return time === undefined ? undefined : stamp - time;
}

/** One of that name by somebody else is not the holder's: numbers start anew where a base path was deleted. */
function holderProposal(lease: Lease, proposals: readonly ReadProposal[]): string | undefined {
  if (lease.kind !== 'held') return undefined;
  const same = proposals.find(({ path }) => path === lease.record.proposalNode);
  if (same?.proposal?.kind !== 'readable') return same?.path;
  const maker = same.proposal.record;
  const { candidateId, hostname, pid } = lease.record;
  const own = maker.candidateId === candidateId && maker.hostname === hostname && maker.pid === pid;
  return own ? same.path : undefined;
}

/**
 * Go's ballot renews every half of its session timeout; ours every third of the shorter duration, and after a half its
 * second try is due.
 */
export function heartbeatInterval(lease: Lease): number | undefined {
  if (lease.kind !== 'held' || lease.duration === undefined) return undefined;
  return Math.min(lease.duration, usableDuration(lease.record.sessionTimeout) ?? Infinity) / 2;
}
