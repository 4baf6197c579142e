import { formatDuration } from '../../duration.ts';
import { describe } from '../../errors.ts';
import { BadVersionError, NoNodeError } from '../session/errors.ts';
import type { Stat } from '../../keeper/protocol.ts';
import type { ZNode } from '../session/port.ts';
import { isUnanswered, suspectIfSilent, type ElectionOptions } from './options.ts';
import type { Timings } from '../../election/timing.ts';
import { encodeLease, formatGoTime, parseLease, sameClaim, type LeaseRecord } from './record.ts';
import type { Place } from './proposal.ts';

/** A lease that was claimed and acknowledged. */
export interface Claim {
  readonly record: LeaseRecord;
  /** Version of the lease's znode after the acknowledged write. */
  readonly version: number;
  /** The transaction that made the lease's znode. One made anew has another, and versions that begin anew. */
  readonly czxid: number;
  /** The transaction that made the claim: it grows from term to term. */
  readonly fencingToken: number;
  /** Monotonic ms at which the acknowledged write was sent. */
  readonly sentAt: number;
}

/**
 * The conditional write that decides who leads. `seen`: the lease as it was read. `undefined`: somebody else was first,
 * look again.
 *
 * A lost reply leaves the claim in doubt, and it may still be applied later. Then the lease is read: a claim that turns
 * out to be ours is confirmed by one more conditional write before it counts; an untouched lease is claimed again under
 * the same version, which only one of the two writes can match. Throws RefusedError, SessionEndedError, or the signal's
 * reason when aborted in doubt: what had been claimed is given back then, as far as that can be found out in time.
 */
export async function claimLease(
  options: ElectionOptions,
  place: Place,
  timings: Timings,
  seen: Stat,
  signal: AbortSignal,
): Promise<Claim | undefined> {
  const { clock, basePath } = options;
  let { version } = seen;
  const { session } = place;
  const record = leaseRecord(options, place, timings);
  const timeout = timings.acknowledgeWithin;
  let token: number | undefined;
  for (let doubtful = false; ;) {
    const sentAt = clock.now();
    try {
      // The write is not aborted half-way: if nobody waited for its outcome, nobody might hold the lease.
      const stat = await session.set(
        basePath,
        encodeLease(token === undefined ? record : { ...record, fencingToken: token }),
        version,
        { timeout },
      );
      if (stat.czxid !== seen.czxid) return await giveBack(options, place, stat, timeout);
      return { record, version: stat.version, czxid: stat.czxid, fencingToken: token ?? stat.mzxid, sentAt };
    } catch (error) {
      if (error instanceof NoNodeError) {
        await place.ensureBasePath(signal);
        return undefined;
      }
      if (error instanceof BadVersionError) {
        if (!doubtful) return undefined;
      } else {
        if (!isUnanswered(error)) throw error;
        doubtful = true;
        suspectIfSilent(clock, session, error, sentAt, timeout);
      }
    }
    const node = await readLease(options, place, record, timeout, signal);
    const lease = parseLease(node.data);
    const isOurs = lease.kind === 'held' && sameClaim(lease.record, record);
    if (node.stat.czxid !== seen.czxid) return isOurs ? giveBack(options, place, node.stat, timeout) : undefined;
    if (isOurs) {
      // The first sight of it: later confirmations that were applied unseen would have moved the transaction on.
      token ??= node.stat.mzxid;
      version = node.stat.version;
    } else if (node.stat.version !== version) return undefined;
  }
}

/** The znode was made anew since our read, with the same version: it may hold a lease, so nobody is elected by it. */
async function giveBack(
  { basePath, logger }: ElectionOptions,
  { session }: Place,
  { version }: Stat,
  timeout: number,
): Promise<undefined> {
  await session.set(basePath, Buffer.alloc(0), version, { timeout }).catch((error: unknown) => {
    logger.debug('a claim on a znode made anew could not be given back; it runs out by itself', {
      error: describe(error),
    });
  });
}

/** Reads until answered. Aborted, it clears the claim that is in doubt: nobody would hold that lease. */
async function readLease(
  options: ElectionOptions,
  place: Place,
  record: LeaseRecord,
  timeout: number,
  signal: AbortSignal,
): Promise<ZNode> {
  const { basePath, logger } = options;
  const { session } = place;
  try {
    return await place.ask(signal, (o) => session.get(basePath, o));
  } catch (error) {
    if (!signal.aborted) throw error;
    try {
      const { data, stat } = await session.get(basePath, { timeout });
      const lease = parseLease(data);
      if (lease.kind === 'held' && sameClaim(lease.record, record))
        await session.set(basePath, Buffer.alloc(0), stat.version, { timeout });
    } catch (failure) {
      logger.debug('a claim in doubt could not be given back; it runs out by itself', { error: describe(failure) });
    }
    throw error;
  }
}

function leaseRecord(options: ElectionOptions, place: Place, timings: Timings): LeaseRecord {
  const now = formatGoTime(options.clock.wall());
  return {
    ...place.record,
    lastSeenTime: now,
    leaseDuration: formatDuration(timings.leaseDuration),
    leaderSince: now,
  };
}
