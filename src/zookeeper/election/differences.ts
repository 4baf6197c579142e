/** What candidates of one election ought to have in common, compared by their records. Pure. */
import type { ProposalRecord } from './record.ts';

/** A setting that differs. */
export interface Difference {
  readonly setting: 'on-lease-loss' | 'lease-duration' | 'command';
  /** Values of the two records; of a command only its digest is known. */
  readonly own: string;
  readonly others: string;
}

const COMPARED = [
  ['on-lease-loss', 'onLeaseLoss'],
  ['lease-duration', 'leaseDuration'],
  ['command', 'commandDigest'],
] as const;

/** The settings in which two candidates differ. What one of them does not say is not compared. */
export function differences(own: ProposalRecord, other: ProposalRecord): Difference[] {
  return COMPARED.flatMap(([setting, field]) => {
    const [mine, others] = [own[field], other[field]];
    return mine === undefined || others === undefined || mine === others ? [] : [{ setting, own: mine, others }];
  });
}

/** Two processes that stand under one candidate id. */
export function areNamesakes(a: ProposalRecord, b: ProposalRecord): boolean {
  return a.candidateId === b.candidateId && (a.hostname !== b.hostname || a.pid !== b.pid);
}

/** True for a candidate of Go's ballot: its times carry the reading of a monotonic clock, ours never do. */
export function isOfGo({ proposalTime }: ProposalRecord): boolean {
  return proposalTime.includes(' m=');
}
