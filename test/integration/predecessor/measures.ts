/** What a server tells of its clients, read from outside: nothing here is a candidate's own word. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sortProposals } from '../../../src/zookeeper/election/queue.ts';
import type { Stat } from '../../../src/keeper/protocol.ts';
import { poll } from '../../support/poll.ts';
import { within } from '../../support/sessions.ts';
import type { Observed } from '../../support/stage.ts';
import type { Member } from '../../support/zookeeper.ts';

/**
 * Number of the last request of each session that the server has served, by the session's id. A client numbers its
 * requests without gaps, pings apart: the difference of two looks is what it has asked meanwhile. (`lcxid` of the
 * four-letter word `cons`.)
 */
export async function requestNumbers(server: Member): Promise<Map<bigint, number>> {
  const found = new Map<bigint, number>();
  for (const [, id, last] of (await server.ask('cons')).matchAll(/sid=0x([0-9a-f]+),.*lcxid=0x([0-9a-f]+)/g))
    found.set(BigInt(`0x${id}`), Number.parseInt(last as string, 16));
  return found;
}

/** One figure of the four-letter word `mntr`. */
export async function figure(server: Member, name: string): Promise<number> {
  const value = new RegExp(`^${name}\\s+(\\d+)`, 'm').exec(await server.ask('mntr'))?.[1];
  if (value === undefined) throw new Error(`mntr does not tell ${name}`);
  return Number(value);
}

/** Sessions of those who stand, in the order of the queue. */
export async function sessionsInLine({ observer, basePath }: Observed): Promise<bigint[]> {
  const queue = sortProposals(await observer.children(basePath, within));
  const stats = await Promise.all(queue.map((name) => observer.exists(`${basePath}/${name}`, within)));
  return stats.map((stat) => BigInt(`0x${(stat as Stat).ephemeralOwner}`));
}

/** Waits until the lease has been written `times` more. Returns its znode's stat. */
export async function renewals({ observer, basePath }: Observed, times: number, timeout = 15_000): Promise<Stat> {
  const at = async (): Promise<Stat> => (await observer.get(basePath, within)).stat;
  const { version } = await at();
  return poll(async () => ((await at()).version >= version + times ? await at() : undefined), {
    timeout,
    what: `${times} renewals of the lease in ${basePath}`,
  });
}

/**
 * Bytes that live objects of a process take, after a collection of its garbage. It needs `heapSnapshots(folder)` in its
 * NODE_OPTIONS.
 */
export async function liveHeap(pid: number, folder: string): Promise<number> {
  const snapshots = (): string[] => readdirSync(folder).filter((name) => name.endsWith('.heapsnapshot'));
  const before = snapshots();
  process.kill(pid, SNAPSHOT_SIGNAL);
  const { snapshot, nodes } = await poll(
    () => {
      const name = snapshots().find((each) => !before.includes(each));
      return name === undefined ? undefined : (JSON.parse(readFileSync(join(folder, name), 'utf8')) as HeapSnapshot);
    },
    { interval: 200, what: `a heap snapshot of ${pid}` },
  );
  const fields = snapshot.meta.node_fields;
  const size = fields.indexOf('self_size');
  let bytes = 0;
  for (let at = size; at < nodes.length; at += fields.length) bytes += nodes[at] as number;
  return bytes;
}

/** A signal that nobody else uses. */
const SNAPSHOT_SIGNAL = 'SIGXCPU';

export function heapSnapshots(folder: string): string {
  return `--heapsnapshot-signal=${SNAPSHOT_SIGNAL} --diagnostic-dir=${folder}`;
}

interface HeapSnapshot {
  readonly snapshot: { readonly meta: { readonly node_fields: readonly string[] } };
  readonly nodes: readonly number[];
}
