/** The library: `import { elect, lead } from 'ballot'`. */
export { elect, lead } from './library/elect.ts';
export {
  AlreadyStandingError,
  CandidateClosedError,
  LeaseLostError,
  NotElectedError,
  ResignedError,
  SteppedDownError,
} from './candidate/errors.ts';
export { BallotError, ConfigurationError, RefusedError, UnavailableError } from './errors.ts';
export type {
  Candidate,
  Duration,
  ElectOptions,
  LogFunction,
  Logger,
  Participant,
  Term,
  TermEnd,
  WaitOptions,
} from './library/api.ts';
