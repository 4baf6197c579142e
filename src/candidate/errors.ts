/** Why a candidate, or a term of one, is over. Each names the election. */
import { BallotError, ExitCode, type BallotErrorOptions } from '../errors.ts';

/** The lease is lost, or was not renewed in time: another may lead soon, or does. The term's work has to end now. */
export class LeaseLostError extends BallotError {
  readonly election: string;
  /** In words. */
  readonly why: string;

  constructor(election: string, why: string, options?: BallotErrorOptions) {
    super('LEASE_LOST', ExitCode.unavailable, `the lease of ${election} is lost: ${why}`, options);
    this.election = election;
    this.why = why;
  }
}

/** This program has given the lease up: it called `resign`, or the work of the term has ended. */
export class ResignedError extends BallotError {
  readonly election: string;

  constructor(election: string) {
    super('RESIGNED', ExitCode.ok, `the term of ${election} is over: this program has resigned`);
    this.election = election;
  }
}

/** Somebody has asked this leader to step down: its work has to end in order, then another candidate leads. */
export class SteppedDownError extends BallotError {
  readonly election: string;
  /** Who asked, in words. */
  readonly by: string;

  constructor(election: string, by: string) {
    super('STEPPED_DOWN', ExitCode.unavailable, `the leader of ${election} was asked to step down by ${by}`);
    this.election = election;
    this.by = by;
  }
}

/** This program does not stand any more: it called `close`, or its signal was aborted (then that is the cause). */
export class CandidateClosedError extends BallotError {
  readonly election: string;

  constructor(election: string, options?: BallotErrorOptions) {
    super('CANDIDATE_CLOSED', ExitCode.unavailable, `this candidate of ${election} is closed`, options);
    this.election = election;
  }
}

/** The time to be elected is over. */
export class NotElectedError extends BallotError {
  readonly election: string;

  constructor(election: string, waited: string, outlook: string) {
    super('NOT_ELECTED', ExitCode.notElected, `not elected in ${election} within ${waited}: ${outlook}`);
    this.election = election;
  }
}

/** This program stands in the election already, under the same id. */
export class AlreadyStandingError extends BallotError {
  readonly election: string;

  constructor(election: string, candidateId: string) {
    super('ALREADY_STANDING', ExitCode.configuration, `${candidateId} stands in ${election} already, in this program`, {
      hint: 'close the other candidate first, or give this one a candidateId of its own',
    });
    this.election = election;
  }
}
