/** What the log and errors say of an election's news: the same words for everybody who stands. Pure. */
import type { LossCause, Succession } from './election.ts';

/** A length of time in seconds, for people. */
export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)}s`;

const WHY_ELECTED: Readonly<Record<Succession['why'], string>> = {
  first: 'nobody has led before',
  resigned: 'resigned',
  expired: 'its lease ran out without a renewal',
  died: 'it is gone without having resigned',
  vacant: 'the lease was vacant',
};

/** Why the term before this one is over. */
export function whyElected({ why }: Succession): string {
  return WHY_ELECTED[why];
}

/** Who has the lease now, or why it is not known to be ours. */
export function whyLost(cause: LossCause): string {
  switch (cause.kind) {
    case 'wiped':
      return 'its znode is gone';
    case 'removed':
      return `${cause.what} was deleted or replaced`;
    case 'stoodStill':
      return `this process, or its host, stood still for ${seconds(cause.ms)}: its keeper may have given the lease up`;
    case 'claimed':
    case 'released':
      return `${cause.kind} by ${cause.by}`;
  }
}

/** What both are told that have one id. */
export const NAMESAKE =
  'another candidate of this election has the same candidate id: give each candidate an id of its own';
