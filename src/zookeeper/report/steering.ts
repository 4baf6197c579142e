/** Asks the present leader to step down, and follows what comes of it. The only part of this room that writes. */
import { UnavailableError } from '../../errors.ts';
import {
  NobodyToAskError,
  type AskableLeader,
  type Asked,
  type Leader,
  type Succeeded,
} from '../../election/observer.ts';
import { formatDuration } from '../../duration.ts';
import { sleep } from '../../clock.ts';
import { firing, firstOf } from '../election/firing.ts';
import { isUnanswered, RETRY_PAUSE_MS, suspectIfSilent } from '../election/options.ts';
import { sortProposals } from '../election/queue.ts';
import { formatGoTime, parseLease } from '../election/record.ts';
import { encodeStepDown, parseStepDown, stepDownPath, type StepDownRequest } from '../election/step-down.ts';
import type { Stat } from '../../keeper/protocol.ts';
import { BadVersionError, NodeExistsError, NoNodeError, SessionEndedError } from '../session/errors.ts';
import type { ZNode } from '../session/port.ts';
import { ask, readNode, type Inspection } from './inspection.ts';

const UNKNOWN = 'it is not known whether the request was written; it concerns that term alone, so it may be made again';

/**
 * Writes a request for the term that holds the lease. Throws NobodyToAskError when nobody leads or when Go's ballot
 * does, RefusedError, SessionEndedError; UnavailableError, which says what is known, when the signal is aborted.
 */
export async function askToStepDown(inspection: Inspection, by: string): Promise<Asked> {
  const leader = await presentLeader(inspection);
  const request = { fencingToken: leader.fencingToken, by, time: formatGoTime(inspection.clock.wall()) };
  const written = await writeRequest(inspection, leader, request);
  const base = await readNode(inspection, inspection.basePath);
  const isOver = base === undefined || leaderOf(base)?.fencingToken !== leader.fencingToken;
  if (!isOver) refuseExpired(inspection, leader, base, written);
  return { leader, by: written.by, isTooLate: isOver && (base?.stat.mzxid ?? 0) < written.mzxid };
}

async function presentLeader(inspection: Inspection): Promise<AskableLeader> {
  const { basePath } = inspection;
  const base = await readNode(inspection, basePath);
  if (base === undefined)
    throw new NobodyToAskError(
      `nobody leads: there is no znode ${basePath}`,
      'check zookeeper-base-path; ballot info shows what is there',
    );
  const lease = parseLease(base.data);
  if (lease.kind === 'vacant')
    throw new NobodyToAskError(`nobody leads ${basePath}: the lease is vacant`, 'ballot info shows who stands');
  if (lease.kind === 'unreadable')
    throw new NobodyToAskError(
      `nobody can be asked: the lease in ${basePath} cannot be read: ${lease.why}`,
      'others take it over when it has run out; ballot info shows its data',
    );
  const leader = leaderOf(base) as Leader;
  const { fencingToken } = leader;
  if (fencingToken === undefined)
    throw new NobodyToAskError(
      `${leader.candidateId} on ${leader.hostname} leads ${basePath}: it is of Go's ballot, which cannot be asked`,
      'restart it: others take over when its lease has run out',
    );
  return { ...leader, fencingToken };
}

/** A claim that was not renewed yet is its own token; Go's ballot, which writes no duration of a lease, has none. */
function leaderOf({ data, stat }: ZNode): Leader | undefined {
  const lease = parseLease(data);
  if (lease.kind !== 'held') return undefined;
  const { candidateId, hostname, fencingToken, leaseDuration } = lease.record;
  return {
    candidateId,
    hostname,
    fencingToken: fencingToken ?? (leaseDuration === undefined ? undefined : stat.mzxid),
  };
}

/** What the znode holds now, with the ensemble's stamp and the transaction of that write. */
interface Written extends Pick<Stat, 'mtime' | 'mzxid'> {
  readonly by: string;
}

