/**
 * Whether a candidate holds a fresh lease, as far as one who writes nothing can know.
 *
 * A lease is fresh while less than its duration has passed since its last renewal. Its stamp is by the ensemble's
 * clock, which nobody can read without a write. So its age is taken by a clock that both ends of the measure share:
 * that of this host when the leader wrote its own time here, else this host's against the stamp. Where these clocks
 * contradict each other, or call the lease old, it is watched: a renewal that is seen proves that it is fresh.
 */
import { formatDuration } from '../../duration.ts';
import { UnavailableError } from '../../errors.ts';
import { answerAmongNamesakes, answerNo, whoLeadsInWords } from '../../election/answers.ts';
import type { Answer, Question } from '../../election/observer.ts';
import { firing, firstOf } from '../election/firing.ts';
import { parseGoTime } from '../election/go-time.ts';
import { parseLease, type LeaseRecord } from '../election/record.ts';
import type { ZNode } from '../session/port.ts';
import { ask, readNode, takeSnapshot, type Inspection } from './inspection.ts';
import { heartbeatInterval, isNotable, standingIn } from './snapshot.ts';

/** Time that is kept for the answer after a watch, ms. */
const ANSWER_MS = 100;

/**
 * Answers whether the candidate holds a fresh lease. Writes nothing. Throws UnavailableError when that cannot be known
 * before `watchUntil`, RefusedError, the signal's reason when aborted.
 */
export async function askWhoLeads(inspection: Inspection, question: Question): Promise<Answer> {
  for (;;) {
    const base = await readNode(inspection, inspection.basePath);
    const lease = base === undefined ? undefined : parseLease(base.data);
    if (base === undefined || lease?.kind !== 'held' || lease.record.candidateId !== question.candidateId)
      return notLeading(inspection, question, base);
    const judged = judge(base, lease.record, lease.duration, question, inspection.clock.wall());
    if (judged.kind === 'doubtful' && (await isRenewed(inspection, base, judged)) === 'changed') {
      // A renewal that was seen to come is fresh. A watch also fires when its connection breaks.
      const next = await readNode(inspection, inspection.basePath);
      if (next?.stat.mzxid === base.stat.mzxid || !isSameHolder(lease.record, next)) continue;
    } else if (judged.kind !== 'fresh') return { leads: false, why: judged.why, warnings: [] };
    return amongNamesakes(inspection, question, lease.record);
  }
}

type Judged =
  | { readonly kind: 'fresh' }
  | { readonly kind: 'expired'; readonly why: string }
  /** `unchangedFor`: watched for so long without a renewal, ms, it is known to be old. */
  | { readonly kind: 'doubtful'; readonly why: string; readonly unchangedFor: number };

/** What the clocks say of a lease that the candidate holds. */
function judge(
  { stat }: ZNode,
  record: LeaseRecord,
  duration: number | undefined,
  { hostname }: Question,
  wall: number,
): Judged {
  if (duration === undefined)
    return { kind: 'doubtful', why: 'the lease names no usable duration', unchangedFor: Infinity };
  const written = parseGoTime(record.lastSeenTime);
  // The leader's own time is by the clock of this very host.
  const isOwnClock = record.hostname === hostname && written !== undefined;
  const age = wall - (isOwnClock ? written : stat.mtime);
  if (age < duration && !(age < 0 && isNotable(age))) return { kind: 'fresh' };
  const ranOut = `its lease ran out ${formatDuration(Math.round(Math.abs(age - duration)))} ago`;
  if (age >= duration && isOwnClock) return { kind: 'expired', why: ranOut };
  if (age < 0) return { kind: 'doubtful', why: 'clocks differ', unchangedFor: duration };
  const interval = heartbeatInterval({ kind: 'held', record, duration }) ?? duration;
  return { kind: 'doubtful', why: `by the clock of this host ${ranOut}`, unchangedFor: interval };
}

/** Watches the lease until it changes. In vain: for long enough to know that it is old, or UnavailableError. */
async function isRenewed(
  inspection: Inspection,
  seen: ZNode,
  { why, unchangedFor }: Extract<Judged, { kind: 'doubtful' }>,
): Promise<'changed' | 'unchanged'> {
  const { session, clock, basePath, signal, watchUntil } = inspection;
  const since = clock.now();
  const enough = since + unchangedFor;
  const armed = await ask(inspection, (options) => session.getWatched(basePath, options));
  if (armed === undefined) return 'changed';
  const { node, watch } = armed;
  try {
    const isOther = node.stat.mzxid !== seen.stat.mzxid;
    const until = Math.min(enough, watchUntil - ANSWER_MS);
    if (isOther || (await firstOf(clock, [firing(watch)], signal, until)) !== 'time') return 'changed';
  } finally {
    watch.cancel();
  }
  if (clock.now() >= enough) return 'unchanged';
  const watchedFor = formatDuration(Math.round(clock.now() - since));
  throw new UnavailableError(`it cannot be known whether the lease in ${basePath} is fresh: ${why}`, {
    hint: `no renewal came in ${watchedFor}, which proves nothing yet: --timeout allows more time`,
  });
}

function isSameHolder({ candidateId, hostname, pid }: LeaseRecord, node: ZNode | undefined): boolean {
  const lease = node && parseLease(node.data);
  if (lease?.kind !== 'held') return false;
  const { record } = lease;
  return record.candidateId === candidateId && record.hostname === hostname && record.pid === pid;
}

async function amongNamesakes(inspection: Inspection, question: Question, leader: LeaseRecord): Promise<Answer> {
  return answerAmongNamesakes(question, leader, standingIn(await takeSnapshot(inspection)));
}

async function notLeading(inspection: Inspection, question: Question, base: ZNode | undefined): Promise<Answer> {
  const { basePath } = inspection;
  const why = base === undefined ? `there is no znode ${basePath}` : whoLeadsInWords(parseLease(base.data));
  const standing = question.isThorough ? standingIn(await takeSnapshot(inspection)) : undefined;
  return answerNo(question, basePath, why, standing);
}
