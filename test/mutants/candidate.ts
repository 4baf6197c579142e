/** Faults of a candidate without a command. */
import { unit, type Mutant } from './mutant.ts';

const candidate = (named: string) => unit('candidate/candidate', named);
const file = 'candidate/candidate.ts';
const term = 'candidate/leading-term.ts';

export const candidateMutants: readonly Mutant[] = [
  {
    what: 'the signal of a term is not aborted before its lease runs out',
    file: term,
    find: 'Math.min(stopInstants(term.deadline, term.leaseDuration, killAfter).termAt, safeUntil)',
    put: 'Math.min(term.deadline, safeUntil)',
    noticedBy: candidate('that is not renewed'),
  },
  {
    what: 'a term goes on after its keeper may have given the lease up',
    file: term,
    find: '.termAt, safeUntil);',
    put: '.termAt, Infinity);',
    noticedBy: candidate('is over when its keeper'),
  },
  {
    what: 'a term is not looked at by the clock: after a standstill a candidate believes that it leads',
    file: term,
    find: 'if (clock.now() < this.#leadsUntil) return true;',
    put: 'if (!this.signal.aborted) return true;',
    noticedBy: candidate('is over by the clock'),
  },
  {
    what: 'the lease is given up while the work of the term goes on',
    file: term,
    find: 'if (this.#released === undefined) await this.#workEnded();',
    put: '',
    noticedBy: candidate('has its body end before'),
  },
  {
    what: 'work that does not end keeps a candidate from closing',
    file: term,
    find: 'return clock.now() + (isKnown ? killAfter :',
    put: 'return clock.now() + (isKnown ? Infinity :',
    noticedBy: candidate('waits no longer than kill-after'),
  },
  {
    what: 'a candidate stands again while the work of a lost term goes on',
    file,
    find: 'await within(this.#parts.clock, term.workOver(), { signal });',
    put: '',
    noticedBy: candidate('does not stand again'),
  },
  {
    what: 'a term that is won in the turn of the end is led on',
    file,
    find: 'if (this.#end.signal.aborted) leading.leave(',
    put: 'if (this.#end.signal.aborted && this.leader === undefined) leading.leave(',
    noticedBy: candidate('in the turn in which'),
  },
  {
    what: 'the keeper of a leader without a command is not told by when it is to be heard of',
    file,
    find: 'this.#parts.election.setRuns([]);',
    put: '',
    noticedBy: candidate('tells the keeper that it leads'),
  },
  {
    what: 'the end of the loop’s body keeps the lease',
    file,
    find: 'void resign();',
    put: 'bodyEnds();',
    noticedBy: candidate('gets each term once'),
  },
  {
    what: 'lead resolves although the lease was lost before the work had ended',
    file,
    find: 'if (!term.isLeading && term.signal.reason instanceof LeaseLostError) throw term.signal.reason;',
    put: '',
    noticedBy: candidate('throws LeaseLostError'),
  },
  {
    what: 'a leader that is asked to step down does not hear it',
    file: term,
    find: 'return this.end(new SteppedDownError(election, event.by));',
    put: 'return;',
    noticedBy: candidate('asked to step down'),
  },
  {
    what: 'a leader that is asked to step down leaves work that it does not know of no time',
    file: term,
    find: '(isKnown ? killAfter : Math.min(killAfter, term.leaseDuration / 3))',
    put: '(isKnown ? killAfter : 0)',
    noticedBy: candidate('leaves work that is not known of its time'),
  },
  {
    what: 'a candidate that is closed waits for work that it does not know of, after others have ended its term',
    file: term,
    find: 'this.#saidSo.resolve();',
    put: '',
    noticedBy: candidate('gives the lease up at once, if no work'),
  },
  {
    what: 'a lease that could not be renewed is given up at once, before work that is not known of has ended',
    file: term,
    find: 'if (!isKnown && !this.#endedByOthers) return;',
    put: 'if (!isKnown && !(this.signal.reason instanceof SteppedDownError)) return;',
    noticedBy: candidate('keeps the lease for work'),
  },
];
