/** Reads an election without taking part in it: nothing is written, nothing is created. */
import type { Clock } from '../../clock.ts';
import type { Neighbourhood } from '../../election/observer.ts';
import type { RequestOptions } from '../../election/register.ts';
import { unlessMissing } from '../session/errors.ts';
import type { Session, ZNode } from '../session/port.ts';
import { untilAnswered } from '../election/options.ts';
import { childPath, isProposal, sortProposals } from '../election/queue.ts';
import { heartbeatDoubt, type Snapshot } from './snapshot.ts';
import { firing, firstOf } from '../election/firing.ts';

/** How to look at an election. */
export interface Inspection {
  readonly session: Session;
  readonly clock: Clock;
  readonly basePath: string;
  /** Ends the inspection; its reason is thrown. */
  readonly signal: AbortSignal;
  /** Monotonic ms until which a heartbeat may be waited for. */
  readonly watchUntil: number;
}

/** Kept free, after a watch, for reading everything again. */
const REREAD_MS = 500;

/**
 * Reads the lease and all proposals. When the stamps alone could mislead about the leader's heartbeat (it seems late,
 * or clocks are seen to differ), the lease is watched for a little more than one interval of it: a heartbeat that comes
 * tells the ensemble's clock. Throws RefusedError when an ACL forbids it, the signal's reason when aborted.
 */
export async function inspect(inspection: Inspection): Promise<Snapshot> {
  const first = await takeSnapshot(inspection);
  const doubt = heartbeatDoubt(first);
  const { clock, watchUntil } = inspection;
  const until = Math.min(clock.now() + (doubt ?? 0), watchUntil - REREAD_MS);
  if (doubt === undefined || until <= clock.now()) return first;
  const heard = await watchHeartbeat(inspection, until, first.base?.stat.mzxid);
  return { ...(await takeSnapshot(inspection)), ...heard(clock.now()) };
}

/** Reads the lease and all proposals, once. Throws as `inspect` does. */
export async function takeSnapshot(inspection: Inspection): Promise<Snapshot> {
  const { session, clock, basePath } = inspection;
  const read = (path: string): Promise<ZNode | undefined> => readNode(inspection, path);
  const children = await ask(inspection, (options) => session.children(basePath, options));
  const names = sortProposals(children ?? []);
  const [base, ...nodes] = await Promise.all([basePath, ...names.map((name) => childPath(basePath, name))].map(read));
  const proposals = names.map((name, index) => ({ name, node: nodes[index] }));
  return { basePath, base, proposals, wall: clock.wall(), ensembleClock: undefined, unchangedFor: undefined };
}

/** The base path itself, or the nearest parent of it that exists. Proposals are left out. Throws as `inspect` does. */
export async function neighbourhood(inspection: Inspection): Promise<Neighbourhood> {
  const { session, basePath } = inspection;
  for (let path = basePath; ; path = path.slice(0, path.lastIndexOf('/')) || '/') {
    const children = await ask(inspection, (options) => session.children(path, options));
    const names = children?.filter((name) => !isProposal(name) && !(path === '/' && name === 'zookeeper'));
    if (names !== undefined) return { path, names: names.sort() };
    if (path === '/') return { path, names: [] };
  }
}

/** The data of the election's register of this name; empty when there is none. Throws as `inspect` does. */
export async function readRegister(inspection: Inspection, name: string): Promise<Buffer> {
  const node = await readNode(inspection, childPath(inspection.basePath, name));
  return node?.data ?? Buffer.alloc(0);
}

/** Asks until answered; `undefined` when there is no such znode. Throws as `inspect` does. */
export function ask<T>(
  { session, clock, signal }: Pick<Inspection, 'session' | 'clock' | 'signal'>,
  request: (options: RequestOptions) => Promise<T>,
): Promise<T | undefined> {
  return untilAnswered(clock, session, signal, request).catch(unlessMissing);
}

/** The znode at this path; `undefined` when there is none. Throws as `inspect` does. */
export function readNode(inspection: Inspection, path: string): Promise<ZNode | undefined> {
  return ask(inspection, (options) => inspection.session.get(path, options));
}

type Heard = (now: number) => Pick<Snapshot, 'ensembleClock' | 'unchangedFor'>;

const NOTHING: Heard = () => ({ ensembleClock: undefined, unchangedFor: undefined });

/** Watches the lease, last seen with transaction `mzxid`, until it changes or `until` (monotonic ms) is reached. */
async function watchHeartbeat(inspection: Inspection, until: number, mzxid: number | undefined): Promise<Heard> {
  const { session, clock, basePath, signal } = inspection;
  const since = clock.now();
  const armed = await ask(inspection, (options) => session.getWatched(basePath, options));
  if (armed === undefined) return NOTHING;
  const { node, watch } = armed;
  try {
    // A change before the watch was set happened at an unknown time.
    if (node.stat.mzxid !== mzxid) return NOTHING;
    const waited = await firstOf(clock, [firing(watch)], signal, until);
    const at = clock.now();
    if (waited === 'time') return (now) => ({ ensembleClock: undefined, unchangedFor: now - since });
    if ((await watch.fired) !== 'changed') return NOTHING;
    const stamp = (await ask(inspection, (options) => session.exists(basePath, options)))?.mtime;
    return stamp === undefined ? NOTHING : (now) => ({ ensembleClock: stamp + (now - at), unchangedFor: undefined });
  } finally {
    watch.cancel();
  }
}