/**
 * Writes it under the version that was read. After a lost reply the znode is read: it holds a request for the term, or
 * the write is repeated under the same version, which only one of the two can match. A request for the same term that
 * is there already will do.
 */
async function writeRequest(inspection: Inspection, leader: AskableLeader, request: StepDownRequest): Promise<Written> {
  const path = stepDownPath(inspection.basePath);
  let isSent = false;
  try {
    for (;;) {
      const present = await readNode(inspection, path);
      const found = present && parseStepDown(present.data);
      if (present !== undefined && found?.fencingToken === leader.fencingToken)
        return { ...present.stat, by: found.by };
      isSent = true;
      await tryToWrite(inspection, path, encodeStepDown(request), present?.stat.version);
    }
  } catch (error) {
    if (!isSent || !(inspection.signal.aborted || error instanceof SessionEndedError)) throw error;
    const { candidateId, hostname, fencingToken } = leader;
    const whom = `${candidateId} on ${hostname} was to be asked to end term ${fencingToken}`;
    throw new UnavailableError(`${whom}: ${UNKNOWN}`, { cause: error });
  }
}

/** One write, whatever becomes of it: the next read tells. Throws only what no further try can mend. */
async function tryToWrite(
  { session, clock, basePath, signal }: Inspection,
  path: string,
  data: Buffer,
  version: number | undefined,
): Promise<void> {
  const timeout = session.timeout / 3;
  const sentAt = clock.now();
  try {
    if (version === undefined) await session.create(path, data, 'persistent', { timeout, signal });
    else await session.set(path, data, version, { timeout, signal });
  } catch (error) {
    signal.throwIfAborted();
    if (version === undefined && error instanceof NoNodeError)
      throw new NobodyToAskError(
        `nobody leads any more: ${basePath} has been deleted`,
        'ballot info shows what is there',
      );
    const overtaken =
      error instanceof BadVersionError || error instanceof NoNodeError || error instanceof NodeExistsError;
    if (!overtaken && !isUnanswered(error)) throw error;
    suspectIfSilent(clock, session, error, sentAt, timeout);
    await sleep(clock, RETRY_PAUSE_MS, signal);
  }
}

/** By the ensemble's clock alone: the request was written later than the lease, and by how much. */
function refuseExpired({ basePath }: Inspection, leader: Leader, base: ZNode, { mtime }: Written): void {
  const lease = parseLease(base.data);
  const duration = lease.kind === 'held' ? lease.duration : undefined;
  const age = mtime - base.stat.mtime;
  if (duration === undefined || age < duration) return;
  const since = formatDuration(Math.round(age - duration));
  throw new NobodyToAskError(
    `nobody leads ${basePath}: the lease of ${leader.candidateId} on ${leader.hostname} ran out ${since} ago`,
    'the next candidate in the queue takes over by itself; ballot info shows who stands',
  );
}

/**
 * Waits until the term is over and somebody leads, or until nobody stands who could. Throws UnavailableError when the
 * signal is aborted, RefusedError, SessionEndedError.
 */
export async function untilSucceeded(inspection: Inspection, leader: Leader): Promise<Succeeded> {
  const { session, clock, basePath, signal } = inspection;
  for (;;) {
    const lease = await ask(inspection, (o) => session.getWatched(basePath, o));
    const queue = await ask(inspection, (o) => session.childrenWatched(basePath, o));
    try {
      if (lease === undefined || queue === undefined) return { next: undefined };
      const next = leaderOf(lease.node);
      const isHeld = parseLease(lease.node.data).kind !== 'vacant';
      if (next !== undefined && next.fencingToken !== leader.fencingToken) return { next };
      if (!isHeld && sortProposals(queue.children).length === 0) return { next: undefined };
      await firstOf(clock, [firing(lease.watch), firing(queue.watch)], signal);
    } finally {
      lease?.watch.cancel();
      queue?.watch.cancel();
    }
  }
}
