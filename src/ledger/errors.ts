import { BallotError, ExitCode } from '../errors.ts';

/** The ledger of runs belongs to another term (`undefined`: to none): nothing may be started for this one. */
export class FencedError extends BallotError {
  constructor(token: number, other: number | undefined) {
    const owner = other === undefined ? 'no term' : `term ${other}`;
    super('FENCED', ExitCode.unavailable, `the ledger of runs belongs to ${owner}, not to ${token} any more`);
  }
}
