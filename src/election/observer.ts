/** The port of those who do not stand: they look, and may ask the leader to step down. Each coordinator has one. */
import { BallotError, ExitCode } from '../errors.ts';
import type { ElectionReport } from './report.ts';
import type { Participant } from './standings.ts';

/** One who stands. */
export interface Standing extends Participant {
  readonly hostname: string;
  readonly pid: string;
  readonly leads: boolean;
}

/** The nearest existing path of an election that does not exist, and the names below it in order. */
export interface Neighbourhood {
  readonly path: string;
  readonly names: readonly string[];
}

/** An election that nobody leads and nobody stands in. */
export interface Deserted {
  /** What carries an election there. */
  readonly carrier: 'znode' | 'folder';
  readonly path: string;
  readonly exists: boolean;
  /** Somebody has led once. */
  readonly wasHeld: boolean;
  /** What there is near an election that was never held. `undefined`: that was not looked at. */
  readonly around?: Neighbourhood | undefined;
}

/** What was seen at one look. */
export interface Sight {
  readonly report: ElectionReport;
  /** Data of the register that was asked for; empty when there is none. */
  readonly register: Buffer;
  /** `undefined`: somebody leads or stands. */
  readonly deserted: Deserted | undefined;
}

/** The candidate that is asked about, and the host that asks. */
export interface Question {
  readonly candidateId: string;
  readonly hostname: string;
  /**
   * For people: whether all who stand are read to find the candidate, should it not lead, and whether namesakes on one
   * host are told of, which do no harm.
   */
  readonly isThorough: boolean;
}

export interface Answer {
  readonly leads: boolean;
  /** In words, for a log. */
  readonly why: string;
  /** What somebody should know of, though the question is answered. */
  readonly warnings: readonly string[];
}

/** Who holds the lease, and under which number. */
export interface Leader {
  readonly candidateId: string;
  readonly hostname: string;
  /** `undefined`: the term is one of Go's ballot. */
  readonly fencingToken: number | undefined;
}

/** A leader that can be asked to step down. */
export type AskableLeader = Leader & { readonly fencingToken: number };

/** What came of asking. */
export interface Asked {
  readonly leader: Leader;
  /** Who has asked this leader first. */
  readonly by: string;
  /** The term had ended before the request was there: nobody has heard it. */
  readonly isTooLate: boolean;
}

/** What came of waiting. `next` is `undefined` when nobody leads, and nobody stands who could. */
export interface Succeeded {
  readonly next: Leader | undefined;
}

/** There is nobody who could be asked. */
export class NobodyToAskError extends BallotError {
  constructor(message: string, hint: string) {
    super('NOBODY_TO_ASK', ExitCode.no, message, { hint });
  }
}

/**
 * Looks at one election for as long as `signal` lets it. Each call throws the signal's reason when that is aborted,
 * RefusedError when the coordinator refuses, and ConfigurationError where the election must not be trusted.
 */
export interface Observer {
  /** The election for people: its path. */
  readonly name: string;
  readonly signal: AbortSignal;
  /** Who leads and who stands, and the data of the register of this name. Reads only. */
  see(register: string): Promise<Sight>;
  /** The data of the register of this name, as `Election.register`; empty when there is none. Reads only. */
  register(name: string): Promise<Buffer>;
  /** All who stand, in the order of the queue. Reads only. */
  participants(): Promise<Standing[]>;
  /** Whether the candidate holds a fresh lease. Reads only. Throws UnavailableError when that is not known in time. */
  whoLeads(question: Question): Promise<Answer>;
  /**
   * Writes a request for the term that holds the lease; `by`: who asks. It means nothing to a later leader. Throws
   * NobodyToAskError when nobody leads or who leads cannot be asked; UnavailableError, which says what is known, when
   * it is not known whether the request was written.
   */
  askToStepDown(by: string): Promise<Asked>;
  /** Waits until the term is over and somebody leads, or until nobody stands who could. */
  untilSucceeded(leader: Leader): Promise<Succeeded>;
}

/** Whether the coordinator answers, and since when, monotonic ms. */
export type Connection =
  /** Nothing was read yet. `why`: what the last tries met; there was none that ended when it is `undefined`. */
  | { readonly state: 'connecting'; readonly since: number; readonly why: string | undefined }
  | { readonly state: 'connected'; readonly since: number; readonly server: string }
  | { readonly state: 'lost'; readonly since: number; readonly why: string };

/** An instant by both clocks of a host. */
export interface Moment {
  /** Monotonic ms. */
  readonly now: number;
  /** Ms since the Unix epoch. */
  readonly wall: number;
}

/** What one who follows an election knows at a moment. */
export interface ElectionView {
  readonly connection: Connection;
  /** What was read last, ages as of a moment; the present only while `connected`. `undefined`: nothing was read. */
  readonly sightAt: ((moment: Moment) => Sight) | undefined;
}
