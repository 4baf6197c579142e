/** Answers to the question whether a candidate leads: the same words whatever the coordinator. Pure. */
import type { Answer, Question, Standing } from './observer.ts';

/** The candidate id leads. Of several with this id, those of other hosts are not meant. `candidates`: all who stand. */
export function answerAmongNamesakes(
  { candidateId, hostname, isThorough }: Question,
  leader: { readonly hostname: string },
  candidates: readonly Omit<Standing, 'leads'>[],
): Answer {
  const why = `${candidateId} leads, on host ${leader.hostname}`;
  const namesakes = candidates.filter((one) => one.candidateId === candidateId);
  if (namesakes.length < 2) return { leads: true, why, warnings: [] };
  const isHere = namesakes.some((one) => one.hostname === hostname);
  const where = namesakes.map((one) => `${one.hostname} (pid ${one.pid})`).join(', ');
  const many = `${namesakes.length} candidates have the id ${candidateId}`;
  const warning = `${many}: on ${where}; the one on ${leader.hostname} leads`;
  const isHarmless = namesakes.every((one) => one.hostname === leader.hostname);
  return {
    leads: !isHere || leader.hostname === hostname,
    why,
    warnings: isHarmless && !isThorough ? [] : [warning],
  };
}

/** The candidate does not lead; `why`: who does. `candidates`: all who stand, where the question is thorough. */
export function answerNo(
  { candidateId }: Question,
  election: string,
  why: string,
  candidates: readonly Omit<Standing, 'leads'>[] | undefined,
): Answer {
  const isKnown = candidates === undefined || candidates.some((one) => one.candidateId === candidateId);
  const unknown = `no candidate ${candidateId} stands in ${election}; ${why}`;
  return { leads: false, why, warnings: isKnown ? [] : [unknown] };
}

/** Why a candidate does not lead: who does. */
export function whoLeadsInWords(
  lease:
    | { readonly kind: 'vacant' }
    | { readonly kind: 'unreadable'; readonly why: string }
    | { readonly kind: 'held'; readonly record: { readonly candidateId: string; readonly hostname: string } },
): string {
  switch (lease.kind) {
    case 'held':
      return `${lease.record.candidateId} leads, on host ${lease.record.hostname}`;
    case 'unreadable':
      return `the lease cannot be read: ${lease.why}`;
    case 'vacant':
      return 'nobody leads';
  }
}
