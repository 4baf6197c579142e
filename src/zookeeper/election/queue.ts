/** The queue of an election: who stands before whom, from the names of the base znode's children alone. */

/** `proposal-` and a signed 32-bit sequence number (`%010d`), negative after 2³¹ proposals under one base path. */
const PROPOSAL = /^proposal-(\d{10}|-\d{9,10})$/;

const INT32_MIN = -(2 ** 31);
const INT32_MAX = 2 ** 31 - 1;

/** Where a candidate stands. */
export interface Place {
  /** Whether its own proposal is in the list. When it is not, nothing is before it either. */
  readonly present: boolean;
  /** Names of the proposals before its own, in order. */
  readonly predecessors: readonly string[];
  /** The one just before its own; `undefined` for the first. */
  readonly predecessor: string | undefined;
}

/** The path of a znode below another. */
export function childPath(parent: string, name: string): string {
  return parent === '/' ? `/${name}` : `${parent}/${name}`;
}

/** Whether ZooKeeper can have made the name of `proposal-`. The queue ignores all others under the base path. */
export function isProposal(name: string): boolean {
  return sequenceOf(name) !== undefined;
}

/**
 * The proposals among `children`, first come first; foreign names are left out.
 *
 * Sequence numbers wrap from 2³¹ − 1 to −2³¹, so they lie on a circle, and the queue begins after its widest gap.
 * Without a wrap that is the smallest number. (Go's ballot orders by name, which differs for as long as one queue
 * spans the wrap; the lease, not the order, keeps that safe.)
 */
export function sortProposals(children: readonly string[]): string[] {
  const queue = children
    .flatMap((name) => {
      const sequence = sequenceOf(name);
      return sequence === undefined ? [] : [{ name, sequence }];
    })
    .sort((a, b) => a.sequence - b.sequence);
  const first = queue[0];
  const last = queue.at(-1);
  if (first === undefined || last === undefined) return [];
  let start = 0;
  let widest = first.sequence + 2 ** 32 - last.sequence;
  let before = first;
  for (const [index, place] of queue.entries()) {
    const gap = place.sequence - before.sequence;
    if (gap > widest) [start, widest] = [index, gap];
    before = place;
  }
  return [...queue.slice(start), ...queue.slice(0, start)].map(({ name }) => name);
}

/** The place of the proposal named `own` (its last path component) among all children of the base znode. */
export function placeOf(children: readonly string[], own: string): Place {
  const queue = sortProposals(children);
  const index = queue.indexOf(own);
  const predecessors = queue.slice(0, Math.max(0, index));
  return { present: index >= 0, predecessors, predecessor: predecessors.at(-1) };
}

function sequenceOf(name: string): number | undefined {
  const digits = PROPOSAL.exec(name)?.[1];
  if (digits === undefined) return undefined;
  const sequence = Number(digits);
  return sequence >= INT32_MIN && sequence <= INT32_MAX ? sequence : undefined;
}
